"""One Key Vault as a `ports.Vault`: secrets, public keys and certificates over one kept-alive session.

Nothing is cached: a read that a write depends on has to begin after the Secret was read (design 2.1). Failures are
translated by what they mean (azure-platform 3.1); no text of the SDK's is passed on, because an answer that cannot
be decoded is quoted in it.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.certificates.aio import CertificateClient
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.secrets.aio import SecretClient

from shared.csi import render
from shared.edges import vault_failures
from shared.edges.vault_policy import OneHost, ShortRetry
from shared.errors import FanoutError, PermanentError, TransientError
from shared.model import (
    CertificateMaterial,
    KeyMaterial,
    Material,
    ObjectType,
    SecretMaterial,
    SecretValue,
    VaultObject,
    VaultRead,
)
from shared.observed import Claim, ListedObject, VaultAnswer
from shared.reason import Reason

T = TypeVar("T")

_SHAPELESS = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What the clients raise for JSON of another shape: they look into it without checking, and some quote it."""
_AT_ONCE = 16
"""Reads of one vault at a time, far below its limit of 4,000 transactions in ten seconds."""
_LONG_LIST = 10
"""Time-outs that a list of many pages may take."""


class KeyVault:
    """A vault behind one URL. Made inside the running loop; `close` it when the loop ends."""

    def __init__(
        self, *, name: str, url: str, credential: AsyncTokenCredential, timeout: float, proxies: bool = False
    ) -> None:
        self._name = name
        self._timeout = timeout
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._versions: dict[tuple[ObjectType, str], set[str]] = {}
        # One session for the three clients. aiohttp looks proxies up on every request, so only where there is one.
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=proxies
        )

        def build(client: Callable[..., T]) -> T:
            # A policy belongs to one client: azure-core keeps in it which policy comes next.
            return client(
                url,
                credential,
                transport=AioHttpTransport(session=self._session, session_owner=False),
                retry_policy=ShortRetry(),
                per_retry_policies=[OneHost(name, url)],
                permit_redirects=False,
                connection_timeout=3,
                read_timeout=5,
            )

        self._secrets = build(SecretClient)
        self._keys = build(KeyClient)
        self._certificates = build(CertificateClient)

    async def read(self, read: VaultRead) -> VaultAnswer:
        """Read what a class asks for: the newest version, a pinned one, or a history (csi-semantics 2.8)."""
        answer = await self._guarded(self._read(read), read)
        self._known(read.type, read.name).update(material.version for material in answer.materials)
        return answer

    async def confirms(self, claim: Claim) -> bool:
        """Tell whether one of the claimed versions is a version of that object here.

        Versions are learned from every read and kept, because a version id is never given to anything else. The list
        of versions (no values) is asked for only where none of the claimed ones is known.
        """
        known = self._known(claim.type, claim.name)
        if known.isdisjoint(claim.versions):
            read = VaultRead(type=claim.type, name=claim.name)
            known.update(info.version for info in await self._guarded(self._list(read), read))
        return not known.isdisjoint(claim.versions)

    async def inventory(self) -> Sequence[ListedObject]:
        """List every secret, those that back a certificate as certificates. Pages of properties, no values."""
        return await self._unread(self._inventory(), f"{self._name}/secrets")

    async def newest(self, about: VaultObject) -> str:
        """Tell the newest enabled version of an object by the list of its versions; empty where there is none."""
        read = VaultRead(type=ObjectType.SECRET if about.type is ObjectType.CERT else about.type, name=about.name)
        versions = await self._unread(self._list(read), str(about))
        enabled = [info for info in versions if info.enabled is not False]
        return max(enabled, key=lambda info: info.created or 0.0).version if enabled else ""

    async def close(self) -> None:
        """Close the clients and their session."""
        clients = (self._secrets, self._keys, self._certificates)
        await asyncio.gather(*[client.close() for client in clients], return_exceptions=True)
        await self._session.close()

    def _known(self, type_: ObjectType, name: str) -> set[str]:
        return self._versions.setdefault((type_, name), set())

    async def _inventory(self) -> list[ListedObject]:
        return [
            ListedObject(
                object=VaultObject(
                    # A list names no key, so `managed` alone tells that a certificate is behind it.
                    vault=self._name,
                    type=ObjectType.CERT if listed.managed else ObjectType.SECRET,
                    name=listed.name,
                ),
                created=_moment(listed.created_on),
                enabled=listed.enabled is not False,
                not_before=_moment(listed.not_before),
                expires=_moment(listed.expires_on),
            )
            async for listed in self._secrets.list_properties_of_secrets()
            if listed.name
        ]

    async def _unread(self, work: Awaitable[T], where: str) -> T:
        """Await a list, which may have many pages: each request has its own time-out, the whole a generous one."""
        return await self._translated(work, where, self._timeout * _LONG_LIST)

    async def _guarded(self, work: Awaitable[T], read: VaultRead) -> T:
        where = f"{self._name}/{read.type}/{read.name}" + (f"/{read.version}" if read.version else "")
        return await self._translated(work, where, self._timeout)

    async def _translated(self, work: Awaitable[T], where: str, seconds: float) -> T:
        failure: FanoutError
        try:
            async with self._slots, asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            failure = TransientError(f"{where}: no answer within {seconds:g} s", reason=Reason.VAULT_UNREACHABLE)
        except AzureError as error:
            failure = vault_failures.translate(error, where)
        except _SHAPELESS as error:
            failure = TransientError(
                f"{where}: the answer is none of a vault's ({type(error).__name__})", reason=Reason.VAULT_UNREACHABLE
            )
        # Raised out here, or the SDK's error with the answer's body would hang on to ours as its context.
        raise failure

    async def _read(self, read: VaultRead) -> VaultAnswer:
        readers: Mapping[ObjectType, Callable[[str, str], Awaitable[_Version]]] = {
            ObjectType.SECRET: self._secret,
            ObjectType.KEY: self._key,
            ObjectType.CERT: self._certificate,
        }
        reader = readers[read.type]
        if not read.many:
            return _answer([await reader(read.name, read.version)])
        selected = render.select_history(await self._list(read), read)
        return _answer([await reader(read.name, version) for version in selected])

    async def _list(self, read: VaultRead) -> list[render.VersionInfo]:
        listings: Mapping[ObjectType, Callable[[str], Any]] = {
            ObjectType.SECRET: self._secrets.list_properties_of_secret_versions,
            ObjectType.KEY: self._keys.list_properties_of_key_versions,
            ObjectType.CERT: self._certificates.list_properties_of_certificate_versions,
        }
        return [
            render.VersionInfo(
                version=properties.version or "",
                created=properties.created_on.timestamp() if properties.created_on else None,
                enabled=properties.enabled,
            )
            async for properties in listings[read.type](read.name)
        ]

    async def _secret(self, name: str, version: str) -> "_Version":
        bundle = await self._secrets.get_secret(name, version or None)
        properties = bundle.properties
        if bundle.value is None or not properties.version:
            raise PermanentError(f"{self._name}/secret/{name}: it has no value", reason=Reason.VAULT_REFUSED)
        material = SecretMaterial(
            version=properties.version,
            value=SecretValue(bundle.value.encode()),
            content_type=properties.content_type,
            key_id=properties.key_id,
        )
        return material, properties

    async def _key(self, name: str, version: str) -> "_Version":
        bundle = await self._keys.get_key(name, version or None)
        members: dict[str, str] = {}
        for member in ("kty", "crv", "n", "e", "x", "y"):
            value = getattr(bundle.key, member, None)
            if isinstance(value, bytes):
                members[member] = base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
            elif value is not None:
                members[member] = str(getattr(value, "value", value))
        material = KeyMaterial(version=bundle.properties.version or "", jwk=members)
        return material, bundle.properties

    async def _certificate(self, name: str, version: str) -> "_Version":
        client = self._certificates
        bundle = await (client.get_certificate_version(name, version) if version else client.get_certificate(name))
        properties = bundle.properties
        if bundle.cer is None or properties is None:
            raise PermanentError(f"{self._name}/cert/{name}: it has no certificate", reason=Reason.VAULT_REFUSED)
        material = CertificateMaterial(version=properties.version or "", der=bytes(bundle.cer))
        return material, properties


_Version = tuple[Material, Any]
"""A version, and the client's properties of it: the three clients' own classes, alike in what is looked at."""


def _answer(versions: list[_Version]) -> VaultAnswer:
    if not versions:
        return VaultAnswer(materials=())
    _, properties = versions[0]
    return VaultAnswer(
        materials=tuple(material for material, _ in versions),
        tags=properties.tags or {},
        created=_moment(properties.created_on),
        not_before=_moment(properties.not_before),
    )


def _moment(value: object) -> datetime | None:
    """Take a time; the clients pass one on as it came when it is no number of seconds."""
    return value if isinstance(value, datetime) else None

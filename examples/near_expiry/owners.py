"""Who owns a vault object: its tag `owner`. Lists of versions hold tags and no values, and no value is ever read."""

import asyncio
import logging
from collections.abc import AsyncIterable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.keyvault.certificates.aio import CertificateClient
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.secrets.aio import SecretClient

from keyvault_fanout import Notice

TAG = "owner"

_log = logging.getLogger("near_expiry")
_LONGEST = 20.0
"""Seconds until a message goes out without an owner."""

_EVER = datetime.min.replace(tzinfo=UTC)


class Version(Protocol):
    """What the three clients tell of a version, and we look at."""

    @property
    def version(self) -> str | None:
        """Its id."""

    @property
    def tags(self) -> dict[str, str] | None:
        """Its tags."""

    @property
    def created_on(self) -> datetime | None:
        """When it was made."""


class Owners:
    """Asks the vaults that it was given, by name and URL, and no other: a notice names a vault, and tokens go there."""

    def __init__(self, vaults: Mapping[str, str], credential: AsyncTokenCredential) -> None:
        self._vaults = vaults
        self._credential = credential

    async def owner_of(self, notice: Notice) -> str:
        """Return the tag of the version, or else of the newest version that has one.

        Empty where there is none, and where the vault does not say: a message without an owner is better than none.
        """
        url = self._vaults.get(notice.vault)
        if url is None:
            _log.warning("the owner of %s is not known: the vault is not in KEY_VAULTS", notice.about)
            return ""
        try:
            async with asyncio.timeout(_LONGEST):
                versions = await self._list(url, notice)
        except (AzureError, TimeoutError, ValueError) as error:
            _log.warning("the owner of %s is not known: %s", notice.about, type(error).__name__)
            return ""
        return choose(versions, notice.version)

    async def _list(self, url: str, notice: Notice) -> list[Version]:
        if notice.object_type == "key":
            async with KeyClient(url, self._credential) as keys:
                return await _all(keys.list_properties_of_key_versions(notice.object))
        if notice.object_type == "cert":
            async with CertificateClient(url, self._credential) as certificates:
                return await _all(certificates.list_properties_of_certificate_versions(notice.object))
        async with SecretClient(url, self._credential) as secrets:
            return await _all(secrets.list_properties_of_secret_versions(notice.object))


def choose(versions: list[Version], wanted: str) -> str:
    """Return the owner by the tags of an object's versions: the wanted one's, else the newest that there is."""
    tagged = [(one, owner) for one in versions if (owner := _tag(one.tags or {}))]
    best = max(tagged, key=lambda pair: (pair[0].version == wanted, pair[0].created_on or _EVER), default=None)
    return best[1] if best else ""


def _tag(tags: Mapping[str, str]) -> str:
    return next((text.strip() for name, text in tags.items() if name.lower() == TAG), "")


async def _all(pages: AsyncIterable[Version]) -> list[Version]:
    return [version async for version in pages]

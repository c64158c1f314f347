"""The vault as a server: TLS, challenge authentication, rights, faults and the log around `store`.

A request without a good token is answered 401 with a challenge, whatever it asks for. After that come, in this order,
the fault planned for it, the api-version, the caller's rights, and the store.
"""

import asyncio
import functools
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from devstack import clock as clocks
from devstack.faults import Faults
from devstack.identity import TENANT, VAULT, Issuer, bearer
from devstack.keyvault import material, operations, refusals
from devstack.keyvault.objects import COLLECTIONS, ObjectType, Operation, Request, VaultChange, Version
from devstack.keyvault.store import Store
from devstack.loopback import LoopbackServer, answer_fault

_log = logging.getLogger(__name__)

Rights = Callable[[str, Request], refusals.Denial | None]
"""(identity, request) -> why it is denied, or None."""

Subscriber = Callable[[VaultChange], Awaitable[None]]

_API_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d(-preview)?|7\.\d(-preview\.\d)?")
_TYPES: Final[Mapping[str, ObjectType]] = {collection: kind for kind, collection in COLLECTIONS.items()}
_CUT_OFF: Final = -1


class KeyVault(LoopbackServer):
    """One vault: an async context manager for the server, and the in-process way to its objects.

    The in-process methods raise `Refusal` where the service would refuse. `rights` may be replaced at any time; None
    allows everything to every identity.
    """

    def __init__(
        self,
        *,
        name: str,
        tls: ssl.SSLContext,
        issuer: Issuer,
        clock: clocks.Clock = clocks.system,
        port: int = 0,
        rights: Rights | None = None,
    ) -> None:
        super().__init__(port=port, tls=tls)
        self.name = name
        self.rights = rights
        self.faults: Faults[Request] = Faults()
        self._issuer = issuer
        self._clock = clock
        self._store = Store(clock, self._announce)
        self._reads: list[Request] = []
        self._subscribers: list[Subscriber] = []
        self._tasks: set[asyncio.Future[None]] = set()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return the service's paths, and what says no to all others."""
        for method, path, operation in operations.ROUTES:
            yield web.route(method, path, functools.partial(self._handle, operation))
        yield web.route("*", "/{path:.*}", functools.partial(self._handle, None))

    async def stop(self) -> None:
        """Listen no more, and end what subscribers are doing."""
        await super().stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def resource(self) -> str:
        """The resource that the challenge names.

        `verify_challenge_resource` wants the request's host to end in a dot and the resource's host, which no name of
        loopback does. `127.0.0.1:PORT` ends in `.0.0.1:PORT`, so the unmodified check passes (local-stack 3.4).
        """
        return f"https://0.0.1:{self._port}"

    @property
    def reads(self) -> tuple[Request, ...]:
        """Every request that came with a good token, oldest first, with the status of its answer."""
        return tuple(self._reads)

    def clear_reads(self) -> None:
        """Forget the log."""
        self._reads.clear()

    def clear(self) -> None:
        """Forget the objects, the log and the planned faults; keep the subscribers and the rights."""
        self._store.clear()
        self._reads.clear()
        self.faults.clear()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Run `subscriber` as a task on every new version, once for the three objects of a certificate.

        Its errors are logged.
        """
        self._subscribers.append(subscriber)

    def object_url(self, name: str, version: str = "", *, kind: ObjectType = "secret") -> str:
        """Return an object's URL: with a version, what an event's data.Id holds."""
        return f"{self.url}/{COLLECTIONS[kind]}/{name}" + (f"/{version}" if version else "")

    def set_secret(
        self,
        name: str,
        value: str,
        *,
        tags: Mapping[str, str] | None = None,
        content_type: str | None = None,
        enabled: bool = True,
        not_before: int | None = None,
        expires_on: int | None = None,
    ) -> str:
        """Make a new version of a secret and return its id (32 hex digits). Times are Unix seconds."""
        secret = Version(kind="secret", name=name, value=value, tags=dict(tags or {}), content_type=content_type)
        secret.enabled, secret.not_before, secret.expires_on = enabled, not_before, expires_on
        return self._store.add(secret).version

    def set_key(self, name: str, key: material.PublicKey | None = None) -> str:
        """Make a new version of a key from its public half, by default a fresh EC P-256 key's; return its id."""
        public = key or ec.generate_private_key(ec.SECP256R1()).public_key()
        return self._store.add(Version(kind="key", name=name, jwk=material.public_jwk(public))).version

    def import_certificate(
        self,
        name: str,
        *,
        pfx: bytes | None = None,
        pem: str | None = None,
        cer: bytes | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make a new version of a certificate, with the secret and the key of that name, and return its id.

        `pfx` has no password; `pem` holds the private key and the chain; `cer` is the leaf's DER where the first
        certificate is not the leaf. Raises ValueError for bytes that are none of these.
        """
        backing = material.read_certificate(name, pfx=pfx, pem=pem, cer=cer)
        for version in backing:
            version.tags = dict(tags or {})
        return self._store.add(*backing).version

    def get(self, name: str, version: str = "", *, kind: ObjectType = "secret") -> Version:
        """Return a version, or the latest, disabled ones too, for assertions."""
        return self._store.get(kind, name, version)

    def set_enabled(self, name: str, version: str, enabled: bool) -> None:  # noqa: FBT001 a switch, said as one
        """Switch a version on or off; a certificate's with its secret's and key's."""
        self._store.set_enabled(name, version, enabled=enabled)

    def delete(self, name: str) -> None:
        """Soft-delete everything of that name."""
        self._store.delete(name)

    def recover(self, name: str) -> None:
        """Bring everything deleted of that name back."""
        self._store.recover(name)

    def purge(self, name: str) -> None:
        """Forget everything deleted of that name."""
        self._store.purge(name)

    def _announce(self, change: VaultChange) -> None:
        for subscriber in self._subscribers:
            task = asyncio.ensure_future(subscriber(change))
            self._tasks.add(task)
            task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            _log.error("a subscriber of vault %s failed", self.name, exc_info=task.exception())

    async def _handle(self, operation: Operation | None, request: web.Request) -> web.StreamResponse:
        token = bearer(request.headers)
        claims = self._issuer.verify(token, self.resource, VAULT)
        if claims is None:
            return self._challenge(offered=bool(token))
        if operation is None:
            return _refuse(refusals.not_served(f"{request.method} of this path"))
        asked = Request(
            method=request.method,
            operation=operation,
            kind=_TYPES[request.match_info.get("collection", "secrets")],
            name=request.match_info.get("name", ""),
            version=request.match_info.get("version", ""),
            identity=claims.identity,
            at=self._clock(),
        )
        fault = await self.faults.meet(asked)
        response = None if fault and not fault.after else await self._answer(request, asked)
        if fault:
            body = refusals.error_body("InternalServerError", "A fault was planned for this request.")
            response = answer_fault(request, fault, body)
        assert response is not None  # noqa: S101 - one of the two branches made it
        self._reads.append(replace(asked, status=_CUT_OFF if fault and fault.drop else response.status))
        return response

    async def _answer(self, request: web.Request, asked: Request) -> web.Response:
        try:
            if not _API_VERSION.fullmatch(request.query.get("api-version", "")):
                raise refusals.bad_parameter("The api-version query parameter is missing or malformed.")
            denial = self.rights(asked.identity, asked) if self.rights else None
            if denial:
                raise denial.refusal(vault=self.name, identity=asked.identity, action=asked.action)
            answer = operations.perform(self._store, self.url, asked, await request.read(), request.query)
        except refusals.Refusal as refusal:
            return _refuse(refusal)
        return web.Response(status=204) if answer is None else web.json_response(answer)

    def _challenge(self, *, offered: bool) -> web.Response:
        message = (
            "AKV10032: Invalid issuer, audience or lifetime." if offered else "AKV10000: Request is missing a token."
        )
        challenge = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{self.resource}"'
        body = refusals.error_body("Unauthorized", message)
        return web.json_response(body, status=401, headers={"WWW-Authenticate": challenge})


def _refuse(refusal: refusals.Refusal) -> web.Response:
    return web.json_response(refusal.body, status=refusal.status)

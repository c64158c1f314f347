"""The vault as a server: TLS, challenge authentication, rights, faults and the log around `store`.

A request without a good token is answered 401 with a challenge, whatever it asks for. After that come, in this order,
the fault planned for it, the api-version, the caller's rights, and the store.
"""

import asyncio
import inspect
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final, Self, cast

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from devstack import clock as clocks
from devstack.faults import Fault, Faults
from devstack.identity import TENANT, VAULT, Issuer, bearer
from devstack.keyvault import material, operations, refusals, requests
from devstack.keyvault.objects import COLLECTIONS, ObjectType, Version
from devstack.keyvault.requests import Request
from devstack.keyvault.store import Store, VaultChange

_log = logging.getLogger(__name__)

Rights = Callable[[str, Request], refusals.Denial | None]
"""(identity, request) -> why it is denied, or None."""

Subscriber = Callable[[VaultChange], Awaitable[None] | None]

_API_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d(-preview)?|7\.\d(-preview\.\d)?")
_CUT_OFF: Final = -1


class KeyVault:
    """One vault: an async context manager for the server, and the in-process way to its objects.

    The in-process methods raise `Refusal` where the service would refuse. `rights` may be replaced at any time; None
    allows everything to every identity. Leaving and entering again keeps the objects and the port.
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
        self.name = name
        self.rights = rights
        self.faults: Faults[Request] = Faults()
        self._tls = tls
        self._issuer = issuer
        self._port = port
        self._clock = clock
        self._store = Store(clock, self._announce)
        self._reads: list[Request] = []
        self._subscribers: list[Subscriber] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        # A delayed answer must not hold up the end of a test, as aiohttp's default of a minute would.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner:
            await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """The vault's address, without a slash at the end."""
        return f"https://127.0.0.1:{self._port}"

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
        """Call `subscriber` on every new version, once for the three objects of a certificate.

        What a coroutine function returns runs as a task of the loop that made the change. Its errors are logged.
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
        return self._store.set_secret(
            Version(
                kind="secret",
                name=name,
                value=value,
                tags=dict(tags or {}),
                content_type=content_type,
                enabled=enabled,
                not_before=not_before,
                expires_on=expires_on,
            )
        ).version

    def set_key(self, name: str, key: material.PublicKey | None = None) -> str:
        """Make a new version of a key from its public half, by default a fresh EC P-256 key's; return its id."""
        public = key or ec.generate_private_key(ec.SECP256R1()).public_key()
        return self._store.set_key(name, material.public_jwk(public)).version

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
        certificate = material.read_certificate(pfx=pfx, pem=pem, cer=cer)
        return self._store.add_certificate(name, certificate, tags or {}).version

    def get(self, name: str, version: str = "", *, kind: ObjectType = "secret") -> Version:
        """Return a version, or the latest, disabled ones too, for assertions."""
        return self._store.get(kind, name, version)

    def set_enabled(self, name: str, version: str, enabled: bool) -> None:  # noqa: FBT001 a switch, said as one
        """Switch a version on or off; a certificate's with its secret's and key's."""
        self._store.set_enabled(name, version, enabled=enabled)

    def delete(self, name: str) -> None:
        """Soft-delete everything of that name."""
        for kind in self._store.owners(name) or [self._store.get("secret", name).kind]:
            self._store.delete(kind, name)

    def recover(self, name: str) -> None:
        """Bring everything deleted of that name back."""
        for kind in self._store.deleted_owners(name) or [self._store.get_deleted("secret", name).latest.kind]:
            self._store.recover(kind, name)

    def purge(self, name: str) -> None:
        """Forget everything deleted of that name."""
        for kind in self._store.deleted_owners(name) or [self._store.get_deleted("secret", name).latest.kind]:
            self._store.purge(kind, name)

    def _announce(self, change: VaultChange) -> None:
        for subscriber in self._subscribers:
            running = subscriber(change)
            if inspect.iscoroutine(running):
                task = asyncio.get_running_loop().create_task(cast("Coroutine[Any, Any, None]", running))
                self._tasks.add(task)
                task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            _log.error("a subscriber of vault %s failed", self.name, exc_info=task.exception())

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        token = bearer(request.headers)
        claims = self._issuer.verify(token, self.resource, VAULT)
        if claims is None:
            return self._challenge(offered=bool(token))
        try:
            asked = requests.parse(request.method, request.rel_url.raw_path)
        except refusals.Refusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        asked = replace(asked, identity=claims.identity, at=self._clock())
        fault = await self.faults.meet(asked)
        response = None if fault and not fault.after else await self._answer(request, asked)
        if fault:
            response = _spoil(request, fault)
        status = _CUT_OFF if fault and fault.drop else response.status if response else 0
        self._reads.append(replace(asked, status=status))
        return response or web.Response(status=500)

    async def _answer(self, request: web.Request, asked: Request) -> web.Response:
        try:
            if not _API_VERSION.fullmatch(request.query.get("api-version", "")):
                raise refusals.bad_parameter("The api-version query parameter is missing or malformed.")
            denial = self.rights(asked.identity, asked) if self.rights else None
            if denial:
                raise denial.refusal(vault=self.name, identity=asked.identity, action=asked.action)
            body = await request.read()
            answer = operations.perform(self._store, self.url, asked, body, request.query)
        except refusals.Refusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        return web.Response(status=204) if answer is None else web.json_response(answer)

    def _challenge(self, *, offered: bool) -> web.Response:
        message = (
            "AKV10032: Invalid issuer, audience or lifetime." if offered else "AKV10000: Request is missing a token."
        )
        challenge = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="{self.resource}"'
        body = refusals.error_body("Unauthorized", message)
        return web.json_response(body, status=401, headers={"WWW-Authenticate": challenge})


def _spoil(request: web.Request, fault: Fault) -> web.Response:
    if fault.drop and request.transport:
        request.transport.abort()
    body = fault.body or refusals.error_body("InternalServerError", "A fault was planned for this request.")
    return web.json_response(body, status=fault.status or 500, headers=fault.headers)

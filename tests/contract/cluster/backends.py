"""The two API servers as tests hold them, behind the same words."""

import asyncio
import base64
import secrets
import time
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from devstack.clock import ManualClock
from devstack.kubernetes import Identity, KubernetesApi
from tests.contract.cluster.hand import Hand
from tests.envtest.server import Server, User

DEVSTACK, API_SERVER = "devstack", "apiserver"


class Backend(Protocol):
    """An API server, one test's own: no object of another test is in it.

    `name` is the parameter's id. `token` allows everything; `hand` sets the scene with it.
    """

    @property
    def name(self) -> str:
        """Return which of the two it is."""

    @property
    def url(self) -> str:
        """Return where it listens."""

    @property
    def ca_pem(self) -> str:
        """Return whom its certificate is from; empty where it speaks plain HTTP."""

    @property
    def token(self) -> str:
        """Return the administrator's token."""

    @property
    def hand(self) -> Hand:
        """Return the administrator's hand."""

    def stranger(self) -> User:
        """Return somebody who is recognised and has no rights."""

    async def forget(self) -> None:
        """Forget every state but the newest: versions from before cannot be listed or watched from any more."""

    async def next_second(self) -> None:
        """Let the server's time, which it notes in whole seconds, be another second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Devstack:
    """The local stack's API, made for this test."""

    api: KubernetesApi
    token: str
    hand: Hand
    clock: ManualClock
    name: str = DEVSTACK
    ca_pem: str = ""

    @property
    def url(self) -> str:
        """Return where it listens."""
        return self.api.url

    def stranger(self) -> User:
        """Return somebody new."""
        user = User(name=f"stranger-{secrets.token_hex(4)}", token=secrets.token_hex(8))
        self.api.admit(Identity(token=user.token, user=user.name, allows=lambda _: False))
        return user

    async def forget(self) -> None:
        """Push the log's states out by others."""
        for number in range(HISTORY + 1):
            self.api.apply(
                {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": "busy", "namespace": "default"},
                    "spec": {"leaseTransitions": number},
                }
            )

    async def next_second(self) -> None:
        """Move the clock."""
        self.clock.advance(1)


HISTORY = 500
"""How many states the devstack's log holds here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """The real server. It is shared, and each test removes what it made."""

    server: Server
    hand: Hand
    name: str = API_SERVER

    @property
    def url(self) -> str:
        """Return where it listens."""
        return self.server.url

    @property
    def ca_pem(self) -> str:
        """Return the authority that was made for it."""
        return self.server.authority.ca_pem

    @property
    def token(self) -> str:
        """Return the administrator's token."""
        return self.server.admin.token

    def stranger(self) -> User:
        """Return somebody whom no test has met."""
        return next(self.server.strangers)

    async def forget(self) -> None:
        """Compact etcd, as the server itself does every five minutes."""
        await compact(self.server.etcd)

    async def next_second(self) -> None:
        """Wait for it."""
        await asyncio.sleep(1.02 - time.time() % 1)


async def compact(etcd: str) -> None:
    """Let etcd forget every revision up to now, through its JSON gateway. A key of ours makes a newer one."""
    async with aiohttp.ClientSession(f"{etcd}/v3/kv/", raise_for_status=True) as session:
        async with session.post("put", json={"key": _base64("newer"), "value": ""}) as response:
            revision = (await response.json())["header"]["revision"]
        async with session.post("compaction", json={"revision": revision, "physical": True}):
            return


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")

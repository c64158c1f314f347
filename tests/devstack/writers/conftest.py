"""A stack for each test, seeded as after a mount of the first value, and short words for what tests look at."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from devstack import seed, stack
from devstack.kubernetes import Request

Manifest = dict[str, Any]

FIRST = "the first value"
POD = seed.PODS[0]


class Town:
    """A running stack, with the post's class, two pods and Secret in its cluster and `secret1` in its vault."""

    def __init__(self, running: stack.Stack) -> None:
        self.stack = running
        self.cluster = running.cluster
        self.vault = running.vault
        self.first = ""

    def fill(self) -> None:
        """Fill the vault and the cluster."""
        self.stack.seed()
        self.first = self.vault.get(seed.OBJECT).version

    def rotate(self, value: str) -> str:
        """Give the secret a new value and return its version."""
        return self.vault.set_secret(seed.OBJECT, value)

    def write(self, value: str) -> None:
        """Write the Secret as the app does: one key of `data`, and nothing else."""
        secret = self.secret()
        secret["data"][seed.KEY] = encode(value)
        self.cluster.apply(secret, manager="keyvault-fanout")

    def secret(self, name: str = seed.SECRET, namespace: str = seed.NAMESPACE) -> Manifest:
        """Return a Secret as it is now."""
        found = self.cluster.get("secrets", namespace, name)
        assert found is not None
        return found

    def value(self, key: str = seed.KEY, name: str = seed.SECRET) -> str | None:
        """Return what a Secret holds; None where there is none."""
        found = self.cluster.get("secrets", seed.NAMESPACE, name)
        return decode(found["data"][key]) if found else None

    def values(self, key: str = seed.KEY, name: str = seed.SECRET) -> list[str]:
        """Return every value that a Secret has had, oldest first, without repetitions."""
        states = [decode(state["data"][key]) for state in self.cluster.history_of("secrets", seed.NAMESPACE, name)]
        return [value for value, before in zip(states, [None, *states], strict=False) if value != before]

    def status_versions(self, pod: str) -> list[str]:
        """Return the versions that a pod's status shows."""
        name = f"{pod}-{seed.NAMESPACE}-{seed.CLASS}"
        status = self.cluster.get("secretproviderclasspodstatuses", seed.NAMESPACE, name)
        return [each["version"] for each in status["status"]["objects"]] if status else []

    def annotate(self, plural: str, name: str, **annotations: str) -> Manifest:
        """Set annotations of an object."""
        document = self.cluster.get(plural, seed.NAMESPACE, name)
        assert document is not None
        document["metadata"]["annotations"] = document["metadata"].get("annotations", {}) | annotations
        return self.cluster.apply(document, manager="kubectl")

    def writes_by(self, user: str, resource: str = "secrets") -> list[Request]:
        """Return a user's requests that would change something of a kind."""
        return [
            request
            for request in self.cluster.requests
            if request.user == user and request.resource == resource and request.verb in ("create", "update", "patch")
        ]

    def reads_by(self, user: str) -> int:
        """Count a user's requests to the vault."""
        return sum(request.identity == user for request in self.vault.reads)

    async def eventually(self, what: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(10):
            while not what():  # noqa: ASYNC110 - what a server saw sets no event
                await asyncio.sleep(0.005)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """A seeded stack."""
    async with stack.start() as running:
        town = Town(running)
        town.fill()
        yield town


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session, for what a test itself asks."""
    async with aiohttp.ClientSession() as opened:
        yield opened


def encode(value: str) -> str:
    """Return a value as `data` holds it."""
    return base64.b64encode(value.encode()).decode()


def decode(data: str) -> str:
    """Return the value that `data` holds."""
    return base64.b64decode(data).decode()

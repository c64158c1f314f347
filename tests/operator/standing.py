"""A stack as an operator finds it: seeded, without a function host. What the command says is hunted for values."""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from devstack import seed, stack
from devstack.kubernetes import everything
from tests.operator import cli
from tests.operator.cli import Said
from tests.operator.letters import AheadClock

MARK = "PLANTED-7c1e-value"
"""Every secret value begins so. A multiple of three bytes: the base64 of a value begins with the base64 of the mark."""

OBJECT = f"secret/{seed.OBJECT}"
DOWN = "https://127.0.0.1:9"


class Standing:
    """A stack, and short words for what tests do with it."""

    def __init__(self, running: stack.Stack, clock: AheadClock) -> None:
        self.stack = running
        self.clock = clock
        self._count = 0

    def reset(self) -> None:
        """Seed anew."""
        running = self.stack
        running.vault.clear()
        running.vault.rights = None
        running.bus.clear()
        running.bus.faults.clear()
        running.cluster.clear()
        running.cluster.clear_requests()
        running.cluster.allow(stack.APP_USER, everything)
        version = running.vault.set_secret(seed.OBJECT, f"{MARK}-first")
        for manifest in seed.manifests(vault=stack.VAULT, version=version, value=f"{MARK}-first"):
            running.cluster.apply(manifest)

    def rotate(self, name: str = seed.OBJECT, **attributes: Any) -> str:
        """Give the secret a new value and return its version. Each is a second newer: the vault counts in seconds."""
        self.clock.ahead += 1
        self._count += 1
        return self.stack.vault.set_secret(name, f"{MARK}-{self._count}", **attributes)

    def value(self, secret: str = seed.SECRET, key: str = seed.KEY) -> str:
        """Return what a Secret holds."""
        manifest = self.stack.cluster.get("secrets", seed.NAMESPACE, secret)
        assert manifest is not None
        return base64.b64decode(manifest["data"][key]).decode()

    def show(self, version: str, *pods: str) -> None:
        """Let the driver have mounted a version in these pods, or in all."""
        for name in pods or seed.PODS:
            self.stack.cluster.apply(seed.pod_status(name, version=version))

    def writes(self) -> list[str]:
        """Return what was changed in the cluster, as verb and resource."""
        changing = {"create", "update", "patch", "delete"}
        asked = [one for one in self.stack.cluster.requests if one.user == stack.APP_USER and one.verb in changing]
        return [f"{one.verb} {one.resource}" for one in asked if not one.resource.startswith("selfsubject")]

    def sent(self) -> list[str]:
        """Return the subjects of what was sent to the topic and the queue."""
        bus = self.stack.bus
        return [message.subject or "" for entity in (stack.TOPIC, stack.QUEUE) for message in bus.accepted(entity)]

    async def run(self, *arguments: str, **changes: str) -> Said:
        """Run the command with the app's settings, and look for values in what it says."""
        return hunted(await cli.run(*arguments, environment=self.stack.environment | changes))

    def two_clusters(self, second: str = DOWN) -> dict[str, str]:
        """Return CLUSTERS with another cluster beside the stack's, by default one that is down."""
        clusters = json.loads(self.stack.settings["CLUSTERS"])
        return {"CLUSTERS": json.dumps([*clusters, {"name": "aks-other", "server": second}])}


async def eventually(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(30):
        while not what():  # noqa: ASYNC110 - what a server saw sets no event
            await asyncio.sleep(0.02)


def hunted(said: Said) -> Said:
    """Look for planted values in what a run said."""
    for text in (said.out, said.err):
        assert MARK not in text
        assert base64.b64encode(MARK.encode()).decode() not in text
    return said


def only(entries: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the one entry there is."""
    (one,) = entries
    return one

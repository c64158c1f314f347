"""The measuring process's side: the servers in the other process, and the app in this one."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from devstack import eventgrid, stack
from devstack.eventgrid import Schema
from shared import wiring
from shared.wiring import Fanout

QUIET = {"NUDGE_PODS": "off", "RESTART_WORKLOADS": "off"}
"""Settings with which an event ends when its notice is sent, as a floor does."""


class WrongResultError(Exception):
    """What was measured did not do its work, so its time means nothing."""


@dataclass(slots=True)
class World:
    """What a figure is given: the door to the servers, the app's settings and the environment that it would have."""

    door: str
    settings: Mapping[str, str]
    environment: Mapping[str, str]
    _session: aiohttp.ClientSession | None = field(default=None, init=False)
    _apps: list[Fanout] = field(default_factory=list, init=False)

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """Let something be done behind the servers' backs (`backstage`), and return what it tells."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120))
        async with self._session.post(f"{self.door}/{verb}", json=arguments) as response:
            response.raise_for_status()
            return await response.json()

    async def rotate(self, name: str) -> str:
        """Give one secret a new value and return its version."""
        (version,) = await self.ask("rotate", names=[name])
        return str(version)

    async def expect_newest(self, targets: Sequence[Mapping[str, object]]) -> None:
        """See that Secrets hold the newest value of their secret. Raises `WrongResultError`."""
        stale = await self.ask("stale", targets=targets)
        if stale:
            raise WrongResultError(f"{stale} of {len(targets)} Secrets do not hold the newest value")

    async def expect_told(self, version: str, number: int) -> None:
        """See that so many targets were told of at a version. Raises `WrongResultError`."""
        told = sum(one[-1] == version for one in await self.ask("told"))
        if told != number:
            raise WrongResultError(f"{told} targets told of, not {number}")

    async def expect_all_told(self, versions: Sequence[str]) -> None:
        """See that a target was told of at each version. Raises `WrongResultError`."""
        missing = set(versions) - {one[-1] for one in await self.ask("told")}
        if missing:
            raise WrongResultError(f"{len(missing)} of {len(versions)} versions were told of at no target")

    async def close(self) -> None:
        """Close the apps and the door."""
        for app in self._apps:
            await app.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def app(self, **changes: str) -> Fanout:
        """Return the app as the host would have it, with some settings changed. It is closed with the world."""
        app = wiring.from_environment({**self.environment, **QUIET, **changes})
        self._apps.append(app)
        return app

    def clusters(self, numbers: Sequence[int]) -> str:
        """Return the setting CLUSTERS with some of the clusters only."""
        listed = json.loads(self.settings["CLUSTERS"])
        return json.dumps([listed[number] for number in numbers])

    def event(self, name: str, version: str) -> str:
        """Return an event of a new version, as Event Grid posts it."""
        url = self.settings["KEY_VAULTS"].partition("=")[2]
        happened = eventgrid.key_vault_event(
            "SecretNewVersionCreated",
            vault_name=stack.VAULT,
            vault_url=url,
            name=name,
            version=version,
            time=time.time(),
        )
        return json.dumps(happened.render(Schema.CLOUD_EVENTS))

    def kubeconfigs(self) -> Sequence[str]:
        """Return the paths of the clusters' kubeconfigs."""
        return [str(one["kubeconfig"]) for one in json.loads(self.settings["CLUSTERS"])]

"""A thousand owned Secrets of one vault object in one cluster, and what is timed on them: the app, or a bare loop."""

import asyncio
import base64
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks import bare_wire, scenes, timing
from benchmarks.timing import Timed
from benchmarks.world import World, WrongResultError
from devstack.stack import CLUSTER
from shared.wiring import Fanout

OBJECT = "shared-password"
CONCURRENCY = 16
"""Requests under way at a time: the app's default (CLUSTER_CONCURRENCY), and the loop's."""

_IN_NAMESPACE = 100
"""Secrets of one namespace; the app takes up to 200 for one object (docs/limits.md)."""

_Call = tuple[str, str, Any]
"""Method, path and body."""


@dataclass(slots=True)
class Fleet:
    """The Secrets, behind one API server that `session` reaches."""

    world: World
    session: aiohttp.ClientSession
    number: int
    _values: Iterator[int] = field(default_factory=itertools.count)

    @property
    def targets(self) -> list[tuple[str, str]]:
        """Return namespace and name of each Secret."""
        return [(f"team-{number // _IN_NAMESPACE}", f"owned-{number}") for number in range(self.number)]

    async def furnish(self) -> None:
        """Make them over the API."""
        names = sorted({namespace for namespace, _ in self.targets})
        for name in names:
            await self._send("POST", "/api/v1/namespaces", scenes.namespace(name))
        await self._at_once(
            [
                [
                    (
                        "POST",
                        f"/api/v1/namespaces/{namespace}/secrets",
                        scenes.owned(name, namespace=namespace, about=OBJECT),
                    )
                ]
                for namespace, name in self.targets
            ]
        )

    def of_app(self, app: Fanout) -> Timed:
        """Return what rotates the object and times the app from the event until every Secret is written and told of."""

        async def timed() -> float:
            version = await self.world.rotate(OBJECT)
            event = self.world.event(OBJECT, version)
            seconds = await timing.took(app.handle(event))
            await self.world.expect_told(version, self.number)
            await self.world.ask("quiet")
            return seconds

        return timed

    def of_loop(self, *, reading: bool) -> Timed:
        """Return what times a bare loop that puts a new value into every Secret, or reads and then writes it."""

        async def timed() -> float:
            value = base64.b64encode(f"bare-{next(self._values)}".encode()).decode("ascii")
            calls = []
            for namespace, name in self.targets:
                path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
                patch = ("PATCH", path, {"data": {scenes.KEY: value}})
                calls.append([("GET", path, None), patch] if reading else [patch])
            return await timing.took(self._at_once(calls))

        return timed

    async def _at_once(self, calls: Sequence[Sequence[_Call]]) -> None:
        """Make the calls, so many at a time; those of one entry after one another."""
        waiting = iter(calls)

        async def work() -> None:
            for entry in waiting:
                for call in entry:
                    await self._send(*call)

        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(work())

    async def _send(self, method: str, path: str, body: Any) -> None:
        headers = bare_wire.MERGE_PATCH if method == "PATCH" else {"Content-Type": "application/json"}
        data = json.dumps(body) if body is not None else None
        async with self.session.request(method, path, data=data, headers=headers) as response:
            await response.read()
            if not response.ok:
                raise WrongResultError(f"{method} {path}: {response.status}")


def settings(kubeconfig: str) -> dict[str, str]:
    """Return the settings with which the app does all of it in the event's own invocation."""
    cluster = {"name": CLUSTER, "kubeconfig": kubeconfig, "concurrency": CONCURRENCY, "timeoutSeconds": 20}
    return {"CLUSTERS": json.dumps([cluster]), "DIRECT_TARGETS": "10000"}

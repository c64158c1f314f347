"""The scene of the post with one target, and what is timed on it: the app, or a bare program."""

from collections.abc import Callable, Coroutine

from benchmarks import scenes, timing
from benchmarks.timing import Timed
from benchmarks.world import World
from devstack import seed
from shared.wiring import Fanout

Refresh = Callable[[str, str, str, str], Coroutine[None, None, None]]
"""Brings the newest value of a secret (its name) into a Secret (namespace, name, key)."""

_TARGET = {
    "namespace": seed.NAMESPACE,
    "secret": seed.SECRET,
    "key": seed.KEY,
    "object": seed.OBJECT,
}


async def furnish(world: World, cluster: int = 0) -> None:
    """Put the post's class, pods and Secret into a cluster."""
    await world.ask("apply", manifests=scenes.the_post(await world.rotate(seed.OBJECT)), clusters=[cluster])


def of_app(world: World, app: Fanout) -> Timed:
    """Return what rotates the secret and times the app from the event to its end."""

    async def timed() -> float:
        event = world.event(seed.OBJECT, await world.rotate(seed.OBJECT))
        return await timing.took(app.handle(event))

    return timed


def of_bare(world: World, refresh: Refresh) -> Timed:
    """Return what rotates the secret and times a bare program that brings it into the Secret."""

    async def timed() -> float:
        await world.rotate(seed.OBJECT)
        return await timing.took(refresh(seed.OBJECT, seed.NAMESPACE, seed.SECRET, seed.KEY))

    return timed


async def verify(world: World, program: Timed, cluster: int = 0) -> None:
    """Let a program run once more and see that it does its work. Raises `WrongResultError`."""
    await program()
    await world.expect_newest([{**_TARGET, "cluster": cluster}])

"""Events come twice, late, out of order and at once: the newest version wins, and each truth is told once.

Not here: deliveries after a failure, which test_failures.py has.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterable
from contextvars import ContextVar

import pytest

from shared.notice import NoticeType
from tests.builders import NAME, PLACE, World, build_payload, build_secret, build_world

TARGET = "aks-one/shop/web-secret"
_who: ContextVar[str] = ContextVar("who")


class Turns:
    """Lets the gated calls of several handlers happen in a given order; who has left is not waited for."""

    def __init__(self, order: Iterable[str]) -> None:
        self._order = deque(order)
        self._changed = asyncio.Condition()

    async def take(self) -> None:
        """Wait for the caller's turn and take it. A caller without a turn left goes on at once."""
        who = _who.get()
        async with self._changed:
            await self._changed.wait_for(lambda: who not in self._order or self._order[0] == who)
            if who in self._order:
                self._order.popleft()
                self._changed.notify_all()

    async def leave(self) -> None:
        """Give the caller's turns back."""
        who = _who.get()
        async with self._changed:
            self._order = deque(other for other in self._order if other != who)
            self._changed.notify_all()


def gate(world: World, turns: Turns) -> None:
    """Let the Secret's read, the vault's, the write and the target's notice wait for their turn."""
    for script, call, about in (
        (world.cluster.script, "secret", PLACE),
        (world.vault.script, "read", NAME),
        (world.cluster.script, "write", PLACE),
        (world.bus.script, "publish", NoticeType.TARGET_REFRESHED),
    ):
        script.at(call, turns.take, about=about, times=None)


async def handle(world: World, turns: Turns, who: str, payload: str) -> None:
    """Deliver to a process of its own."""
    _who.set(who)
    try:
        await world.deliver(payload)
    finally:
        await turns.leave()


def interleave(first: str, second: str, *, steps: tuple[int, int]) -> list[str]:
    """Return every order of the steps of two handlers."""
    count = sum(steps)
    return [
        "".join(first if at in chosen else second for at in range(count))
        for chosen in itertools.combinations(range(count), steps[0])
    ]


async def test_an_event_that_comes_twice_changes_nothing_the_second_time() -> None:
    world = build_world()
    payload = world.rotate("after")
    await world.deliver(payload)
    after, told = world.cluster.secrets[PLACE], dict(world.bus.kept)

    await world.deliver(payload)

    assert world.cluster.secrets[PLACE] is after
    assert world.bus.kept == told
    assert {notice.id for notice in world.bus.dropped} == told.keys()


async def test_both_schemas_of_one_event_are_one_truth() -> None:
    world = build_world()
    version = world.vault.put(NAME, "after")

    await world.deliver(build_payload(version, cloud=True))
    await world.deliver(build_payload(version, cloud=False))

    assert world.told() == [(TARGET, version)]
    assert world.cluster.writes == 1


async def test_a_late_event_finds_the_newer_version_in_place() -> None:
    world = build_world()
    late, newer = world.rotate("second"), world.rotate("third")
    await world.deliver(newer)
    told = dict(world.bus.kept)

    await world.deliver(late)

    assert world.cluster.past(PLACE, "password") == ["before", "third"]
    assert world.bus.kept == told


async def test_a_value_that_returns_is_a_version_of_its_own() -> None:
    world = build_world()
    for value in ("after", "before", "after"):
        await world.deliver(world.rotate(value))

    assert world.cluster.past(PLACE, "password") == ["before", "after", "before", "after"]
    assert len(world.told()) == len(set(world.told())) == 3


async def test_an_expiry_that_comes_twice_is_told_once() -> None:
    world = build_world()
    payload = build_payload("1", type_="SecretExpired")

    await world.deliver(payload)
    await world.deliver(payload)

    assert len(world.bus.kept) == len(world.bus.dropped) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_in_any_order_the_newest_version_stays(order: tuple[int, ...]) -> None:
    world = build_world()
    payloads = [world.rotate(value) for value in ("second", "third", "fourth")]

    for index in order:
        await world.deliver(payloads[index])

    assert world.cluster.past(PLACE, "password") == ["before", "fourth"]
    assert world.told() == [(TARGET, world.newest())]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_an_event_of_a_time_when_it_was_newest_never_undoes_a_later_one(order: tuple[int, ...]) -> None:
    """Each version is delivered when it is made, and all of them again afterwards."""
    world = build_world()
    payloads = []
    for value in ("second", "third", "fourth"):
        payloads.append(world.rotate(value))
        await world.deliver(payloads[-1])

    for index in order:
        await world.deliver(payloads[index])

    assert world.cluster.past(PLACE, "password") == ["before", "second", "third", "fourth"]
    assert len(world.told()) == 3


async def test_a_slow_handler_never_puts_an_older_version_over_a_newer_one() -> None:
    """It read the older version before the newer one was made, and writes after it was written."""
    world = build_world()
    writing = world.cluster.script.pause("write")
    slow = asyncio.ensure_future(world.deliver(world.rotate("second")))
    await writing.reached.wait()

    await world.deliver(world.rotate("third"))
    writing.end()
    await slow

    assert world.cluster.past(PLACE, "password") == ["before", "third"]
    assert world.told() == [(TARGET, world.newest())]


async def test_an_answer_of_the_vault_that_arrives_late_is_not_written() -> None:
    world = build_world()
    answering = world.vault.script.pause("read", after=True)
    slow = asyncio.ensure_future(world.deliver(world.rotate("second")))
    await answering.reached.wait()

    await world.deliver(world.rotate("third"))
    answering.end()
    await slow

    assert world.cluster.past(PLACE, "password") == ["before", "third"]


async def test_the_driver_that_is_faster_is_not_undone() -> None:
    """The driver writes the newest version while we are about to write the one before it."""
    world = build_world()

    async def mount() -> None:
        world.vault.put(NAME, "third")
        world.cluster.put(build_secret(data={"password": "third"}))

    world.cluster.script.at("write", mount)

    await world.deliver(world.rotate("second"))

    assert world.cluster.past(PLACE, "password") == ["before", "third"]
    assert world.told() == [(TARGET, world.newest())]


@pytest.mark.parametrize("order", interleave("o", "n", steps=(4, 5)))
async def test_an_older_and_a_newer_event_at_once_end_in_the_newer_version(order: str) -> None:
    """`o` is a step of the older event's handler; the first `n` makes the newer version, the others handle it."""
    world = build_world()
    turns = Turns(order)
    gate(world, turns)
    older = world.rotate("second")

    async def rotate_and_handle() -> None:
        _who.set("n")
        await turns.take()
        await handle(world, turns, "n", world.rotate("third"))

    await asyncio.gather(handle(world, turns, "o", older), asyncio.ensure_future(rotate_and_handle()))

    past = world.cluster.past(PLACE, "password")
    assert past in (["before", "third"], ["before", "second", "third"])
    assert (TARGET, world.newest()) in world.told()
    assert len(world.told()) == len(set(world.told()))
    assert len(world.told(NoticeType.OBJECT_NEW_VERSION)) == len(set(world.told(NoticeType.OBJECT_NEW_VERSION)))


@pytest.mark.parametrize("order", interleave("a", "b", steps=(4, 4)))
async def test_one_event_handled_twice_at_once_is_written_once_and_told_once(order: str) -> None:
    world = build_world()
    turns = Turns(order)
    gate(world, turns)
    payload = world.rotate("after")

    await asyncio.gather(handle(world, turns, "a", payload), handle(world, turns, "b", payload))

    assert world.cluster.past(PLACE, "password") == ["before", "after"]
    assert world.told() == [(TARGET, world.newest())]
    assert world.told(NoticeType.OBJECT_NEW_VERSION) == [("kv-shop/secret/db-password", world.newest())]
    assert {notice.type for notice in world.bus.dropped} == {NoticeType.TARGET_REFRESHED, NoticeType.OBJECT_NEW_VERSION}

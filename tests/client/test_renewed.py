"""Renewed: one thing made of the newest value, swapped while others use it."""

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keyvault_fanout import Renewed, SecretFile, SecretValue
from tests.client.conftest import Scene
from tests.client.eventually import eventually
from tests.client.keeping import MARK, QUICK, Mount
from tests.client.notices import refreshed
from tests.client.test_secret_file import MINE


@dataclass
class Pool:
    """What is made of a value."""

    of: str
    closed: bool = False


@dataclass
class Factory:
    """Makes pools, and refuses some values."""

    made: list[Pool] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def make(self, value: SecretValue) -> Pool:
        """Make a pool. Raises for a value that is refused."""
        if value.text() in self.refused:
            raise ConnectionError(value.text())
        self.made.append(Pool(value.text()))
        return self.made[-1]

    async def close(self, pool: Pool) -> None:
        """Close a pool."""
        pool.closed = True


@pytest.fixture
def mount(tmp_path_factory: pytest.TempPathFactory) -> Mount:
    """A mounted Secret."""
    mount = Mount(tmp_path_factory.mktemp("mounted"))
    mount.project(f"{MARK}-1")
    return mount


def kept(mount: Mount, **options: Any) -> SecretFile:
    """Return a file that is looked at all the time."""
    return SecretFile(mount.file, poll=0.01, pace=QUICK, **options)


async def test_a_new_value_makes_a_new_one_and_closes_the_old_one_when_its_last_user_has_left(mount: Mount) -> None:
    factory = Factory()
    async with kept(mount) as secret, Renewed(secret, make=factory.make, close=factory.close) as renewed:
        async with renewed.use() as old:
            mount.project(f"{MARK}-2")
            await eventually(lambda: len(factory.made) == 2)
            await asyncio.sleep(0.05)  # it is made first, and in use then
            async with renewed.use() as new:
                assert (old.of, new.of) == (f"{MARK}-1", f"{MARK}-2")
            assert not old.closed
        await eventually(lambda: old.closed)
        assert not new.closed
    assert new.closed


async def test_after_the_grace_the_old_one_is_closed_under_its_user(mount: Mount) -> None:
    factory = Factory()
    async with (
        kept(mount) as secret,
        Renewed(secret, make=factory.make, close=factory.close, grace=0) as renewed,
        renewed.use() as old,
    ):
        mount.project(f"{MARK}-2")
        await eventually(lambda: old.closed)


async def test_one_that_cannot_be_made_leaves_the_old_one_in_use_and_is_tried_again(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "keyvault_fanout")
    factory = Factory(refused={f"{MARK}-2"})
    async with kept(mount) as secret, Renewed(secret, make=factory.make, close=factory.close) as renewed:
        mount.project(f"{MARK}-2")
        await eventually(lambda: renewed.problem and secret.health().failing)
        async with renewed.use() as still:
            assert (still.of, still.closed) == (f"{MARK}-1", False)
        factory.refused.clear()
        await eventually(lambda: len(factory.made) == 2)
        await eventually(lambda: not secret.health().failing)
    assert "ConnectionError" in caplog.text
    assert MARK not in caplog.text


async def test_the_first_one_is_made_at_the_start_or_the_start_fails(mount: Mount) -> None:
    factory = Factory(refused={f"{MARK}-1"})
    async with kept(mount) as secret:
        renewed = Renewed(secret, make=factory.make, close=factory.close)
        with pytest.raises(ConnectionError):
            await renewed.__aenter__()


async def test_many_users_at_once_never_get_a_closed_one(mount: Mount) -> None:
    factory, seen = Factory(), list[bool]()

    async def work(renewed: Renewed[Pool]) -> None:
        while len(factory.made) < 4:
            async with renewed.use() as pool:
                await asyncio.sleep(0)
                seen.append(pool.closed)
            await asyncio.sleep(0)

    async with kept(mount) as secret, Renewed(secret, make=factory.make, close=factory.close) as renewed:
        users = [asyncio.create_task(work(renewed)) for _ in range(10)]
        for number in (2, 3, 4):
            mount.project(f"{MARK}-{number}")
            await eventually(lambda number=number: len(factory.made) >= number)  # type: ignore[misc]
        await asyncio.gather(*users)

    assert seen
    assert not any(seen)


async def test_a_value_that_changes_while_the_first_one_is_made_is_the_one_in_use(mount: Mount) -> None:
    go, factory = asyncio.Event(), Factory()

    async def slowly(value: SecretValue) -> Pool:
        if not factory.made:
            await go.wait()
        return await factory.make(value)

    async with kept(mount) as secret:
        renewed = Renewed(secret, make=slowly, close=factory.close)
        starting = asyncio.create_task(renewed.__aenter__())
        await asyncio.sleep(0)
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.current().text() == f"{MARK}-2")
        go.set()
        await starting
        async with asyncio.timeout(15):
            while await in_use(renewed) != f"{MARK}-2":  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        await renewed.__aexit__()


async def in_use(renewed: Renewed[Pool]) -> str:
    """Return what the pool in use is made of: it is made a moment before."""
    async with renewed.use() as pool:
        return pool.of


async def test_a_value_that_changed_while_it_was_made_of_has_no_version_of_the_next(mount: Mount, scene: Scene) -> None:
    """Whoever says which version is in use would say the next one, which the server may refuse."""
    go, began, factory = asyncio.Event(), asyncio.Event(), Factory()

    async def make(value: SecretValue) -> Pool:
        if value.text() == f"{MARK}-2":
            began.set()
            await go.wait()
        if value.text() == f"{MARK}-3":
            raise ConnectionError
        return await factory.make(value)

    async with (
        scene.listener() as listener,
        kept(mount, listener=listener, interest=MINE) as secret,
        Renewed(secret, make=make, close=factory.close) as renewed,
    ):
        await scene.tell(refreshed("v2"))
        mount.project(f"{MARK}-2")
        await began.wait()
        mount.project(f"{MARK}-3")
        await eventually(lambda: secret.current().text() == f"{MARK}-3")
        go.set()
        await eventually(lambda: renewed.problem == "ConnectionError")

        assert renewed.version == ""


async def test_one_that_takes_too_long_to_make_is_named_and_holds_up_no_other_handler(mount: Mount) -> None:
    hangs, factory, seen = asyncio.Event(), Factory(), list[str]()
    now = [datetime(2026, 11, 27, tzinfo=UTC)]

    async def make(value: SecretValue) -> Pool:
        if value.text() == f"{MARK}-2" and not hangs.is_set():
            hangs.set()
            await asyncio.Event().wait()
        return await factory.make(value)

    async def note(value: SecretValue) -> None:
        seen.append(value.text())

    async with (
        kept(mount, handler_timeout=0.5, now=lambda: now[0]) as secret,
        Renewed(secret, make=make, close=factory.close) as renewed,
    ):
        secret.on_change(note)
        mount.project(f"{MARK}-2")
        await hangs.wait()
        assert secret.health().failing == "", "it may take a while to make one"
        now[0] += timedelta(seconds=10)
        assert "Renewed" in secret.health().failing
        await eventually(lambda: seen == [f"{MARK}-2"])
        await eventually(lambda: len(factory.made) == 2)

        assert renewed.problem == ""


async def test_it_can_be_used_again_after_its_block(mount: Mount) -> None:
    factory = Factory()
    async with kept(mount) as secret:
        renewed = Renewed(secret, make=factory.make, close=factory.close)
        for _ in range(2):
            async with renewed, renewed.use() as pool:
                assert pool.of == f"{MARK}-1"

    assert len(factory.made) == 2


async def test_a_handler_whose_task_is_cancelled_by_others_is_called_again(mount: Mount) -> None:
    calls: list[str] = []

    async def handle(value: SecretValue) -> None:
        calls.append(value.text())
        if len(calls) == 1:
            raise asyncio.CancelledError

    async with kept(mount) as secret:
        secret.on_change(handle)
        mount.project(f"{MARK}-2")
        await eventually(lambda: len(calls) == 2)

    assert calls == [f"{MARK}-2"] * 2


@pytest.mark.parametrize("secret_too", [False, True], ids=["the secret lives on", "the secret ends too"])
async def test_what_is_still_being_made_at_the_end_is_closed(mount: Mount, *, secret_too: bool) -> None:
    began, go, factory = threading.Event(), threading.Event(), Factory()

    def slowly(value: SecretValue) -> Pool:
        if value.text() != f"{MARK}-1":
            began.set()
            assert go.wait(15)
        factory.made.append(Pool(value.text()))
        return factory.made[-1]

    secret = kept(mount)
    await secret.start()
    async with Renewed(secret, make=slowly, close=factory.close):
        mount.project(f"{MARK}-2")
        await eventually(began.is_set)
        if secret_too:
            await secret.close()
        asyncio.get_running_loop().call_later(0.05, go.set)
    await secret.close()

    assert [pool.closed for pool in factory.made] == [True, True]


async def test_a_blocking_factory_will_do(mount: Mount) -> None:
    closed: list[str] = []
    async with (
        kept(mount) as secret,
        Renewed(secret, make=SecretValue.text, close=closed.append) as renewed,
        renewed.use() as thing,
    ):
        assert thing == f"{MARK}-1"
    assert closed == [f"{MARK}-1"]


async def test_a_close_that_hangs_holds_up_neither_the_new_one_nor_the_end(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    factory, hung = Factory(), list[str]()

    async def close(pool: Pool) -> None:
        hung.append(pool.of)
        await asyncio.Event().wait()

    async with kept(mount) as secret, Renewed(secret, make=factory.make, close=close, close_timeout=0.05):
        mount.project(f"{MARK}-2")
        await eventually(lambda: hung == [f"{MARK}-1"])

    assert hung == [f"{MARK}-1", f"{MARK}-2"]
    assert caplog.text.count("does not close; it is left") == 2


async def test_a_close_that_does_not_let_itself_be_cancelled_holds_up_no_end(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    let_go = asyncio.Event()

    async def stubborn(_: Pool) -> None:
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    async with kept(mount) as secret, Renewed(secret, make=Factory().make, close=stubborn, close_timeout=0.05):
        pass
    let_go.set()

    assert "does not close; it is left" in caplog.text


async def test_a_handler_that_does_not_let_itself_be_cancelled_holds_up_no_end(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    began, let_go, others = asyncio.Event(), asyncio.Event(), list[SecretValue]()

    async def stubborn(_: SecretValue) -> None:
        while not let_go.is_set():
            began.set()
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    async with kept(mount) as secret:
        secret.on_change(stubborn)
        secret.on_change(others.append)
        mount.project(f"{MARK}-2")
        await began.wait()
    let_go.set()
    await asyncio.sleep(0.05)  # time to go on, for one that would

    assert "a handler does not end; it is left" in caplog.text
    assert others == [], "nobody is called after the end"


async def test_make_and_close_may_be_of_different_colours(mount: Mount) -> None:
    """`mypy --strict` reads this, too: what is used has the type that was made."""
    factory, closed = Factory(), list[Pool]()
    async with (
        kept(mount) as secret,
        Renewed(secret, make=factory.make, close=closed.append) as made_async,
        Renewed(secret, make=SecretValue.text, close=close_text) as made_blocking,
        made_async.use() as pool,
        made_blocking.use() as text,
    ):
        assert (pool.of, text.upper()) == (f"{MARK}-1", f"{MARK}-1".upper())
    assert closed == [pool]


async def close_text(_: str) -> None:
    """Close nothing."""


async def test_it_is_used_within_its_block_only(mount: Mount) -> None:
    renewed = Renewed(kept(mount), make=SecretValue.text, close=lambda _: None)

    with pytest.raises(RuntimeError, match="async with"):
        async with renewed.use():
            pass

"""Background: blocking programs use what is async."""

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from devstack import stack
from keyvault_fanout import Background, Interest, NoValueYetError, Renewed, SecretFile, SecretValue
from tests.client.conftest import Scene
from tests.client.keeping import MARK, QUICK, Mount
from tests.client.notices import refreshed

MINE = Interest(secret="web-secret")


def mounted(folder: Path) -> Mount:
    """Return a mounted Secret."""
    mount = Mount(folder / "mounted")
    mount.project(f"{MARK}-1")
    return mount


async def test_a_blocking_program_is_told_of_a_change_in_a_thread_that_may_block(scene: Scene, tmp_path: Path) -> None:
    mount = mounted(tmp_path)
    seen = threading.Event()
    threads: list[str] = []

    def changed(_: object) -> None:
        threads.append(threading.current_thread().name)
        seen.set()

    def program() -> tuple[str, str]:
        with Background() as background:
            listener = background.enter(scene.listener())
            secret = background.enter(SecretFile(mount.file, listener=listener, interest=MINE, poll=0.05, pace=QUICK))
            secret.on_change(changed)
            first = secret.current().text()
            mount.project(f"{MARK}-2")
            assert seen.wait(15)
            return first, secret.current().text()

    running = asyncio.create_task(asyncio.to_thread(program))
    await scene.tell(refreshed("v2"))

    assert await running == (f"{MARK}-1", f"{MARK}-2")
    assert threads == ["keyvault-fanout-handler"]


def test_what_fails_to_start_raises_in_the_program(tmp_path: Path) -> None:
    with Background() as background, pytest.raises(NoValueYetError, match="no such file"):
        background.enter(SecretFile(tmp_path / "nothing", first=2, pace=QUICK))


def test_a_blocking_program_uses_a_pool_that_is_made_anew(tmp_path: Path) -> None:
    mount = mounted(tmp_path)
    made, closed = list[str](), list[str]()

    def make(value: SecretValue) -> str:
        made.append(value.text())
        return value.text()

    with Background() as background:
        secret = background.enter(SecretFile(mount.file, poll=0.05, pace=QUICK))
        pool = background.enter(Renewed(secret, make=make, close=closed.append))
        with background.within(pool.use()) as old:
            mount.project(f"{MARK}-2")
            wait_until(lambda: len(made) == 2)
            assert (old, closed) == (f"{MARK}-1", [])
        wait_until(lambda: closed == [f"{MARK}-1"])
        with background.within(pool.use()) as new:
            assert new == f"{MARK}-2"

    assert closed == [f"{MARK}-1", f"{MARK}-2"]


def test_what_is_held_knows_how_its_block_ended() -> None:
    """A transaction whose block raises has to be rolled back."""
    ends: list[str] = []

    @contextlib.asynccontextmanager
    async def transaction() -> AsyncIterator[str]:
        try:
            yield "begun"
        except ValueError:
            ends.append("rolled back")
            raise
        ends.append("committed")

    with Background() as background:
        with background.within(transaction()) as begun:
            assert begun == "begun"
        with pytest.raises(ValueError, match="no"), background.within(transaction()):
            raise ValueError("no")

    assert ends == ["committed", "rolled back"]


def test_who_leaves_a_pool_while_all_ends_lets_it_be_closed(tmp_path: Path) -> None:
    mount = mounted(tmp_path)
    closed, holds, leaves = list[str](), threading.Event(), threading.Event()

    with Background() as background:
        secret = background.enter(SecretFile(mount.file, poll=0.05, pace=QUICK))
        pool = background.enter(Renewed(secret, make=SecretValue.text, close=closed.append, grace=60))

        def use() -> None:
            with background.within(pool.use()):
                holds.set()
                assert leaves.wait(15)

        worker = threading.Thread(target=use)
        worker.start()
        assert holds.wait(15)
        threading.Timer(0.2, leaves.set).start()
    worker.join(15)

    assert closed == [f"{MARK}-1"]
    with pytest.raises(RuntimeError, match="with Background"):
        background.call(int)


def test_what_wants_to_be_called_in_the_loop_is() -> None:
    with Background() as background:
        loop = background.call(asyncio.get_running_loop)
        assert loop.is_running()
        with pytest.raises(ZeroDivisionError):
            background.call(lambda: 1 // 0)


def test_what_fails_to_close_raises_and_the_thread_ends_all_the_same() -> None:
    @contextlib.asynccontextmanager
    async def fails() -> AsyncIterator[None]:
        yield
        raise OSError("cannot be closed")

    background = Background().__enter__()
    background.enter(fails())
    thread = background.call(threading.current_thread)
    with pytest.raises(OSError, match="cannot be closed"):
        background.__exit__(None, None, None)

    assert not thread.is_alive()


def wait_until(question: Callable[[], bool]) -> None:
    """Wait for what another thread does. Raises TimeoutError where it does not come."""
    for _ in range(1500):
        if question():
            return
        time.sleep(0.01)
    raise TimeoutError


def test_outside_its_block_nothing_runs() -> None:
    async def work() -> None:
        raise AssertionError

    with pytest.raises(RuntimeError, match="with Background"):
        Background().run(work())


def test_a_program_that_never_leaves_the_block_can_end(tmp_path: Path) -> None:
    """Its thread is a daemon's: `sys.exit` in the main thread is enough."""
    mount = mounted(tmp_path)
    program = (
        "import sys\nfrom keyvault_fanout import Background, SecretFile\nbackground = Background().__enter__()\n"
        f"background.enter(SecretFile({str(mount.file)!r}))\nsys.exit(7)\n"
    )
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", program],
        env=stack.inherited() | {"PYTHONPATH": str(stack.APP / "clients" / "python")},
        timeout=30,
        check=False,
        capture_output=True,
    )

    assert (done.returncode, done.stderr) == (7, b"")

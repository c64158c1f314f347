"""Call what the application gave us, whichever colour it has."""

import asyncio
import inspect
import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


async def call(function: Callable[P, Awaitable[T] | T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function and return what it returns: an async one here, another one in a thread of its own.

    So a function that blocks holds up neither the loop nor the renewal of a lock. Its thread cannot be ended: where
    this is cancelled, it goes on unseen, and holds up no exit of the process. A function that needs the running loop
    has to be an async one. What it awaits may be cancelled by others: that is a failure of the function's
    (`RuntimeError`), and does not end whoever called.
    """
    try:
        if inspect.iscoroutinefunction(function):
            return await cast("Awaitable[T]", function(*args, **kwargs))
        result = await _in_thread(lambda: function(*args, **kwargs))
        return await result if inspect.isawaitable(result) else result
    except asyncio.CancelledError:
        here = asyncio.current_task()
        if here is None or here.cancelling():
            raise
        raise RuntimeError("what it waited for was cancelled") from None


async def _in_thread(function: Callable[[], T]) -> T:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("T", result))

    def work() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = function()
        except StopIteration:
            error = RuntimeError("a handler raised StopIteration")  # no future can carry that
        except BaseException as raised:  # noqa: BLE001 - it belongs to whoever called
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop has ended, and nobody waits

    # asyncio.to_thread's pool would be waited for at the end of the process, however long the function takes.
    threading.Thread(target=work, name="keyvault-fanout-handler", daemon=True).start()
    return await future


def forget(task: asyncio.Task[T]) -> None:
    """Let a task that is left fail unseen: asyncio would log its error's text, which may hold what was secret."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())


def name_of(function: Callable[..., object]) -> str:
    """Return a function's name, for logs and dead letters."""
    return getattr(function, "__qualname__", type(function).__qualname__)


def describe(error: BaseException) -> str:
    """Return an error's kind and where it was raised. Its text is left out: it may hold what was secret."""
    frames = traceback.extract_tb(error.__traceback__)
    return (
        f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
        if frames
        else type(error).__name__
    )

"""The command in a process of its own that has its modules already: most of a run is loading them, over a second.

A server that has loaded every sub-command is forked for each run; the child gets the arguments, the environment,
the folder and the outputs of a process that was started by itself. That every sub-command starts by itself too is
shown by `test_package.py`.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

import aiohttp

from devstack import stack
from fanout import __main__ as command


async def run(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run the command to its end, and return its exit code and what it wrote on stdout and stderr."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _context().Process(target=_main, args=(arguments, dict(environment), out, err), daemon=True)
        process.start()
        await _readable(process.sentinel)
        process.join()
        return process.exitcode or 0, _text(out), _text(err)


async def _readable(descriptor: int) -> None:
    """Wait for it on this thread: multiprocessing looks at all children when one starts, and must not be overtaken."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _context() -> ForkServerContext:
    """Return where runs are started from. The server itself starts with the first of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([command.__name__, *(f"fanout.{name}.command" for name in command.NAMES)])
    return context


def _main(arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
    """Be `python -m fanout`."""
    os.chdir(stack.APP)
    os.environ.clear()  # noqa: TID251 - this process has none of its own
    os.environ.update(environment)  # noqa: TID251
    if authorities := environment.get("SSL_CERT_FILE"):  # aiohttp read it when the server loaded it
        aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(authorities)  # noqa: SLF001
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    sys.argv = [str(Path(command.__file__)), *arguments]
    sys.exit(command.main())

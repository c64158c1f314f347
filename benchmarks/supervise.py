"""Start the servers of a figure and the process that measures, and bring its result back."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from benchmarks import figure as figures
from benchmarks.figure import Figure, Result, Scale
from devstack import stack

_NOWHERE: dict[str, Any] = {"door": "", "settings": {}, "environment": {}}


class FigureFailedError(Exception):
    """A figure's process ended without a result; it has said why on standard error."""


async def run(figure: Figure, scale: Scale) -> Result:
    """Run a figure from nothing. Raises `FigureFailedError`."""
    async with _servers(figure.clusters) as world:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.alone"),
            cwd=stack.APP,
            env=stack.inherited() | world["environment"],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        wanted = json.dumps({"name": figure.name, "scale": asdict(scale), "world": world})
        try:
            said, _ = await process.communicate(wanted.encode())
        finally:
            if process.returncode is None:
                process.kill()
    if process.returncode != 0:
        raise FigureFailedError(figure.name)
    return figures.from_json(json.loads(said))


@contextlib.asynccontextmanager
async def _servers(clusters: int) -> AsyncIterator[dict[str, Any]]:
    """Start the servers and yield what they say of themselves; they end with their standard input."""
    if not clusters:
        yield _NOWHERE
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.servers", str(clusters)),
        cwd=stack.APP,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=16 * 1024 * 1024,
    )
    assert process.stdin  # noqa: S101 - both were asked for
    assert process.stdout  # noqa: S101
    try:
        line = await process.stdout.readline()
        if not line:
            raise FigureFailedError("its servers")
        yield json.loads(line)
    finally:
        process.stdin.close()
        await process.wait()

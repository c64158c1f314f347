"""The command in a process of its own, as an operator runs it."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devstack import stack
from tests.operator import forked


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a run ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)


async def start(*arguments: str, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start `python -m fanout deadletters` with this environment and nothing else of this process's."""
    return await start_any("deadletters", *arguments, environment=environment)


async def start_any(*arguments: str, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start `python -m fanout` likewise."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fanout",
        *arguments,
        cwd=stack.APP,
        env={**stack.inherited(), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def fanout(*arguments: str, environment: Mapping[str, str]) -> Said:
    """Run it to its end."""
    return await run("deadletters", *arguments, environment=environment)


async def run(*arguments: str, environment: Mapping[str, str]) -> Said:
    """Run any sub-command to its end."""
    code, out, err = await forked.run(arguments, {**stack.inherited(), **environment})
    return Said(code=code, out=out, err=err)


async def end(process: asyncio.subprocess.Process) -> Said:
    """Wait for its end."""
    out, err = await process.communicate()
    return Said(code=process.returncode or 0, out=out.decode(), err=err.decode())

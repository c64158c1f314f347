"""Runs one program and ends it as soon as our standard input ends: whoever holds its other end has gone, however.

`python -m tests.envtest.guard LOG PROGRAM ARGUMENT...`: what the program says goes to the file LOG. A killed pytest
leaves no server behind this way, for the kernel closes its pipes. Exits with the program's code, or 0 when told to end.
"""

import asyncio
import sys
from pathlib import Path


async def guard(log: Path, command: list[str]) -> int:
    """Run the command until it or standard input ends, and return the exit code."""
    with log.open("wb") as said:
        # A session of its own: Ctrl-C on the terminal reaches pytest, and pytest ends this in order.
        program = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    ended, told = asyncio.create_task(program.wait()), asyncio.create_task(reader.read())
    try:
        await asyncio.wait((ended, told), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if program.returncode is None:
            program.kill()
        code = await program.wait()
    return code if not told.done() else 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(guard(Path(sys.argv[1]), sys.argv[2:])))

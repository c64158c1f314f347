"""A process that loads the app as the host does, handles the event given as its argument, and says what it holds then.

`python -m benchmarks.first_event EVENT`. Nothing but the app is imported here, because the imports are measured.
"""

import asyncio
import json
import sys
from pathlib import Path


def resident() -> float:
    """Return this process's resident memory in megabytes."""
    status = dict(line.partition(":")[::2] for line in Path("/proc/self/status").read_text("ascii").splitlines())
    return int(status["VmRSS"].split()[0]) / 1024


async def main(event: str) -> None:
    """Handle the event and print what was reached, while the clients are open."""
    import function_app  # noqa: PLC0415 - after the interpreter has started is what counts

    await function_app.fanout.handle(event)
    print(json.dumps({"resident": resident(), "modules": len(sys.modules)}), flush=True)  # noqa: T201 - the answer
    await function_app.fanout.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

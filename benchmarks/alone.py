"""One figure in a process of its own: `python -m benchmarks.alone`, with what to do as JSON on standard input.

Its environment has to be the app's before Python starts: aiohttp builds its trust on import. The result is a JSON
object on standard output. What the app logs is formatted as the host would have it, and thrown away.
"""

import asyncio
import json
import logging
import os
import sys

from benchmarks import catalogue
from benchmarks.figure import Result, Scale
from benchmarks.world import World


async def main(name: str, scale: Scale, world: World) -> Result:
    """Run a figure."""
    try:
        return await catalogue.find(name).run(world, scale)
    finally:
        await world.close()


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - no file
        logging.basicConfig(stream=nowhere, level=logging.INFO)
        result = asyncio.run(main(wanted["name"], Scale(**wanted["scale"]), World(**wanted["world"])))
    print(json.dumps(result.as_json()))  # noqa: T201 - the answer to the process that started it

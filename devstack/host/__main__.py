"""`python -m devstack.host --app DIR`: host an app until SIGTERM or SIGINT.

One JSON line on stdout says that it is ready: {"url", "functions", "engine"}. Everything else, what the app prints
too, goes to stderr. Exit code 1 and the reason on stderr for an app that cannot be hosted.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from devstack.host.functions import AppError
from devstack.host.server import FunctionsHost

_log = logging.getLogger("devstack.host")


async def _serve(arguments: argparse.Namespace, stdout: TextIO) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # The one place of the host that reads the environment: it holds the app's settings, as in Azure.
    settings = dict(os.environ)  # noqa: TID251 see above
    host = FunctionsHost(
        arguments.app,
        settings=settings,
        port=arguments.port,
        direct=arguments.direct,
        function_key=arguments.function_key,
    )
    async with host:
        if host.engine == "direct call":
            _log.warning("functions are called directly, without the worker library (3.13 and later have it)")
        ready = {"url": host.url, "functions": host.functions, "engine": host.engine}
        print(json.dumps(ready), file=stdout, flush=True)
        await stop.wait()


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m devstack.host", description=__doc__)
    parser.add_argument("--app", type=Path, required=True, help="the folder of function_app.py")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--direct", action="store_true", help="call the functions without the worker library")
    parser.add_argument("--function-key", default="", metavar="KEY", help="ask HTTP triggers' callers for this key")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Every request of every SDK, at INFO.
    logging.getLogger("azure").setLevel(logging.WARNING)
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        asyncio.run(_serve(arguments, stdout))
    except AppError as error:
        print(f"cannot host {arguments.app}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())

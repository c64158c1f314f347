"""Give a program a real PostgreSQL whose login is rotated again and again: `python -m devstack.database PROGRAM ...`.

The program is told `DATABASE_URL` and `DATABASE_SECRET`. Two users take turns: the next one gets a new password, the
login is stored in the vault as JSON, and once the former has no connection any more its password is void. Who makes
an event and a notice of a new version is not in the room: `make up` does. Ends with the program, or with Ctrl-C.
"""

import argparse
import asyncio
import itertools
import json
import os
import secrets
import signal
from collections.abc import Sequence

from azure.identity.aio import ManagedIdentityCredential
from azure.keyvault.secrets.aio import SecretClient

from devstack import postgres
from devstack.postgres import Postgres, PostgresMissingError

_SECRET = "shop-database"  # noqa: S105 - the name of one
_USERS = ("shop_a", "shop_b")
_LOOK = 0.2
"""Seconds between two looks at who is connected."""


async def main(url: str, command: Sequence[str], every: float) -> int:
    """Run the command beside a database until it ends; return its exit code. `every` is in seconds."""
    async with (
        postgres.serve() as server,
        ManagedIdentityCredential() as credential,
        SecretClient(url, credential) as vault,
    ):
        users = itertools.cycle(_USERS)
        former = await _rotate(server, vault, next(users))
        told = {"DATABASE_URL": server.url, "DATABASE_SECRET": _SECRET}
        program = await asyncio.create_subprocess_exec(*command, env={**os.environ, **told})  # noqa: TID251 - handed on
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, program.send_signal, signal.SIGTERM)
        ended = asyncio.create_task(program.wait())
        turns = asyncio.create_task(_take_turns(server, vault, users, former, every))
        await asyncio.wait({ended, turns}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():  # nobody rotates any more
            program.send_signal(signal.SIGTERM)
        code = await ended
        turns.cancel()
        await asyncio.gather(turns, return_exceptions=not turns.done())
        return code


async def _take_turns(
    server: Postgres, vault: SecretClient, users: "itertools.cycle[str]", former: str, every: float
) -> None:
    while True:
        await asyncio.sleep(every)
        await _connected(server, former, wanted=True)
        user = await _rotate(server, vault, next(users))
        await _connected(server, former, wanted=False)
        await server.set_password(former, secrets.token_urlsafe())
        print(f"{former} has no connection any more, and its password is void", flush=True)
        former = user


async def _connected(server: Postgres, user: str, *, wanted: bool) -> None:
    while bool(await server.connections(user)) is not wanted:  # noqa: ASYNC110 - PostgreSQL tells nobody of it
        await asyncio.sleep(_LOOK)


async def _rotate(server: Postgres, vault: SecretClient, user: str) -> str:
    password = secrets.token_urlsafe()
    await server.set_password(user, password)
    await vault.set_secret(_SECRET, json.dumps({"username": user, "password": password}))
    print(f"{user} has a new password, and the vault a new version of {_SECRET}", flush=True)
    return user


def _run() -> None:
    parser = argparse.ArgumentParser(prog="python -m devstack.database", description=__doc__)
    parser.add_argument("--every", type=float, default=15.0, help="seconds from one rotation to the next")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the program and its arguments")
    arguments = parser.parse_args()
    _, _, url = os.environ.get("KEY_VAULTS", "").partition("=")  # noqa: TID251 - as the example beside it
    if not url or not arguments.command:
        parser.error("expected a program, and KEY_VAULTS=name=URL in the environment: read the file of `make up`")
    try:
        raise SystemExit(asyncio.run(main(url, arguments.command, arguments.every)))
    except PostgresMissingError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    _run()

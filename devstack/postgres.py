"""A real PostgreSQL for a while: passwords are checked (SCRAM), and everything is removed at the end.

PostgreSQL refuses to run as root; there it runs as `nobody`, in a folder that belongs to nobody.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_ADMIN = "admin"
_DEBIAN = Path("/usr/lib/postgresql")
_PATIENCE = 60
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
_SPEED = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=40")


def programs() -> Path | None:
    """Return the folder that holds initdb and postgres, the newest of several; None where there is none."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    on_path = shutil.which("initdb")
    tools = found[-1] if found else Path(on_path).resolve() if on_path else None
    return tools.parent if tools and (tools.parent / "postgres").exists() else None


class PostgresMissingError(Exception):
    """There is none on this machine."""


class PostgresFailedError(Exception):
    """It did not start; the text is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running server, and the way in of its administrator."""

    port: int
    _password: str

    @property
    def url(self) -> str:
        """Return where the database is, without a user."""
        return f"postgresql://127.0.0.1:{self.port}/postgres"

    async def set_password(self, user: str, password: str) -> None:
        """Let a user have this password; make the user first where there is none."""
        async with await self._administer() as connection:
            cursor = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user])
            verb = "ALTER" if await cursor.fetchone() else "CREATE"
            statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL(verb), sql.Identifier(user), sql.Literal(password)
            )
            await connection.execute(statement)

    async def connections(self, user: str) -> int:
        """Return how many connections a user has open."""
        async with await self._administer() as connection:
            cursor = await connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [user])
            row = await cursor.fetchone()
            return int(row[0]) if row else 0

    async def admits(self, user: str, password: str) -> bool:
        """Tell whether the server lets somebody in."""
        try:
            async with await psycopg.AsyncConnection.connect(self.url, user=user, password=password):
                return True
        except psycopg.OperationalError:
            return False

    async def _administer(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        return await psycopg.AsyncConnection.connect(self.url, user=_ADMIN, password=self._password, autocommit=True)


@contextlib.asynccontextmanager
async def serve() -> AsyncIterator[Postgres]:
    """Make a cluster, serve it while the block runs, and remove it. Raises the two errors above."""
    tools, who = programs(), _who()
    if tools is None:
        raise PostgresMissingError("no PostgreSQL; apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="postgres-") as temporary:
        folder, password = Path(temporary), secrets.token_hex(16)
        secret = folder / "password"
        secret.write_text(password, encoding="utf-8")
        for path in (folder, secret):
            if who:
                shutil.chown(path, who["user"], who["group"])
        data, port = folder / "data", _free_port()
        how = ("-U", _ADMIN, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync")
        await _finish(tools / "initdb", "-D", data, *how, who=who)
        where = ("-c", "listen_addresses=127.0.0.1", "-p", str(port), "-c", "unix_socket_directories=")
        process = await _start(tools / "postgres", "-D", data, *where, *_SPEED, who=who)
        draining = asyncio.create_task(_ready(process))
        try:
            async with asyncio.timeout(_PATIENCE):
                await draining
            draining = asyncio.create_task(_drain(process))
            yield Postgres(port=port, _password=password)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGQUIT)  # at once, without tidying up
            await process.wait()
            draining.cancel()


def _who() -> Mapping[str, str]:
    return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _start(program: Path, *arguments: object, who: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        program,
        *map(str, arguments),
        cwd="/",
        env=_ENVIRONMENT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in the terminal is not for it
        **({"extra_groups": [], **who} if who else {}),  # type: ignore[arg-type]
    )


async def _finish(program: Path, *arguments: object, who: Mapping[str, str]) -> None:
    process = await _start(program, *arguments, who=who)
    _, said = await asyncio.wait_for(process.communicate(), _PATIENCE)
    if process.returncode:
        raise PostgresFailedError(said.decode(errors="replace"))


async def _ready(process: asyncio.subprocess.Process) -> None:
    said = b""
    async for line in _pipe(process):
        said += line
        if b"ready to accept connections" in line:
            return
    raise PostgresFailedError(said.decode(errors="replace"))


async def _drain(process: asyncio.subprocess.Process) -> None:
    async for _ in _pipe(process):
        pass


def _pipe(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stderr is None:
        raise PostgresFailedError("it was started without a pipe")
    return process.stderr

"""Azurite, Microsoft's blob store for development: installed once from npm, started on loopback.

`python -m tests.operator.azurite` (`make azurite`) installs it into a folder outside the checkout, by version, so that
a second run costs nothing. What it installs is locked in tests/azurite/package-lock.json.
"""

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.npm import Packages

_LOCKED = Path(__file__).resolve().parent.parent / "azurite"
_VERSION: str = json.loads((_LOCKED / "package.json").read_text(encoding="utf-8"))["dependencies"]["azurite"]
ABSENT = "no Azurite, so the operator's tests with blobs are SKIPPED: install Node.js 20 or later, run `make azurite`"
PACKAGES = Packages(name=f"azurite-{_VERSION}", locked=_LOCKED, absent=ABSENT, takes="about a minute")

_MAIN = PACKAGES.modules / "azurite" / "dist" / "src" / "blob" / "main.js"
_READY = "successfully listens on "
_PATIENCE = 50

ACCOUNT = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running blob store with one account."""

    url: str
    key: str

    @property
    def connection_string(self) -> str:
        """What the SDK connects with."""
        scheme = self.url.partition(":")[0]
        return (
            f"DefaultEndpointsProtocol={scheme};AccountName={ACCOUNT};AccountKey={self.key};"
            f"BlobEndpoint={self.url}/{ACCOUNT};"
        )


@contextlib.asynccontextmanager
async def start(folder: Path, options: Sequence[str] = ()) -> AsyncIterator[Azurite]:
    """Start it on a free port with nothing in it, end it with the block. It writes nothing but logs, to `folder`."""
    found = PACKAGES.node()
    assert found is not None, ABSENT
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    process = await asyncio.create_subprocess_exec(
        found,
        str(_MAIN),
        *("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"),
        *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        *options,
        cwd=folder,
        env={"PATH": str(Path(found).parent), "HOME": str(folder), "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(_PATIENCE):
            while _READY not in (said or [""])[-1]:
                line = await process.stdout.readline()
                assert line, f"Azurite ended: {''.join(said)}"
                said.append(line.decode(errors="replace"))
        draining = asyncio.create_task(process.stdout.read())
        yield Azurite(url=said[-1].partition(_READY)[2].strip(), key=key)
        draining.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


if __name__ == "__main__":
    raise SystemExit(0 if PACKAGES.install() else 1)

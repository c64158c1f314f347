"""The app's own clients, for one run of the command."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from shared import wiring
from shared.settings import Settings
from shared.wiring import Assembly


@contextlib.asynccontextmanager
async def opened(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Assembly]:
    """Make every client on first use, as the app does, and close them with the block."""
    assembly = wiring.assemble(settings, environ)
    try:
        yield assembly
    finally:
        await assembly.close()

"""Estates: one for tests that break a neighbour, several for walks that kill the process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from . import estate as estates
from .estate import Estate

_SEVERAL = 6
_HERE = Path(__file__).parent


@pytest_asyncio.fixture(scope="module")
async def several() -> AsyncIterator[Sequence[Estate]]:
    """Estates with one cluster each: what a second one adds is a second copy of the same calls."""
    async with contextlib.AsyncExitStack() as held:
        started = [held.enter_async_context(estates.play(alone=True)) for _ in range(_SEVERAL)]
        yield await asyncio.gather(*started)


@pytest.hookimpl(tryfirst=True)  # the choice by marker comes after it
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is here, and leave out what takes minutes where nobody asked for it, and say so."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)
    if "soak" in str(config.getoption("markexpr")):
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="NOT SHOWN by this run: it takes minutes. Run `make soak` for it."))

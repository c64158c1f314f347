"""Estates: one for tests that break a neighbour, several for walks that kill the process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from . import estate as estates
from .estate import Estate

_SEVERAL = 6


@pytest_asyncio.fixture(scope="module")
async def several() -> AsyncIterator[Sequence[Estate]]:
    """Estates with one cluster each: what a second one adds is a second copy of the same calls."""
    async with contextlib.AsyncExitStack() as held:
        started = [held.enter_async_context(estates.play(alone=True)) for _ in range(_SEVERAL)]
        yield await asyncio.gather(*started)


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker of what takes minutes."""
    config.addinivalue_line("markers", "soak: takes minutes; run by `make soak`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes where nobody asked for it, and say so."""
    if "soak" in str(config.getoption("markexpr")):
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="NOT SHOWN by this run: it takes minutes. Run `make soak` for it."))

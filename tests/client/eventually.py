"""Wait for what other tasks do, without a word about how long it takes."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_LIMIT = 15.0


async def eventually(question: Callable[[], T]) -> T:
    """Return the first true answer. Raises TimeoutError where there is none for very long."""
    async with asyncio.timeout(_LIMIT):
        while not (answer := question()):  # noqa: ASYNC110 - what is waited for is seen by looking only
            await asyncio.sleep(0.01)
    return answer

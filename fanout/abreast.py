"""Work on many things, some of them at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(items: AsyncIterator[T], act: Callable[[T], Awaitable[None]], *, width: int) -> None:
    """Do something with every item, `width` of them at a time.

    The next item is asked for when there is a hand free for it, so a slow one holds up none of the others and a long
    iterator is never held in memory. The first error ends it and is raised.
    """
    turn = asyncio.Lock()

    async def work() -> None:
        while True:
            async with turn:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
            await act(item)

    hands = [asyncio.create_task(work()) for _ in range(width)]
    try:
        await asyncio.gather(*hands)
    finally:
        for hand in hands:
            hand.cancel()
        await asyncio.gather(*hands, return_exceptions=True)


async def of(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield what is there already."""
    for item in items:
        yield item

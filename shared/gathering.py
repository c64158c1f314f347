"""Await many calls to one neighbour at once: each has its own result, and its own failure."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from shared.errors import FanoutError, TransientError
from shared.reason import Reason

K = TypeVar("K")
T = TypeVar("T")


async def each(
    work: Mapping[K, Awaitable[T]], where: str, *, ends: float, late: Reason = Reason.CLUSTER_UNREACHABLE
) -> dict[K, T | FanoutError]:
    """Await all, each until `ends` on the loop's clock; an error of ours, or being late, is the result of its entry."""

    async def caught(key: K, one: Awaitable[T]) -> T | FanoutError:
        try:
            async with asyncio.timeout_at(ends):
                return await one
        except TimeoutError:
            return TransientError(f"{where}: {key} not read in time", reason=late)
        except FanoutError as error:
            return error

    return dict(zip(work, await asyncio.gather(*[caught(*item) for item in work.items()]), strict=True))

"""Run a check by itself: it has its own time-out, and whatever happens to it is a finding."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from fanout.doctor.finding import Finding, Place
from shared.errors import FanoutError, describe_fault
from shared.reason import remedy

Fix = Callable[[FanoutError], str]


async def run(
    place: Place,
    check: str,
    work: Awaitable[Sequence[Finding]],
    *,
    seconds: float,
    fix: Fix | None = None,
) -> Sequence[Finding]:
    """Await a check. An error of a neighbour's is a failed finding, with the fix that `fix` knows, or its remedy."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return [
            place.failed(check, f"no answer within {seconds:g} s", "Can it be reached from this machine's network?")
        ]
    except FanoutError as error:
        return [place.failed(check, str(error), fix(error) if fix else remedy(error.reason))]
    except Exception as fault:  # noqa: BLE001 - its text may quote an answer; one check must not end the others
        return [place.failed(check, f"a fault of this program: {describe_fault(fault)}", "Please report it.")]

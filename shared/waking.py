"""Wake the pods that wait for refreshed targets. Effects through `ports.Cluster` only.

Waking makes a refresh arrive sooner and changes nothing about what arrives: without it the kubelet looks by itself
within 60 to 90 seconds. So a failure here is reported and never brings the event back.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared import nudge
from shared.errors import FanoutError, TransientError
from shared.nudge import Wake
from shared.ports import Cluster
from shared.reason import Reason


@dataclass(frozen=True, slots=True)
class Woken:
    """How many pods of a cluster were woken, and what kept others asleep."""

    pods: int
    errors: tuple[FanoutError, ...]


async def wake(cluster: Cluster, wakes: Sequence[Wake], *, ends: float) -> Woken:
    """Wake each waiting pod once, whatever number of targets it waits for, until `ends` on the loop's clock."""
    by_namespace: dict[str, list[Wake]] = {}
    for one in wakes:
        by_namespace.setdefault(one.namespace, []).append(one)
    results = await asyncio.gather(*[_namespace(cluster, name, ones, ends) for name, ones in by_namespace.items()])
    return Woken(
        pods=sum(result.pods for result in results), errors=tuple(error for one in results for error in one.errors)
    )


async def _namespace(cluster: Cluster, namespace: str, wakes: Sequence[Wake], ends: float) -> Woken:
    try:
        async with asyncio.timeout_at(ends):
            pods = await cluster.pods(namespace)
    except TimeoutError:
        return Woken(0, (_late(cluster, f"the pods of {namespace}"),))
    except FanoutError as error:
        return Woken(0, (error,))

    async def one(pod: str, state: str) -> FanoutError | None:
        try:
            async with asyncio.timeout_at(ends):
                await cluster.wake(namespace, pod, state)
        except TimeoutError:
            return _late(cluster, f"{namespace}/{pod}")
        except FanoutError as error:
            return error
        return None

    errors = await asyncio.gather(*[one(pod, state) for pod, state in nudge.waiting(pods, wakes).items()])
    failed = tuple(error for error in errors if error is not None)
    return Woken(len(errors) - len(failed), failed)


def _late(cluster: Cluster, what: str) -> FanoutError:
    return TransientError(f"{cluster.name}: {what}: no answer in time", reason=Reason.CLUSTER_UNREACHABLE)

"""Failures on request: a test plans them, a server meets them.

Every server owns one `Faults` and asks it before it serves a request. The request is a plain value of the
server's own kind (an HTTP request's method and path, an AMQP transfer's entity), so a rule is a predicate on it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one request.

    `delay` seconds pass first. Then, in this order: `drop` cuts the connection without an answer; a non-zero
    `status` answers with that code, `headers` and `body` (HTTP); a non-empty `condition` answers with that AMQP
    error; otherwise the request is served as usual, only late. With `after` the request takes effect, and only its
    answer is lost (`drop`) or replaced: the failure that makes retries dangerous.
    """

    delay: float = 0.0
    drop: bool = False
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    condition: str = ""
    after: bool = False

    @property
    def only_delays(self) -> bool:
        """Whether the request is served after all."""
        return not (self.drop or self.status or self.condition)


@dataclass(slots=True)
class _Rule(Generic[R]):
    matches: Callable[[R], bool]
    fault: Fault
    left: int | None


class Faults(Generic[R]):
    """The failures planned for one server, met in the order they were planned."""

    def __init__(self) -> None:
        self._rules: list[_Rule[R]] = []

    def plan(self, matches: Callable[[R], bool], fault: Fault, *, times: int | None = 1) -> None:
        """Let the next `times` matching requests (None: every one) meet `fault`."""
        self._rules.append(_Rule(matches, fault, times))

    def clear(self) -> None:
        """Forget every planned failure."""
        self._rules.clear()

    async def meet(self, request: R) -> Fault | None:
        """Return the failure that this request meets, after its delay, or None."""
        for rule in self._rules:
            if rule.left == 0 or not rule.matches(request):
                continue
            if rule.left is not None:
                rule.left -= 1
            if rule.fault.delay:
                await asyncio.sleep(rule.fault.delay)
            return None if rule.fault.only_delays else rule.fault
        return None

"""Which trace something belongs to, and which span of it was the cause: W3C Trace Context, as messages carry it. Pure.

It travels beside an event, in jobs and in notices, so that one trace leads from the event to whoever hears of it. It
decides about nothing: what is unreadable is dropped, as the standard asks for.
"""

import re
from dataclasses import dataclass

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE = re.compile(r"[ -~]{1,512}")
"""What the standard asks everybody to pass on: 512 printable characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """A `traceparent` and the `tracestate` beside it, empty where there is none."""

    parent: str
    state: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The texts by the names that CloudEvents' distributed tracing extension gives them."""
        return {"traceparent": self.parent} | ({"tracestate": self.state} if self.state else {})


def read(parent: object, state: object = None) -> Lineage | None:
    """Read what somebody sent; None where there is no legal `traceparent`."""
    if not isinstance(parent, str) or not _PARENT.fullmatch(parent):
        return None
    return Lineage(parent=parent, state=state if isinstance(state, str) and _STATE.fullmatch(state) else "")

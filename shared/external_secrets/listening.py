"""Whether the operator looks when an ExternalSecret's annotation changes.

After the first sync, and only then, three things make it deaf
(pkg/controllers/externalsecret/externalsecret_controller.go, shouldRefresh and shouldRefreshPeriodic):

* refreshPolicy CreatedOnce;
* refreshPolicy Periodic, which is the default, with a refreshInterval of 0 or less: that is asked before anything
  else. OnChange ignores the interval;
* an immutable target. Up to 0.10 the operator stops before it reads the vault (shouldReconcile); later ones read it,
  cannot write, and report a failure from then on. So it is better not to ask.

There is no way to suspend an ExternalSecret. `syncWindows` restrict periodic refreshes only, as their description says.

The rule about the interval is that of 0.11 and later (pull request 4086). Up to 0.10 a changed annotation was honoured
with an interval of 0 as well. Both kinds of operator serve v1beta1, and nothing in the resource tells them apart; so
with v1beta1 and no refreshPolicy the operator is asked, and where it is deaf, its status will show that it did not
look. A refreshPolicy tells that the operator is newer.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from shared import parts
from shared.external_secrets import fields

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
"""A number and its unit. Both the micro sign and the Greek letter are in Go's table."""

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LONGEST_DURATION: Final = 100


def explain_deafness(manifest: Mapping[str, Any]) -> str:
    """Say why the operator would not look though it is asked; empty where it would."""
    spec, status = parts.mapping(manifest, "spec"), parts.mapping(manifest, "status")
    if not fields.text(status.get("syncedResourceVersion")):
        return ""
    if parts.mapping(spec, "target").get("immutable") is True:
        return "its target is immutable, so that External Secrets does not write it a second time"
    policy = spec.get("refreshPolicy")
    if policy == "CreatedOnce":
        done = "its refreshPolicy is CreatedOnce, so that External Secrets does not read the vault again"
        return done if status.get("refreshTime") else ""
    if policy == "OnChange" or (not policy and fields.text(manifest.get("apiVersion")).endswith("/v1beta1")):
        return ""
    lasts = nanoseconds(fields.text(spec.get("refreshInterval")))
    if lasts is not None and lasts <= 0:
        return "its refreshInterval is 0 under refreshPolicy Periodic, so that External Secrets ignores a request"
    return ""


def nanoseconds(text: str) -> int | None:
    """Read a duration as Go does (time.ParseDuration). None for what is no duration: the operator cannot read it."""
    if len(text) > _LONGEST_DURATION:
        return None
    sign, rest = (-1 if text.startswith("-") else 1), text.removeprefix("-" if text.startswith("-") else "+")
    if rest == "0":
        return 0
    parts = list(_PART.finditer(rest))
    if not parts or "".join(part.group() for part in parts) != rest:
        return None
    return sign * sum(int(Decimal(number) * _UNITS[unit]) for number, unit in (part.groups() for part in parts))

"""What an ExternalSecret's status says about a request.

Source: pkg/controllers/externalsecret/externalsecret_controller.go, markAsDone and markAsFailed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from shared import parts
from shared.delegate import Progress, Standing
from shared.external_secrets import fields

_LONGEST_DETAIL: Final = 80
_LONGEST_TIME: Final = 40
_WITHOUT_SECRET: Final = frozenset({"SecretMissing", "SecretDeleted"})
"""Reasons of a Ready condition that is True although there is no Secret: Merge found none, or the vault's object is
gone and the deletionPolicy is Delete."""


def progress(manifest: Mapping[str, Any], *, mark: str, since: datetime) -> Progress:
    """Tell whether the operator looked again after `mark` was read, or after `since` where there was no mark.

    A condition that is False may be older than the request; the operator tries such a resource again and again, so
    the standing changes with the next success. The mark changes with the resource's generation, labels and
    annotations (pkg/controllers/util/util.go, GetResourceVersion), not with a periodic refresh. The API server keeps
    times in whole seconds.
    """
    status = parts.mapping(manifest, "status")
    ready = _ready(status)
    reason = "".join(letter for letter in fields.text(ready.get("reason")) if letter.isprintable())[:_LONGEST_DETAIL]
    refreshed = _time(status.get("refreshTime"))
    synced = fields.text(status.get("syncedResourceVersion"))
    if ready.get("status") == "False":
        return Progress(standing=Standing.FAILING, detail=reason)
    looked = synced not in {"", mark} if mark else refreshed is not None and refreshed >= since.replace(microsecond=0)
    if ready.get("status") != "True" or not looked:
        return Progress(standing=Standing.PENDING, detail=reason)
    standing = Standing.FAILING if reason in _WITHOUT_SECRET else Standing.SYNCED
    return Progress(standing=standing, detail=reason)


def _ready(status: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = (parts.mapping(condition) for condition in parts.listing(status, "conditions"))
    return next((condition for condition in conditions if condition.get("type") == "Ready"), {})


def _time(value: object) -> datetime | None:
    """Read a time as the API server writes it, in UTC."""
    text = fields.text(value)
    if not text.endswith("Z") or len(text) > _LONGEST_TIME:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None

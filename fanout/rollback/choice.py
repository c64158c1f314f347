"""Which version a rollback means, and what the new version carries beside its value. Pure; no value is here."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fanout.errors import OperatorError
from shared import hold
from shared.errors import PermanentError

LAST_GOOD = "last-good"
TAG = "keyvault-fanout-rollback"
"""The tag on a version that a rollback made: the version whose value it carries."""

_MOST_TAGS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One version of a secret as the vault lists it. `managed`: a certificate is behind it."""

    version: str
    created: datetime
    enabled: bool
    not_before: datetime | None = None
    expires: datetime | None = None
    content_type: str | None = None
    tags: Mapping[str, str]
    managed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be done: the newest version now, the one whose value comes back, and the tags of the new one."""

    newest: Kept
    chosen: Kept
    tags: Mapping[str, str]


def choose(versions: Sequence[Kept], wanted: str, now: datetime) -> Choice:
    """Return the choice. Raises `OperatorError` that says why there is none.

    Tags are those of the newest version: they say who may have the object today. But for the hold: what comes back is
    one that may be used by now, also by its not-before time. The expiry is that of the chosen version.
    """
    if not versions:
        raise OperatorError("the vault has no such secret")
    ordered = sorted(versions, key=lambda one: one.created, reverse=True)
    newest = ordered[0]
    if newest.managed:
        raise OperatorError("a certificate is behind it: import that version again (az keyvault certificate import)")
    chosen = _last_good(ordered, now) if wanted == LAST_GOOD else _named(ordered, wanted, now)
    kept = {name: value for name, value in newest.tags.items() if name not in {hold.TAG, TAG}}
    marked = kept | {TAG: chosen.version}
    if wanted == LAST_GOOD and len(marked) > _MOST_TAGS:
        raise OperatorError(
            f"the newest version has {len(kept)} tags, and no room for the mark without which asking twice would bring "
            "the bad value back; name a version with --to, or take a tag away"
        )
    return Choice(newest=newest, chosen=chosen, tags=marked if len(marked) <= _MOST_TAGS else kept)


def _last_good(ordered: Sequence[Kept], now: datetime) -> Kept:
    """Return the newest one before the newest that may be used. Twice in a row it would go forward again."""
    newest = ordered[0]
    if newest.tags.get(TAG):
        raise OperatorError(f"the newest version is a rollback to {newest.tags[TAG]} already; name a version with --to")
    if len(ordered) > 1 and ordered[1].created == newest.created:
        raise OperatorError("two versions were made in the same second: which is the newest? Name one with --to")
    for after, one in itertools.pairwise(ordered):
        # One that still waited when the next was made was passed by, and never in use.
        if one.enabled and not _expired(one, now) and not _waits(one, now) and not _waits(one, after.created):
            return one
    raise OperatorError("no older version is enabled, valid by now and not expired; enable one, or set a new value")


def _named(ordered: Sequence[Kept], wanted: str, now: datetime) -> Kept:
    chosen = next((one for one in ordered if one.version.lower() == wanted.lower()), None)
    if chosen is None:
        raise OperatorError("the secret has no such version; az keyvault secret list-versions shows them")
    if not chosen.enabled:
        raise OperatorError(
            "that version is disabled; enable it first: az keyvault secret set-attributes --enabled true"
        )
    if _expired(chosen, now):
        raise OperatorError("that version has expired; a new one with its expiry would have, too")
    waits = _waits(chosen, now)
    if waits:
        raise OperatorError(f"that version {waits}")
    if chosen is ordered[0]:
        raise OperatorError("that version is the newest one already")
    return chosen


def _waits(one: Kept, now: datetime) -> str:
    """Say why a version may not be used yet; empty where it may."""
    try:
        ends = hold.until(one, now)
    except PermanentError as error:
        return f"is held back for who knows how long ({error})"
    return f"may not be used before {ends:%Y-%m-%d %H:%M:%SZ}" if ends else ""


def _expired(one: Kept, now: datetime) -> bool:
    return one.expires is not None and one.expires <= now

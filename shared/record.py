"""What an operator reads of one event or job: what came, what became of each target, and how it ended.

Lines carry names, versions and counts. A text that quotes a manifest or a neighbour is made `plain` first.
"""

import logging
from collections import Counter
from collections.abc import Sequence

from shared.errors import ConfigurationError, FanoutError
from shared.event import IgnoredEvent, VaultEvent
from shared.followup import Undone
from shared.job import RefreshJob
from shared.model import Target
from shared.outcome import Action, TargetOutcome
from shared.reason import Reason, remedy
from shared.waking import Woken

_log = logging.getLogger(__name__)

MOST_NAMED = 20
"""Errors that are named one by one."""


def refused(error: FanoutError) -> None:
    """Say that a payload is no event."""
    _log.error("event refused: %s", error)


def ignored(event: IgnoredEvent) -> None:
    """Say that an event asks for nothing."""
    _log.info("event %r ignored: type %r, %s", event.id, event.type, event.why)


def came(event: VaultEvent) -> None:
    """Say that an event came, and what in it was unreadable."""
    _log.info("event %r: %s of %s version %s", event.id, event.kind, event.object, event.version)
    for remark in event.remarks:
        _log.warning("event %r: %s", event.id, remark)


def unlisted(event: VaultEvent, listed_host: str) -> None:
    """Say that an event's vault is not on the list, or is there under another host."""
    _log.error(
        "event %r refused: vault %s at %r is not on the list%s. %s",
        event.id,
        event.object.vault,
        event.host,
        f" (it is, at {listed_host!r})" if listed_host else "",
        remedy(Reason.UNLISTED_VAULT),
    )


def untold(event: VaultEvent, error: FanoutError) -> None:
    """Say why nothing is told of the object itself."""
    _log.warning("event %r: %s. %s", event.id, plain(str(error)), remedy(error.reason))


def unsendable(error: FanoutError) -> None:
    """Say that a notice can never be sent."""
    _log.error("a notice can never be sent: %s", error)


def fault(event: VaultEvent, described: str) -> None:
    """Say where this program itself failed."""
    _log.error("event %r: a fault of this program: %s", event.id, described)


def target(event: VaultEvent, outcome: TargetOutcome) -> None:
    """Say how a target ended."""
    versions = ", ".join(f"{held.object} {held.version}" for held in outcome.holds)
    _log.info(
        "event %r: %s: %s",
        event.id,
        outcome.target,
        _result(outcome, versions),
    )


def _result(outcome: TargetOutcome, versions: str) -> str:
    owner = f" (owner: {outcome.owner})" if outcome.owner else ""
    if outcome.holds:
        return f"{outcome.action} {versions}, resourceVersion {outcome.resource_version}{owner}"
    if outcome.action is Action.NUDGED:
        return f"{outcome.action} {', '.join(str(one.resource) for one in outcome.delegates)}{owner}"
    reason = f", {outcome.reason}" if outcome.reason else ""
    return f"{outcome.action}{reason}: {plain(outcome.detail)}{owner}"


def woken(event: VaultEvent, cluster: str, result: Woken) -> None:
    """Say how many pods were woken, and once what kept others asleep."""
    _log.info("event %r: %s: %d pods woken", event.id, cluster, result.pods)
    if result.errors:
        first = result.errors[0]
        _log.warning(
            "event %r: a pod is woken by its kubelet only, %d times: %s. %s",
            event.id,
            len(result.errors),
            plain(str(first)),
            remedy(first.reason),
        )


def undone(cause: VaultEvent, undone: Sequence[Undone]) -> None:
    """Say what could not be done for now: loudly where somebody has to mend something."""
    for one in undone[:MOST_NAMED]:
        loud = isinstance(one.error, ConfigurationError)
        _log.log(
            logging.ERROR if loud else logging.WARNING,
            "event %r: %s%s",
            cause.id,
            plain(str(one.error)),
            f". {remedy(one.error.reason)}" if loud else "",
        )


def again(cause: VaultEvent, jobs: Sequence[RefreshJob]) -> None:
    """Say what is tried again, and when."""
    for job in jobs:
        when = f"again at {job.due:%H:%M:%S}, attempt {job.attempt}"
        what = f"to the dead letters, {job.gave_up}" if job.gave_up else when
        _log.warning("event %r: %s: %s", cause.id, job.cluster or str(cause.object), what)


def uncomplained(event: VaultEvent, target: Target, error: FanoutError) -> None:
    """Say that no Kubernetes Event could be attached to a badly declared Secret."""
    _log.warning("event %r: %s: no Event on it: %s. %s", event.id, target, plain(str(error)), remedy(error.reason))


def ended(
    event: VaultEvent, outcomes: Sequence[TargetOutcome], errors: Sequence[FanoutError], *, told: int, seconds: float
) -> None:
    """Say how an event ended, in one line that counts."""
    counts = Counter(outcome.action for outcome in outcomes)
    again = f"; tried again for {len(errors)}: {plain('; '.join(map(str, errors[:MOST_NAMED])))}" if errors else ""
    _log.log(
        logging.WARNING if errors else logging.INFO,
        "event %r ended after %.0f ms: %s, %d told%s",
        event.id,
        seconds * 1000,
        ", ".join(f"{counts[action]} {action}" for action in Action),
        told,
        again,
    )


def plain(text: str) -> str:
    """Make a foreign text fit for one line of a log: no line ends, no escapes, not without end."""
    return "".join(character if character.isprintable() else "?" for character in text[:1000])

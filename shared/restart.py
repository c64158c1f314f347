"""Which workloads are restarted now, for Secrets that changed a while ago. Pure; what a workload is: `workload`.

A job carries wishes, written when the bytes of Secrets changed. When it runs it looks at the cluster as it is then. A
restart makes pods read every Secret as it is at that time, and that is what gets recorded: several changes within a
window become one restart, because the wishes of the later ones find themselves satisfied. So does a wish that comes
again. Three rules keep the cluster calm:

1. At most `budget` workloads that were restarted are rolling at a time. One that does not become well again keeps its
   place: a Secret that breaks its readers stops the wave.
2. A workload that is rolling is not restarted in the midst of it; its turn comes in a later round. One that is stuck
   is: its pods may be unwell because of the old bytes, and waiting would not replace them. That takes no second place.
3. A workload that is meant to have no pods takes no place. It is restarted all the same, which starts nothing, so that
   the record is there when somebody scales it up and the wish comes again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.reason import Reason
from shared.rollout import Progress
from shared.workload import Record, Restarted, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Restart whoever reads this Secret: it has new bytes since `resource_version`.

    `versions` are the vault objects that it holds then, VAULT/TYPE/NAME to version. An empty one cannot tell a repair
    of the same bytes from a change.
    """

    namespace: str
    secret: str
    resource_version: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What becomes of the workloads that the wishes concern, but for those that have read all of it already.

    `restart` pairs each with the record that it gets.
    """

    restart: tuple[tuple[Workload, Record], ...] = ()
    waiting: tuple[Workload, ...] = ()
    refused: tuple[tuple[Workload, Reason], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wished:
    """The wishes for one Secret as one, and the Secret's resourceVersion now."""

    newest: Wish
    present: str


def plan_round(
    workloads: Iterable[Workload], wishes: Iterable[Wish], present: Mapping[tuple[str, str], str], *, budget: int
) -> Round:
    """Return who is restarted now, and who is not.

    `workloads` are those of the whole cluster, since the budget is the cluster's. `present` maps (namespace, Secret)
    to its resourceVersion, read since the job began, for the wishes and for what is `read_beside`; a wish for a Secret
    that is not there is dropped.
    """
    wished = _by_namespace(wishes, present)
    places, concerned = budget, list[Workload]()
    for workload in workloads:
        places -= holds_place(workload)
        if any(secret in wished.get(workload.namespace, ()) for secret in workload.wanted):
            concerned.append(workload)
    restart, waiting, refused = list[tuple[Workload, Record]](), list[Workload](), list[tuple[Workload, Reason]]()
    for workload in _in_turn(concerned):
        theirs = wished[workload.namespace]
        record = _record(
            workload, {secret: theirs[secret] for secret in sorted(workload.wanted) if secret in theirs}, present
        )
        if record is None:
            continue
        if reason := _refusal(workload):
            refused.append((workload, reason))
        elif workload.progress is Progress.ROLLING or _cost(workload) > max(places, 0):
            waiting.append(workload)
        else:
            places -= _cost(workload)
            restart.append((workload, record))
    return Round(restart=tuple(restart), waiting=tuple(waiting), refused=tuple(refused))


def read_beside(workloads: Iterable[Workload], wishes: Iterable[Wish]) -> set[tuple[str, str]]:
    """Return the other Secrets, as (namespace, Secret), that those read anew who are restarted for the wishes."""
    wished = {(wish.namespace, wish.secret) for wish in wishes}
    read = [{(workload.namespace, secret) for secret in workload.wanted} for workload in workloads]
    return {place for places in read if not places.isdisjoint(wished) for place in places} - wished


def _by_namespace(
    wishes: Iterable[Wish], present: Mapping[tuple[str, str], str]
) -> Mapping[str, Mapping[str, _Wished]]:
    """Merge the wishes for each Secret that is there into one: the newest version of each object."""
    newest: dict[tuple[str, str], Wish] = {}
    versions: dict[tuple[str, str], dict[str, str]] = {}
    for wish in sorted(wishes, key=lambda wish: _order(wish.resource_version) or (0, "")):
        versions.setdefault((wish.namespace, wish.secret), {}).update(wish.versions)
        newest[wish.namespace, wish.secret] = wish
    found: dict[str, dict[str, _Wished]] = {}
    for (namespace, secret), wish in newest.items():
        if (namespace, secret) in present:
            merged = Wish(
                namespace=namespace,
                secret=secret,
                resource_version=wish.resource_version,
                versions=versions[namespace, secret],
            )
            found.setdefault(namespace, {})[secret] = _Wished(newest=merged, present=present[namespace, secret])
    return found


def _record(workload: Workload, wished: Mapping[str, _Wished], present: Mapping[tuple[str, str], str]) -> Record | None:
    """Return the record of a restart now, None where every wish is satisfied.

    A satisfied wish adds no versions: it may have come late, and name older ones than the record does. A Secret that
    nobody wished for now is read anew as well, so that a wish for it that comes a moment later is satisfied.
    """
    record, unsatisfied = dict(workload.restarted), False
    for secret in sorted(workload.wanted - wished.keys()):
        if (workload.namespace, secret) in present:
            held = record.pop(secret, None)
            now = present[workload.namespace, secret]
            record[secret] = Restarted(resource_version=now, versions=held.versions if held else {})
    for secret, one in wished.items():
        held = record.pop(secret, None)
        versions = held.versions if held else {}
        if not _satisfied(held, one):
            unsatisfied, versions = True, {**versions, **one.newest.versions}
        record[secret] = Restarted(resource_version=_later(one.present, one.newest.resource_version), versions=versions)
    return record if unsatisfied else None


def _satisfied(held: Restarted | None, wished: _Wished) -> bool:
    """Tell whether pods have read what the wish is about.

    A record ahead of the Secret comes from another cluster (a restored backup, a copied manifest): its resourceVersion
    says nothing here, its versions do.
    """
    if held is None:
        return False
    versions, wish = held.versions, wished.newest
    if wish.versions and all(versions.get(name) == version for name, version in wish.versions.items()):
        return True
    if held.resource_version == wished.present:
        return True
    asked, read, now = _order(wish.resource_version), _order(held.resource_version), _order(wished.present)
    if asked is None or read is None or now is None:
        return False
    return asked <= read <= now


def _later(first: str, second: str) -> str:
    """Return the later resourceVersion; the first where they cannot be compared."""
    one, other = _order(first), _order(second)
    return second if one and other and other > one else first


def _order(resource_version: str) -> tuple[int, str] | None:
    """Return what orders resourceVersions of one resource: positive decimal numbers of any length (KEP-5504)."""
    number = resource_version.isascii() and resource_version.isdigit() and not resource_version.startswith("0")
    return (len(resource_version), resource_version) if number else None


def _refusal(workload: Workload) -> Reason | None:
    if workload.paused:
        return Reason.WORKLOAD_PAUSED
    return Reason.WORKLOAD_ON_DELETE if workload.on_delete else None


def holds_place(workload: Workload) -> bool:
    """Tell whether a workload that was restarted is still rolling, which takes a place of the budget."""
    return workload.rolling and bool(workload.restarted)


def _cost(workload: Workload) -> int:
    return 0 if workload.idle or holds_place(workload) else 1


def _in_turn(workloads: Iterable[Workload]) -> Sequence[Workload]:
    """Sort so that every namespace has its first workload restarted before any has its second; the stuck come last.

    A stuck workload without a place may stay stuck and keep the place, so those that can be well again go first.
    """
    turns: Counter[str] = Counter()
    order: dict[tuple[bool, int, str, str, str], Workload] = {}
    for workload in sorted(workloads, key=lambda one: (one.namespace, one.name, one.kind)):
        turns[workload.namespace] += 1
        stuck = workload.progress is Progress.STUCK
        order[stuck, turns[workload.namespace], workload.namespace, workload.name, workload.kind] = workload
    return [order[key] for key in sorted(order)]

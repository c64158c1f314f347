"""The matrix: what can be wrong with a neighbour, and what it costs. Data; `test_matrix` shows every row.

`answered` is the status that Event Grid gets; `most` is how often the failing call may be made during the event (0: it
cannot be counted, because nobody is there to count); `rest` is what became meanwhile of the two targets that are none
of the fault's business, in another cluster and of another vault.
"""

from dataclasses import dataclass
from enum import StrEnum

from devstack import stack
from devstack.faults import Fault

from . import breaking
from .breaking import BUSY, CUT, FULL, SLOW, Break, answer, redirect


class Fate(StrEnum):
    """What becomes of an event's target."""

    DONE = "done by the event itself"
    JOB = "done by its own job once the fault is mended"
    REDELIVERY = "done by Event Grid's redelivery once the fault is mended"
    FAILED = "ended; `target.failed` tells why"
    LOST = "lost"


class Rest(StrEnum):
    """What became of a target that has nothing to do with a fault, before the fault was mended."""

    TOLD = "refreshed and told"
    WRITTEN = "refreshed, told later"
    WAITS = "waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a fault leads to; `reason` is what `target.failed` says."""

    answered: int = 202
    becomes: Fate
    reason: str = ""
    other_cluster: Rest = Rest.TOLD
    other_vault: Rest = Rest.TOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `wait` is how many seconds the neighbour asked for, and its job keeps away."""

    neighbour: str
    fault: str
    broken: Break
    most: int
    outcome: Outcome
    wait: int = 0

    def __str__(self) -> str:
        return f"{self.neighbour}: {self.fault}"


def _vault(fault: str, broken: Break, *, most: int, becomes: Fate = Fate.JOB, reason: str = "", wait: int = 0) -> Row:
    """Return a row about the vault. The same object in another cluster waits as well, unless nothing waits."""
    rest = Rest.TOLD if becomes is Fate.DONE else Rest.WAITS
    outcome = Outcome(becomes=becomes, reason=reason, other_cluster=rest)
    return Row(neighbour="Key Vault", fault=fault, broken=broken, most=most, outcome=outcome, wait=wait)


def _forbidden(inner: str, *, becomes: Fate = Fate.JOB, reason: str = "") -> Row:
    broken = breaking.vault(answer(403, code="Forbidden", inner=inner))
    return _vault(f"403, inner code {inner}", broken, most=1, becomes=becomes, reason=reason)


def _cluster(fault: str, broken: Break, *, most: int, becomes: Fate = Fate.JOB, reason: str = "", wait: int = 0) -> Row:
    outcome = Outcome(becomes=becomes, reason=reason)
    return Row(neighbour="API server", fault=fault, broken=broken, most=most, outcome=outcome, wait=wait)


def _broker(fault: str, broken: Break, *, most: int, answered: int = 202, becomes: Fate, rest: Rest = Rest.TOLD) -> Row:
    outcome = Outcome(answered=answered, becomes=becomes, other_cluster=rest, other_vault=rest)
    return Row(neighbour="Service Bus", fault=fault, broken=broken, most=most, outcome=outcome)


_CLASSES = ("list", "secretproviderclasses")
_SECRET = ("patch", "secrets")
_ELSEWHERE = "https://127.0.0.1:1/elsewhere"
_TOPIC, _QUEUE = stack.TOPIC, stack.QUEUE
_REFUSED = breaking.cluster(*_SECRET, answer(500))

VAULT = (
    _vault("down (connection refused)", breaking.vault_down, most=0),
    _vault("slow (no answer within its time-out)", breaking.vault(SLOW), most=1),
    _vault("429, Retry-After 1, once", breaking.vault(answer(429, wait=1), times=1), most=2, becomes=Fate.DONE),
    _vault("429, Retry-After 1, every time", breaking.vault(answer(429, wait=1)), most=3),
    _vault("429, Retry-After 60", breaking.vault(answer(429, wait=60)), most=1, wait=60),
    _forbidden("ForbiddenByRbac"),
    _forbidden("AccessDenied"),
    _forbidden("ForbiddenByFirewall"),
    _forbidden("ForbiddenByConnection"),
    _forbidden("NobodyKnowsThisOne"),
    _forbidden("SecretDisabled", becomes=Fate.FAILED, reason="object-disabled"),
    _vault("401 (the token is refused)", breaking.vault(answer(401, code="Unauthorized")), most=1),
    _vault(
        "404 (deleted)",
        breaking.vault(answer(404, code="SecretNotFound")),
        most=1,
        becomes=Fate.FAILED,
        reason="object-not-found",
    ),
    _vault(
        "400", breaking.vault(answer(400, code="BadParameter")), most=1, becomes=Fate.FAILED, reason="vault-refused"
    ),
    _vault("500", breaking.vault(answer(500)), most=3),
    _vault("503", breaking.vault(answer(503)), most=3),
    _vault("200 with HTML", breaking.vault(Fault(status=200, body="<html>proxy</html>")), most=1),
    _vault("200 with JSON of another shape", breaking.vault(Fault(status=200, body=[1])), most=1),
    _vault("the connection is cut", breaking.vault(CUT), most=6),
)

CLUSTER = (
    _cluster("down (connection refused)", breaking.cluster_down, most=0),
    _cluster("slow (no answer within its time-out)", breaking.cluster(*_CLASSES, SLOW), most=2),
    _cluster("another server with a wrong certificate", breaking.impostor, most=0),
    _cluster(
        "401 (the token has expired), once",
        breaking.cluster(*_CLASSES, answer(401), times=1),
        most=3,
        becomes=Fate.DONE,
    ),
    _cluster("401, every time", breaking.cluster(*_CLASSES, answer(401)), most=4),
    _cluster("403 on a list", breaking.cluster(*_CLASSES, answer(403)), most=2),
    _cluster("403 on the write", breaking.cluster(*_SECRET, answer(403)), most=1),
    _cluster("307 to another host on the write", breaking.cluster(*_SECRET, redirect(_ELSEWHERE)), most=1),
    _cluster("409 on two writes", breaking.cluster(*_SECRET, answer(409), times=2), most=3, becomes=Fate.DONE),
    _cluster("409 on every write", breaking.cluster(*_SECRET, answer(409)), most=6),
    _cluster("410 on the second page of a list", breaking.expired_list, most=2),
    _cluster(
        "422 on the write",
        breaking.cluster(*_SECRET, answer(422)),
        most=1,
        becomes=Fate.FAILED,
        reason="cluster-refused",
    ),
    _cluster(
        "429, Retry-After 1, once", breaking.cluster(*_SECRET, answer(429, wait=1), times=1), most=2, becomes=Fate.DONE
    ),
    _cluster("429, Retry-After 60", breaking.cluster(*_SECRET, answer(429, wait=60)), most=1, wait=60),
    _cluster("500 on a list", breaking.cluster(*_CLASSES, answer(500)), most=6),
    _cluster("500 on the write", _REFUSED, most=3),
    _cluster("200 with HTML on the write", breaking.cluster(*_SECRET, Fault(status=200, body="<html></html>")), most=1),
    _cluster("the connection is cut on the write", breaking.cluster(*_SECRET, CUT), most=3),
    _cluster(
        "the answer to the write is lost, once",
        breaking.cluster(*_SECRET, Fault(drop=True, after=True), times=1),
        most=2,
        becomes=Fate.DONE,
    ),
)

BROKER = (
    _broker(
        "down (connection refused)",
        breaking.broker_down,
        most=0,
        answered=500,
        becomes=Fate.REDELIVERY,
        rest=Rest.WRITTEN,
    ),
    _broker(
        "the topic is busy",
        breaking.sends({_TOPIC: Fault(condition=BUSY)}),
        most=10,
        becomes=Fate.JOB,
        rest=Rest.WRITTEN,
    ),
    _broker("the topic is slow", breaking.sends({_TOPIC: SLOW}), most=10, becomes=Fate.JOB, rest=Rest.WRITTEN),
    _broker(
        "the topic is full",
        breaking.sends({_TOPIC: Fault(condition=FULL)}),
        most=10,
        becomes=Fate.JOB,
        rest=Rest.WRITTEN,
    ),
    _broker(
        "the topic's answer is lost, once",
        breaking.sends({_TOPIC: Fault(drop=True, after=True)}, times=1),
        most=10,
        becomes=Fate.DONE,
    ),
    _broker(
        "the queue is busy while a restart is to be scheduled",
        breaking.sends({_QUEUE: Fault(condition=BUSY)}),
        most=10,
        answered=500,
        becomes=Fate.REDELIVERY,
    ),
    _broker(
        "the queue is busy while the API server fails",
        breaking.together(breaking.sends({_QUEUE: Fault(condition=BUSY)}), _REFUSED),
        most=10,
        answered=500,
        becomes=Fate.REDELIVERY,
    ),
    _broker(
        "the queue is full while the API server fails",
        breaking.together(breaking.sends({_QUEUE: Fault(condition=FULL)}), _REFUSED),
        most=10,
        answered=500,
        becomes=Fate.REDELIVERY,
    ),
    _broker(
        "topic and queue are busy",
        breaking.sends({_TOPIC: Fault(condition=BUSY), _QUEUE: Fault(condition=BUSY)}),
        most=20,
        answered=500,
        becomes=Fate.REDELIVERY,
        rest=Rest.WRITTEN,
    ),
    _broker("the lock of the event's job is lost", breaking.lost_lock, most=3, becomes=Fate.JOB),
)

ROWS = (*VAULT, *CLUSTER, *BROKER)

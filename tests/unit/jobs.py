"""Jobs as tests make them, and short words for what they do with them."""

import json
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import strategies as st

from shared import event, job_message
from shared.delegate import Delegate, Resource
from shared.errors import MalformedJob
from shared.event import EventKind, VaultEvent
from shared.job import CheckJob, Job, RefreshJob, RestartJob, Watched
from shared.lineage import Lineage
from shared.model import ObjectType, VaultObject
from shared.observed import Driver, Owner
from shared.outcome import Mounts
from shared.reason import Reason
from shared.restart import Wish
from tests.builders import build_event
from tests.fakes import NOW
from tests.generated import generated

from .planning import resource

MANY = generated(200)
MARKED = "MARKED\u0000hunter2"

names = st.text(max_size=12)
zones = st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=30))])
times = st.tuples(st.floats(-1e9, 1e9), zones).map(lambda at: (NOW + timedelta(seconds=at[0])).astimezone(at[1]))
objects = st.builds(
    VaultObject,
    vault=st.from_regex(event.VAULT_NAME, fullmatch=True),
    type=st.sampled_from(ObjectType),
    name=st.from_regex(event.OBJECT_NAME, fullmatch=True),
)
lineages = st.builds(
    Lineage,
    parent=st.builds(
        "00-{:032x}-{:016x}-{:02x}".format, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255)
    ),
    state=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=512),
)
causes = st.builds(
    VaultEvent,
    id=names,
    kind=st.sampled_from(EventKind),
    object=objects,
    version=st.from_regex(event.VERSION, fullmatch=True),
    time=st.none() | times,
    not_before=st.none() | times,
    expires=st.none() | times,
    trace=st.none() | lineages,
)
mounts = st.builds(
    Mounts,
    expected=st.dictionaries(names, st.dictionaries(names, names, max_size=3), min_size=1, max_size=3),
    remounts=st.booleans(),
)
resources = st.builds(
    Resource,
    group_version=st.sampled_from(["external-secrets.io/v1", "secret-sync.x-k8s.io/v1alpha1"]),
    plural=st.sampled_from(["externalsecrets", "secretsyncs"]),
    namespace=names,
    name=names,
)


@st.composite
def watches(draw: st.DrawFn) -> Watched:
    """Draw a target that is watched: a driver's with its mounts, or an owner's with what was asked."""
    owner, secret = draw(st.sampled_from([*Driver, *Owner])), draw(names)
    asked = st.builds(Delegate, owner=st.just(owner), resource=resources, secret_name=st.just(secret), mark=names)
    return Watched(
        namespace=draw(names),
        secret=secret,
        owner=owner,
        resource_version=draw(names),
        since=draw(times),
        rewrites=draw(st.integers(0, 1000)),
        mounts=draw(st.none() | mounts),
        delegate=draw(st.none() | asked) if isinstance(owner, Owner) else None,
    )


wishes = st.builds(
    Wish, namespace=names, secret=names, resource_version=names, versions=st.dictionaries(names, names, max_size=3)
)
common: dict[str, Any] = {
    "cause": causes,
    "cluster": names,
    "began": times,
    "due": times,
    "attempt": st.integers(0, 1000),
}
checks = st.builds(CheckJob, **common, watched=st.lists(watches(), min_size=1, max_size=4).map(tuple))
restarts = st.builds(
    RestartJob, **common, wishes=st.lists(wishes, min_size=1, max_size=4).map(tuple), told=st.booleans()
)
pairs = st.lists(st.tuples(names, names), max_size=4).map(tuple)
refreshes = st.builds(RefreshJob, **common, targets=pairs, pinned=st.booleans(), held=st.booleans(), gave_up=names)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(MARKED),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def watch(**fields: Any) -> Watched:
    """Build a Secret whose driver may put old bytes back."""
    defaults: dict[str, Any] = {
        "namespace": "shop",
        "secret": "web-secret",
        "owner": Driver.V1_6_ROTATING,
        "resource_version": "8",
        "since": NOW,
        "mounts": Mounts(expected={"web": {"secret/db-password": "v2"}}, remounts=True),
    }
    return Watched(**{**defaults, **fields})


def request(**fields: Any) -> Watched:
    """Build a Secret whose owner was asked."""
    asked = Delegate(owner=Owner.EXTERNAL_SECRETS, resource=resource("web"), secret_name="web-secret", mark="1-abc")
    return watch(**{"owner": Owner.EXTERNAL_SECRETS, "mounts": None, "delegate": asked, **fields})


def check(*watched: Watched, **fields: Any) -> CheckJob:
    """Build a check."""
    defaults: dict[str, Any] = {
        "cause": build_event(host="", version="v2"),
        "cluster": "aks-one",
        "began": NOW,
        "due": NOW + timedelta(seconds=15),
    }
    return CheckJob(watched=watched or (watch(),), **{**defaults, **fields})


def restart(*names: str, **fields: Any) -> RestartJob:
    """Build a round of restarts."""
    one = check(**fields)
    asked = [Wish(namespace="shop", secret=name, resource_version="8", versions={"a": "1"}) for name in names]
    return RestartJob(
        cause=one.cause, cluster=one.cluster, began=NOW, due=one.due, attempt=one.attempt, wishes=tuple(asked)
    )


def refresh(*targets: tuple[str, str], **fields: Any) -> RefreshJob:
    """Build another attempt."""
    one = check()
    defaults: dict[str, Any] = {"cause": one.cause, "cluster": one.cluster, "began": NOW, "due": one.due}
    return RefreshJob(targets=targets, **{**defaults, **fields})


def document(of: Job) -> dict[str, Any]:
    """Return a job as JSON."""
    read = json.loads(job_message.compose(of))
    assert isinstance(read, dict)
    return read


def refuse(body: bytes | str) -> str:
    """Return why a body is no job."""
    with pytest.raises(MalformedJob) as caught:
        job_message.parse(body)
    assert caught.value.reason is Reason.MALFORMED_JOB
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)

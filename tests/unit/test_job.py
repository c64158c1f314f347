"""Jobs on the queue: what is written is read again, anything else is refused by name, and no value can be in one."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta, timezone
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import event, job, job_message, model
from shared.delegate import Delegate, Resource
from shared.errors import MalformedJob
from shared.event import EventKind, VaultEvent
from shared.job import MOST_ENTRIES, CheckJob, Job, RefreshJob, RestartJob, Watched
from shared.job_message import FORMAT, MAX_BYTES
from shared.lineage import Lineage
from shared.model import ObjectType, SecretValue, VaultObject
from shared.observed import Driver, KubernetesSecret, Owner, VaultAnswer
from shared.outcome import Mounts
from shared.reason import Reason
from shared.restart import Wish
from tests.builders import ABOUT, build_event
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


# Round trips


@MANY
@given(checks | restarts | refreshes)
def test_what_is_composed_is_parsed(made: Job) -> None:
    body = job_message.compose(made)

    assert job_message.parse(body) == made
    assert job_message.parse(body.decode()) == made
    assert body.isascii()


@MANY
@given(checks | restarts | refreshes)
def test_a_job_that_comes_back_has_the_same_id(made: Job) -> None:
    assert job.identify(job_message.parse(job_message.compose(made))) == job.identify(made)


def test_a_check_reads_as_this() -> None:
    assert document(check(watch(), request())) == {
        "format": FORMAT,
        "kind": "check",
        "cluster": "aks-one",
        "vault": "kv-shop",
        "objectType": "secret",
        "object": "db-password",
        "version": "v2",
        "eventId": "event-1",
        "eventKind": "new-version",
        "eventTime": "2026-11-23T12:00:00+00:00",
        "notBefore": None,
        "expires": None,
        "began": "2026-11-23T12:00:00+00:00",
        "due": "2026-11-23T12:00:15+00:00",
        "attempt": 0,
        "watched": [
            {
                "namespace": "shop",
                "secret": "web-secret",
                "owner": "csi-driver 1.6+ with rotation",
                "resourceVersion": "8",
                "since": "2026-11-23T12:00:00+00:00",
                "rewrites": 0,
                "mounts": [{"class": "web", "expected": {"secret/db-password": "v2"}}],
                "remounts": True,
            },
            {
                "namespace": "shop",
                "secret": "web-secret",
                "owner": "external-secrets",
                "resourceVersion": "8",
                "since": "2026-11-23T12:00:00+00:00",
                "rewrites": 0,
                "resource": ["external-secrets.io/v1", "externalsecrets", "shop", "web"],
                "mark": "1-abc",
            },
        ],
    }


def test_what_does_not_matter_to_a_job_is_not_in_it() -> None:
    """Where the event's URL pointed, what a delegate's field held and which tags it looked for."""
    asked = Delegate(
        owner=Owner.EXTERNAL_SECRETS, resource=resource("web"), secret_name="web-secret", asked="v2", tags=({"a": "b"},)
    )
    made = check(request(delegate=asked), cause=build_event(host="kv-shop.vault.azure.net", remarks=("a remark",)))

    read = job_message.parse(job_message.compose(made))

    assert isinstance(read, CheckJob)
    assert read.cause == build_event(host="")
    assert read.watched[0].delegate == dataclasses.replace(asked, asked="", tags=())


def test_a_time_without_an_offset_is_in_utc() -> None:
    fields = document(check()) | {"due": "2026-11-23T12:00:15"}

    assert job_message.parse(json.dumps(fields)) == check()


def test_members_of_a_later_version_are_ignored() -> None:
    fields = document(check())
    fields["watched"][0]["later"] = fields["later"] = MARKED

    assert job_message.parse(json.dumps(fields)) == check()


# Ids


def cause(**fields: Any) -> VaultEvent:
    """Build the event about another object."""
    return build_event(version="v2", object=dataclasses.replace(ABOUT, **fields))


def different() -> dict[str, Job]:
    """Return jobs of which each is about something else."""
    mounts_of = Mounts(expected={"api": {"secret/db-password": "v2"}}, remounts=True)
    asked = Delegate(owner=Owner.EXTERNAL_SECRETS, resource=resource("api"), secret_name="web-secret")
    return {
        "a check": check(),
        "its next attempt": check(attempt=1),
        "another cluster": check(cluster="aks-two"),
        "another version": check(cause=build_event(host="", version="v3")),
        "another object": check(cause=cause(name="other")),
        "another vault": check(cause=cause(vault="kv-two")),
        "another namespace": check(watch(namespace="other")),
        "another Secret": check(watch(secret="other")),
        "names that read alike when joined": check(watch(namespace="shopweb", secret="-secret")),
        "a later state of the Secret": check(watch(resource_version="9")),
        "another target beside it": check(watch(), watch(secret="other")),
        "mounts without a Secret": check(watch(secret="", resource_version="")),
        "mounts of another class": check(watch(secret="", resource_version="", mounts=mounts_of)),
        "a request": check(request()),
        "a request to another resource": check(request(delegate=asked)),
        "a restart": restart("web-secret"),
        "a restart for another Secret": restart("other"),
        "a later round of it": restart("web-secret", attempt=1),
        "a refresh of a cluster": refresh(),
        "a refresh of a target": refresh(("shop", "web-secret")),
        "a refresh of another": refresh(("shop", "other")),
        "a refresh of names that read alike": refresh(("shopweb", "-secret")),
        "a refresh for another event": refresh(cause=build_event(host="", version="v2", id="event-2")),
        "a refresh for its expiry": refresh(cause=build_event(host="", version="v2", kind=EventKind.EXPIRED)),
        "a refresh for its certificate": refresh(cause=cause(type=ObjectType.CERT)),
        "a refresh that gave up": refresh(gave_up=str(Reason.DEADLINE)),
        "the object's own notice": refresh(cluster=""),
        "a refresh in its next attempt": refresh(attempt=1),
    }


def test_jobs_about_different_things_have_different_ids() -> None:
    made = different()

    assert len({job.identify(one) for one in made.values()}) == len(made)


@pytest.mark.parametrize("name", different())
def test_an_id_fits_the_queue_and_tells_nothing(name: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", job.identify(different()[name]))


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(check(began=NOW + timedelta(hours=1), due=NOW + timedelta(hours=2)), id="at another time"),
        pytest.param(check(cause=build_event(id="event-2", version="v2", time=None)), id="by another event"),
        pytest.param(check(watch(since=NOW + timedelta(hours=1))), id="of a Secret that was found as it was"),
        pytest.param(check(cause=cause(type=ObjectType.CERT)), id="by the event of the certificate of it"),
    ],
)
def test_the_same_job_made_again_has_the_same_id(again: CheckJob) -> None:
    assert job.identify(again) == job.identify(check())


def test_the_order_of_targets_does_not_matter() -> None:
    first, second = watch(), watch(secret="other")

    assert job.identify(check(first, second)) == job.identify(check(second, first))


def test_an_id_is_the_same_in_every_process() -> None:
    assert job.identify(restart("web-secret")) == "b07bcb44b3dba30e183361d318b4fb18d0023ec1ba33cb1bd8d85f83ac8d1cbb"


# What is no job


def members(fields: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Yield each member of a document by its name in texts and its path."""
    for name, value in fields.items():
        yield f"{path}{name}", (name,)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for found, steps in members(value[0], f"{path}{name}[0]."):
                yield found, (name, 0, *steps)


DOCUMENTS = {
    "check": document(check()),
    "request": document(check(request())),
    "restart": document(restart("a")),
    "refresh": document(refresh(("shop", "web-secret"))),
}
FLAGS = {"watched[0].remounts", "pinned", "held", "told"}
OPTIONAL = {"eventTime", "notBefore", "expires", "watched[0].mounts", "watched[0].resource"}
PLACES = [
    pytest.param(kind, name, steps, id=f"{kind}: {name}")
    for kind, fields in DOCUMENTS.items()
    for name, steps in members(fields)
]


def changed(kind: str, steps: tuple[str | int, ...], value: object) -> str:
    """Return a job with one member changed, or without it for `...`."""
    fields = json.loads(json.dumps(DOCUMENTS[kind]))
    parent: Any = fields
    for step in steps[:-1]:
        parent = parent[step]
    if value is ...:
        del parent[steps[-1]]
    else:
        parent[steps[-1]] = value
    return json.dumps(fields)


@pytest.mark.parametrize(("kind", "name", "steps"), PLACES)
@pytest.mark.parametrize("value", [..., None], ids=["missing", "null"])
def test_a_member_that_is_missing_is_named(kind: str, name: str, steps: tuple[str | int, ...], value: object) -> None:
    body = changed(kind, steps, value)

    if name in OPTIONAL:
        job_message.parse(body)
    else:
        assert refuse(body).startswith((f"{name} ", f"its {name} "))


@pytest.mark.parametrize(("kind", "name", "steps"), PLACES)
@pytest.mark.parametrize(
    "value",
    [{MARKED: [MARKED]}, [MARKED, 1], 1.5, True, -1],
    ids=["an object", "a list", "a fraction", "true", "negative"],
)
def test_a_member_of_another_type_is_named_and_not_quoted(
    kind: str, name: str, steps: tuple[str | int, ...], value: object
) -> None:
    body = changed(kind, steps, value)

    if name in FLAGS and value is True:
        job_message.parse(body)
    else:
        assert name in refuse(body)
        assert is_plain(refuse(body))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("check", "format", 2),
        ("check", "format", 0),
        ("check", "kind", MARKED),
        ("check", "kind", "Check"),
        ("check", "objectType", MARKED),
        ("check", "vault", f"kv-{MARKED}"),
        ("refresh", "vault", ""),
        ("refresh", "object", f"../{MARKED}"),
        ("restart", "object", ""),
        ("refresh", "version", f"../{MARKED}"),
        ("check", "version", ""),
        ("check", "attempt", job_message.MOST_ATTEMPTS + 1),
        ("check", "began", MARKED),
        ("check", "due", "2026-13-01"),
        ("check", "due", "0001-01-01T00:00:00+14:00"),
        ("check", "due", "9999-12-31T23:59:59-14:00"),
        ("check", "eventTime", MARKED),
        ("check", "watched", []),
        ("check", "watched", [MARKED]),
        ("check", "watched", [document(check())["watched"][0]] * (MOST_ENTRIES + 1)),
        ("restart", "wishes", []),
        ("restart", "wishes", [None]),
        ("restart", "wishes", document(restart("a"))["wishes"] * (MOST_ENTRIES + 1)),
        ("restart", "kind", "check"),
        ("refresh", "targets", [["shop"]]),
        ("refresh", "targets", [["shop", "web", MARKED]]),
        ("refresh", "targets", [["shop", 1]]),
        ("refresh", "targets", ["ab"]),
        ("refresh", "targets", [["shop", "web"]] * (MOST_ENTRIES + 1)),
        ("refresh", "eventKind", MARKED),
    ],
)
def test_a_value_that_is_out_of_bounds_is_named_and_not_quoted(kind: str, name: str, value: object) -> None:
    text = refuse(changed(kind, (name,), value))

    assert ("watched" if (kind, value) == ("restart", "check") else name) in text
    assert is_plain(text)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("check", "owner", MARKED),
        ("check", "owner", ""),
        ("check", "rewrites", 1001),
        ("check", "since", MARKED),
        ("check", "mounts", []),
        ("check", "mounts", [MARKED]),
        ("check", "mounts", [{"class": "web", "expected": {MARKED: 1}}]),
        ("check", "mounts", [{"class": "c", "expected": {}}] * (MOST_ENTRIES + 1)),
        ("request", "resource", []),
        ("request", "resource", ["v1", "secrets", "shop"]),
        ("request", "resource", ["a", "b", "c", "d", "e"]),
        ("request", "resource", ["a", "b", "c", 4]),
        ("request", "owner", str(Driver.V1_5)),
    ],
)
def test_a_watched_target_that_is_none_is_named_and_not_quoted(kind: str, field: str, value: object) -> None:
    text = refuse(changed(kind, ("watched", 0, field), value))

    assert text.startswith("watched")
    assert ("resource" if kind == "request" else field) in text
    assert is_plain(text)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="a word"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"check"', id="a text"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"\xff\xfe\xff", id="bytes"),
        pytest.param(b'{"format": 1', id="half an object"),
        pytest.param(b"[" * 100_000, id="deep lists"),
        pytest.param(b'{"a":' * 50_000, id="deep objects"),
        pytest.param(b'{"format": ' + b"9" * 5000 + b"}", id="a number without end"),
        pytest.param(b'{"format": NaN}', id="no number"),
        pytest.param(b'{"format": 1e999}', id="infinity"),
        pytest.param(b" " * (MAX_BYTES + 1), id="too long"),
        pytest.param(" " * (MAX_BYTES + 1), id="too long a text"),
        pytest.param("\ud800", id="half a character"),
        pytest.param(json.dumps([document(check())]), id="a list of jobs"),
        pytest.param(json.dumps({"specversion": "1.0", "type": MARKED, "data": {"a": MARKED}}), id="a CloudEvent"),
    ],
)
def test_what_else_may_be_on_a_queue_is_refused(body: bytes | str) -> None:
    assert is_plain(refuse(body))


def test_a_job_of_the_largest_size_is_read() -> None:
    body = job_message.compose(check())

    assert job_message.parse(body.ljust(MAX_BYTES)) == check()
    assert "bytes" in refuse(body.ljust(MAX_BYTES + 1))


@MANY
@given(st.binary(max_size=200) | st.text(max_size=200) | anything.map(json.dumps))
def test_nothing_but_a_job_is_read_and_nothing_is_quoted(body: bytes | str) -> None:
    assert is_plain(refuse(body))


def complaint(body: str) -> str:
    """Return why a body is no job, or an empty text for one that is."""
    try:
        read = job_message.parse(body)
    except MalformedJob as error:
        return str(error)
    assert job_message.parse(job_message.compose(read)) == read
    return ""


@MANY
@given(st.sampled_from([place.values for place in PLACES]), anything)
def test_a_job_with_another_member_is_a_job_or_refused_without_a_quotation(place: Any, value: object) -> None:
    kind, _, steps = place
    text = complaint(changed(kind, steps, value))

    assert not text or is_plain(text)


def is_plain(text: str) -> bool:
    """Tell whether a text is a short sentence of our own words: member names, types and bounds."""
    return len(text) < 150 and re.fullmatch(r"[A-Za-z0-9 .,;/'\[\]]+", text) is not None and "MARKED" not in text


# No value can be in a job


def reachable(kind: Any) -> set[Any]:
    """Return every type that a value of this one may hold."""
    seen: set[Any] = set()
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        waiting += [part for part in get_args(one) if part is not ...]
        if dataclasses.is_dataclass(one):
            waiting += get_type_hints(one).values()
    return seen


def test_no_type_in_a_job_holds_a_value() -> None:
    types = reachable(Job)

    assert {CheckJob, RestartJob, Watched, Wish, Mounts, Delegate, VaultEvent} <= types
    assert types.isdisjoint({SecretValue, KubernetesSecret, VaultAnswer, bytes, object, Any, *get_args(model.Material)})
    assert SecretValue in reachable(VaultAnswer)


def test_a_value_would_not_be_written() -> None:
    smuggled: Any = SecretValue(b"hunter2")

    with pytest.raises(TypeError):
        job_message.compose(check(watch(resource_version=smuggled)))

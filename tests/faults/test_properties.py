"""What holds for any payload and any message: no crash, nobody called who is not on the list, no notice about them.

Through the real pipeline and worker, with neighbours in memory. The documented ends are: return, an `ExceptionGroup` of
`FanoutError`s (it comes again), and for a message that is no job a `PermanentError` (it is a dead letter).
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared import followup, job_message
from shared.errors import FanoutError, PermanentError, TransientError
from shared.event import EventKind, VaultEvent
from shared.followup import Undone
from shared.job import RefreshJob
from shared.model import ObjectType, VaultObject
from shared.observed import Driver, Owner
from shared.pace import Pace
from shared.reason import Reason
from shared.working import Worker
from tests.builders import EVENTS, HOST, NAME, VAULT, World, build_envelope, build_event, build_world
from tests.fakes import NOW

MANY = settings(max_examples=250, deadline=None)

CAPTURED = [path.read_text(encoding="utf-8") for path in sorted(EVENTS.glob("*.json"))]

texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
hosts = st.sampled_from(
    [
        HOST,
        f"{HOST}.evil.example",
        "evil.example",
        "kv-other.vault.azure.net",
        f"{HOST}:444",
        "169.254.169.254",
        "[::1]",
    ]
)
vaults = st.sampled_from([VAULT, VAULT.upper(), "kv-other", "..", "", "kv-shop/../kv-other"])
names = st.sampled_from([NAME, NAME.upper(), "other", "../db-password", "a" * 128, ""])
versions = st.sampled_from(["1", "0" * 32, "", "../2", "a" * 65])
collections = st.sampled_from(["secrets", "keys", "certificates", "deletedsecrets", ""])
kinds = st.sampled_from(
    [
        *("SecretNewVersionCreated", "SecretNearExpiry", "SecretExpired", "KeyNewVersionCreated", "KeyExpired"),
        *("CertificateNewVersionCreated", "CertificateExpired", "VaultAccessPolicyChanged", "Unknown"),
    ]
)


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an event of which any part may be another's, or anything at all."""
    host, name, version = draw(hosts), draw(names), draw(versions)
    data: dict[str, Any] = {
        "Id": f"{draw(st.sampled_from(['https', 'http', 'file']))}://{host}/{draw(collections)}/{name}/{version}",
        "VaultName": draw(vaults),
        "ObjectType": draw(st.sampled_from(["Secret", "Key", "Certificate", "Other"])),
        "ObjectName": name,
        "Version": version,
        "NBF": draw(st.none() | st.integers() | texts),
        "EXP": draw(st.none() | st.floats()),
    }
    for key in draw(st.lists(st.sampled_from(sorted(data)), max_size=2)):
        data[key] = draw(json_values)
    envelope = build_envelope(draw(kinds), cloud=draw(st.booleans()), data=data)
    for key in draw(st.lists(st.sampled_from(sorted(envelope)), max_size=1)):
        envelope[key] = draw(json_values)
    return envelope


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Draw a captured payload with a piece of it replaced."""
    text = draw(st.sampled_from(CAPTURED))
    start = draw(st.integers(0, len(text)))
    return text[:start] + draw(texts) + text[draw(st.integers(start, min(len(text), start + 40))) :]


payloads = (
    st.text(max_size=200)
    | st.binary(max_size=200)
    | json_values.map(json.dumps)
    | damaged()
    | envelopes().map(json.dumps)
    | st.lists(envelopes(), max_size=4).map(json.dumps)
)


@MANY
@given(payload=payloads)
@example(payload="[" * 100_000)
@example(payload=json.dumps(build_envelope(data={"Id": f"https://{HOST}@evil.example/secrets/{NAME}/1"})))
@example(payload=json.dumps(build_envelope(data=None)))
def test_whatever_event_grid_posts_ends_as_documented_and_reaches_only_what_is_listed(payload: str | bytes) -> None:
    world = build_world()

    _run(lambda: world.deliver(payload))

    _assert_only_the_listed(world)


@MANY
@given(envelope=envelopes(), host=hosts.filter(lambda host: host != HOST))
def test_an_event_that_names_another_host_calls_nobody_and_tells_nothing(envelope: dict[str, Any], host: str) -> None:
    world = build_world()
    about = {"VaultName": VAULT, "ObjectName": NAME, "Version": "1", "Id": f"https://{host}/secrets/{NAME}/1"}
    envelope["data"] = {**about, "ObjectType": "Secret"}

    _run(lambda: world.deliver(json.dumps(envelope)))

    assert world.calls() == []
    assert world.bus.kept == {}
    assert world.queue.waiting == {}


@st.composite
def job_fields(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a job of which any field may be anything."""
    began = NOW - timedelta(seconds=draw(st.integers(0, 200_000))) if draw(st.booleans()) else draw(_moments)
    cause = VaultEvent(
        id=draw(texts),
        kind=draw(st.sampled_from(EventKind)),
        object=VaultObject(
            vault=draw(st.just(VAULT) | vaults),
            type=draw(st.sampled_from(ObjectType)),
            name=draw(st.just(NAME) | names),
        ),
        version=draw(versions),
        time=draw(st.none() | st.datetimes(timezones=st.just(UTC))),
    )
    cluster = draw(st.sampled_from(["aks-one", "aks-one", "", "aks-other"]))
    made = RefreshJob(cause=cause, cluster=cluster, began=began, due=draw(st.just(NOW) | _moments), attempt=0)
    targets = draw(st.lists(st.tuples(texts, texts) | st.just(("shop", "web-secret")), max_size=3))
    fields: dict[str, Any] = json.loads(
        job_message.compose(replace(made, targets=tuple(targets), pinned=draw(st.booleans())))
    )
    fields["kind"] = draw(st.sampled_from(["refresh", "check", "restart"]))
    fields["attempt"] = draw(
        st.integers(0, 30) | st.sampled_from([0, job_message.MOST_ATTEMPTS, job_message.MOST_ATTEMPTS + 1])
    )
    since = draw(st.just(NOW) | _moments).isoformat()
    watched = {"namespace": "shop", "secret": "web-secret", "owner": draw(_owners), "resourceVersion": "1"}
    fields["watched"] = draw(
        st.lists(st.just({**watched, "since": since, "rewrites": draw(st.integers(0, 4))}), min_size=1, max_size=2)
    )
    wish = {"namespace": "shop", "secret": "web-secret", "resourceVersion": "1", "versions": {}}
    fields["wishes"] = draw(st.lists(st.just(wish), min_size=1, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        fields[draw(st.sampled_from(sorted(fields)))] = draw(json_values)
    return fields


_moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - what hypothesis wants

_owners = st.sampled_from([*Driver, *Owner])

messages = st.binary(max_size=200) | json_values.map(json.dumps) | job_fields().map(json.dumps)


failures = st.none() | st.sampled_from(
    ["read", "classes", "secret", "write", "secret_version", "pod_statuses", "publish"]
)


@settings(max_examples=500, deadline=None)
@given(message=messages, failing=failures)
def test_whatever_is_on_the_queue_ends_as_documented_and_reaches_only_what_is_listed(
    message: str | bytes, failing: str | None
) -> None:
    world = build_world()
    world.rotate("after")
    for neighbour in (world.vault, world.cluster, world.bus):
        if failing and hasattr(neighbour, failing):
            neighbour.script.fail(failing, TransientError("fails", reason=Reason.CLUSTER_UNREACHABLE))
    pipeline = world.build_pipeline()
    worker = Worker(pipeline._neighbours, world.limits, now=lambda: world.time)  # noqa: SLF001 - the same neighbours

    _run(lambda: worker.handle(message), PermanentError)

    _assert_only_the_listed(world)


def _run(work: Callable[[], Coroutine[Any, Any, None]], *documented: type[FanoutError]) -> None:
    """Let something end as it is documented to; a fault of the program itself is no such end."""
    errors: Sequence[Exception] = ()
    try:
        asyncio.run(work())
    except ExceptionGroup as group:
        errors = group.exceptions
    except documented as error:
        errors = (error,)
    assert all(isinstance(error, FanoutError) and error.reason is not Reason.UNEXPECTED for error in errors)


def _assert_only_the_listed(world: World) -> None:
    """The world's one vault is all that can be called; what is told and queued is about it, too."""
    assert {notice.properties["vault"] for notice in world.bus.kept.values()} <= {VAULT}
    assert {job.cause.object.vault for job in world.queue.waiting.values()} <= {VAULT}
    assert {job.cluster for job in world.queue.waiting.values()} <= {"aks-one", ""}


def test_retries_are_understood_for_as_long_as_the_longest_patience() -> None:
    """A week of them, and with bad luck: half as far apart as on average."""
    pace = Pace(patience=604_800)
    cause = build_event()
    job = RefreshJob(cause=cause, cluster="aks-one", began=NOW, due=NOW)
    undone = Undone(cluster="aks-one", error=TransientError("down", reason=Reason.CLUSTER_UNREACHABLE))

    while not job.gave_up:
        (job,) = followup.retries(job, [undone], pace, job.due, chance=0.25)
        assert job_message.parse(job_message.compose(job)).attempt == job.attempt

    assert job.attempt > 2000

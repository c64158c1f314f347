"""One trace leads from an event to everybody who hears of it, through jobs and processes."""

import json

import pytest
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from shared.errors import TransientError
from shared.job import RefreshJob
from shared.notice import NoticeType
from shared.observed import Driver
from shared.reason import Reason
from shared.trace import Hop
from tests.builders import World, build_mount, build_payload, build_world
from tests.fakes import NOW
from tests.telemetry.recording import Recording

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
PARENT = f"00-{TRACE:032x}-{SPAN:016x}-01"
STATE = "vendor=opaque"


def traced(payload: str) -> str:
    """Let an event say which trace it belongs to."""
    return json.dumps({**json.loads(payload), "traceparent": PARENT, "tracestate": STATE})


def sent(world: World) -> list[tuple[str, str]]:
    """Return trace and span of every notice."""
    parents = [json.loads(one.body)["traceparent"].split("-") for one in world.bus.kept.values()]
    return [(trace_id, span_id) for _, trace_id, span_id, _ in parents]


async def test_an_event_has_one_span_for_each_hop_below_its_own(recorded: Recording) -> None:
    world = build_world("shop/a-secret", "shop/b-secret", clusters=("aks-one", "aks-two"))

    await world.deliver(world.rotate("after"))

    (root,) = recorded.named(Hop.EVENT)
    hops = sorted(one.name for one in recorded.spans if one.parent and one.parent.span_id == root.context.span_id)
    assert hops == sorted([*[Hop.LOOK, Hop.WRITE, Hop.SCHEDULE] * 2, *[Hop.TELL] * 3, Hop.READ])
    assert len(recorded.spans) == len(hops) + 1
    assert root.kind is SpanKind.CONSUMER


async def test_targets_are_counted_in_a_span_and_have_none_of_their_own(recorded: Recording) -> None:
    world = build_world(*[f"shop/n{number}-secret" for number in range(50)])

    await world.deliver(world.rotate("after"))

    (span,) = recorded.named(Hop.WRITE)
    assert dict(span.attributes or {}) == {
        "k8s.cluster.name": "aks-one",
        "keyvault_fanout.targets": 50,
        "keyvault_fanout.targets.written": 50,
    }
    assert len(recorded.spans) == 7


async def test_an_event_and_its_notices_belong_to_the_trace_that_the_event_names(recorded: Recording) -> None:
    world = build_world()

    await world.deliver(traced(world.rotate("after")))

    (root,) = recorded.named(Hop.EVENT)
    assert root.parent is not None
    assert (root.parent.trace_id, root.parent.span_id) == (TRACE, SPAN)
    assert {one.context.trace_id for one in recorded.spans} == {TRACE}
    assert set(sent(world)) == {(f"{TRACE:032x}", f"{root.context.span_id:016x}")}
    assert {json.loads(one.body)["tracestate"] for one in world.bus.kept.values()} == {STATE}


async def test_the_hosts_invocation_is_the_parent_and_the_events_trace_a_link(recorded: Recording) -> None:
    world = build_world()
    host = SpanContext(trace_id=1, span_id=2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(host)))
    try:
        await world.deliver(traced(world.rotate("after")))
    finally:
        context.detach(token)

    (root,) = recorded.named(Hop.EVENT)
    assert root.parent is not None
    assert (root.parent.trace_id, root.parent.span_id) == (1, 2)
    assert [(link.context.trace_id, link.context.span_id) for link in root.links] == [(TRACE, SPAN)]


async def test_jobs_and_what_they_tell_belong_to_the_trace_of_their_event(recorded: Recording) -> None:
    """Each job is done by another process, which knows nothing but the message."""
    world = build_world()
    world.cluster.generation = Driver.V1_6_ROTATING
    await world.deliver(world.rotate("after"))
    world.cluster.mounts["shop"] = [build_mount(world.newest())]
    await world.work_all()

    (root,) = recorded.named(Hop.EVENT)
    jobs = recorded.named(Hop.JOB)
    assert len(jobs) >= 2
    assert {one.parent.span_id for one in jobs if one.parent} == {root.context.span_id}
    assert world.told(NoticeType.TARGET_CONVERGED)
    assert {trace_id for trace_id, _ in sent(world)} == {f"{root.context.trace_id:032x}"}
    assert {one.context.trace_id for one in recorded.spans} == {root.context.trace_id}


async def test_what_a_sweep_found_belongs_to_the_trace_of_the_sweep(recorded: Recording) -> None:
    world = build_world()
    world.vault.put("db-password", "after", created=NOW)
    await world.sweep()
    await world.work_all()

    (root,) = recorded.named(Hop.SWEEP)
    assert {one.context.trace_id for one in recorded.spans} == {root.context.trace_id}
    assert [one.name for one in recorded.spans].count(Hop.JOB) >= 1


async def test_without_an_sdk_the_trace_of_an_event_is_passed_on_as_it_came() -> None:
    world = build_world()
    world.vault.script.fail("read", TransientError("down", reason=Reason.VAULT_UNREACHABLE))
    await world.deliver(traced(world.rotate("after")))
    world.heal()
    await world.work_all()

    assert world.bus.kept
    assert {json.loads(one.body)["traceparent"] for one in world.bus.kept.values()} == {PARENT}


async def test_without_an_sdk_nothing_says_that_it_is_traced() -> None:
    world = build_world()

    await world.deliver(world.rotate("after"))

    assert world.bus.kept
    assert not [one for one in world.bus.kept.values() if b"traceparent" in one.body or one.trace]


@pytest.mark.parametrize(
    "parent",
    [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        7,
        None,
        "",
    ],
)
async def test_a_trace_that_cannot_be_read_costs_nothing_but_itself(parent: object) -> None:
    world = build_world()
    payload = json.dumps({**json.loads(world.rotate("after")), "traceparent": parent, "tracestate": "a\nb"})

    await world.deliver(payload)

    assert len(world.told()) == 1
    assert not [one for one in world.bus.kept.values() if one.trace]


async def test_an_unreadable_state_is_dropped_and_the_trace_kept() -> None:
    world = build_world()
    payload = json.dumps({**json.loads(world.rotate("after")), "traceparent": PARENT, "tracestate": "a\nb"})

    await world.deliver(payload)

    assert {(one.trace.parent, one.trace.state) for one in world.bus.kept.values() if one.trace} == {(PARENT, "")}


async def test_a_failure_marks_its_hop_by_its_reason(recorded: Recording) -> None:
    world = build_world()
    world.vault.script.fail("read", TransientError("down", reason=Reason.VAULT_UNREACHABLE))

    await world.deliver(world.rotate("after"))

    failed = [one for one in recorded.spans if one.status.status_code is StatusCode.ERROR]
    assert {(one.name, (one.attributes or {})["error.type"]) for one in failed} == {(Hop.READ, "vault-unreachable")}
    (root,) = recorded.named(Hop.EVENT)
    assert (root.attributes or {})["keyvault_fanout.result"] == "postponed"
    assert all(isinstance(one, RefreshJob) for one in world.queue.waiting.values())


async def test_an_event_that_comes_again_is_marked_as_failed(recorded: Recording) -> None:
    world = build_world()
    world.queue.script.fail("schedule", TransientError("down", reason=Reason.QUEUE_UNREACHABLE))
    world.vault.script.fail("read", TransientError("down", reason=Reason.VAULT_UNREACHABLE))

    with pytest.raises(ExceptionGroup):
        await world.deliver(world.rotate("after"))

    (root,) = recorded.named(Hop.EVENT)
    assert root.status.status_code is StatusCode.ERROR


async def test_what_an_event_is_about_is_in_attributes_and_not_in_names(recorded: Recording) -> None:
    world = build_world()

    await world.deliver(build_payload(world.newest()))

    (root,) = recorded.named(Hop.EVENT)
    attributes = dict(root.attributes or {})
    assert attributes["keyvault_fanout.object.name"] == "db-password"
    assert attributes["keyvault_fanout.object.version"] == world.newest()
    assert attributes["cloudevents.event_id"] == f"event-of-{world.newest()}"
    assert attributes["messaging.system"] == "eventgrid"
    assert {one.name for one in recorded.spans} <= set(Hop)

"""Event Grid's dead letters in a real blob store: listed, handed to the flow, removed."""

import asyncio
from collections.abc import Sequence

from azure.storage.blob import ContentSettings

from devstack.eventgrid import Schema
from fanout.deadletters import event_replay, events
from fanout.deadletters.container import Container
from fanout.deadletters.event_replay import EventReplay, Handle
from fanout.deadletters.verdict import Outcome, Verdict
from tests.operator.letters import KNOWN, QUIET, Flow, Store, documents, event, statuses


async def replay(container: Container, handle: Handle | None, names: Sequence[str] = ()) -> list[Outcome]:
    """Run a replay and return what became of each blob."""
    run = EventReplay(container=container, known=KNOWN, handle=handle, progress=QUIET, outcomes=[])
    await run.run(names)
    return run.outcomes


async def test_a_list_says_what_is_there_and_takes_nothing(store: Store, container: Container) -> None:
    await store.put("SUB/2026/a.json", documents(event("secret1", "v1"), schema=Schema.CLOUD_EVENTS))
    await store.put("SUB/2026/b.json", documents(event("secret2", "v2"), event("secret3", "v3")))

    letters = await event_replay.listed(container, KNOWN, QUIET)

    assert [(letter.id, [one.object for one in letter.events]) for letter in letters] == [
        ("SUB/2026/a.json", ["kv-demo/secret/secret1"]),
        ("SUB/2026/b.json", ["kv-demo/secret/secret2", "kv-demo/secret/secret3"]),
    ]
    assert await store.names() == ["SUB/2026/a.json", "SUB/2026/b.json"]


async def test_every_event_is_handled_and_then_its_blob_is_removed(store: Store, container: Container) -> None:
    await store.put("a", documents(event("secret1"), event("secret2")))
    await store.put("b", documents(event("secret3"), schema=Schema.CLOUD_EVENTS))
    flow = Flow()

    outcomes = await replay(container, flow.handle)

    assert statuses(outcomes) == {"a": "replayed", "b": "replayed"}
    assert sorted(flow.handled) == ["secret1", "secret2", "secret3"]
    assert await store.names() == []


async def test_a_blob_with_an_event_that_failed_stays_and_holds_up_nobody(store: Store, container: Container) -> None:
    await store.put("a", documents(event("bad"), event("secret2")))
    await store.put("b", documents(event("secret3")))
    flow = Flow(failing={"bad"})

    outcomes = await replay(container, flow.handle)

    assert statuses(outcomes) == {"a": "stays", "b": "replayed"}
    assert sorted(flow.handled) == ["secret2", "secret3"]
    (text,) = [one.text for one in outcomes if one.id == "a"]
    assert text == (
        "1 of 2 events handled; bad: no answer. "
        "Give the app's identity the role Azure Service Bus Data Sender on the queue."
    )
    assert await store.names() == ["a"]


async def test_what_failed_can_be_replayed_when_it_is_mended(store: Store, container: Container) -> None:
    await store.put("a", documents(event("bad")))
    await replay(container, Flow(failing={"bad"}).handle)

    assert statuses(await replay(container, Flow().handle)) == {"a": "replayed"}


async def test_the_text_of_an_unforeseen_fault_is_not_shown(store: Store, container: Container) -> None:
    await store.put("a", documents(event("odd")))

    (outcome,) = await replay(container, Flow(broken={"odd"}).handle)

    assert outcome.status == "stays"
    assert "RuntimeError" in outcome.text
    assert "quote" not in outcome.text


async def test_a_dry_run_hands_over_and_removes_nothing(store: Store, container: Container) -> None:
    await store.put("a", documents(event()))
    await store.put("other", documents(event(vault="kv-other")))

    assert statuses(await replay(container, None)) == {"a": "would be replayed", "other": "left alone"}
    assert await store.names() == ["a", "other"]


async def test_only_the_blobs_that_are_named_are_replayed(store: Store, container: Container) -> None:
    for name in ("a", "b", "c"):
        await store.put(name, documents(event(name)))
    flow = Flow()

    outcomes = await replay(container, flow.handle, ["b", "b", "nowhere"])

    assert statuses(outcomes) == {"b": "replayed", "nowhere": "not found"}
    assert [one.failed for one in sorted(outcomes, key=lambda one: one.id)] == [False, True]
    assert flow.handled == ["b"]
    assert await store.names() == ["a", "c"]


async def test_hostile_blobs_are_listed_as_what_they_are_and_left_alone(store: Store, container: Container) -> None:
    bomb = b"\x1f\x8b" + b"\0" * 1000
    await store.put_many(
        {
            "deep": b"[" * 1_000_000,
            "empty": b"",
            "foreign": documents(event(vault="kv-other")),
            "huge": b" " * (events.LARGEST + 1),
            "name\u202e\x9b2J": documents(event(vault="kv-other")),
            "picture": bytes(range(256)) * 100,
            "z-good": documents(event("secret1")),
        }
    )
    await store.put("bomb", bomb, content_settings=ContentSettings(content_encoding="gzip"))
    flow = Flow()

    letters = await event_replay.listed(container, KNOWN, QUIET)
    outcomes = await replay(container, flow.handle)

    assert {letter.id: letter.verdict for letter in letters} == {
        "bomb": Verdict.MALFORMED,
        "deep": Verdict.MALFORMED,
        "empty": Verdict.MALFORMED,
        "foreign": Verdict.FOREIGN,
        "huge": Verdict.HUGE,
        "name\u202e\x9b2J": Verdict.FOREIGN,
        "picture": Verdict.MALFORMED,
        "z-good": Verdict.OURS,
    }
    replayed = statuses(outcomes)
    assert replayed.pop("z-good") == "replayed"
    assert set(replayed.values()) == {"left alone"}
    assert not any(one.failed for one in outcomes)
    assert flow.handled == ["secret1"]
    assert len(await store.names()) == 7


async def test_what_is_not_ours_fails_where_it_was_asked_for(store: Store, container: Container) -> None:
    await store.put("foreign", documents(event(vault="kv-other")))
    await store.put("huge", b" " * (events.LARGEST + 1))

    outcomes = await replay(container, Flow().handle, ["foreign", "huge"])

    assert statuses(outcomes) == {"foreign": "left alone", "huge": "left alone"}
    assert all(one.failed for one in outcomes)


async def test_of_a_blob_that_is_partly_ours_ours_is_handled_and_the_blob_stays(
    store: Store, container: Container
) -> None:
    await store.put("mixed", documents(event("secret1"), event(vault="kv-other")))
    flow = Flow()

    (outcome,) = await replay(container, flow.handle)

    assert (outcome.status, flow.handled) == ("stays", ["secret1"])
    assert outcome.text == "1 of 2 events handled; 1 of 2 events are not ours or malformed"
    assert await store.names() == ["mixed"]


async def test_five_hundred_blobs_come_page_by_page(store: Store, container: Container) -> None:
    names = [f"{number:03}" for number in range(500)]
    await store.put_many({name: documents(event(f"secret{name}")) for name in names})
    flow = Flow(failing={"secret250"})

    letters = await event_replay.listed(container, KNOWN, QUIET)
    outcomes = await replay(container, flow.handle)

    assert [letter.id for letter in letters] == names
    assert sorted(flow.handled) == [f"secret{name}" for name in names if name != "250"]
    assert [one.id for one in outcomes if one.failed] == ["250"]
    assert await store.names() == ["250"]


async def test_two_replays_at_once_end_well_and_leave_nothing(store: Store, container: Container) -> None:
    names = [f"{number:02}" for number in range(40)]
    await store.put_many({name: documents(event(f"secret{name}")) for name in names})
    flow = Flow()

    first, second = await asyncio.gather(replay(container, flow.handle), replay(container, flow.handle))

    assert [one for one in (*first, *second) if one.failed] == []
    assert set(flow.handled) == {f"secret{name}" for name in names}
    assert await store.names() == []


async def test_a_blob_that_was_written_again_meanwhile_stays(store: Store, container: Container) -> None:
    await store.put("a", documents(event("secret1")))
    flow = Flow()

    async def slow(payload: str) -> None:
        await store.put("a", documents(event("secret2")))
        await flow.handle(payload)

    (outcome,) = await replay(container, slow)

    assert (outcome.status, outcome.text) == ("stays", "handled, but not removed: it was written again meanwhile")
    assert statuses(await replay(container, flow.handle)) == {"a": "replayed"}
    assert flow.handled == ["secret1", "secret2"]


async def test_a_blob_that_somebody_leased_stays(store: Store, container: Container) -> None:
    await store.put("a", documents(event()))
    lease = await store.client.get_blob_client("a").acquire_lease(15)

    (outcome,) = await replay(container, Flow().handle)
    await lease.release()

    assert outcome.status == "stays"
    assert outcome.text == "handled, but not removed: the blob store answers 412 LeaseIdMissing"


async def test_the_folders_of_a_hierarchical_namespace_are_not_listed(store: Store, container: Container) -> None:
    await store.put("SUB", b"", metadata={"hdi_isfolder": "true"})

    assert await event_replay.listed(container, KNOWN, QUIET) == []

"""The job queue's dead letters in a real broker: looked at, put back, removed."""

import asyncio
from collections.abc import Sequence

from azure.servicebus import ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage

from devstack.faults import Fault
from devstack.servicebus import Operation
from fanout.deadletters import job_replay
from fanout.deadletters.job_replay import JobReplay
from fanout.deadletters.jobs import JobLetter
from fanout.deadletters.verdict import Outcome, Verdict
from shared import job
from tests.operator.letters import DEAD_LETTERS, KNOWN, NOW, QUEUE, QUIET, Bench, check, refresh, statuses, until


async def listed(bench: Bench) -> list[JobLetter]:
    """Return what is there."""
    queue = bench.edge()
    try:
        return await job_replay.listed(queue, KNOWN, QUIET)
    finally:
        await queue.aclose()


async def replay(bench: Bench, names: Sequence[str] = (), *, dry: bool = False) -> list[Outcome]:
    """Run a replay and return what became of each dead letter."""
    queue = bench.edge()
    run = JobReplay(queue=queue, known=KNOWN, dry=dry, progress=QUIET, outcomes=[], now=lambda: NOW)
    try:
        await run.run(names)
    finally:
        await queue.aclose()
    return run.outcomes


async def test_a_list_says_what_is_there_and_takes_nothing(bench: Bench) -> None:
    await bench.bury(refresh(), check(), b"no job")

    letters = await listed(bench)

    assert [(letter.verdict, letter.job) for letter in letters] == [
        (Verdict.OURS, refresh()),
        (Verdict.OURS, check()),
        (Verdict.MALFORMED, None),
    ]
    assert {(letter.dead.reason, letter.dead.description) for letter in letters} == {("given up", "tried for a day")}
    assert [(message.locked, message.delivery_count) for message in bench.dead] == [(False, 0)] * 3


async def test_a_host_that_fails_too_often_makes_a_dead_letter_that_is_listed(bench: Bench) -> None:
    await bench.put(refresh())
    for _ in range(2):
        (message,) = await bench.receiver.receive_messages(max_wait_time=5)
        await bench.receiver.abandon_message(message)
    await until(lambda: len(bench.dead) == 1)

    (letter,) = await listed(bench)

    assert letter.dead.reason == "MaxDeliveryCountExceeded"
    assert letter.verdict is Verdict.OURS


async def test_a_dead_letter_becomes_a_fresh_job_and_is_gone(bench: Bench) -> None:
    await bench.bury(refresh(), check())

    outcomes = await replay(bench)

    assert set(statuses(outcomes).values()) == {"replayed"}
    assert [one.cause for one in bench.waiting] == [refresh().cause, check().cause]
    assert [(one.began, one.due, getattr(one, "gave_up", "")) for one in bench.waiting] == [(NOW, NOW, "")] * 2
    assert not bench.dead


async def test_the_queue_does_not_take_a_replay_for_the_job_that_died(bench: Bench) -> None:
    """A check keeps all that its id is made of, and the queue still remembers it."""
    await bench.bury(check())
    await replay(bench)

    (first,) = bench.waiting
    assert job.identify(first) == job.identify(check())


async def test_a_replay_that_fails_again_can_be_replayed_again(bench: Bench) -> None:
    await bench.bury(check())
    await replay(bench)
    await bench.give_up()

    assert set(statuses(await replay(bench)).values()) == {"replayed"}
    assert len(bench.waiting) == 1


async def test_a_crash_between_the_two_steps_leaves_both_and_a_second_replay_adds_nothing(bench: Bench) -> None:
    await bench.bury(refresh())
    bench.broker.faults.plan(_settles, Fault(drop=True), times=None)
    (outcome,) = await replay(bench)
    assert (outcome.status, outcome.failed) == ("stays", True)
    assert "the dead letter is still there" in outcome.text
    assert len(bench.dead) == len(bench.waiting) == 1
    bench.broker.faults.clear()
    bench.clock.ahead += 61

    (again,) = await replay(bench)

    assert again.status == "replayed"
    assert len(bench.waiting) == 1
    assert not bench.dead


async def test_what_cannot_be_sent_stays(bench: Bench) -> None:
    await bench.bury(refresh(), refresh("secret2"))
    bench.broker.faults.plan(_sends, Fault(condition="amqp:unauthorized-access"), times=None)

    outcomes = await replay(bench)

    assert set(statuses(outcomes).values()) == {"stays"}
    assert "Azure Service Bus Data Sender" in outcomes[0].text
    assert bench.waiting == []
    assert [message.locked for message in bench.dead] == [False, False]


async def test_what_is_no_job_of_ours_is_left_where_it_is(bench: Bench) -> None:
    first, *others = await bench.bury(b"no job", refresh("secret1"), refresh(cluster="aks-gone"), refresh("secret2"))

    outcomes = await replay(bench)

    assert statuses(outcomes) == {
        first: "left alone",
        others[0]: "replayed",
        others[1]: "left alone",
        others[2]: "replayed",
    }
    assert not any(one.failed for one in outcomes)
    assert [str(message.sequence_number) for message in bench.dead] == [first, others[1]]
    assert not any(message.locked for message in bench.dead)


async def test_what_is_not_ours_fails_where_it_was_asked_for(bench: Bench) -> None:
    (name,) = await bench.bury(refresh(vault="kv-gone"))

    (outcome,) = await replay(bench, [name])

    assert (outcome.status, outcome.text, outcome.failed) == (
        "left alone",
        "not ours: kv-gone is not in KEY_VAULTS",
        True,
    )


async def test_a_body_that_is_not_made_of_bytes_is_malformed(bench: Bench) -> None:
    await bench.sender.send_messages(AmqpAnnotatedMessage(value_body={"format": 1}))
    await bench.give_up()

    (letter,) = await listed(bench)

    assert (letter.verdict, letter.note) == (Verdict.MALFORMED, "its body is not made of bytes")


async def test_only_the_dead_letters_that_are_named_are_replayed(bench: Bench) -> None:
    names = await bench.bury(*[refresh(f"secret{number}") for number in range(60)])

    outcomes = await replay(bench, [names[57], names[3], names[57], "999999"])

    assert statuses(outcomes) == {names[57]: "replayed", names[3]: "replayed", "999999": "not found"}
    assert [one.cause.object.name for one in bench.waiting] == ["secret3", "secret57"]
    assert len(bench.dead) == 58
    assert not any(message.locked for message in bench.dead)


async def test_a_dry_run_changes_nothing(bench: Bench) -> None:
    good, bad = await bench.bury(refresh(), b"no job")

    assert statuses(await replay(bench, dry=True)) == {good: "would be replayed", bad: "left alone"}
    assert len(bench.dead) == 2
    assert bench.waiting == []


async def test_hundreds_of_dead_letters_are_replayed_in_their_order(bench: Bench) -> None:
    await bench.bury(*[refresh(f"secret{number}") for number in range(300)])

    outcomes = await replay(bench)

    assert set(statuses(outcomes).values()) == {"replayed"}
    assert [one.cause.object.name for one in bench.waiting] == [f"secret{number}" for number in range(300)]


async def test_two_replays_at_once_put_every_job_on_the_queue_once(bench: Bench) -> None:
    await bench.bury(*[refresh(f"secret{number}") for number in range(100)])

    await asyncio.gather(replay(bench), replay(bench))
    await replay(bench)

    names = [one.cause.object.name for one in bench.waiting]
    assert sorted(names) == sorted(f"secret{number}" for number in range(100))
    assert not bench.dead


async def test_what_somebody_else_holds_stays_and_says_so(bench: Bench) -> None:
    await bench.bury(refresh())
    async with (
        ServiceBusClient.from_connection_string(bench.broker.connection_string) as client,
        client.get_queue_receiver(QUEUE, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as receiver,
    ):
        await receiver.receive_messages(max_wait_time=5)

        (outcome,) = await replay(bench)

    assert (outcome.status, outcome.failed) == ("stays", True)
    assert "somebody else holds it" in outcome.text


async def test_locks_that_run_out_meanwhile_keep_nothing_back(bench: Bench) -> None:
    """What is no job is met again, before what comes after it."""
    names = await bench.bury(*[b"no job"] * 40, refresh())
    bench.broker.faults.plan(_receives_the_job, Fault(delay=0.3))
    run = asyncio.create_task(replay(bench))
    await until(lambda: sum(message.locked for message in bench.dead) == 40)
    bench.clock.ahead += 61

    outcomes = await run

    assert statuses(outcomes)[names[40]] == "replayed"
    assert len(bench.dead) == 40


def _sends(operation: Operation) -> bool:
    return operation.kind == "send" and operation.entity == QUEUE


def _receives_the_job(operation: Operation) -> bool:
    dead = operation.entity.startswith(DEAD_LETTERS.lower())
    return dead and operation.kind == "receive" and operation.message_id == job.identify(refresh())


def _settles(operation: Operation) -> bool:
    dead = operation.entity.startswith(DEAD_LETTERS.lower())
    return dead and (operation.kind == "settle" or operation.action == "update-disposition")

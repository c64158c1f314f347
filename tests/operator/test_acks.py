"""`fanout acks` as an operator runs it: who uses what, whether the old version can be revoked, hostile messages."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack import seed, stack
from devstack.faults import Fault
from devstack.keyvault.refusals import Denial
from devstack.servicebus.operations import Operation
from fanout.acks import report, roll, said
from fanout.acks.roll import Use
from fanout.acks.said import Said, Unreadable
from keyvault_fanout import Acknowledger, Bus
from tests.operator.standing import OBJECT, Standing

ABOUT = f"{stack.VAULT}/{OBJECT}"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


async def put(standing: Standing, *bodies: bytes) -> None:
    """Send messages to the queue."""
    async with (
        ServiceBusClient.from_connection_string(standing.stack.bus.connection_string) as client,
        client.get_queue_sender(stack.ACKS) as sender,
    ):
        for body in bodies:
            await sender.send_messages(ServiceBusMessage(body))


def body(version: str, instance: str = "web-0", **changes: Any) -> bytes:
    """Return an acknowledgement."""
    data = {
        "application": "shop-web",
        "instance": instance,
        "vault": stack.VAULT,
        "objectType": "secret",
        "object": seed.OBJECT,
        "version": version,
        "since": "2026-11-26T12:00:00.000Z",
    }
    return json.dumps({"specversion": "1.0", "type": said.TYPE, "data": {**data, **changes}}).encode()


async def test_what_the_client_says_is_shown_and_stays_on_the_queue(standing: Standing) -> None:
    version = standing.stack.vault.get(seed.OBJECT).version
    bus = Bus(connection_string=standing.stack.bus.connection_string)
    async with Acknowledger(bus, application="shop-web", instance="web-0") as acknowledger:
        acknowledger.using(stack.VAULT, seed.OBJECT, version)

    for _ in range(2):
        answer = await standing.run("acks", "--object", OBJECT)
        assert (answer.code, answer.err) == (0, "")
        assert "shop-web" in answer.out
        assert version in answer.out
        assert "all 1 instances that were heard of lately use the newest version" in answer.out
    assert len(standing.stack.bus.messages(stack.ACKS)) == 1


async def test_an_instance_on_the_old_version_is_named_and_the_exit_code_says_so(standing: Standing) -> None:
    old, new = standing.stack.vault.get(seed.OBJECT).version, standing.rotate()
    await put(standing, body(old), body(old, "web-1"), body(new))

    answer = await standing.run("acks", "--object", OBJECT, "--json")

    uses = {one["instance"]: one["uses"] for one in answer.document["instances"]}
    assert (answer.code, answer.document["allNewest"]) == (1, False)
    assert answer.document["newest"] == new
    assert uses == {"web-1": "old", "web-0": "newest"}, "of each instance the last word"


async def test_a_queue_that_fails_in_the_middle_promises_nothing(standing: Standing) -> None:
    """The one who is on the newest version was read; who comes after is not known."""
    await put(standing, body(standing.stack.vault.get(seed.OBJECT).version))
    looks = 0

    def second_look(operation: Operation) -> bool:
        nonlocal looks
        looks += operation.action == "peek-message"
        return looks > 1

    standing.stack.bus.faults.plan(second_look, Fault(condition="amqp:unauthorized-access"), times=None)
    said_ = await standing.run("acks", "--object", OBJECT, "--json")
    looks = 0
    told = await standing.run("acks", "--object", OBJECT)

    assert (said_.code, said_.document["allNewest"], said_.document["whole"]) == (1, False, False)
    assert len(said_.document["instances"]) == 1
    assert told.code == 1
    assert "use the newest version" not in told.out
    assert "not looked through to the end" in told.out


async def test_where_nobody_said_anything_nothing_is_promised(standing: Standing) -> None:
    answer = await standing.run("acks", "--object", OBJECT)

    assert answer.code == 1
    assert "nobody has acknowledged any version" in answer.out


async def test_what_is_no_acknowledgement_is_counted_and_moves_no_cursor(standing: Standing) -> None:
    version = standing.stack.vault.get(seed.OBJECT).version
    await put(
        standing,
        b"open sesame",
        b"[" * 5000,
        b"\xff\xfe",
        b'{"type": "com.example.other", "data": {}}',
        b'{"type": ["dev.keyvault-fanout.acknowledged.v1"]}',
        b"x" * 70_000,
        body("v", object="other", application=""),
        body("v", object="other"),
        body(version, "web\x1b[31m-0\n", since="9999-12-31T23:59:59Z"),
    )

    answer = await standing.run("acks", "--object", OBJECT)

    assert answer.code == 0
    assert "6 messages of the queue acks are no acknowledgements" in answer.out
    assert "web?[31m-0?" in answer.out
    assert "\x1b" not in answer.out
    assert "9999-12" not in answer.out


@pytest.mark.parametrize(
    "unreadable",
    [
        b'{"type": "dev.keyvault-fanout.acknowledged.v2", "data": {}}',
        body("v", application=""),
        body("v", since="yesterday"),
        body(""),
        body("v", objectType="certificate"),
        body("v" * 70_000),
        body("v")[:-5],
        b"",
    ],
    ids=["a newer version", "nobody's", "no time", "no version", "no type", "huge", "cut off", "no bytes"],
)
async def test_an_acknowledgement_that_cannot_be_read_promises_nothing(standing: Standing, unreadable: bytes) -> None:
    """It may be the word of somebody who uses the old version."""
    await put(standing, body(standing.stack.vault.get(seed.OBJECT).version), unreadable)

    answer = await standing.run("acks", "--object", OBJECT, "--json")

    assert (answer.code, answer.document["allNewest"], answer.document["unreadable"]) == (1, False, 1)
    assert answer.document["whole"] is True


def test_what_cannot_be_read_is_said_unless_somebody_is_behind_anyway() -> None:
    def verdict(*said_: Said | Unreadable) -> str:
        return report.verdict(roll.call(ABOUT, "v2", said_, now=NOW, within=timedelta(minutes=30)))

    assert "1 acknowledgements cannot be read" in verdict(heard("v2", "web-0"), Unreadable(about=ABOUT))
    assert "do not revoke" in verdict(heard("v1", "web-0"), Unreadable())
    assert "all 1 instances" in verdict(heard("v2", "web-0"), Unreadable(about="kv-demo/secret/other"))


def test_a_certificate_and_its_secret_are_one_thing() -> None:
    """Their versions have the same ids, and an application may say either."""
    about = f"{stack.VAULT}/cert/www"
    said_ = [
        replace(heard("v2", "web-0"), about=about),
        replace(heard("v1", "web-1"), about=f"{stack.VAULT}/secret/www"),
    ]

    for asked in (about, f"{stack.VAULT}/secret/www"):
        assert roll.call(asked, "v2", said_, now=NOW, within=timedelta(minutes=30)).behind == 1
    assert roll.call(f"{stack.VAULT}/key/www", "v2", said_, now=NOW, within=timedelta(minutes=30)).entries == []


async def test_a_queue_or_a_vault_that_cannot_be_looked_at_is_an_error(standing: Standing) -> None:
    standing.stack.vault.rights = lambda *_: Denial.RBAC
    standing.stack.bus.faults.plan(
        lambda one: one.kind == "attach", Fault(condition="amqp:unauthorized-access"), times=None
    )

    answer = await standing.run("acks", "--object", OBJECT, "--queue", "nowhere")

    assert answer.code == 1
    assert "nowhere" in answer.err
    assert "its versions cannot be listed" in answer.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--object", "secret"], "--object: expected secret/NAME"),
        (["--object", OBJECT, "--within", "0.5"], "--within is wrong"),
        (["--object", OBJECT, "--queue", " "], "--queue: expected"),
    ],
)
async def test_wrong_usage_is_named(standing: Standing, arguments: list[str], told: str) -> None:
    answer = await standing.run("acks", *arguments)

    assert answer.code == 2
    assert told in answer.err


def heard(version: str, instance: str, *, minutes: float = 0) -> Said:
    """Return what an instance said so long ago."""
    at = NOW - timedelta(minutes=minutes)
    return Said(about=ABOUT, application="shop-web", instance=instance, version=version, since=at, at=at)


@pytest.mark.parametrize(("last", "all_newest"), [("v2", True), ("v1", False)])
def test_who_is_silent_holds_up_a_revocation_only_where_his_last_word_was_an_old_version(
    last: str,
    all_newest: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """He may have gone, or only have lost the bus."""
    said_ = [heard(last, "quiet", minutes=31), heard("v2", "web-0", minutes=29)]

    called = roll.call(ABOUT, "v2", said_, now=NOW, within=timedelta(minutes=30))

    assert [(one.said.instance, one.use) for one in called.entries] == [("quiet", Use.SILENT), ("web-0", Use.NEWEST)]
    assert called.all_newest is all_newest
    assert ("use the newest version" in report.verdict(called)) is all_newest


def test_a_roll_that_is_not_whole_promises_nothing() -> None:
    called = roll.call(ABOUT, "v2", [heard("v2", "web-0")], now=NOW, within=timedelta(minutes=30), whole=False)

    assert not called.all_newest
    assert "not looked through to the end" in report.verdict(called)


def test_the_later_word_counts_in_whatever_order_it_is_read() -> None:
    said_ = [heard("v2", "web-0", minutes=1), heard("v1", "web-0", minutes=5)]

    called = roll.call(ABOUT, "v2", said_, now=NOW, within=timedelta(minutes=30))

    assert [one.said.version for one in called.entries] == ["v2"]


@pytest.mark.parametrize(
    ("newest", "said_"), [("", [heard("v1", "web-0")]), ("v1", [heard("v1", "web-0", minutes=99)])]
)
def test_nothing_is_promised_without_a_newest_version_or_a_living_instance(newest: str, said_: list[Said]) -> None:
    assert not roll.call(ABOUT, newest, said_, now=NOW, within=timedelta(minutes=30)).all_newest

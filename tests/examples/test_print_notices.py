"""examples/print_notices: one line for each notice."""

import json
import signal
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contract.samples import samples
from keyvault_fanout import Notice, NoticeType, parse
from print_notices.wording import line
from tests.client.notices import SUBSCRIPTION, TOPIC, message, near_expiry, new_version, refreshed, topic
from tests.examples.program import run

SAID = {
    "object.new-version": "has a new version, held back until 23 Nov 13:00 UTC",
    "object.near-expiry": "expires on 23 Dec 2026",
    "object.expired": "has expired",
    "target.refreshed": "is in prod-weu/shop/web-secret",
    "target.converged": "is shown by every pod that mounts prod-weu/shop/web-secret",
    "target.failed": (
        "did not get to prod-weu/shop/web-secret: old bytes were put back 4 times. "
        "Look for another writer of the Secret (its managedFields); it puts old bytes back"
    ),
}


@pytest.mark.parametrize("kind", NoticeType, ids=str)
def test_each_type_of_notice_is_a_sentence(kind: NoticeType) -> None:
    said = line(_sample(kind))

    assert said.endswith(f"  secret db-password of kv-shop {SAID[kind]} (version 5f2c9a1e)")


def test_control_characters_reach_no_terminal() -> None:
    told = _sample(NoticeType.TARGET_FAILED)
    hostile = replace(told, data={**told.data, "detail": "a\x1b[2Jb\nc\u202ed"})

    assert ": a?[2Jb?c?d. " in line(hostile)


async def test_it_prints_what_is_told_about_an_object_and_ends_when_it_is_interrupted() -> None:
    async with topic() as (broker, sender):
        environment = {"SERVICE_BUS": broker.connection_string, "TOPIC": TOPIC, "SUBSCRIPTION": SUBSCRIPTION}
        async with run("print_notices", environment | {"OBJECT": "db-password"}) as program:
            await program.says("listening")
            soon = near_expiry("v1", expires=datetime(2027, 1, 5, tzinfo=UTC))
            told = [new_version("v1"), soon, refreshed("v2")]
            await sender.send_messages([message(one) for one in told])
            await program.says("is in aks-one/shop/web-secret (version v2)")

            assert await program.end(signal.SIGINT) == 0

    assert [said.partition("  ")[2] for said in program.said[1:]] == [
        "secret db-password of kv-shop has a new version (version v1)",
        "secret db-password of kv-shop expires on 05 Jan 2027 (version v1)",
        "secret db-password of kv-shop is in aks-one/shop/web-secret (version v2)",
    ]


async def test_a_variable_that_is_missing_is_named() -> None:
    async with run("print_notices", {"SERVICE_BUS": "Endpoint=sb://127.0.0.1;SharedAccessKey=a"}) as program:
        assert await program.ended() == 1

    assert program.said == ["the environment variable TOPIC is missing"]


def _sample(kind: NoticeType) -> Notice:
    notice = parse(json.dumps(samples()[kind].event).encode())
    assert isinstance(notice, Notice)
    return notice

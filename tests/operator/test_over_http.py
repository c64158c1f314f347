"""What the app's HTTP face does with a question that is slow, or fails in a way that nobody foresaw."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from fanout.over_http import Operator, Question
from fanout.subcommand import Command

VALUE = "PLANTED-7c1e-value"


class Slow:
    """A run that lasts as long as a test wants."""

    code = 0

    def __init__(self, last: Callable[[], Awaitable[object]]) -> None:
        self._last = last

    async def do(self) -> None:
        """Last."""
        await self._last()

    def text(self) -> str:
        """Return a document."""
        return "{}"


def operator(last: Callable[[], Awaitable[object]], *, seconds: float = 60, at_once: int = 1) -> Operator:
    """Return a face with one question, which lasts."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def prepare(parsed: argparse.Namespace, mapping: Mapping[str, str]) -> Slow:
        del parsed, mapping
        return Slow(last)

    command = Command(name="slow", about="last", add_arguments=add_arguments, prepare=prepare)
    return Operator({}, looks={"slow": Question(command=command)}, seconds=seconds, at_once=at_once)


async def test_more_questions_than_one_process_works_on_are_sent_away_until_one_is_answered() -> None:
    go = asyncio.Event()
    asked = operator(go.wait, at_once=2)
    working = [asyncio.create_task(asked.look("slow", {})) for _ in range(2)]
    await asyncio.sleep(0)

    refused = await asked.look("slow", {})
    go.set()
    answered = [one["status_code"] for one in await asyncio.gather(*working)]

    assert (refused["status_code"], refused["headers"]["Retry-After"]) == (429, "10")
    assert answered == [200, 200]
    assert (await asked.look("slow", {}))["status_code"] == 200


async def test_what_takes_too_long_is_ended_and_makes_room_for_the_next() -> None:
    asked = operator(asyncio.Event().wait, seconds=0)

    for _ in range(2):
        answer = await asked.look("slow", {})
        assert (answer["status_code"], answer["mimetype"]) == (504, "application/problem+json")
        assert "was not done within 0 seconds" in json.loads(answer["body"])["detail"]


async def test_a_fault_that_nobody_foresaw_is_told_without_its_text() -> None:
    async def fail() -> None:
        raise KeyError(VALUE)

    answer = await operator(fail).look("slow", {})

    assert (answer["status_code"], answer["headers"]["Cache-Control"]) == (500, "no-store")
    assert "KeyError" in answer["body"]
    assert VALUE not in answer["body"]

"""What a person and a machine read: nothing in it moves a cursor, and nothing that did not parse is in it."""

import asyncio
import io
import itertools
import json

from fanout import table
from fanout.deadletters import events, jobs, report
from fanout.deadletters.jobs import Dead
from fanout.deadletters.verdict import Outcome, Status, exit_code
from fanout.progress import Progress
from shared import job_message
from tests.operator.letters import BEGAN, KNOWN, documents, event, refresh

ESCAPE = "\x1b]0;owned\x07\u202e"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Answer the time."""
        return self.now


def test_a_blob_is_told_event_by_event() -> None:
    content = json.dumps(documents(event("secret1", "v1"), event("secret2", "v2"), attempts=4)).encode()

    lines = report.event_lines([events.read("SUB/a.json", content, KNOWN)], "dead-letters")

    assert lines[0] == "Event Grid, container dead-letters: 1 blob"
    assert lines[2].split() == ["ID", "WHEN", "REASON", "ATTEMPTS", "LAST", "OUTCOME", "TYPE", "OBJECT", "VERSION"]
    assert lines[4].split() == [
        "SUB/a.json",
        "2026-09-21",
        "15:13:20",
        "MaxDeliveryAttemptsExceeded",
        "4",
        "InternalServerError",
        "SecretNewVersionCreated",
        "kv-demo/secret/secret2",
        "v2",
    ]


def test_a_dead_letter_of_the_queue_is_told_with_its_job() -> None:
    dead = Dead(
        sequence=17,
        body=job_message.compose(refresh()),
        reason="given up",
        description="tried",
        deliveries=1,
        enqueued=BEGAN,
    )

    lines = report.job_lines([jobs.read(dead, KNOWN)], "jobs")

    for text in ("17", "refresh", "aks-1", "kv-demo/secret/secret1", "v1", "shop/app-secret, web/tls", "7"):
        assert text in lines[3]
    assert "cluster-unreachable" in lines[3]


def test_foreign_texts_cannot_move_the_cursor() -> None:
    (document,) = documents(event())
    hostile = document | {"deadLetterReason": ESCAPE, "lastDeliveryOutcome": ESCAPE * 100, "eventType": ESCAPE}
    dead = Dead(sequence=1, body=b"", reason=ESCAPE, description=ESCAPE * 100, deliveries=0, enqueued=None)
    letters = [events.read(ESCAPE, json.dumps(hostile).encode(), KNOWN)]
    bad = [jobs.read(dead, KNOWN)]

    texts = [
        *report.event_lines(letters, ESCAPE),
        *report.job_lines(bad, "jobs"),
        *report.outcome_lines([Outcome(source="event", id=ESCAPE, status=Status.STAYS, text=ESCAPE)]),
        report.as_json({"events": [report.event_json(letters[0])], "jobs": [report.job_json(bad[0])]}),
    ]

    for text in texts:
        assert all(character.isprintable() or character == "\n" for character in text)


def test_an_id_is_exact_for_a_machine() -> None:
    letter = events.read(ESCAPE, b"", KNOWN)

    assert json.loads(report.as_json(report.event_json(letter)))["id"] == ESCAPE


def test_an_id_is_whole_for_a_person_and_other_cells_are_cut() -> None:
    lines = table.lines(("ID", "TEXT"), [("i" * 1000, "t" * 1000)])

    assert "i" * 1000 in lines[1]
    assert "t" * 121 not in lines[1]


def test_dead_letters_that_are_not_there_are_told_as_well() -> None:
    assert report.event_lines([], "dead-letters") == ["Event Grid, container dead-letters: no dead letters"]
    assert report.job_lines([], "jobs") == ["Service Bus, queue jobs: no dead letters"]
    assert report.outcome_lines([]) == ["no dead letters"]


def test_a_replay_ends_with_a_sum() -> None:
    outcomes = [Outcome(source="job", id=str(number), status=Status.REPLAYED) for number in range(3)]
    outcomes.append(Outcome(source="event", id="a", status=Status.STAYS, text="why"))

    assert report.outcome_lines(outcomes)[-1] == "3 replayed, 1 stays"


def test_the_exit_code_is_1_where_something_that_was_asked_for_is_not_done() -> None:
    def code(status: Status, *, named: bool = False) -> int:
        return exit_code([Outcome(source="event", id="a", status=status, named=named)], [])

    assert [code(status) for status in Status] == [0, 0, 0, 0, 1, 1]
    assert [code(status, named=True) for status in Status] == [0, 0, 0, 1, 1, 1]
    assert exit_code([], ["the container cannot be reached"]) == 1


def test_progress_is_silent_for_a_second_and_one_line_on_a_terminal() -> None:
    clock, terminal = Seconds(), Terminal()
    progress = Progress(terminal, clock=clock)
    for number in range(30):
        clock.now = number / 10
        progress.tell(f"{number} read")
    progress.end()

    shown = terminal.getvalue()
    assert shown.startswith("\r10 read")
    assert "\n" not in shown
    assert shown.count(" read") == 4
    assert shown.endswith("\r\033[K")


def test_progress_elsewhere_is_a_line_now_and_then() -> None:
    clock, stream = Seconds(), io.StringIO()
    progress = Progress(stream, clock=clock)
    for number in range(30):
        clock.now = float(number)
        progress.tell(f"{number} read")
    progress.end()

    assert stream.getvalue() == "10 read\n20 read\n"


async def test_what_is_awaited_is_told_again_and_again_on_a_terminal_and_taken_away_at_the_end() -> None:
    told, steps, terminal = asyncio.Event(), itertools.count(), Terminal()

    def say() -> str:
        told.set()
        return "looking"

    async with Progress(terminal, clock=lambda: float(next(steps))).during(say):
        await told.wait()

    assert "\rlooking" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")

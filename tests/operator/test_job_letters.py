"""What a dead letter of the job queue says, and the fresh job that it becomes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout.deadletters import jobs
from fanout.deadletters.jobs import Dead, JobLetter
from fanout.deadletters.verdict import Verdict
from shared import job, job_message
from shared.job import CheckJob, Job, RefreshJob
from tests.operator.letters import BEGAN, KNOWN, NOW, cause, check, refresh


def read(body: bytes | None) -> JobLetter:
    """Read a message."""
    dead = Dead(sequence=7, body=body, reason="r", description="d", deliveries=10, enqueued=BEGAN)
    return jobs.read(dead, KNOWN)


def test_a_job_is_ours() -> None:
    letter = read(job_message.compose(refresh()))

    assert (letter.id, letter.verdict, letter.job) == ("7", Verdict.OURS, refresh())


@pytest.mark.parametrize("body", [None, b"", b"[" * 100_000, b"{}", b'{"format": 2}', b"x" * 300_000])
def test_what_is_no_job_is_malformed(body: bytes | None) -> None:
    letter = read(body)

    assert (letter.verdict, letter.job) == (Verdict.MALFORMED, None)
    assert letter.note


@pytest.mark.parametrize(
    ("found", "note"),
    [
        (refresh(cluster="aks-gone"), "aks-gone is not in CLUSTERS"),
        (refresh(vault="kv-gone"), "kv-gone is not in KEY_VAULTS"),
    ],
)
def test_a_job_that_a_worker_would_end_unseen_is_not_ours(found: Job, note: str) -> None:
    letter = read(job_message.compose(found))

    assert (letter.verdict, letter.note) == (Verdict.FOREIGN, note)


def test_a_job_about_the_object_itself_has_no_cluster_and_is_ours() -> None:
    assert read(job_message.compose(refresh(cluster=""))).verdict is Verdict.OURS


def test_a_fresh_job_is_due_now_with_all_its_time_before_it() -> None:
    fresh = jobs.renewed(refresh(), NOW)

    assert isinstance(fresh, RefreshJob)
    assert (fresh.began, fresh.due, fresh.gave_up) == (NOW, NOW, "")
    assert (fresh.cause, fresh.targets) == (cause(), refresh().targets)


def test_a_fresh_job_keeps_its_count_so_that_its_next_attempt_has_an_id_of_its_own() -> None:
    """The attempts before it were sent within the queue's two days of duplicate detection."""
    before = {job.identify(replace(refresh(attempt=number), gave_up="")) for number in range(8)}

    fresh = jobs.renewed(refresh(attempt=7), NOW)
    following = replace(fresh, attempt=fresh.attempt + 1)

    assert job.identify(following) not in before


def test_attempts_are_counted_anew_before_they_pass_what_a_job_may_say() -> None:
    assert jobs.renewed(refresh(attempt=499), NOW).attempt == 499
    assert jobs.renewed(refresh(attempt=500), NOW).attempt == 0


@pytest.mark.parametrize("dead", [refresh(), check()])
def test_the_id_of_a_replay_is_new_for_each_dead_letter_and_the_same_each_time(dead: Job) -> None:
    fresh, later = jobs.renewed(dead, NOW), jobs.renewed(dead, BEGAN)

    assert jobs.identify(fresh, 1) == jobs.identify(later, 1)
    assert len({jobs.identify(fresh, 1), jobs.identify(fresh, 2), job.identify(fresh), job.identify(dead)}) == (
        4 if isinstance(dead, RefreshJob) else 3
    )


def test_targets_are_told_by_namespace_and_name() -> None:
    assert jobs.targets(refresh()) == ["shop/app-secret", "web/tls"]
    assert jobs.targets(check()) == ["shop/app-secret"]
    assert (jobs.kind(refresh()), jobs.kind(check())) == ("refresh", "check")


def test_a_check_of_mounts_alone_is_told_as_such() -> None:
    (watched,) = check().watched
    mounts = CheckJob(cause=cause(), cluster="aks-1", began=BEGAN, due=BEGAN, watched=(replace(watched, secret=""),))

    assert jobs.targets(mounts) == ["shop/(mounts)"]


@given(body=st.binary())
def test_no_message_makes_reading_fail(body: bytes) -> None:
    assert read(body).verdict is Verdict.MALFORMED

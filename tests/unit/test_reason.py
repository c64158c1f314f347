"""The closed list of reasons: each that a person must act on says how."""

import pytest

from shared.outcome import TELLING
from shared.reason import REMEDIES, Reason, remedy

CONFIGURATION = {
    *(reason for reason in Reason if reason.endswith(("-forbidden", "-firewall", "-unauthenticated"))),
    Reason.TOPIC_NOT_FOUND,
    Reason.TOPIC_REFUSED,
    Reason.QUEUE_NOT_FOUND,
    Reason.QUEUE_REFUSED,
}
"""The reasons of `ConfigurationError`s, which are logged with their remedy."""

RESTARTS = {Reason.WORKLOAD_PAUSED, Reason.WORKLOAD_ON_DELETE, Reason.RESTART_OVERDUE}
"""The reasons for which a workload goes on with old bytes until somebody restarts it."""


@pytest.mark.parametrize("reason", sorted(TELLING | CONFIGURATION | RESTARTS))
def test_what_somebody_must_act_on_has_a_remedy(reason: Reason) -> None:
    assert remedy(reason).endswith(".")


@pytest.mark.parametrize(
    "reason",
    [reason for reason in Reason if reason.endswith(("-throttled", "-unreachable", "-conflict", "-behind"))]
    + [Reason.UNCONCERNED, Reason.PINNED, Reason.DEADLINE],
)
def test_a_reason_that_passes_by_itself_or_is_right_has_none(reason: Reason) -> None:
    assert remedy(reason) == ""
    assert reason not in TELLING


@pytest.mark.parametrize("reason", REMEDIES)
def test_a_remedy_is_one_line_of_plain_text(reason: Reason) -> None:
    assert remedy(reason).isprintable()
    assert len(remedy(reason)) < 200


def test_words_are_lower_case_and_stand_once() -> None:
    assert all(word == word.lower() and word.replace("-", "").isalpha() for word in Reason)
    assert len(set(Reason)) == len(Reason.__members__)

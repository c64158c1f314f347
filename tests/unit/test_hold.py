"""Whether the owner of a vault object holds its new version back, and until when."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import hold
from shared.errors import PermanentError
from shared.observed import Owner, VaultAnswer
from shared.reason import Reason
from shared.step import Hold, Keep, Leave, Write
from tests.fakes import NOW
from tests.generated import generated

from .planning import NEWEST, TARGET, answer, decide, owned_secret, reason_of, see, see_owned

SOON = NOW + timedelta(minutes=5)


def until(tag: str = "", **fields: Any) -> datetime | None:
    """Return until when an answer that was created now is held back."""
    tags = {hold.TAG: tag} if tag else {}
    return hold.until(VaultAnswer(materials=(), tags=tags, **{"created": NOW, **fields}), NOW)


@pytest.mark.parametrize(
    ("tag", "end"),
    [
        ("90s", NOW + timedelta(seconds=90)),
        ("5m", SOON),
        (" 5 M ", SOON),
        ("2h", NOW + timedelta(hours=2)),
        ("1d", NOW + timedelta(days=1)),
        ("2026-11-23T12:05:00Z", SOON),
        ("2026-11-23T13:05:00+01:00", SOON),
        ("2026-11-23T12:05:00", SOON),
    ],
)
def test_a_tag_says_how_long_or_until_when(tag: str, end: datetime) -> None:
    assert until(tag) == end


@pytest.mark.parametrize("tag", ["", "0s", "2026-11-23", "2020-01-01T00:00:00Z"])
def test_what_is_over_holds_nothing_back(tag: str) -> None:
    assert until(tag) is None


def test_a_duration_counts_from_when_the_version_was_made() -> None:
    assert until("5m", created=NOW - timedelta(minutes=4)) == NOW + timedelta(minutes=1)
    assert until("5m", created=NOW - timedelta(minutes=5)) is None


def test_a_not_before_time_in_the_future_holds_back_without_a_tag() -> None:
    assert until(not_before=SOON) == SOON
    assert until(not_before=NOW) is None


def test_the_later_of_both_counts() -> None:
    assert until("10m", not_before=SOON) == NOW + timedelta(minutes=10)
    assert until("1m", not_before=SOON) == SOON


@pytest.mark.parametrize("tag", ["soon", "5", "5w", "-5m", "1h30m", "5 minutes", "2026-13-01", "9999999d"])
def test_a_tag_that_says_neither_is_not_guessed_or_quoted(tag: str) -> None:
    with pytest.raises(PermanentError) as caught:
        until(tag)

    assert caught.value.reason is Reason.BAD_HOLD
    assert tag not in str(caught.value).replace("90s, 5m, 2h, 1d", "")


@generated()
@given(st.text(max_size=20) | st.from_regex(r"[0-9]{1,7}[smhd]", fullmatch=True))
def test_no_tag_raises_anything_else(tag: str) -> None:
    try:
        end = until(tag)
    except PermanentError:
        return
    assert end is None or end > NOW


# In a plan


def test_other_bytes_wait_until_they_may_be_used() -> None:
    step = decide(see(), {NEWEST: answer(not_before=SOON)})

    assert step == Hold(target=TARGET, owner=see().driver, until=SOON)
    assert str(step) == f"{TARGET}: hold until 2026-11-23T12:05:00+00:00 (owner: csi-driver 1.5)"


def test_an_owned_secret_is_held_back_as_well() -> None:
    tags = {"keyvault-fanout-allow": "aks-one/shop", hold.TAG: "5m"}

    step = decide(see_owned(), {NEWEST: answer(tags=tags, created=NOW)})

    assert step == Hold(target=TARGET, owner=Owner.OWNED, until=SOON)


def test_what_the_secret_holds_already_is_not_held_back() -> None:
    assert isinstance(decide(see(), {NEWEST: answer("before", not_before=SOON)}), Keep)


def test_after_its_time_it_is_written() -> None:
    assert isinstance(decide(see(), {NEWEST: answer(not_before=NOW)}), Write)


def test_what_could_not_be_written_anyway_is_left_for_that_reason() -> None:
    assert reason_of(decide(see(statuses=[]), {NEWEST: answer(not_before=SOON)})) is Reason.NO_GRANT
    step = decide(see_owned(secret=owned_secret(owned=False)))
    assert isinstance(step, Leave)


def test_a_tag_that_cannot_be_read_stops_the_write() -> None:
    step = decide(see(), {NEWEST: answer(tags={hold.TAG: "soon"})})

    assert reason_of(step) is Reason.BAD_HOLD

"""Rows, aims and verdicts."""

import json

import pytest

from benchmarks import figure
from benchmarks.figure import About, Aim, Result, Row

SLOWER = Row(what="a", unit="ms", ours=[12, 13, 30], floor=[10, 10, 10], aims=[Aim(at_most=1.3)])


def test_an_aim_is_held_against_the_median_and_not_against_an_outlier() -> None:
    assert SLOWER.verdict == "met"


@pytest.mark.parametrize(
    ("aim", "expected"),
    [
        (Aim(at_most=1.3), "met"),
        (Aim(at_most=1.29), "not met"),
        (Aim(at_least=1.3), "met"),
        (Aim(at_least=1.31), "not met"),
        (Aim(about=About.OURS, at_most=13), "met"),
        (Aim(about=About.OURS, at_most=12.9), "not met"),
        (Aim(about=About.OURS, at_most=13, at_least=13), "met"),
    ],
)
def test_a_bound_includes_its_end(aim: Aim, expected: str) -> None:
    assert Row(what="a", unit="", ours=[12, 13, 30], floor=[10, 10, 10], aims=[aim]).verdict == expected


def test_one_aim_of_two_that_is_missed_is_missed() -> None:
    aims = [Aim(at_most=2), Aim(about=About.OURS, at_most=1)]

    assert Row(what="a", unit="", ours=[10], floor=[10], aims=aims).verdict == "not met"


def test_a_ratio_that_is_aimed_at_without_a_floor_is_not_met() -> None:
    assert Row(what="a", unit="", ours=[1], aims=[Aim(at_most=9)]).verdict == "not met"


def test_a_row_without_an_aim_has_no_verdict() -> None:
    assert Row(what="a", unit="", ours=[1], floor=[2]).verdict == ""


def test_a_result_comes_back_from_another_process_as_it_went() -> None:
    sent = Result(rows=[SLOWER], remarks=["seen"])

    assert figure.from_json(json.loads(json.dumps(sent.as_json()))) == sent


def test_an_aim_says_its_bounds() -> None:
    assert str(Aim(at_most=1.25)) == "ratio at most 1.25"
    assert str(Aim(about=About.OURS, at_least=2000)) == "ours at least 2,000"

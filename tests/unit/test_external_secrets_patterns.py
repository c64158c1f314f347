"""Regular expressions of strangers: Go's syntax, linear time, bounded size."""

import re

import pytest

from shared.external_secrets import patterns


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^db-", True),
        ("word$", True),
        ("pass", True),
        ("^pass", False),
        ("^DB-PASSWORD$", True),
        ("(?i)^Db", True),
        ("^[^A-Z]+$", True),
        (r"\Qdb-\E", True),
        (r"\Qdb", True),
        ("(?P<first>db)-", True),
        ("(?<first>db)-", True),
        (r"^\pL+-", True),
        (r"^[[:alpha:]]+-[[:alpha:]]+\z", True),
        ("a|b", True),
        ("\x00", False),
    ],
)
def test_a_pattern_is_searched_in_a_name(pattern: str, found: bool) -> None:  # noqa: FBT001 - a table
    assert patterns.search(pattern, "db-password") is found


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "*",
        "a)|(b",
        "(?=db)",
        r"(a)\1",
        r"db\Z",
        "a{1001}",
        "(a{1000}){1000}",
        r"(?:[a-z]{1000}[^a]{900}){1}" * 30,
        r"\pL" * 11,
        "\ud800",
    ],
    ids=ascii,
)
def test_what_go_would_not_compile_or_what_is_too_large_is_no_pattern(pattern: str) -> None:
    assert patterns.search(pattern, "db-password") is None


@pytest.mark.timeout(10)
@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*.*.*.*.*.*)x", "(?:a?){127}a{127}$"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    assert patterns.search(pattern, "a" * 126 + "-") is False


@pytest.mark.timeout(30)
def test_more_patterns_than_are_kept_are_still_searched() -> None:
    names = [f"name-{number}" for number in range(2_000)]

    assert all(patterns.search(f"^{re.escape(name)}$", name) for name in names)


def test_a_bad_pattern_is_not_quoted_on_the_process_s_streams(capfd: pytest.CaptureFixture[str]) -> None:
    patterns.search("(MARKED-pattern", "db-password")

    assert capfd.readouterr() == ("", "")

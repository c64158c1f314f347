"""docs/operations.md says what is so: a runbook for each reason, and commands that exist."""

import argparse
import re
import shlex

import pytest

from devstack import stack
from fanout import __main__ as command
from shared.reason import Reason

PAGE = (stack.APP / "docs" / "operations.md").read_text(encoding="utf-8")
README = (stack.APP / "README.md").read_text(encoding="utf-8")


def rows() -> dict[str, tuple[str, str]]:
    """Return the runbook: what each reason means, and what to do."""
    _, _, runbook = PAGE.partition("## Runbook")
    found = re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$", runbook, re.MULTILINE)
    return {reason: (meaning, action) for reason, meaning, action in found}


def test_every_reason_has_a_runbook_and_no_runbook_is_of_something_else() -> None:
    assert sorted(rows()) == sorted(map(str, Reason))
    assert all(meaning.strip() and action.strip() for meaning, action in rows().values())


def commands() -> list[str]:
    """Return every invocation that the documents show, in blocks and in running text."""
    texts = [*re.findall(r"^fanout (.+)$", PAGE, re.MULTILINE), *re.findall(r"`fanout ([^`]+)`", PAGE + README)]
    texts += re.findall(r"^fanout ([^#\n]+)", README, re.MULTILINE)
    return sorted({text.strip() for text in texts})


@pytest.mark.parametrize("text", commands())
def test_every_command_that_is_shown_is_one(text: str) -> None:
    words = shlex.split(text)
    names = set(command.NAMES)

    assert words[0] in names
    if len(words) > 1 and words[0] != "deadletters":
        parser = argparse.ArgumentParser(exit_on_error=False)
        command.load(words[0]).add_arguments(parser)
        known = {option for action in parser._actions for option in action.option_strings}  # noqa: SLF001
        assert [word for word in words[1:] if word.startswith("--") and word not in known] == []


def test_each_sub_command_is_on_the_page_and_says_its_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for one in map(command.load, command.NAMES):
        assert f"`fanout {one.name}" in PAGE
        with pytest.raises(SystemExit) as ended:
            command.main([one.name, "--help"], {})
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert one.name == "deadletters" or "Exit codes: 0 " in said

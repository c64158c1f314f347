"""The command's arguments and settings: what is refused before anything is done."""

import contextlib
import io
import json
from pathlib import Path

import pytest

from fanout import environment
from fanout.__main__ import carry_out, main
from fanout.deadletters import settings
from fanout.errors import UsageError

SETTINGS = {
    "KEY_VAULTS": "kv-demo",
    "CLUSTERS": "[]",
    "ServiceBusConnection__fullyQualifiedNamespace": "sb.servicebus.windows.net",
    "JOB_QUEUE": "jobs",
    "SWEEP_SCHEDULE": "0 */15 * * * *",
}
URL = "https://account.blob.core.windows.net/dead-letters"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, **changes: str) -> str:
    """Return what is said on stderr of a run that ends with 2."""
    assert main(["deadletters", *arguments], SETTINGS | changes) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_a_terminal_that_cannot_show_a_letter_shows_its_number() -> None:
    """A table that cannot be printed would hide what was done."""
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    with contextlib.redirect_stdout(terminal):
        with pytest.raises(SystemExit):
            main(["--help"], {})
        print("blob-\N{CYRILLIC SMALL LETTER ZHE}")  # noqa: T201 - as a table does
    terminal.flush()

    assert terminal.buffer.getvalue().endswith(b"blob-\\u0436\n")


@pytest.mark.parametrize("arguments", [["--help"], ["deadletters", "--help"], ["deadletters", "replay", "--help"]])
def test_every_level_has_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments, {})

    assert ended.value.code == 0
    assert "usage: python -m fanout" in capsys.readouterr().out


def test_the_help_names_the_settings_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ""
    for arguments in (["--help"], ["deadletters", "--help"]):
        with pytest.raises(SystemExit):
            main(arguments, {})
        texts += " ".join(capsys.readouterr().out.split())

    assert "0 all is well; 1 something is not, and is named; 2 usage" in texts
    for name in ("DEAD_LETTER_URL", "--settings", "docs/dead-letters.md"):
        assert name in texts


def test_an_unknown_argument_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["deadletters", "list", "--everything"], SETTINGS)

    assert ended.value.code == 2
    assert "--everything" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--all", "17"]])
def test_a_replay_is_of_all_or_of_those_that_are_named(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "either --all or IDs" in refused(capsys, "replay", *arguments)


def test_a_job_is_named_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert "sequence numbers" in refused(capsys, "replay", "--jobs", "a/b.json")


@pytest.mark.parametrize("arguments", [["list", "--events"], ["replay", "--events", "--all"], ["replay", "a/b.json"]])
def test_events_need_to_know_where_they_are(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "neither DEAD_LETTER_URL nor DEAD_LETTER_CONNECTION is set" in refused(capsys, *arguments)


def test_a_setting_of_the_app_that_is_wrong_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "KEY_VAULTS" in refused(capsys, "list", KEY_VAULTS="")


@pytest.mark.parametrize(
    "url",
    [
        "http://account.blob.core.windows.net/dead-letters",
        f"{URL}?sig=PLANTED",
        "https://user:PLANTED@account.blob.core.windows.net/dead-letters",
        "https://account.blob.core.windows.net/",
        "https://account.blob.core.windows.net:x/dead-letters",
        "https://account.blob.core.windows.net/Dead_Letters",
        "dead-letters",
    ],
)
def test_a_url_that_names_no_container_or_holds_a_key_is_refused_and_not_repeated(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, "list", "--events", DEAD_LETTER_URL=url)

    assert "DEAD_LETTER_URL is wrong" in said
    assert "PLANTED" not in said


def test_two_ways_to_one_container_are_one_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected one of them" in refused(capsys, "list", DEAD_LETTER_URL=URL, DEAD_LETTER_CONNECTION="x=y")


def test_the_option_goes_before_the_settings() -> None:
    other = "https://account.blob.core.windows.net/other"

    found = settings.container({"DEAD_LETTER_URL": URL}, other)
    beside = settings.container({"DEAD_LETTER_CONNECTION": "x=y"}, other)

    assert found == beside == settings.ContainerSetting(url=other, name="other")


def test_a_connection_string_goes_with_the_name_of_the_container() -> None:
    found = settings.container({"DEAD_LETTER_CONNECTION": "x=PLANTED", "DEAD_LETTER_CONTAINER": "mine"}, None)

    assert found is not None
    assert found.name == "mine"
    assert "PLANTED" not in repr(found)
    default = settings.container({"DEAD_LETTER_CONNECTION": "x=y"}, None)
    assert default is not None
    assert default.name == "dead-letters"


def test_a_file_of_settings_goes_before_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps({"IsEncrypted": False, "Values": {"A": "file", "B": ""}}), encoding="utf-8-sig")

    assert environment.mapping({"A": "environment", "B": "b", "C": "c"}, path) == {"A": "file", "B": "", "C": "c"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "has no Values"),
        ('{"Values": []}', "has no Values"),
        ('{"IsEncrypted": true, "Values": {}}', "is encrypted"),
        ('{"Values": {"A": 7}}', "'A' in Values"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(UsageError, match=told):
        environment.mapping({}, path)


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--settings", str(tmp_path / "none.json"), "deadletters", "list"], {}) == 2
    assert "No such file" in capsys.readouterr().err


class Faulty:
    """A run that meets a fault of this program, whose text quotes what it was given."""

    code = 0

    async def do(self) -> None:
        """Fail."""
        raise ValueError("PLANTED")

    def text(self) -> str:
        """Return what is known."""
        return "known so far"


def test_a_fault_of_this_program_is_told_by_where_it_came_from_and_not_by_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert carry_out(Faulty()) == 1

    said = capsys.readouterr()
    assert said.out == "known so far\n"
    assert "a fault of this program: ValueError < do (test_command.py:" in said.err
    assert "PLANTED" not in said.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["refresh", "--object", "secret/a", "--namespace", "", "--secret", ""], "--namespace is empty"),
        (["refresh", "--object", ""], "--object"),
        (["plan", "--object", ""], "--object"),
        (["plan", "--all", "--vault", ""], "--vault"),
        (["status", "--object", ""], "--object"),
        (["status", "--vault", ""], "--vault"),
    ],
)
def test_an_option_that_is_empty_never_means_everything(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of a script whose variable is not set."""
    assert main(arguments, SETTINGS) == 2
    assert named in capsys.readouterr().err

"""The cases of this repository, and the runner that judges them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden import __main__ as command
from tests.golden import runner

DRIVER = Path(__file__).with_name("driver.jsonl")


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in DRIVER.read_text(encoding="utf-8").splitlines()]


def test_every_case_of_the_driver_is_met() -> None:
    with DRIVER.open(encoding="utf-8") as lines:
        failing = {name: differences for name, differences in runner.run(lines) if differences}
    assert failing == {}


def test_the_cases_have_distinct_names_and_both_outcomes() -> None:
    names = [case["id"] for case in cases()]
    assert len(set(names)) == len(names) > 150
    assert any("mount_error" in case["expect"] for case in cases())
    assert any("error" in secret for case in cases() for secret in case["expect"].get("secrets", {}).values())


def change(case: dict[str, Any]) -> dict[str, Any]:
    """Expect the opposite of what a case expects."""
    expected = case["expect"]
    if "mount_error" in expected:
        return {"secrets": {}}
    return {"mount_error": "none"}


def test_the_opposite_of_every_case_is_reported() -> None:
    lines = [json.dumps({**case, "expect": change(case)}) for case in cases()]
    missed = [name for name, differences in runner.run(lines) if not differences]
    assert missed == []


def written() -> dict[str, Any]:
    """Return a case that writes one Secret with a label and an annotation."""
    return next(case for case in cases() if case["id"] == "3.3-labels-and-annotations")


@pytest.mark.parametrize(
    ("part", "value", "shown"),
    [
        ("type", "custom", "type is 'Opaque'"),
        ("labels", {}, "labels differ"),
        ("annotations", {"n": "w"}, "annotations differ"),
        ("data", {"k": "AAAA"}, "key 'k' differs"),
        ("data", {}, "key 'k' is not expected"),
        ("data", {"k": "YWxwaGE=", "l": ""}, "key 'l' is missing"),
        ("error", "any", "it is written"),
    ],
)
def test_a_wrong_expectation_of_a_secret_is_reported(part: str, value: object, shown: str) -> None:
    case = written()
    assert runner.compare(case) == []
    case["expect"]["secrets"]["s"][part] = value
    assert shown in str(runner.compare(case))


def test_a_missing_and_an_unexpected_secret_are_reported() -> None:
    case = written()
    case["expect"]["secrets"]["t"] = case["expect"]["secrets"].pop("s")
    assert runner.compare(case) == ["Secret 's' is not expected", "Secret 't' is missing"]


def test_a_failing_secret_is_reported_with_our_rule() -> None:
    case = next(case for case in cases() if case["id"] == "3.1-GV74-no-key")
    case["expect"]["secrets"]["s"] = {"type": "Opaque", "labels": {}, "annotations": {}, "data": {}}
    assert "Secret 's': it fails: SecretProviderClass team/golden: Secret 's'" in runner.compare(case)[0]


def test_unknown_keys_are_ignored() -> None:
    case = written()
    case["provider"] = "anything"
    case["vault"]["region"] = "x"
    case["vault"]["objects"][0]["versions"][0]["tags"] = {"a": "b"}
    case["expect"]["secrets"]["s"]["note"] = "x"
    assert runner.compare(case) == []


def test_the_command_prints_failures_and_a_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = written(), written()
    bad["id"] = "bad"
    bad["expect"] = {"mount_error": "x"}
    file = tmp_path / "cases.jsonl"
    file.write_text(f"{json.dumps(good)}\n\n{json.dumps(bad)}\nnot json\n", encoding="utf-8")
    assert command.main([str(file)]) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("bad: the mount succeeds")
    assert second.startswith("line 4: JSONDecodeError")
    assert last == "1 passed, 2 failed"


def test_the_command_succeeds_when_every_case_is_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps(written()), encoding="utf-8")
    assert command.main([str(file)]) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed\n"


def test_the_command_explains_its_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 2
    assert "usage" in capsys.readouterr().err

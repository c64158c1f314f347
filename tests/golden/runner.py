"""Evaluate golden cases and say where they differ from what they expect.

An expected error matches any error at that place; error texts are ours to choose. Unknown keys are ignored.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shared.csi import classes, render
from shared.errors import DriverWouldFail
from tests.golden import vault

Rendered = Mapping[str, render.RenderedSecret | DriverWouldFail]


def run(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the id of each case with its differences, of which there are none if it passes."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _run_line(number, line)


def _run_line(number: int, line: str) -> tuple[str, list[str]]:
    name = f"line {number}"
    try:
        case = json.loads(line)
        name = str(case.get("id", name))
        return name, compare(case)
    except Exception as error:  # noqa: BLE001 - a case that cannot be run fails, and the others are still run
        return name, [f"{type(error).__name__}: {error}"]


def compare(case: Mapping[str, Any], provider: classes.Provider | None = None) -> list[str]:
    """Return the differences between what a case expects and what we compute."""
    expected = case["expect"]
    try:
        rendered = evaluate(case, provider or classes.Provider())
    except DriverWouldFail as error:
        return [] if "mount_error" in expected else [f"the mount fails: {error}"]
    if "mount_error" in expected:
        return [f"the mount succeeds, expected mount_error {expected['mount_error']!r}"]
    return _compare_secrets(expected["secrets"], rendered)


def evaluate(case: Mapping[str, Any], provider: classes.Provider) -> Rendered:
    """Return what one pass over an empty namespace leaves; raise DriverWouldFail where the mount fails."""
    cls = classes.parse(case["spc"], provider)
    return render.evaluate(cls, vault.answer_all(cls, case.get("vault") or {}))


def _compare_secrets(expected: Mapping[str, Any], rendered: Rendered) -> list[str]:
    differences = [f"Secret {name!r} is missing" for name in expected.keys() - rendered.keys()]
    differences += [f"Secret {name!r} is not expected" for name in rendered.keys() - expected.keys()]
    for name in expected.keys() & rendered.keys():
        differences += [f"Secret {name!r}: {what}" for what in _compare_secret(expected[name], rendered[name])]
    return sorted(differences)


def _compare_secret(expected: Mapping[str, Any], found: render.RenderedSecret | DriverWouldFail) -> Iterator[str]:
    if isinstance(found, DriverWouldFail):
        if "error" not in expected:
            yield f"it fails: {found}"
        return
    if "error" in expected:
        yield f"it is written, expected error {expected['error']!r}"
        return
    if expected.get("type") != found.type:
        yield f"type is {found.type!r}, expected {expected.get('type')!r}"
    for part, value in (("labels", found.labels), ("annotations", found.annotations)):
        if (expected.get(part) or {}) != value:
            yield f"{part} differ: {value!r}, expected {expected.get(part)!r}"
    wanted = expected.get("data") or {}
    for key in wanted.keys() ^ found.data.keys():
        yield f"key {key!r} is {'missing' if key in wanted else 'not expected'}"
    for key in wanted.keys() & found.data.keys():
        text = base64.b64encode(found.data[key].reveal()).decode()
        if text != wanted[key]:
            yield f"key {key!r} differs: {text}, expected {wanted[key]}"

"""What one namespace may cost everybody else: bounded, and said aloud where the bound is met."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from shared import declarations, notice
from shared.binding import Binding, Refused
from shared.csi import classes
from shared.declarations import MOST_READS, MOST_TARGETS, Declarations, Found
from shared.errors import DriverWouldFail
from shared.model import ObjectType, Target, VaultObject
from shared.outcome import Action, ObjectVersion, TargetOutcome
from shared.reason import Reason
from tests.builders import ABOUT, HOST, NAME, build_class, build_event, build_manifest, build_secret_object

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LARGEST = 256 * 1024


def _found(*manifests: classes.SecretProviderClass) -> list[Found]:
    return list(declarations.within_limits(declarations.find(Declarations(classes=manifests), ABOUT, HOST)))


def test_a_namespace_with_too_many_secrets_is_refused_as_a_whole_and_the_others_are_not() -> None:
    crowd = [build_secret_object(f"s{number}") for number in range(MOST_TARGETS + 1)]

    found = _found(build_class(namespace="crowd", secrets=crowd), build_class(namespace="shop"))

    assert [type(item) for item in found] == [Binding, Refused]
    refused = found[1]
    assert isinstance(refused, Refused)
    assert (refused.namespace, refused.secret_name, refused.error.reason) == ("crowd", "", Reason.TOO_MANY)


def test_a_namespace_at_the_limit_is_served() -> None:
    most = [build_secret_object(f"s{number}") for number in range(MOST_TARGETS)]

    found = _found(build_class(secrets=most))

    assert len(found) == MOST_TARGETS
    assert all(isinstance(item, Binding) for item in found)


@pytest.mark.parametrize(("pins", "kind"), [(MOST_READS - 1, Binding), (MOST_READS, Refused)])
def test_a_namespace_that_asks_for_too_many_versions_is_refused(pins: int, kind: type) -> None:
    pinned: list[Mapping[str, str | int]] = [
        {"objectName": NAME, "objectAlias": f"p{number}", "objectVersion": f"{number}"} for number in range(pins)
    ]

    assert [type(item) for item in _found(build_class(objects=[{"objectName": NAME}, *pinned]))] == [kind]


@pytest.mark.parametrize(
    ("histories", "kind"),
    [
        pytest.param([MOST_READS - 1], Binding, id="a history as long as the limit"),
        pytest.param([MOST_READS], Refused, id="a longer one"),
        pytest.param([MOST_READS // 2, MOST_READS // 2 + 1], Refused, id="two that are longer together"),
        pytest.param([9, 9, 9, 9], Binding, id="equal ones, which are one read"),
    ],
)
def test_a_history_counts_as_many_versions_as_it_is_long(histories: list[int], kind: type) -> None:
    """Each is a read of its own, one after the other."""
    objects: list[Mapping[str, str | int]] = [
        {"objectName": NAME, "objectAlias": f"h{number}", "objectVersionHistory": length}
        for number, length in enumerate(histories)
    ]

    assert {type(item) for item in _found(build_class(objects=objects, secrets=[build_secret_object(a="h0/0")]))} == {
        kind
    }


def test_histories_times_entries_are_bounded() -> None:
    history: Mapping[str, str | int] = {"objectName": NAME, "objectAlias": "x", "objectVersionHistory": 9}
    entries = {f"k{number}": f"x/{number % 9}" for number in range(100)}
    manifest = build_manifest(objects=[history] * 201, secrets=[build_secret_object(**entries)])

    with pytest.raises(DriverWouldFail, match="201 histories with 100 entries"):
        classes.parse(manifest, classes.Provider())


def test_a_notice_fits_into_a_message_whatever_a_namespace_declares() -> None:
    held = ObjectVersion(object=VaultObject(vault="kv", type=ObjectType.SECRET, name="n"), version="1")
    target = Target(cluster="c", namespace="n", secret="s" * 253)
    keys = tuple(f"{number:05}" + "k" * 248 for number in range(4000))
    refreshed = TargetOutcome(target=target, action=Action.WRITTEN, at=NOW, holds=(held,), keys=keys)
    failed = TargetOutcome(
        target=target, action=Action.LEFT, at=NOW, reason=Reason.SECRET_OTHER_TYPE, detail="x" * 300_000
    )

    notices = [*notice.about_target(build_event(), refreshed), *notice.about_target(build_event(), failed)]

    assert [len(one.body) < LARGEST for one in notices] == [True, True]
    data = json.loads(notices[0].body)["data"]
    assert len(data["keys"]) + data["keysOmitted"] == 4000

"""SecretSyncs: which of them read a vault object, and what their status says of a request."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import secret_sync
from shared.delegate import Delegate, Progress, Resource, Standing
from shared.model import ObjectType, VaultObject
from shared.observed import ClassView, Owner
from shared.secret_sync import SecretSync
from tests.builders import ABOUT, HOST, NAME, VAULT, build_class, build_refused_class
from tests.generated import generated

BEFORE, SINCE, AFTER = "2026-11-23T11:59:00Z", datetime(2026, 11, 23, 12, 0, 0, 700, tzinfo=UTC), "2026-11-23T12:00:03Z"


def build_condition(status: str = "True", reason: str = "SecretUpToDate", **fields: str) -> dict[str, str]:
    """Build a condition as the controller writes it."""
    message = "MARKEDvalue"
    return {
        "type": "SecretUpdated",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": BEFORE,
        **fields,
    }


def build_sync(*files: str, name: str = "web-secret", cls: str = "web", **fields: Any) -> dict[str, Any]:
    """Build a SecretSync that takes these files of the class `shop/web`."""
    data = [{"sourcePath": file, "targetKey": f"key-{at}"} for at, file in enumerate(files or (NAME,))]
    return {
        "metadata": {"namespace": "shop", "name": name, "generation": 2},
        "spec": {
            "secretProviderClassName": cls,
            "serviceAccountName": "default",
            "secretObject": {"type": "Opaque", "data": data},
            **fields,
        },
        "status": build_status(BEFORE, build_condition()),
    }


def build_status(synced: str, *conditions: dict[str, str]) -> dict[str, Any]:
    """Build a status: when the last pass succeeded, and the conditions."""
    status: dict[str, Any] = {"syncHash": "0" * 128, "conditions": list(conditions)}
    return {**status, "lastSuccessfulSyncTime": synced} if synced else status


def find(*views: ClassView, sync: dict[str, Any] | None = None, about: VaultObject = ABOUT) -> list[Delegate]:
    """Find whether one SecretSync concerns the default object."""
    return list(secret_sync.find([secret_sync.parse(sync or build_sync())], views, about, HOST))


# Reading


def test_a_secret_sync_is_read() -> None:
    manifest = build_sync(f" {NAME}\n", "user", forceSynchronization="0f-1")

    assert secret_sync.parse(manifest) == SecretSync(
        namespace="shop",
        name="web-secret",
        class_name="web",
        files=(NAME, "user"),
        asked="0f-1",
        mark="2026-11-23T11:59:00+00:00",
    )


def test_what_is_usable_of_a_malformed_one_is_kept() -> None:
    data = [{"sourcePath": 7}, None, "x", {"sourcePath": NAME}, {"targetKey": "k"}, {"sourcePath": " "}]
    manifest = build_sync(secretObject={"data": data}, forceSynchronization=["x"])
    manifest["status"] = "none"

    read = secret_sync.parse(manifest)

    assert (read.files, read.asked, read.mark) == ((NAME,), "", "")


@pytest.mark.parametrize("name", ["Web", "..", "a/b", "../../x", "a?b", "-a", "a" * 254, "a\n", 7, None])
def test_an_illegal_name_never_becomes_a_path(name: Any) -> None:
    manifest = build_sync(name=name)

    assert secret_sync.parse(manifest).name == ""
    assert find(build_class(), sync=manifest) == []


# Finding


def test_a_secret_sync_over_a_class_that_reads_the_object_is_a_delegate() -> None:
    (found,) = find(build_class(secrets=[]), sync=build_sync(forceSynchronization="0f"))

    assert found == Delegate(
        owner=Owner.SYNC_CONTROLLER,
        resource=Resource(
            group_version="secret-sync.x-k8s.io/v1alpha1", plural="secretsyncs", namespace="shop", name="web-secret"
        ),
        secret_name="web-secret",
        asked="0f",
        mark="2026-11-23T11:59:00+00:00",
    )


@pytest.mark.parametrize("type_", ObjectType)
def test_the_family_of_the_event_does_not_matter(type_: ObjectType) -> None:
    assert len(find(build_class(), about=VaultObject(vault=VAULT, type=type_, name=NAME))) == 1


@pytest.mark.parametrize(
    "cls",
    [
        pytest.param(build_class(namespace="other"), id="another namespace"),
        pytest.param(build_class(name="other"), id="another class"),
        pytest.param(build_class(keyvaultName="kv-other"), id="another vault"),
        pytest.param(build_class(cloudName="AzureChinaCloud"), id="another cloud"),
        pytest.param(build_class(objects=[{"objectName": "other"}], secrets=[]), id="another object"),
        pytest.param(build_refused_class(name="web"), id="refused"),
    ],
)
def test_a_class_that_does_not_read_the_object_for_it_is_no_concern(cls: ClassView) -> None:
    assert find(cls) == []


def test_only_a_file_that_its_data_uses_counts() -> None:
    cls = build_class(objects=[{"objectName": NAME, "objectAlias": "pw"}, {"objectName": "user"}], secrets=[])

    assert len(find(cls, sync=build_sync("user", "pw"))) == 1
    assert find(cls, sync=build_sync("user")) == []
    assert find(cls, sync=build_sync(NAME)) == []


def test_a_pinned_version_is_not_stale() -> None:
    cls = build_class(objects=[{"objectName": NAME, "objectVersion": "v1"}])

    assert find(cls) == []


def test_a_version_of_a_history_follows_the_newest() -> None:
    cls = build_class(objects=[{"objectName": NAME, "objectVersionHistory": 3}], secrets=[])

    assert len(find(cls, sync=build_sync(f"{NAME}/1"))) == 1
    assert find(cls, sync=build_sync(f"{NAME}/9")) == []


def test_each_is_told_in_the_order_of_the_list() -> None:
    syncs = [secret_sync.parse(build_sync(name=name)) for name in ("b", "a", "c")]

    assert [item.secret_name for item in secret_sync.find(syncs, [build_class()], ABOUT, HOST)] == ["b", "a", "c"]


# Asking

FORCE = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9]+([-._a-zA-Z0-9]?[A-Za-z0-9])*)?$")
"""The pattern of spec.forceSynchronization in the CRD, which also allows at most 253 characters."""


@given(version=st.text("0123456789abcdef", min_size=1, max_size=32), again=st.none() | st.integers(0, 10**6))
@generated()
def test_what_we_ask_with_is_what_the_crd_allows(version: str, again: int | None) -> None:
    (delegate,) = find(build_class())
    state = version if again is None else f"{version}-{again}"

    ((resource, patch),) = delegate.requests(state)
    asked = patch["spec"]["forceSynchronization"]

    assert resource == delegate.resource
    assert FORCE.fullmatch(asked)
    assert len(asked) <= 253


# What became of it


def tell(status: object, since: datetime = SINCE) -> Progress:
    """Tell what became of a request that was made when the last success was BEFORE."""
    mark = secret_sync.parse({"status": build_status(BEFORE)}).mark
    return secret_sync.progress({"status": status}, mark=mark, since=since)


def test_a_success_after_the_request_is_synced() -> None:
    assert tell(build_status(AFTER, build_condition())) == Progress(standing=Standing.SYNCED, detail="SecretUpToDate")


def test_the_first_success_of_all_is_synced() -> None:
    status = build_status(AFTER, build_condition(reason="CreateSuccessful", type="SecretCreated"))

    assert secret_sync.progress({"status": status}, mark="", since=SINCE).standing is Standing.SYNCED


def test_without_a_mark_a_success_from_before_the_request_is_pending() -> None:
    status = build_status(BEFORE, build_condition())

    assert secret_sync.progress({"status": status}, mark="", since=SINCE).standing is Standing.PENDING


def test_without_a_new_success_it_is_pending() -> None:
    assert tell(build_status(BEFORE, build_condition())).standing is Standing.PENDING
    assert tell({}).standing is Standing.PENDING
    assert tell(None) == Progress(standing=Standing.PENDING)


def test_before_the_first_pass_the_controllers_word_is_told() -> None:
    starting = build_condition("Unknown", "SyncStarting", type="SecretCreated")

    assert tell(build_status("", starting)) == Progress(standing=Standing.PENDING, detail="SyncStarting")


def test_a_success_in_the_second_of_the_request_counts() -> None:
    earlier = datetime.fromisoformat(BEFORE)

    assert tell(build_status(BEFORE), since=earlier + timedelta(milliseconds=900)).standing is Standing.SYNCED
    assert tell(build_status(BEFORE), since=earlier + timedelta(seconds=1)).standing is Standing.PENDING


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(build_condition("False", "ProviderError", lastTransitionTime=AFTER), id="since the request"),
        pytest.param(build_condition("False", "ProviderError", lastTransitionTime=BEFORE), id="before the request"),
        pytest.param(build_condition("False", "ProviderError", lastTransitionTime="?"), id="at no readable time"),
        pytest.param(build_condition("False", "ProviderError", type="Create"), id="of an older controller"),
    ],
)
def test_a_failure_is_told_with_its_reason(condition: dict[str, str]) -> None:
    progress = tell(build_status(BEFORE, build_condition(type="SecretCreated"), condition))

    assert (progress.standing, progress.detail) == (Standing.FAILING, "ProviderError")


@pytest.mark.parametrize("reason", ["UnknownError", "ControllerInternalError"])
def test_an_older_controller_calls_some_failures_unknown(reason: str) -> None:
    assert tell(build_status(BEFORE, build_condition("Unknown", reason))).standing is Standing.FAILING


def test_a_failure_after_a_new_success_is_told() -> None:
    failure = build_condition("False", "ControllerPatchError", lastTransitionTime="2026-11-23T12:00:05Z")

    assert tell(build_status(AFTER, failure)).standing is Standing.FAILING


def test_a_failure_that_a_newer_success_outlived_is_not() -> None:
    failure = build_condition("False", "ProviderError", lastTransitionTime="2026-11-23T12:00:01Z")

    assert tell(build_status(AFTER, failure)).standing is Standing.SYNCED


def test_a_condition_of_another_type_is_not_a_failure() -> None:
    assert tell(build_status(AFTER, build_condition("False", type="Degraded"))).standing is Standing.SYNCED


def test_the_reason_of_the_condition_that_changed_last_is_told() -> None:
    older = build_condition("False", "Older", type="SecretCreated")
    newer = build_condition("False", "Newer", lastTransitionTime=AFTER)

    assert tell(build_status("", newer, older)).detail == "Newer"


def test_a_reason_is_short_and_printable_and_a_message_is_never_told() -> None:
    progress = tell(build_status(BEFORE, build_condition("False", "a\x1b[31m\n\ud800" + "b" * 5000)))

    assert progress.detail == "a[31m" + "b" * 75
    assert "MARKED" not in repr(progress)


# Whatever a cluster answers

KEYS = ["metadata", "spec", "status", "namespace", "name", "secretObject", "data", "sourcePath", "conditions", "type"]
KEYS += ["reason", "lastTransitionTime", "lastSuccessfulSyncTime", "secretProviderClassName", "forceSynchronization"]
TIMES = st.sampled_from([BEFORE, AFTER, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23", "now"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), TIMES)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=15,
)
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["SecretCreated", "Update", "Ready"]) | ANYTHING,
            "status": st.sampled_from(["True", "False", "Unknown"]) | ANYTHING,
            "reason": ANYTHING,
            "lastTransitionTime": TIMES | ANYTHING,
        }
    ),
    max_size=3,
)
STATUSES = st.fixed_dictionaries({"conditions": CONDITIONS, "lastSuccessfulSyncTime": TIMES | ANYTHING})
MANIFESTS = st.one_of(ANYTHING, st.fixed_dictionaries({"metadata": ANYTHING, "spec": ANYTHING, "status": STATUSES}))


@given(manifest=MANIFESTS, mark=st.text(max_size=5) | TIMES)
@generated()
def test_malformed_manifests_never_raise(manifest: object, mark: str) -> None:
    read = secret_sync.parse(manifest)
    secret_sync.find([read], [build_class()], ABOUT, HOST)
    progress = secret_sync.progress(manifest, mark=mark, since=SINCE)

    assert len(progress.detail) <= 80
    assert progress.detail.isprintable()


@given(manifest=MANIFESTS)
@generated()
def test_an_unchanged_status_is_never_synced(manifest: object) -> None:
    mark = secret_sync.parse(manifest).mark
    later = datetime(2026, 11, 23, 13, 0, 0, tzinfo=UTC)

    assert secret_sync.progress(manifest, mark=mark, since=later).standing is not Standing.SYNCED

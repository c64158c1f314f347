"""What is read in a Secret's manifest beside its data, and what is written about one. No server, but at the end.

The data itself, and how writes are guarded, is in test_cluster and test_cluster_writing.
"""

import base64
import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import seed
from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared import owned
from shared.edges import kube_secret
from shared.edges.cluster import KubernetesCluster
from shared.errors import FanoutError
from shared.model import SecretValue
from shared.observed import KubernetesSecret, Owner, SecretState
from tests.edges.clusters import only, other_secret, read_secret
from tests.edges.declared import MARKED, MARKS

T1, T2, T3 = (datetime(2026, 11, 23, 12, 0, second, tzinfo=UTC) for second in (1, 2, 3))
DATA: dict[str, Any] = {"f:data": {".": {}, "f:password": {}}, "f:type": {}}
LABELS: dict[str, Any] = {"f:metadata": {"f:labels": {"f:app": {}}}}


def read(**metadata: Any) -> KubernetesSecret:
    """Read a Secret with this metadata."""
    manifest = {"metadata": {"resourceVersion": "7", **metadata}, "type": "Opaque"}
    return kube_secret.read(manifest, "shop", "db", cluster="aks-1")


def reference(kind: str, group: str = "external-secrets.io/v1") -> dict[str, Any]:
    """Return one owner reference."""
    return {"apiVersion": group, "kind": kind, "name": "db", "uid": "1", "controller": True}


REPLICA_SET = reference("ReplicaSet", "apps/v1")


def write_of(time: datetime | object, fields: object = ..., manager: str = "m") -> dict[str, object]:
    """Return one writer's entry in managedFields; `...` leaves the fields out."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(time, datetime) else time
    return {"manager": manager, "operation": "Update", "time": moment} | ({} if fields is ... else {"fieldsV1": fields})


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"ownerReferences": [reference("ExternalSecret")]}, Owner.EXTERNAL_SECRETS),
        ({"ownerReferences": [reference("ExternalSecret", "external-secrets.io/v1beta1")]}, Owner.EXTERNAL_SECRETS),
        (
            {"ownerReferences": [REPLICA_SET, reference("ExternalSecret")]},
            Owner.EXTERNAL_SECRETS,
        ),
        ({"labels": {"reconcile.external-secrets.io/created-by": "abc"}}, Owner.EXTERNAL_SECRETS),
        ({"labels": {"reconcile.external-secrets.io/managed": "true"}}, Owner.EXTERNAL_SECRETS),
        ({"annotations": {"reconcile.external-secrets.io/data-hash": "abc"}}, Owner.EXTERNAL_SECRETS),
        ({"ownerReferences": [reference("SecretSync", "secret-sync.x-k8s.io/v1alpha1")]}, Owner.SYNC_CONTROLLER),
        ({}, Owner.NOBODY),
        ({"ownerReferences": [REPLICA_SET]}, Owner.NOBODY),
        ({"labels": {"external-secrets.io/type": "webhook"}, "annotations": {"team": "shop"}}, Owner.NOBODY),
        ({"labels": {owned.LABEL: "true"}}, Owner.NOBODY),
        ({"ownerReferences": "text", "labels": ["a"], "annotations": 5}, Owner.NOBODY),
        ({"ownerReferences": [None, {"kind": 5}]}, Owner.NOBODY),
    ],
)
def test_a_secrets_marks_tell_who_else_writes_it(metadata: dict[str, Any], owner: Owner) -> None:
    """An owner's reference, or what External Secrets leaves on Secrets that it does not own."""
    assert read(**metadata).owner is owner


@pytest.mark.parametrize(("label", "is_owned"), [("true", True), ("True", False), ("", False), (True, False)])
def test_only_our_label_makes_a_secret_ours(label: object, *, is_owned: bool) -> None:
    """With the one value, exactly: the list is selected by it."""
    assert read(labels={owned.LABEL: label}).owned is is_owned


def test_what_we_wrote_about_its_versions_is_read() -> None:
    """As it stands there; what it means is decided elsewhere."""
    assert read(annotations={owned.VERSIONS: '{"password":"x"}'}).versions == '{"password":"x"}'
    assert read(annotations={owned.VERSIONS: 5}).versions == read().versions == ""


@pytest.mark.parametrize(
    ("managers", "changed"),
    [
        ([write_of(T1, DATA)], T1),
        ([write_of(T2, DATA), write_of(T1, DATA), write_of(T3, LABELS)], T2),
        ([write_of(T1, DATA), write_of(T2)], T2),
        ([write_of(T1, DATA), write_of(T2, LABELS | {"f:data": {}}), write_of(T3, LABELS | {"f:data": {".": {}}})], T1),
        ([write_of(T3, LABELS)], None),
        ([write_of(T3, {"f:metadata": {"f:annotations": {"f:data": {}}}})], None),
        ([write_of("yesterday", DATA)], None),
        ([write_of("yesterday", DATA), write_of(T1, DATA)], T1),
        ([write_of(None)], None),
        ([write_of("2026-11-23T13:00:02+01:00", DATA)], T2),
        ([write_of("2026-11-23T12:00:02", DATA)], None),
        ([write_of(T2, "text"), None, "text"], None),
        ([], None),
        (None, None),
        ("text", None),
    ],
)
def test_the_newest_writer_of_data_tells_when_it_was_changed(managers: object, changed: datetime | None) -> None:
    """Labels that somebody else adds later say nothing. A writer whose fields are not listed may have written data."""
    assert read(managedFields=managers).changed == changed


OURS = "keyvault-fanout"


@pytest.mark.parametrize(
    ("managers", "by_us"),
    [
        ([write_of(T1, DATA, OURS)], True),
        ([write_of(T2, DATA, OURS), write_of(T1, DATA, "kubectl-edit"), write_of(T3, LABELS, "kubectl-label")], True),
        ([write_of(T1, DATA, OURS), write_of(T2, DATA, "kubectl-edit")], False),
        ([write_of(T1, DATA, OURS), write_of(T1, DATA, "a")], False),
        ([write_of(T1, DATA, "z"), write_of(T1, DATA, OURS)], False),
        ([write_of(T2, DATA, OURS), write_of(T3)], False),
        ([write_of(T2, DATA, OURS), write_of(T2, {"f:data": {}}, "who-made-it")], True),
        ([write_of(T1, DATA, f"{OURS}-2")], False),
        ([], False),
    ],
)
def test_a_state_tells_whether_the_data_is_what_we_wrote(managers: object, *, by_us: bool) -> None:
    """In doubt it is not: somebody who wrote in the same second may have had the last word."""
    annotations = {owned.VERSIONS: "{}"}
    meta = {"resourceVersion": "7", "managedFields": managers, "annotations": annotations}

    found = kube_secret.state({"metadata": meta}, "shop", "db", cluster="aks-1")

    assert found == SecretState(
        resource_version="7", changed=read(managedFields=managers).changed, by_us=by_us, versions="{}"
    )


def test_a_patch_holds_the_guard_and_what_changes() -> None:
    """Nothing else: no label, no type, no key that stays."""
    secret = read()

    both = kube_secret.patch(secret, {"password": SecretValue(b"new")}, {owned.VERSIONS: "{}"})
    data = kube_secret.patch(secret, {"password": SecretValue(b"new")}, {})
    annotations = kube_secret.patch(secret, {}, {owned.VERSIONS: "{}"})

    new = base64.b64encode(b"new").decode()
    guard = {"resourceVersion": "7"}
    assert both == {"metadata": guard | {"annotations": {owned.VERSIONS: "{}"}}, "data": {"password": new}}
    assert data == {"metadata": guard, "data": {"password": new}}
    assert annotations == {"metadata": guard | {"annotations": {owned.VERSIONS: "{}"}}}


async def test_annotations_are_merged_and_foreign_ones_stay(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Beside new data, and alone."""
    api.apply(other_secret())
    secret = await read_secret(cluster)
    await cluster.write(secret, {seed.KEY: SecretValue(b"new")}, {owned.VERSIONS: "one"})
    first = await read_secret(cluster)
    await cluster.write(first, {}, {owned.VERSIONS: "two"})
    second = await read_secret(cluster)

    stored = api.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert stored is not None
    assert stored["metadata"]["annotations"] == {"team": "shop", owned.VERSIONS: "two"}
    assert [secret.versions, first.versions, second.versions] == ["", "one", "two"]
    assert first.data == second.data == {**secret.data, seed.KEY: SecretValue(b"new")}


async def test_a_state_names_us_after_a_write_and_somebody_else_after_theirs(
    api: KubernetesApi, cluster: KubernetesCluster, clock: ManualClock
) -> None:
    """By the name under which the API server records what this app writes."""
    api.apply(other_secret())
    before = await cluster.secret_state(seed.NAMESPACE, seed.SECRET)
    clock.advance(1)
    version = await cluster.write(await read_secret(cluster), {seed.KEY: SecretValue(b"new")}, {owned.VERSIONS: "{}"})
    ours = await cluster.secret_state(seed.NAMESPACE, seed.SECRET)
    clock.advance(1)
    api.apply(other_secret(), manager="kubectl-edit")
    theirs = await cluster.secret_state(seed.NAMESPACE, seed.SECRET)

    assert ours == SecretState(
        resource_version=version, changed=datetime.fromtimestamp(clock() - 1, UTC), by_us=True, versions="{}"
    )
    assert before is not None
    assert theirs is not None
    assert (before.by_us, theirs.by_us) == (False, False)


async def test_annotations_that_are_the_same_leave_the_resource_version(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """A write that changes nothing wakes nobody."""
    api.apply(other_secret())
    version = await cluster.write(await read_secret(cluster), {}, {owned.VERSIONS: "one"})

    assert await cluster.write(await read_secret(cluster), {}, {owned.VERSIONS: "one"}) == version


@pytest.mark.parametrize(
    "fault",
    [Fault(status=code) for code in (400, 403, 409, 413, 422, 500)] + [Fault(drop=True), Fault(drop=True, after=True)],
    ids=str,
)
async def test_no_failure_of_a_write_holds_a_value(
    api: KubernetesApi, cluster: KubernetesCluster, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the error, nor its causes, nor what any library logs; whatever the API server quotes."""
    caplog.set_level(logging.DEBUG)
    api.apply(other_secret())
    secret = await read_secret(cluster)
    told = {"kind": "Status", "message": " ".join(MARKS), "details": {"causes": [{"message": MARKED}]}}
    fault = Fault(status=fault.status, drop=fault.drop, after=fault.after, body=told)
    api.faults.plan(only("secrets", "patch"), fault, times=3)

    with pytest.raises(FanoutError) as caught:
        await cluster.write(secret, {seed.KEY: SecretValue(MARKED.encode())}, {owned.VERSIONS: "{}"})

    # The traceback quotes this file, which speaks of the mark by its name only.
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not [mark for mark in MARKS if mark in said]


def test_a_complaint_holds_no_data() -> None:
    """It is made from the Secret's place and state."""
    manifest = {
        "metadata": {"resourceVersion": "7", "uid": "u-1"},
        "data": {"password": base64.b64encode(MARKED.encode()).decode()},
    }
    secret = kube_secret.read(manifest, "shop", "db", cluster="aks-1")

    text = json.dumps(kube_secret.complaint(secret, "wrong", T1))

    assert not [mark for mark in MARKS if mark in text]
    assert '"firstTimestamp": "2026-11-23T12:00:01Z"' in text

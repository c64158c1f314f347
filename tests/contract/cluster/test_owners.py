"""Owners that are asked to look, on both servers: the requests are accepted, and a status is read back.

On the real server the resources are held to structural schemas, and have their status as a subresource.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import seed
from shared import owned, secret_sync
from shared.delegate import Delegate, Progress, Resource, Standing
from shared.edges.cluster import KubernetesCluster
from shared.external_secrets.declaration import PARENTS, PLURAL
from shared.observed import Owner
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import MARK, Manifest, placed, provider_class
from tests.edges import declared

STATE = "0123456789abcdef0123456789abcdef"
"""A version as the vault names them: what owners are asked with."""
SINCE = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-11-23T11:59:00Z", "2026-11-23T12:00:03Z"
KINDS = ("ExternalSecret", "child", "SecretSync")


@pytest.fixture
def parent(namespace: str) -> Manifest:
    """A ClusterExternalSecret; it has no namespace, so the test's gives it its name."""
    manifest = declared.cluster_external_secret(namespace)
    return manifest | {"spec": {"externalSecretSpec": {"refreshInterval": "1h"}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """By kind, a resource of an owner, and how the owner is asked."""

    parent: Manifest
    manifests: Mapping[str, Manifest]
    delegates: Mapping[str, Delegate]


@pytest.fixture
def owners(namespace: str, parent: Manifest) -> Owners:
    """All kinds, in the test's namespace."""
    return Owners(parent=parent, manifests=_declarations(namespace, parent), delegates=_delegates(namespace, parent))


def _declarations(namespace: str, parent: Manifest) -> dict[str, Manifest]:
    child = declared.external_secret("child", parent=parent["metadata"]["name"])
    return {
        "ExternalSecret": placed(declared.external_secret(), namespace),
        "child": placed(child, namespace),
        "SecretSync": placed(declared.secret_sync(), namespace),
    }


def _delegates(namespace: str, parent: Manifest) -> dict[str, Delegate]:
    def place(plural: str, name: str) -> Resource:
        version = secret_sync.GROUP_VERSION if plural == secret_sync.PLURAL else "external-secrets.io/v1"
        where = "" if plural == PARENTS else namespace
        return Resource(group_version=version, plural=plural, namespace=where, name=name)

    external = Owner.EXTERNAL_SECRETS
    above = place(PARENTS, parent["metadata"]["name"])
    return {
        "ExternalSecret": Delegate(
            owner=external, resource=place(PLURAL, "external"), secret_name="external", mark="1-before"
        ),
        "child": Delegate(
            owner=external, resource=place(PLURAL, "child"), secret_name="child", mark="1-before", parent=above
        ),
        "SecretSync": Delegate(
            owner=Owner.SYNC_CONTROLLER,
            resource=place(secret_sync.PLURAL, "synced"),
            secret_name="synced",
            mark="2026-11-23T11:59:00+00:00",
        ),
    }


def asked(manifest: Manifest) -> tuple[Any, Any]:
    """Return what a resource holds of a request: the annotation, the field."""
    annotations = manifest["metadata"].get("annotations", {})
    return annotations.get("force-sync"), manifest["spec"].get("forceSynchronization")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_owner_is_asked_once_for_each_state(
    hand: Hand,
    cluster: KubernetesCluster,
    owners: Owners,
    kind: str,
) -> None:
    """A generation for what watches the spec, a resourceVersion for what watches annotations, nothing for a repeat."""
    await hand.make(owners.parent)
    before = await hand.make(owners.manifests[kind])
    await cluster.ask(owners.delegates[kind], STATE)
    first = await hand.look(before)
    await cluster.ask(owners.delegates[kind], STATE)
    second = await hand.look(before)

    assert asked(before) == (None, None)
    assert asked(first) == ((None, STATE) if kind == "SecretSync" else (STATE, None))
    assert first == second
    changes = first["metadata"]["generation"] - before["metadata"]["generation"]
    assert changes == (1 if kind == "SecretSync" else 0)
    handed_down = (await hand.look(owners.parent))["metadata"]["annotations"].get("external-secrets.io/force-sync")
    assert handed_down == (STATE if kind == "child" else None)


@pytest.mark.parametrize("kind", KINDS)
async def test_asking_what_is_gone_is_no_failure_and_it_has_no_progress(
    cluster: KubernetesCluster, owners: Owners, kind: str
) -> None:
    await cluster.ask(owners.delegates[kind], STATE)

    assert await cluster.progress(owners.delegates[kind], SINCE) is None


READY = {"type": "Ready", "status": "True", "reason": "SecretSynced"}
FAILED = {"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": MARK}
WRITTEN = {"type": "SecretUpdated", "status": "True", "reason": "SecretUpToDate"}
REFUSED = {"type": "SecretUpdated", "status": "False", "reason": "UserInputValidationFailed"}


@pytest.mark.parametrize(
    ("mark", "condition", "standing"),
    [
        ("1-after", READY, Standing.SYNCED),
        ("1-before", READY, Standing.PENDING),
        ("1-before", FAILED, Standing.FAILING),
    ],
)
async def test_an_external_secrets_status_tells_what_became_of_a_request(
    hand: Hand,
    cluster: KubernetesCluster,
    owners: Owners,
    *,
    mark: str,
    condition: Mapping[str, str],
    standing: Standing,
) -> None:
    status = {"refreshTime": AFTER, "syncedResourceVersion": mark, "conditions": [dict(condition)]}
    await hand.make(owners.manifests["ExternalSecret"] | {"status": status})

    progress = await cluster.progress(owners.delegates["ExternalSecret"], SINCE)

    assert progress == Progress(standing=standing, detail=condition["reason"])


@pytest.mark.parametrize(
    ("synced", "condition", "standing"),
    [(AFTER, WRITTEN, Standing.SYNCED), (BEFORE, WRITTEN, Standing.PENDING), (BEFORE, REFUSED, Standing.FAILING)],
)
async def test_a_secret_syncs_status_tells_what_became_of_a_request(
    hand: Hand,
    cluster: KubernetesCluster,
    owners: Owners,
    *,
    synced: str,
    condition: Mapping[str, str],
    standing: Standing,
) -> None:
    told = {**condition, "lastTransitionTime": BEFORE, "message": MARK}
    await hand.make(
        owners.manifests["SecretSync"] | {"status": {"lastSuccessfulSyncTime": synced, "conditions": [told]}}
    )

    progress = await cluster.progress(owners.delegates["SecretSync"], SINCE)

    assert progress is not None
    assert progress.standing is standing
    assert MARK not in repr(progress)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_just_made_is_pending(
    hand: Hand,
    cluster: KubernetesCluster,
    owners: Owners,
    kind: str,
) -> None:
    await hand.make({name: value for name, value in owners.manifests[kind].items() if name != "status"})

    assert await cluster.progress(owners.delegates[kind], SINCE) == Progress(standing=Standing.PENDING)


async def test_external_secrets_and_their_stores_are_listed(
    hand: Hand, cluster: KubernetesCluster, namespace: str, owners: Owners
) -> None:
    """What a schema adds by itself changes nothing of what is read."""
    await hand.make(owners.parent)
    await hand.make(declared.store(name=namespace))
    await hand.make(placed(declared.store("SecretStore"), namespace))
    for kind in ("ExternalSecret", "child"):
        await hand.make(owners.manifests[kind])

    found, stores = await cluster.external()

    assert sorted(one.resource.name for one in found) == ["child", "external"]
    assert {one.secret_name: one.parent.name if one.parent else "" for one in found} == {
        "external": "",
        "child": owners.parent["metadata"]["name"],
    }
    assert {(one.ignores, one.refusal) for one in found} == {("", "")}
    assert {store.authority for store in stores} == {"kv-demo.vault.azure.net"}
    assert len(stores) == 2


async def test_secret_syncs_are_listed(hand: Hand, cluster: KubernetesCluster, namespace: str, owners: Owners) -> None:
    await hand.make(provider_class(namespace))
    await hand.make(owners.manifests["SecretSync"])

    (found,) = await cluster.syncs()

    assert (found.namespace, found.name, found.class_name) == (namespace, "synced", seed.CLASS)
    assert found.files == (seed.OBJECT,)


async def test_owned_secrets_are_found_by_their_label_and_only_those(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    await hand.make(placed(declared.owned_secret(), namespace))
    other = placed(declared.owned_secret("other"), namespace)
    other["metadata"]["labels"] = {owned.LABEL: "false"}
    await hand.make(other)

    (found,) = await cluster.owned()

    assert (found.namespace, found.name) == (namespace, "filled")

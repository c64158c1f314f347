"""The cluster's edge against the devstack's API: owners that are asked to look, and what their status says then.

Whom to ask, and how a status is read, is decided in shared/delegate, shared/external_secrets and shared/secret_sync.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from devstack import seed
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared import secret_sync as secret_syncs
from shared.delegate import Delegate, Progress, Resource, Standing
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, TransientError
from shared.external_secrets.declaration import PARENTS, PLURAL
from shared.observed import Owner
from shared.reason import Reason
from tests.edges.clusters import forbid, only
from tests.edges.declared import cluster_external_secret, external_secret, secret_sync

STATE = "secret1@0123456789abcdef"
SINCE = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-11-23T11:59:00Z", "2026-11-23T12:00:03Z"
PARENT = Resource(group_version="external-secrets.io/v1", plural=PARENTS, namespace="", name="everywhere")
EXTERNAL = Delegate(
    owner=Owner.EXTERNAL_SECRETS,
    resource=Resource(group_version="external-secrets.io/v1", plural=PLURAL, namespace=seed.NAMESPACE, name="external"),
    secret_name="external",
    mark="1-before",
)
CHILD = Delegate(
    owner=EXTERNAL.owner, resource=EXTERNAL.resource, secret_name="external", mark="1-before", parent=PARENT
)
SYNC = Delegate(
    owner=Owner.SYNC_CONTROLLER,
    resource=Resource(
        group_version=secret_syncs.GROUP_VERSION, plural=secret_syncs.PLURAL, namespace=seed.NAMESPACE, name="synced"
    ),
    secret_name="synced",
    mark="2026-11-23T11:59:00+00:00",
)
DELEGATES = {"ExternalSecret": EXTERNAL, "child": CHILD, "SecretSync": SYNC}


@pytest.fixture(autouse=True)
def declared(api: KubernetesApi) -> None:
    """Three resources whose owners can be asked."""
    for manifest in (external_secret(parent="everywhere"), cluster_external_secret(), secret_sync()):
        api.apply(manifest)


def stored(api: KubernetesApi, resource: Resource) -> dict[str, Any]:
    """Return a resource as it is now, without what changes at every write."""
    found = api.get(resource.plural, resource.namespace, resource.name)
    assert found is not None
    return found


def annotations(api: KubernetesApi, resource: Resource) -> Mapping[str, str]:
    """Return a resource's annotations."""
    found: Mapping[str, str] = stored(api, resource)["metadata"]["annotations"]
    return found


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_external_secrets_is_asked_by_an_annotation(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Nothing else changes."""
    before = stored(api, EXTERNAL.resource)

    await cluster.ask(EXTERNAL, STATE)

    assert annotations(api, EXTERNAL.resource) == {"team": "shop", "force-sync": STATE}
    assert {part: stored(api, EXTERNAL.resource)[part] for part in ("spec", "status")} == {
        part: before[part] for part in ("spec", "status")
    }
    assert annotations(api, PARENT) == {"team": "platform"}


async def test_a_child_of_a_cluster_external_secret_is_asked_with_its_parent(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """The parent's controller takes the child's annotation away, and hands its own down."""
    await cluster.ask(CHILD, STATE)

    assert annotations(api, CHILD.resource)["force-sync"] == STATE
    assert annotations(api, PARENT) == {"team": "platform", "external-secrets.io/force-sync": STATE}


async def test_a_parent_that_may_not_be_changed_is_warned_of(
    api: KubernetesApi, cluster: KubernetesCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The child was asked by then: that is what counts."""
    forbid(api, PARENTS)

    await cluster.ask(CHILD, STATE)

    assert annotations(api, CHILD.resource)["force-sync"] == STATE
    (warning,) = warnings(caplog)
    assert "PATCH /apis/external-secrets.io/v1/clusterexternalsecrets/everywhere: 403 Forbidden" in warning
    assert warning.endswith(f"{CHILD.resource} was asked alone")


async def test_a_parent_that_could_not_be_reached_is_a_passing_fault(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """It is tried again, and the child's annotation is the same then."""
    api.faults.plan(only(PARENTS), Fault(status=503), times=3)
    with pytest.raises(TransientError):
        await cluster.ask(CHILD, STATE)

    await cluster.ask(CHILD, STATE)

    assert annotations(api, PARENT)["external-secrets.io/force-sync"] == STATE
    assert len(api.history_of(PLURAL, seed.NAMESPACE, "external")) == 2


async def test_the_sync_controller_is_asked_by_a_field_of_the_spec(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """A new generation of the resource, nothing else."""
    before = stored(api, SYNC.resource)

    await cluster.ask(SYNC, STATE)

    after = stored(api, SYNC.resource)
    assert after["spec"] == before["spec"] | {"forceSynchronization": STATE}
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1


@pytest.mark.parametrize("delegate", DELEGATES.values(), ids=DELEGATES.keys())
async def test_the_same_state_twice_asks_once(
    api: KubernetesApi, cluster: KubernetesCluster, delegate: Delegate
) -> None:
    """A redelivered event leaves every resourceVersion as it is; another state asks again."""
    await cluster.ask(delegate, STATE)
    resources = [resource for resource, _ in delegate.requests(STATE)]
    first = [stored(api, resource)["metadata"]["resourceVersion"] for resource in resources]
    await cluster.ask(delegate, STATE)
    second = [stored(api, resource)["metadata"]["resourceVersion"] for resource in resources]
    await cluster.ask(delegate, "another")
    third = [stored(api, resource)["metadata"]["resourceVersion"] for resource in resources]

    assert first == second
    assert set(first).isdisjoint(third)


@pytest.mark.parametrize("delegate", DELEGATES.values(), ids=DELEGATES.keys())
async def test_asking_what_is_gone_is_no_failure(
    api: KubernetesApi, cluster: KubernetesCluster, delegate: Delegate, caplog: pytest.LogCaptureFixture
) -> None:
    """Its Secret is nobody's business any more. Nothing is created."""
    for resource, _ in delegate.requests(STATE):
        api.delete(resource.plural, resource.namespace, resource.name)

    await cluster.ask(delegate, STATE)

    assert api.get(delegate.resource.plural, seed.NAMESPACE, delegate.resource.name) is None
    assert warnings(caplog) == []


@pytest.mark.parametrize("delegate", DELEGATES.values(), ids=DELEGATES.keys())
async def test_asking_without_the_right_is_a_configuration_fault(
    api: KubernetesApi, cluster: KubernetesCluster, delegate: Delegate
) -> None:
    """Listing may be allowed where patching is not."""
    forbid(api, delegate.resource.plural, "patch")

    with pytest.raises(ConfigurationError) as caught:
        await cluster.ask(delegate, STATE)

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN


@pytest.mark.parametrize("delegate", DELEGATES.values(), ids=DELEGATES.keys())
async def test_a_request_that_met_a_conflict_was_not_made(
    api: KubernetesApi, cluster: KubernetesCluster, delegate: Delegate
) -> None:
    """The API server gives up after some tries of its own: it is not taken for a resource that is gone."""
    api.faults.plan(only(delegate.resource.plural, "patch"), Fault(status=409))

    with pytest.raises(TransientError) as caught:
        await cluster.ask(delegate, STATE)

    assert type(caught.value) is TransientError
    assert "force" not in str(stored(api, delegate.resource))


READY = {"type": "Ready", "status": "True", "reason": "SecretSynced"}
FAILED = {"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": "planted"}
WRITTEN = {"type": "SecretUpdated", "status": "True", "reason": "SecretUpToDate", "lastTransitionTime": BEFORE}
REFUSED = {"type": "SecretUpdated", "status": "False", "reason": "UserInputValidationFailed", "message": "planted"}


@pytest.mark.parametrize(
    ("mark", "condition", "standing"),
    [
        ("1-after", READY, Standing.SYNCED),
        ("1-before", READY, Standing.PENDING),
        ("1-before", FAILED, Standing.FAILING),
    ],
)
async def test_an_external_secrets_status_tells_what_became_of_a_request(
    api: KubernetesApi, cluster: KubernetesCluster, mark: str, condition: Mapping[str, str], standing: Standing
) -> None:
    """By its mark and its condition; the condition's message, which may quote anything, stays where it is."""
    api.apply(external_secret(refreshTime=AFTER, syncedResourceVersion=mark, conditions=[dict(condition)]))

    progress = await cluster.progress(EXTERNAL, SINCE)

    assert progress == Progress(standing=standing, detail=condition["reason"])


@pytest.mark.parametrize(
    ("synced", "condition", "standing"),
    [(AFTER, WRITTEN, Standing.SYNCED), (BEFORE, WRITTEN, Standing.PENDING), (BEFORE, REFUSED, Standing.FAILING)],
)
async def test_a_secret_syncs_status_tells_what_became_of_a_request(
    api: KubernetesApi, cluster: KubernetesCluster, synced: str, condition: Mapping[str, str], standing: Standing
) -> None:
    """By the time of its last success and its condition."""
    api.apply(secret_sync(lastSuccessfulSyncTime=synced, conditions=[dict(condition)]))

    progress = await cluster.progress(SYNC, SINCE)

    assert progress is not None
    assert progress.standing is standing
    assert "planted" not in repr(progress)


@pytest.mark.parametrize("delegate", DELEGATES.values(), ids=DELEGATES.keys())
async def test_a_resource_without_a_status_is_pending(
    api: KubernetesApi, cluster: KubernetesCluster, delegate: Delegate
) -> None:
    """Its owner has not looked yet."""
    assert api.requests == ()

    progress = await cluster.progress(delegate, SINCE)

    assert progress == Progress(standing=Standing.PENDING)


@pytest.mark.parametrize("delegate", DELEGATES.values(), ids=DELEGATES.keys())
async def test_a_resource_that_is_gone_has_no_progress(
    api: KubernetesApi, cluster: KubernetesCluster, delegate: Delegate
) -> None:
    """Neither good nor bad."""
    api.delete(delegate.resource.plural, delegate.resource.namespace, delegate.resource.name)

    assert await cluster.progress(delegate, SINCE) is None

"""The two kinds that programs write for one another: created once, and replaced only by who has seen the last state."""

from typing import Any

import pytest

from devstack.kubernetes import KubernetesApi
from tests.devstack.kubernetes.conftest import Caller, Manifest

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
EVENTS = "/api/v1/namespaces/shop/events"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/shop/leases"
CASES = [
    pytest.param(EVENTS, {"metadata": {"name": "db.1"}, "reason": "Refreshed", "count": 1}, "count", id="event"),
    pytest.param(LEASES, {"metadata": {"name": "db"}, "spec": {"holderIdentity": "a"}}, "spec", id="lease"),
]


@pytest.mark.parametrize(("path", "manifest", "_field"), CASES)
async def test_the_second_creation_of_a_name_is_refused_with_409_already_exists(
    api: KubernetesApi, call: Caller, path: str, manifest: Manifest, _field: str
) -> None:
    api.apply(NAMESPACE)

    created = await call("POST", path, manifest)
    again = await call("POST", path, manifest)

    name = manifest["metadata"]["name"]
    assert created.status == 201
    assert again.error[:2] == (409, "AlreadyExists")
    assert again.error[2].endswith(f'"{name}" already exists')
    assert again.body["details"]["name"] == name


@pytest.mark.parametrize(("path", "manifest", "field"), CASES)
async def test_a_replacement_of_a_stale_version_is_refused_with_409_conflict(
    api: KubernetesApi, call: Caller, path: str, manifest: Manifest, field: str
) -> None:
    api.apply(NAMESPACE)
    stale = (await call("POST", path, manifest)).body
    values: dict[str, Any] = {"count": 2, "spec": {"holderIdentity": "b"}}
    one = f"{path}/{manifest['metadata']['name']}"

    first = await call("PUT", one, stale | {field: values[field]})
    second = await call("PUT", one, stale)

    assert first.status == 200
    assert second.error[:2] == (409, "Conflict")
    assert (await call("GET", one)).body[field] == values[field]


async def test_a_lease_is_not_replaced_without_a_version_and_an_event_is(api: KubernetesApi, call: Caller) -> None:
    """Each kind's strategy says so (AllowUnconditionalUpdate); custom resources are as strict as leases."""
    api.apply(NAMESPACE)
    lease = {"metadata": {"name": "db"}, "spec": {"holderIdentity": "a"}}
    event = {"metadata": {"name": "db.1"}, "count": 1}
    await call("POST", LEASES, lease)
    await call("POST", EVENTS, event)

    refused = await call("PUT", f"{LEASES}/db", lease | {"spec": {"holderIdentity": "b"}})
    replaced = await call("PUT", f"{EVENTS}/db.1", event | {"count": 2})

    assert refused.error[:2] == (422, "Invalid")
    assert "metadata.resourceVersion: Invalid value: must be specified for an update" in refused.error[2]
    assert replaced.body["count"] == 2

"""The cluster's edge against the devstack's API: Events that say on a Secret what is wrong with it."""

import json
from typing import Any

import pytest

from devstack import seed
from devstack.clock import ManualClock
from devstack.kubernetes import KubernetesApi
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError
from shared.observed import KubernetesSecret
from shared.reason import Reason
from tests.edges.clusters import forbid
from tests.edges.declared import MARKS, owned_secret

BAD = "Secret secrets-app/filled: keyvault-fanout.dev/objects: entry 1: vault is missing"


async def read(api: KubernetesApi, cluster: KubernetesCluster, name: str = "filled", **fields: Any) -> KubernetesSecret:
    """Store an owned Secret with the marked value and read it."""
    api.apply(owned_secret(name, **fields))
    found = await cluster.secret(seed.NAMESPACE, name)
    assert found is not None
    return found


async def test_a_complaint_is_an_event_about_the_secret(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """`kubectl describe secret` shows it: the place, the uid and the text are what it goes by."""
    secret = await read(api, cluster)

    await cluster.complain(secret, BAD)

    (event,) = api.list("events", seed.NAMESPACE)
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "namespace": seed.NAMESPACE,
        "name": "filled",
        "uid": secret.uid,
        "resourceVersion": secret.resource_version,
    }
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "BadDeclaration", BAD)
    assert event["source"] == {"component": "keyvault-fanout"}
    assert event["firstTimestamp"] == event["lastTimestamp"]


async def test_a_complaint_holds_no_value(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Many more people read Events than Secrets."""
    await cluster.complain(await read(api, cluster), BAD)

    text = json.dumps(api.list("events"))
    assert not [mark for mark in MARKS if mark in text]


async def test_a_state_of_a_secret_is_complained_of_once(
    api: KubernetesApi, cluster: KubernetesCluster, clock: ManualClock
) -> None:
    """However often an event comes. Another attempt of its author is another state."""
    secret = await read(api, cluster)
    for _ in range(3):
        await cluster.complain(secret, BAD)
        clock.advance(60)
    once = api.list("events")
    await cluster.complain(await read(api, cluster, objects="- still wrong"), BAD)

    assert len(once) == 1
    assert len(api.list("events")) == 2


async def test_a_secret_made_again_is_another_one(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Kubernetes asks an Event's reader to go by the uid."""
    first = await read(api, cluster)
    await cluster.complain(first, BAD)
    api.delete("secrets", seed.NAMESPACE, "filled")
    second = await read(api, cluster)
    await cluster.complain(second, BAD)

    assert [event["involvedObject"]["uid"] for event in api.list("events")].count(second.uid) == 1
    assert len(api.list("events")) == 2


@pytest.mark.parametrize("name", ["a" * 253, "a" * 199 + "-" + "b" * 53, "a" * 198 + ".x" + "-b" * 26])
async def test_a_long_name_still_gives_a_legal_event(api: KubernetesApi, cluster: KubernetesCluster, name: str) -> None:
    """It is cut, and not in the middle of `-` or `.`."""
    await cluster.complain(await read(api, cluster, name), BAD)

    (event,) = api.list("events")
    assert event["involvedObject"]["name"] == name


async def test_a_long_text_is_cut_to_what_an_event_takes(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """1,024 characters."""
    await cluster.complain(await read(api, cluster), "x" * 5000)

    assert [len(event["message"]) for event in api.list("events")] == [1000]


async def test_complaining_without_the_right_is_a_configuration_fault(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Its text has neither the complaint nor a value."""
    secret = await read(api, cluster)
    forbid(api, "events")

    with pytest.raises(ConfigurationError) as caught:
        await cluster.complain(secret, BAD)

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN
    assert str(caught.value) == f"aks-demo: POST /api/v1/namespaces/{seed.NAMESPACE}/events: 403 Forbidden"


async def test_complaining_in_a_namespace_that_is_gone_is_a_configuration_fault(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Nothing is left to attach it to."""
    secret = await read(api, cluster)
    api.delete("namespaces", "", seed.NAMESPACE)

    with pytest.raises(ConfigurationError) as caught:
        await cluster.complain(secret, BAD)

    assert "its namespace or its kind is not there" in str(caught.value)

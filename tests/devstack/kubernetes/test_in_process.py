"""The state as tests see it without a request."""

import pytest

from devstack.clock import ManualClock
from devstack.kubernetes import ApiError, Identity, KubernetesApi, everything
from tests.devstack.kubernetes.conftest import Caller, secret


def test_apply_creates_the_namespace_and_then_replaces_whole_keeping_the_uid(offline: KubernetesApi) -> None:
    """The manifest's own resourceVersion does not matter: the scene is set, not negotiated."""
    first = offline.apply(secret(a="1", b="2"))
    stale = first | {"data": {"a": "Mg=="}}
    offline.apply(secret(a="3"))
    second = offline.apply(stale)
    assert second["data"] == {"a": "Mg=="}
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert [namespace["metadata"]["name"] for namespace in offline.list("namespaces")] == [
        "default",
        "kube-system",
        "shop",
    ]


def test_applying_the_same_again_changes_nothing(offline: KubernetesApi) -> None:
    """Not even for another writer."""
    assert offline.apply(secret(a="1")) == offline.apply(secret(a="1"), manager="other")
    assert len(offline.history_of("secrets", "shop", "db")) == 1


def test_apply_takes_custom_and_cluster_scoped_kinds_and_no_others(offline: KubernetesApi) -> None:
    """By apiVersion and kind; without a namespace an object is in `default`."""
    kind = {"apiVersion": "secrets-store.csi.x-k8s.io/v1", "kind": "SecretProviderClass"}
    offline.apply({**kind, "metadata": {"name": "azure"}, "spec": {"provider": "azure"}})
    offline.apply({**kind, "metadata": {"name": "azure"}, "spec": {"provider": "vault"}})
    offline.apply({"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": "x.csi.k8s.io"}})
    stored = offline.get("secretproviderclasses", "default", "azure")
    assert stored is not None
    assert (stored["spec"], stored["metadata"]["generation"]) == ({"provider": "vault"}, 2)
    assert offline.get("csidrivers", "", "x.csi.k8s.io") is not None
    with pytest.raises(KeyError):
        offline.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})


def test_what_is_handed_out_is_a_copy(offline: KubernetesApi) -> None:
    """A test that edits what it read must not edit the cluster."""
    offline.apply(secret(a="1"))
    for found in (
        offline.get("secrets", "shop", "db"),
        *offline.list("secrets"),
        *offline.history_of("secrets", "shop", "db"),
    ):
        assert found is not None
        found["data"]["a"] = "edited"
    stored = offline.get("secrets", "shop", "db")
    assert stored is not None
    assert stored["data"] == {"a": "MQ=="}


def test_the_history_holds_every_state_also_of_a_namesake(offline: KubernetesApi) -> None:
    """The question it answers: did it ever go back?"""
    for value in ("1", "2", "1"):
        offline.apply(secret(a=value))
    offline.delete("secrets", "shop", "db")
    offline.apply(secret(a="3"))
    states = offline.history_of("secrets", "shop", "db")
    assert [state["data"]["a"] for state in states] == ["MQ==", "Mg==", "MQ==", "Mw=="]
    assert len({state["metadata"]["uid"] for state in states}) == 2
    assert offline.history_of("secrets", "shop", "other") == []


def test_lists_are_of_one_namespace_or_of_all(offline: KubernetesApi) -> None:
    """Sorted by namespace, then name."""
    for name, namespace in (("b", "shop"), ("a", "shop"), ("c", "bank")):
        offline.apply(secret(name, namespace))
    assert [found["metadata"]["name"] for found in offline.list("secrets")] == ["c", "a", "b"]
    assert [found["metadata"]["name"] for found in offline.list("secrets", "shop")] == ["a", "b"]
    assert offline.list("secrets", "nowhere") == []


def test_deleting_what_is_not_there_is_an_error(offline: KubernetesApi) -> None:
    """A test that deletes the wrong thing is to hear of it; a plural that is not served is a KeyError."""
    with pytest.raises(ApiError, match='secrets "db" not found'):
        offline.delete("secrets", "shop", "db")
    with pytest.raises(KeyError):
        offline.get("configmaps", "shop", "db")


def test_clear_removes_everything_and_goes_on_counting(offline: KubernetesApi) -> None:
    """A cluster is never without its first namespaces."""
    version = int(offline.apply(secret(a="1"))["metadata"]["resourceVersion"])
    offline.clear()
    assert offline.list("secrets") == []
    assert offline.history_of("secrets", "shop", "db") == []
    assert [found["metadata"]["name"] for found in offline.list("namespaces")] == ["default", "kube-system"]
    assert int(offline.apply(secret(a="1"))["metadata"]["resourceVersion"]) > version


def test_the_clock_can_be_changed(offline: KubernetesApi) -> None:
    """It dates what is written from then on."""
    offline.set_clock(ManualClock(0))
    assert offline.apply(secret())["metadata"]["creationTimestamp"] == "1970-01-01T00:00:00Z"


def test_an_identity_does_not_show_its_token() -> None:
    """It ends up in assertion messages."""
    assert "hunter2" not in repr(Identity(token="hunter2", user="fanout", allows=everything))


def test_a_kubeconfig_names_cluster_user_and_authority(offline: KubernetesApi) -> None:
    """The certificate authority is base64 of PEM, as kubectl writes it."""
    config = offline.kubeconfig("t", ca_pem="PEM")
    assert config["clusters"][0]["cluster"] == {"server": offline.url, "certificate-authority-data": "UEVN"}
    assert config["users"][0]["user"] == {"token": "t"}
    assert config["current-context"] == config["contexts"][0]["name"] == "devstack"
    assert offline.kubeconfig("t", context="mine")["current-context"] == "mine"


async def test_a_user_who_is_admitted_later_is_known_by_a_token_of_its_own(api: KubernetesApi, call: Caller) -> None:
    """So that a writer can join a cluster that runs already."""
    before = await call("GET", "/api/v1/secrets", token="late")
    api.admit(Identity(token="late", user="late", allows=lambda request: request.resource == "secrets"))
    admitted = await call("GET", "/api/v1/secrets", token="late")
    refused = await call("GET", "/api/v1/pods", token="late")
    assert [reply.status for reply in (before, admitted, refused)] == [401, 200, 403]
    assert [request.user for request in api.requests] == ["", "late", "late"]

"""The External Secrets Operator: when it refreshes, what it writes, what it says."""

import re
from typing import Any

import pytest

from devstack import seed
from devstack.keyvault import Denial
from devstack.writers import external_secrets
from devstack.writers.external_secrets import ExternalSecrets
from tests.devstack.writers.conftest import FIRST, Manifest, Town, decode, encode

NAME = "db"
RESYNC = 0.03
"""Seconds between two looks at everything, so that looks which do nothing can be counted."""


def operator(town: Town, *, resync: float = RESYNC) -> ExternalSecrets:
    """Return an operator that acts as the user `eso`."""
    return ExternalSecrets(town.stack.admit("eso"), resync=resync, retry=0.02)


def declare(town: Town, *, kind: str = "SecretStore", url: str = "", **spec: Any) -> Manifest:
    """Create a store, and an ExternalSecret that fills the key `password` of the Secret `db`."""
    head = {"apiVersion": "external-secrets.io/v1"}
    namespace = {"namespace": seed.NAMESPACE} if kind == "SecretStore" else {}
    provider = {"azurekv": {"vaultUrl": url or "https://KV-demo.vault.azure.net/", "authType": "WorkloadIdentity"}}
    town.cluster.apply({**head, "kind": kind, "metadata": {"name": "kv", **namespace}, "spec": {"provider": provider}})
    return town.cluster.apply(
        {
            **head,
            "kind": "ExternalSecret",
            "metadata": {"name": NAME, "namespace": seed.NAMESPACE},
            "spec": {
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": kind, "name": "kv"},
                "data": [{"secretKey": "password", "remoteRef": {"key": seed.OBJECT}}],
                **spec,
            },
        }
    )


def status(town: Town) -> Manifest:
    """Return the ExternalSecret's status."""
    found = town.cluster.get("externalsecrets", seed.NAMESPACE, NAME)
    assert found is not None
    shown: Manifest = found.get("status", {})
    return shown


def ready(town: Town) -> tuple[str, str]:
    """Return the condition's status and reason."""
    (condition,) = status(town)["conditions"]
    assert condition["type"] == "Ready"
    return condition["status"], condition["reason"]


def nudge(town: Town, text: str = "1") -> Manifest:
    """Set the annotation that forces a sync."""
    return town.annotate("externalsecrets", NAME, **{"force-sync": text})


def value(town: Town) -> str | None:
    """Return what the Secret holds."""
    return town.value("password", NAME)


async def test_a_secret_is_made_with_label_owner_and_hash_and_the_status_says_so(town: Town) -> None:
    declared = declare(town)
    async with operator(town):
        secret = town.secret(NAME)

    metadata = secret["metadata"]
    assert secret["type"] == "Opaque"
    assert secret["data"] == {"password": encode(FIRST)}
    assert metadata["labels"] == {"reconcile.external-secrets.io/managed": "true"}
    assert metadata["annotations"].keys() == {"reconcile.external-secrets.io/data-hash"}
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "name": NAME,
            "uid": declared["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert metadata["managedFields"][0]["manager"] == f"externalsecrets.external-secrets.io/{NAME}"
    assert ready(town) == ("True", "SecretSynced")
    assert status(town)["syncedResourceVersion"] == external_secrets.synced_version(declared)
    assert re.fullmatch(r"1-[0-9a-f]{56}", status(town)["syncedResourceVersion"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", status(town)["refreshTime"])


async def test_within_its_interval_a_new_version_is_not_noticed(town: Town) -> None:
    declare(town)
    async with operator(town) as eso:
        read = town.reads_by("eso")
        town.rotate("the second value")

        await eso.passed(3)

    assert value(town) == FIRST
    assert town.reads_by("eso") == read


async def test_after_its_interval_the_secret_is_refreshed(town: Town) -> None:
    declare(town, refreshInterval="40ms")
    async with operator(town, resync=10_000):
        town.rotate("the second value")

        await town.eventually(lambda: value(town) == "the second value")


@pytest.mark.parametrize(
    "policy", [{}, {"refreshPolicy": "OnChange"}, {"refreshPolicy": "OnChange", "refreshInterval": "0"}]
)
async def test_a_changed_annotation_refreshes_at_once_where_the_policy_honours_it(
    town: Town, policy: dict[str, str]
) -> None:
    declare(town, **policy)
    async with operator(town, resync=10_000):
        before = status(town)["syncedResourceVersion"]
        town.rotate("the second value")
        nudged = nudge(town)

        await town.eventually(lambda: status(town)["syncedResourceVersion"] != before)

    assert value(town) == "the second value"
    assert status(town)["syncedResourceVersion"] == external_secrets.synced_version(nudged)
    assert [entry["manager"] for entry in town.secret(NAME)["metadata"]["managedFields"]] == [
        f"externalsecrets.external-secrets.io/{NAME}"
    ]


@pytest.mark.parametrize(
    "policy", [{"refreshInterval": "0"}, {"refreshInterval": "0s"}, {"refreshPolicy": "CreatedOnce"}]
)
async def test_a_changed_annotation_is_passed_over_where_the_policy_ignores_it(
    town: Town, policy: dict[str, str]
) -> None:
    declare(town, **policy)
    async with operator(town) as eso:
        before = status(town)
        town.rotate("the second value")
        nudge(town)

        await eso.passed(2)

    assert value(town) == FIRST
    assert status(town) == before


async def test_on_change_knows_no_interval(town: Town) -> None:
    declare(town, refreshPolicy="OnChange", refreshInterval="1ms")
    async with operator(town) as eso:
        town.rotate("the second value")

        await eso.passed(3)

    assert value(town) == FIRST


async def test_a_vault_that_refuses_is_an_error_and_leaves_the_secret_and_the_last_sync(town: Town) -> None:
    declare(town)
    async with operator(town) as eso:
        before = status(town)
        town.vault.rights = lambda identity, _: Denial.RBAC if identity == "eso" else None
        town.rotate("the second value")
        nudge(town)
        await eso.passed(2)
        failed, refused = status(town), ready(town)
        kept = value(town)
        town.vault.rights = None

        await town.eventually(lambda: ready(town)[0] == "True")

    assert refused == ("False", "SecretSyncedError")
    assert failed["conditions"][0]["message"] == "could not get secret data from provider"
    assert [failed[name] for name in ("refreshTime", "syncedResourceVersion")] == [
        before[name] for name in ("refreshTime", "syncedResourceVersion")
    ]
    assert kept == FIRST
    assert value(town) == "the second value"


async def test_a_write_by_somebody_else_is_put_right_from_the_vault_at_once(town: Town) -> None:
    declare(town, refreshInterval="0")
    async with operator(town, resync=10_000):
        town.rotate("the second value")
        secret = town.secret(NAME)
        secret["data"] = {"password": encode("wrong"), "extra": encode("kept")}
        town.cluster.apply(secret)

        await town.eventually(lambda: value(town) == "the second value")

    assert decode(town.secret(NAME)["data"]["extra"]) == "kept"


async def test_a_deleted_secret_is_made_again(town: Town) -> None:
    declare(town)
    async with operator(town, resync=10_000):
        town.cluster.delete("secrets", seed.NAMESPACE, NAME)

        await town.eventually(lambda: value(town) == FIRST)


async def test_a_version_a_prefix_a_target_and_a_cluster_store_are_honoured(town: Town) -> None:
    town.rotate("the second value")
    remote = {"key": f"secret/{seed.OBJECT}", "version": town.first}
    declare(
        town,
        kind="ClusterSecretStore",
        url=town.vault.url,
        target={"name": "elsewhere"},
        data=[{"secretKey": "old", "remoteRef": remote}, {"secretKey": "new", "remoteRef": {"key": seed.OBJECT}}],
    )

    async with operator(town):
        pass

    assert [town.value(key, "elsewhere") for key in ("old", "new")] == [FIRST, "the second value"]
    assert status(town)["binding"] == {"name": "elsewhere"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"secretStoreRef": {"name": "gone"}}, id="no store"),
        pytest.param({"data": [{"secretKey": "a", "remoteRef": {"key": "gone"}}]}, id="no object"),
        pytest.param({"data": [{"secretKey": "a", "remoteRef": {"key": "cert/secret1"}}]}, id="another type"),
    ],
)
async def test_what_cannot_be_fetched_is_an_error_and_makes_no_secret(town: Town, change: dict[str, Any]) -> None:
    declare(town, **change)
    async with operator(town):
        assert ready(town) == ("False", "SecretSyncedError")
        assert value(town) is None


async def test_an_external_secret_that_comes_later_is_filled_and_one_that_goes_is_forgotten(town: Town) -> None:
    async with operator(town) as eso:
        declare(town)
        await town.eventually(lambda: value(town) == FIRST)
        town.cluster.delete("externalsecrets", seed.NAMESPACE, NAME)
        await town.eventually(lambda: not list(eso.loops()))

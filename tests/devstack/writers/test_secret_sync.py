"""The Secrets Store Sync Controller: when it looks, what it writes, what it says."""

import re
from typing import Any

import pytest

from devstack import seed
from devstack.keyvault import Denial
from devstack.writers.secret_sync import SecretSyncs
from tests.devstack.writers.conftest import FIRST, Manifest, Town, encode

NAME = "db"
POLL = 0.03


def controller(town: Town, *, poll: float = POLL) -> SecretSyncs:
    """Return a controller that acts as the user `sync`."""
    return SecretSyncs(town.stack.admit("sync"), poll=poll, retry=0.02)


def declare(town: Town, **spec: Any) -> Manifest:
    """Create a SecretSync that fills the key `password` of the Secret `db` from the post's class."""
    return town.cluster.apply(
        {
            "apiVersion": "secret-sync.x-k8s.io/v1alpha1",
            "kind": "SecretSync",
            "metadata": {"name": NAME, "namespace": seed.NAMESPACE},
            "spec": {
                "secretProviderClassName": seed.CLASS,
                "serviceAccountName": "keyvault-reader",
                "secretObject": {
                    "type": "Opaque",
                    "data": [{"sourcePath": seed.OBJECT, "targetKey": "password"}],
                    "labels": {"team": "shop"},
                },
                **spec,
            },
        }
    )


def current(town: Town) -> Manifest:
    """Return the SecretSync as it is now."""
    found = town.cluster.get("secretsyncs", seed.NAMESPACE, NAME)
    assert found is not None
    return found


def conditions(town: Town) -> dict[str, tuple[str, str]]:
    """Return each condition's status and reason."""
    listed = current(town).get("status", {}).get("conditions", [])
    return {condition["type"]: (condition["status"], condition["reason"]) for condition in listed}


def force(town: Town, text: str) -> Manifest:
    """Change the field that forces a synchronisation."""
    document = current(town)
    document["spec"]["forceSynchronization"] = text
    return town.cluster.apply(document, manager="kubectl")


def value(town: Town) -> str | None:
    """Return what the Secret holds."""
    return town.value("password", NAME)


async def test_a_secret_of_the_same_name_is_made_and_the_status_says_so(town: Town) -> None:
    declared = declare(town)
    async with controller(town):
        secret = town.secret(NAME)

    assert secret["data"] == {"password": encode(FIRST)}
    assert secret["metadata"]["labels"] == {"team": "shop", "secrets-store.sync.x-k8s.io": ""}
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("SecretSync", NAME, declared["metadata"]["uid"])
    assert [entry["manager"] for entry in secret["metadata"]["managedFields"]] == ["secrets-store-sync-controller"]
    assert conditions(town) == {
        "SecretCreated": ("True", "CreateSuccessful"),
        "SecretUpdated": ("True", "SecretUpToDate"),
    }
    shown = current(town)["status"]
    assert re.fullmatch(r"[0-9a-f]{128}", shown["syncHash"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["lastSuccessfulSyncTime"])


async def test_a_changed_force_field_synchronises_at_once(town: Town) -> None:
    declare(town)
    async with controller(town, poll=10_000):
        before = current(town)["status"]["syncHash"]
        town.rotate("the second value")
        force(town, "1")

        await town.eventually(lambda: current(town)["status"]["syncHash"] != before)

    assert value(town) == "the second value"


async def test_an_annotation_or_a_status_is_no_reason_to_look(town: Town) -> None:
    declare(town)
    async with controller(town, poll=10_000) as sync:
        read, first = town.reads_by("sync"), current(town)["status"]["syncHash"]
        annotated = town.annotate("secretsyncs", NAME, nudge="1")
        await town.eventually(lambda: seen(sync) >= version_of(annotated))
        force(town, "1")
        await town.eventually(lambda: current(town)["status"]["syncHash"] != first)
        await town.eventually(lambda: seen(sync) == version_of(current(town)))
        second = current(town)["status"]["syncHash"]
        town.rotate("the second value")
        force(town, "2")
        await town.eventually(lambda: current(town)["status"]["syncHash"] != second)

    assert value(town) == "the second value"
    assert town.reads_by("sync") == read + 2


async def test_a_poll_brings_a_new_version(town: Town) -> None:
    declare(town)
    async with controller(town) as sync:
        town.rotate("the second value")

        await sync.passed()

    assert value(town) == "the second value"


async def test_what_somebody_else_wrote_is_not_repaired_while_nothing_else_changes(town: Town) -> None:
    declare(town)
    async with controller(town) as sync:
        overwrite(town, "wrong")

        await sync.passed(3)

    assert value(town) == "wrong"
    assert conditions(town)["SecretUpdated"] == ("True", "SecretUpToDate")


async def test_a_new_value_for_a_key_that_another_has_written_is_a_conflict(town: Town) -> None:
    declare(town)
    async with controller(town) as sync:
        overwrite(town, "wrong")
        town.rotate("the second value")

        await sync.passed(2)

        assert value(town) == "wrong"
        assert conditions(town)["SecretUpdated"] == ("False", "ControllerPatchError")


async def test_a_key_that_another_wrote_equally_is_owned_by_both_and_conflicts_at_the_next_value(town: Town) -> None:
    declare(town)
    async with controller(town, poll=10_000):
        town.rotate("the second value")
        overwrite(town, "the second value")
        before = current(town)["status"]["syncHash"]
        force(town, "1")
        await town.eventually(lambda: current(town)["status"]["syncHash"] != before)
        shared = conditions(town)["SecretUpdated"]
        town.rotate("the third value")
        force(town, "2")

        await town.eventually(lambda: conditions(town)["SecretUpdated"] == ("False", "ControllerPatchError"))

    assert shared == ("True", "SecretUpToDate")
    assert value(town) == "the second value"


async def test_a_vault_that_refuses_is_said_in_the_condition_and_tried_again(town: Town) -> None:
    declare(town)
    async with controller(town, poll=10_000) as sync:
        town.vault.rights = lambda identity, _: Denial.RBAC if identity == "sync" else None
        town.rotate("the second value")
        force(town, "1")
        await town.eventually(lambda: conditions(town)["SecretUpdated"] == ("False", "ProviderError"))
        await sync.passed()
        kept = value(town)
        town.vault.rights = None

        await town.eventually(lambda: conditions(town)["SecretUpdated"] == ("True", "SecretUpToDate"))

    assert kept == FIRST
    assert value(town) == "the second value"


async def test_a_failed_update_without_a_change_stays_said_until_the_next_change(town: Town) -> None:
    declare(town)
    async with controller(town) as sync:
        town.vault.rights = lambda identity, _: Denial.RBAC if identity == "sync" else None
        await sync.passed()
        town.vault.rights = None
        await sync.passed(2)
        stuck = conditions(town)["SecretUpdated"]
        force(town, "1")

        await town.eventually(lambda: conditions(town)["SecretUpdated"] == ("True", "SecretUpToDate"))

    assert stuck == ("False", "ProviderError")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"secretProviderClassName": "gone"}, "SecretProviderClassMisconfigured"),
        ({"secretObject": {"data": [{"sourcePath": "gone", "targetKey": "a"}]}}, "RemoteSecretStoreFetchFailed"),
    ],
)
async def test_what_cannot_be_synchronised_at_first_is_said_of_the_creation(
    town: Town, change: dict[str, Any], reason: str
) -> None:
    declare(town, **change)
    async with controller(town):
        assert conditions(town) == {
            "SecretCreated": ("False", reason),
            "SecretUpdated": ("Unknown", "NoUpdatesAttemptedYet"),
        }
        assert value(town) is None


async def test_a_key_that_is_no_longer_listed_is_removed(town: Town) -> None:
    both = [{"sourcePath": seed.OBJECT, "targetKey": key} for key in ("password", "copy")]
    declare(town, secretObject={"data": both})
    async with controller(town, poll=10_000):
        document = current(town)
        document["spec"]["secretObject"]["data"] = both[:1]
        town.cluster.apply(document)

        await town.eventually(lambda: town.secret(NAME)["data"] == {"password": encode(FIRST)})


def version_of(document: Manifest) -> int:
    """Return an object's resourceVersion."""
    return int(document["metadata"]["resourceVersion"])


def seen(sync: SecretSyncs) -> int:
    """Return the version in which the controller last saw the SecretSync."""
    return version_of(sync.objects.known[seed.NAMESPACE, NAME])


def overwrite(town: Town, text: str) -> None:
    """Write the Secret as another program."""
    secret = town.secret(NAME)
    secret["data"]["password"] = encode(text)
    town.cluster.apply(secret, manager="keyvault-fanout")

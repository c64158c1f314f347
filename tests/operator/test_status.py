"""`fanout status` as an operator runs it: who holds the newest version, who shows it, what waits."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack import seed, stack
from devstack.keyvault.refusals import Denial
from fanout.__main__ import main
from tests.e2e import declarations
from tests.operator.standing import OBJECT, Standing, only
from tests.operator.test_command import SETTINGS

FIELDS = {"objects", "newestEvent", "jobs", "deadLetters", "errors"}
TARGET = {"cluster", "namespace", "secret", "owner", "state", "why", "podsShowing", "podsBehind", "wrong"}


def age(standing: Standing) -> str:
    """Rotate the object as if the Secret had been written long before, and return the version."""
    standing.clock.ahead += 60
    return standing.rotate()


async def test_a_secret_that_was_written_before_the_newest_version_is_stale(standing: Standing) -> None:
    version = age(standing)

    said = await standing.run("status", "--json")

    assert (said.code, said.err) == (1, "")
    assert set(said.document) == FIELDS
    found = only(said.document["objects"])
    assert (found["object"], found["version"]) == (f"{stack.VAULT}/{OBJECT}", version)
    target = only(found["targets"])
    assert set(target) == TARGET
    assert (target["state"], target["wrong"], target["podsShowing"]) == ("stale", True, 0)
    assert sorted(target["podsBehind"]) == sorted(seed.PODS)


async def test_no_value_is_read_and_nothing_is_changed(standing: Standing) -> None:
    age(standing)
    standing.stack.vault.clear_reads()

    await standing.run("status")

    assert {one.operation for one in standing.stack.vault.reads} == {"list", "list versions"}
    assert (standing.writes(), standing.sent()) == ([], [])


async def test_after_a_refresh_it_holds_it_and_the_watch_has_heard_of_it(standing: Standing) -> None:
    version = standing.rotate()
    standing.show(version)

    await standing.run("refresh", "--object", OBJECT, "--no-follow")
    said = await standing.run("status", "--json")

    assert said.code == 0
    found = only(said.document["objects"])
    assert found["told"] == "after an event"
    assert (found["targets"][0]["state"], found["targets"][0]["podsShowing"]) == ("holds it", len(seed.PODS))
    assert said.document["jobs"]["kinds"] == {"restart": 1}
    assert datetime.fromisoformat(said.document["jobs"]["oldest"]) > datetime.now(UTC) - timedelta(minutes=5)
    assert said.document["newestEvent"] is not None


async def test_a_person_reads_tables(standing: Standing) -> None:
    standing.show(standing.stack.vault.get(seed.OBJECT).version)

    said = await standing.run("status", "--object", OBJECT)

    assert said.code == 0
    assert "1 holds it" in said.out
    assert "2/2" in said.out
    assert "jobs waiting: none" in said.out
    assert f"dead letters of queue {stack.QUEUE}: none" in said.out
    assert f"dead letters of subscription {stack.WATCH}: none" in said.out


async def test_pods_behind_are_wrong_under_a_driver_that_a_nudge_reaches(standing: Standing) -> None:
    driver = seed.csi_driver()
    driver["metadata"]["labels"] = {"app.kubernetes.io/version": "1.6.0"}
    driver["spec"]["requiresRepublish"] = True
    standing.stack.cluster.apply(driver)
    standing.rotate()

    said = await standing.run("status", "--json")

    assert said.code == 1
    target = only(only(said.document["objects"])["targets"])
    assert (target["state"], target["wrong"]) == ("holds it", True)


async def test_owned_and_missing_secrets_and_files_are_told_apart(standing: Standing) -> None:
    standing.stack.cluster.apply(declarations.owned_secret())
    standing.stack.cluster.apply(declarations.broken_secret())
    standing.stack.cluster.delete("secrets", seed.NAMESPACE, seed.SECRET)

    said = await standing.run("status", "--json")

    states = {one["secret"]: one["state"] for one in only(said.document["objects"])["targets"]}
    assert states == {seed.SECRET: "no Secret", "owned": "stale", "broken": "refused"}
    assert said.code == 1


async def test_a_version_that_is_disabled_or_not_yet_valid_is_not_called_stale(standing: Standing) -> None:
    standing.stack.vault.set_enabled(seed.OBJECT, standing.rotate(), False)
    disabled = await standing.run("status", "--json")
    standing.rotate(not_before=int(time.time()) + 3600)
    waiting = await standing.run("status", "--json")

    assert only(only(disabled.document["objects"])["targets"])["state"] == "disabled"
    assert (disabled.code, waiting.code) == (1, 0)
    assert only(only(waiting.document["objects"])["targets"])["state"] == "not yet"


async def test_dead_letters_of_the_queue_and_of_a_subscription_are_counted_by_reason(standing: Standing) -> None:
    async with (
        ServiceBusClient.from_connection_string(standing.stack.bus.connection_string) as client,
        client.get_queue_sender(stack.QUEUE) as queue,
        client.get_topic_sender(stack.TOPIC) as topic,
        client.get_queue_receiver(stack.QUEUE) as jobs,
        client.get_subscription_receiver(stack.TOPIC, "all") as notices,
    ):
        for sender, receiver in ((queue, jobs), (topic, notices)):
            await sender.send_messages(ServiceBusMessage(b"{}"))
            (message,) = await receiver.receive_messages(max_wait_time=5)
            await receiver.dead_letter_message(message, reason="Because")

    said = await standing.run("status", "--json", "--subscription", "all")

    assert said.code == 1
    assert {one["place"]: one["reasons"] for one in said.document["deadLetters"]} == {
        f"queue {stack.QUEUE}": {"Because": 1},
        f"subscription {stack.WATCH}": {},
        "subscription all": {"Because": 1},
    }


async def test_a_cluster_a_queue_and_a_subscription_that_are_not_there_are_errors_and_hide_nothing(
    standing: Standing,
) -> None:
    said = await standing.run(
        "status", "--json", "--subscription", "nowhere", JOB_QUEUE="nothing", **standing.two_clusters()
    )

    assert said.code == 1
    assert only(only(said.document["objects"])["targets"])["cluster"] == stack.CLUSTER
    errors = " ".join(said.document["errors"])
    for told in ("aks-other: GET", "nothing: MessagingEntityNotFoundError", "/nowhere"):
        assert told in errors
    assert "Create the queue" in errors


async def test_a_vault_that_refuses_is_told_with_the_role_it_takes(standing: Standing) -> None:
    standing.stack.vault.rights = lambda *_: Denial.RBAC

    said = await standing.run("status")

    assert said.code == 1
    assert "Key Vault Secrets User" in said.err


async def test_an_object_that_is_not_there_is_an_error(standing: Standing) -> None:
    said = await standing.run("status", "--object", "secret/nowhere")

    assert said.code == 1
    assert "the vault has no such object" in said.err


@pytest.mark.parametrize("name", ["", " ", "a/b"])
def test_a_subscription_is_a_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--subscription", name], SETTINGS) == 2
    assert "--subscription" in capsys.readouterr().err

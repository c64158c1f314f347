"""`fanout doctor` as an operator runs it: a stack with one thing wrong, what is found, and the fix that is printed."""

from collections.abc import Mapping
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from devstack import seed, stack
from devstack.faults import Fault
from devstack.keyvault.refusals import Denial
from fanout.__main__ import main
from fanout.doctor.finding import State
from tests.e2e import rights
from tests.operator.cli import Said
from tests.operator.standing import Standing
from tests.operator.test_command import SETTINGS

FIELDS = {"area", "name", "check", "state", "detail", "fix"}
SUBSCRIPTION = (
    "/subscriptions/0/resourceGroups/rg/providers/Microsoft.EventGrid/systemTopics/kv/eventSubscriptions/fanout"
)


def found(said: Said, area: str, check: str, name: str = "") -> Mapping[str, Any]:
    """Return the one finding of a check."""
    every = [one for one in said.document["findings"] if one["area"] == area and one["check"] == check]
    (one,) = [one for one in every if name in {"", one["name"]}]
    return dict(one)


def in_state(said: Said, state: State) -> list[str]:
    """Return which checks ended so."""
    return [f"{one['area']}: {one['check']}" for one in said.document["findings"] if one["state"] == state]


async def test_on_a_stack_that_is_well_nothing_fails_nothing_is_written_and_no_value_is_read(
    standing: Standing,
) -> None:
    said = await standing.run("doctor", "--json")

    assert (said.code, said.err) == (0, "")
    assert in_state(said, State.FAILED) == []
    assert in_state(said, State.SKIPPED) == [
        "topic: duplicate detection",
        "queue: duplicate detection",
        "event grid: delivery",
    ]
    assert all(set(one) == FIELDS for one in said.document["findings"])
    assert (standing.writes(), standing.sent()) == ([], [])
    assert {one.name for one in standing.stack.vault.reads if one.operation == "get"} & {seed.OBJECT} == set()


async def test_a_person_reads_what_to_mend_below_the_table(standing: Standing) -> None:
    standing.stack.vault.rights = lambda *_: Denial.RBAC

    said = await standing.run("doctor")

    assert said.code == 1
    table, _, fixes = said.out.partition("To mend:")
    assert "failed" in table
    assert 'az role assignment create --role "Key Vault Secrets User"' in fixes
    assert f"az keyvault show --name {stack.VAULT}" in fixes


@pytest.mark.parametrize(
    ("denial", "told", "fix"),
    [
        (Denial.RBAC, "ForbiddenByRbac", "az role assignment create"),
        (Denial.FIREWALL, "ForbiddenByFirewall", "az keyvault network-rule add"),
    ],
)
async def test_a_vaults_rights_and_its_firewall_are_told_apart(
    standing: Standing, denial: Denial, told: str, fix: str
) -> None:
    standing.stack.vault.rights = lambda *_: denial

    said = await standing.run("doctor", "--json")

    for check in ("list secrets", "read secrets"):
        one = found(said, "vault", check)
        assert one["state"] == "failed"
        assert told in one["detail"]
        assert fix in one["fix"]


async def test_who_may_list_and_not_read_is_told_exactly_that(standing: Standing) -> None:
    standing.stack.vault.rights = lambda _, asked: Denial.RBAC if asked.operation == "get" else None

    said = await standing.run("doctor", "--json")

    assert said.code == 1
    assert found(said, "vault", "list secrets")["state"] == "ok"
    assert found(said, "vault", "read secrets")["state"] == "failed"
    assert found(said, "vault", "read keys")["state"] == "note"


async def test_a_vault_that_nobody_finds_fails_by_itself(standing: Standing) -> None:
    vaults = f"{standing.stack.settings['KEY_VAULTS']},kv-gone=https://127.0.0.1:9"

    said = await standing.run("doctor", "--json", KEY_VAULTS=vaults)

    assert said.code == 1
    assert found(said, "vault", "list secrets", "kv-gone")["state"] == "failed"
    assert "DNS" in found(said, "vault", "list secrets", "kv-gone")["fix"]
    assert found(said, "vault", "list secrets", stack.VAULT)["state"] == "ok"


async def test_a_cluster_that_is_down_is_one_finding_and_hides_no_other(standing: Standing) -> None:
    said = await standing.run("doctor", "--json", **standing.two_clusters())

    assert said.code == 1
    of_other = {one["check"]: one["state"] for one in said.document["findings"] if one["name"] == "aks-other"}
    assert of_other == {"reachable": "failed", "rights, csi driver": "not looked at", "clock": "not looked at"}
    assert found(said, "cluster", "rights for rbac")["state"] == "ok"


async def test_a_cluster_that_knows_no_such_token_is_told_apart_from_one_that_is_down(standing: Standing) -> None:
    said = await standing.run("doctor", "--json", **standing.two_clusters(standing.stack.cluster.url))

    one = found(said, "cluster", "reachable", "aks-other")
    assert one["state"] == "failed"
    assert "401" in one["detail"]
    assert "credential" in one["fix"]


async def test_with_exactly_the_shipped_rights_every_feature_is_ok(standing: Standing) -> None:
    standing.stack.cluster.allow(stack.APP_USER, rights.Guard(rights.shipped(*rights.FILES)))

    said = await standing.run("doctor", "--json")

    states = {one["check"]: one["state"] for one in said.document["findings"] if one["check"].startswith("rights for ")}
    assert set(states.values()) == {"ok"}
    assert {check.removeprefix("rights for ") for check in states} == set(rights.FILES)


@pytest.mark.parametrize(
    ("right", "feature", "state", "bindings"),
    [
        ("list secretproviderclasses", "rbac", "failed", "auto"),
        ("patch secrets", "rbac", "failed", "auto"),
        ("watch secretproviderclasses", "rbac", "note", "auto"),
        ("list externalsecrets", "external-secrets", "note", "auto"),
        ("list externalsecrets", "external-secrets", "failed", "csi,external-secrets"),
        ("patch externalsecrets", "external-secrets", "failed", "auto"),
        ("patch clusterexternalsecrets", "external-secrets", "note", "auto"),
        ("get secretsyncs", "secret-sync", "failed", "auto"),
        ("create events", "owned-secrets", "note", "auto"),
        ("list daemonsets", "driver", "note", "auto"),
        ("patch pods", "nudge", "note", "auto"),
        ("create leases", "restart", "note", "auto"),
    ],
)
async def test_a_missing_right_is_named_with_the_manifest_that_gives_it(
    standing: Standing, right: str, feature: str, state: str, bindings: str
) -> None:
    left = [one for one in rights.shipped(*rights.FILES) if f"{one.verb} {one.resource}" != right]
    standing.stack.cluster.allow(stack.APP_USER, rights.Guard(left))

    said = await standing.run("doctor", "--json", BINDINGS=bindings)

    one = found(said, "cluster", f"rights for {feature}")
    assert one["state"] == state
    assert right in one["detail"]
    assert f"deploy/kubernetes/{feature}.yaml | kubectl apply -f -" in one["fix"]


async def test_what_the_settings_switch_off_is_not_looked_at(standing: Standing) -> None:
    said = await standing.run("doctor", "--json", NUDGE_PODS="off", RESTART_WORKLOADS="off", BINDINGS="owned-secrets")

    for feature in ("rbac", "external-secrets", "secret-sync", "nudge", "restart"):
        assert found(said, "cluster", f"rights for {feature}")["state"] == "not looked at"
    assert found(said, "cluster", "csi driver")["state"] == "not looked at"


async def test_a_driver_that_would_put_old_bytes_back_is_worth_knowing(standing: Standing) -> None:
    driver = seed.csi_driver()
    driver["metadata"]["labels"] = {"app.kubernetes.io/version": "1.6.0"}
    standing.stack.cluster.apply(driver)

    said = await standing.run("doctor", "--json")

    one = found(said, "cluster", "csi driver")
    assert one["state"] == "note"
    assert "enableSecretRotation" in one["fix"]


async def test_a_queue_and_a_topic_that_are_not_there_are_told_by_name(standing: Standing) -> None:
    said = await standing.run("doctor", "--json", JOB_QUEUE="nowhere", NOTICE_TOPIC="nothing")

    assert said.code == 1
    assert "Create the queue" in found(said, "queue", "send")["fix"]
    assert "Create the topic" in found(said, "topic", "send")["fix"]
    assert found(said, "queue", "receive")["state"] == "failed"


async def test_the_subscription_of_the_live_page_is_looked_through_where_there_is_one(standing: Standing) -> None:
    without = await standing.run("doctor", "--json")
    there = await standing.run("doctor", "--json", LIVE_SUBSCRIPTION=stack.LIVE)
    missing = await standing.run("doctor", "--json", LIVE_SUBSCRIPTION="nothing")

    assert [one for one in without.document["findings"] if one["check"] == "live page"] == []
    assert found(there, "topic", "live page")["state"] == "ok"
    assert (missing.code, found(missing, "topic", "live page")["state"]) == (1, "failed")
    assert "LIVE_SUBSCRIPTION" in found(missing, "topic", "live page")["fix"]


async def test_the_roles_for_sending_and_for_receiving_are_told_apart(standing: Standing) -> None:
    standing.stack.bus.faults.plan(
        lambda one: one.kind == "attach", Fault(condition="amqp:unauthorized-access"), times=None
    )

    said = await standing.run("doctor", "--json")

    assert said.code == 1
    assert "Data Sender on the queue" in found(said, "queue", "send")["fix"]
    assert "Data Receiver on the queue" in found(said, "queue", "receive")["fix"]
    assert "Data Sender on the topic" in found(said, "topic", "send")["fix"]


async def test_a_namespace_that_is_down_fails_and_keeps_its_key_to_itself(standing: Standing) -> None:
    string = "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=a;SharedAccessKey=KEY7c1e;UseDevelopmentEmulator=true"

    said = await standing.run("doctor", "--json", ServiceBusConnection=string)

    assert said.code == 1
    assert found(said, "topic", "send")["state"] == "failed"
    assert "KEY7c1e" not in said.out + said.err


async def test_dead_letters_are_counted(standing: Standing) -> None:
    async with (
        ServiceBusClient.from_connection_string(standing.stack.bus.connection_string) as client,
        client.get_queue_sender(stack.QUEUE) as sender,
        client.get_queue_receiver(stack.QUEUE) as receiver,
    ):
        await sender.send_messages(ServiceBusMessage(b"{}"))
        (message,) = await receiver.receive_messages(max_wait_time=5)
        await receiver.dead_letter_message(message)

    said = await standing.run("doctor", "--json")

    one = found(said, "queue", "dead letters")
    assert (one["state"], one["detail"]) == ("note", "1 jobs were given up")


async def test_whoever_gets_no_token_is_told_to_sign_in(standing: Standing) -> None:
    said = await standing.run("doctor", "--json", "--timeout", "10", IDENTITY_ENDPOINT="http://127.0.0.1:9/msi/token")

    assert said.code == 1
    one = found(said, "identity", "token for https://vault.azure.net")
    assert one["state"] == "failed"
    assert "az login" in one["fix"]


async def test_a_neighbour_that_never_answers_costs_only_its_own_checks(standing: Standing) -> None:
    standing.stack.vault.faults.plan(lambda _: True, Fault(delay=60), times=None)

    said = await standing.run("doctor", "--json", "--timeout", "8")

    assert said.code == 1
    assert found(said, "vault", "list secrets")["detail"] == "no answer within 8 s"
    assert found(said, "cluster", "rights for rbac")["state"] == "ok"


@pytest.mark.parametrize(
    "identifier",
    ["", "fanout", "/subscriptions/0/../../x", SUBSCRIPTION.replace("EventGrid", "Web"), f"{SUBSCRIPTION}?a=b"],
)
def test_a_subscription_is_named_by_its_resource_id_and_by_nothing_else(
    identifier: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--event-subscription", identifier], SETTINGS) == 2
    assert "expected /subscriptions/ID/resourceGroups" in capsys.readouterr().err


def test_settings_that_are_wrong_end_it_with_the_name_of_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"], SETTINGS | {"JOB_QUEUE": ""}) == 2
    assert "JOB_QUEUE is missing" in capsys.readouterr().err

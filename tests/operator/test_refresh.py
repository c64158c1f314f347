"""`fanout refresh` as an operator runs it: the app's own flow, now, and followed to the pods."""

import pytest

from devstack import seed, stack
from devstack.faults import Fault
from devstack.keyvault.refusals import Denial
from fanout.__main__ import main
from tests.e2e import declarations
from tests.operator import cli
from tests.operator.standing import OBJECT, Standing, eventually, hunted, only
from tests.operator.test_command import SETTINGS

FIELDS = {
    "cluster", "namespace", "secret", "owner", "state", "podsShowing", "podsBehind", "reason", "why", "remedy",
}  # fmt: skip


async def test_a_stale_secret_is_written_told_and_its_pods_are_woken(standing: Standing) -> None:
    version = standing.rotate()

    said = await standing.run("refresh", "--object", OBJECT, "--no-follow", "--json")

    assert (said.code, said.err) == (0, "")
    assert standing.value() == standing.stack.vault.get(seed.OBJECT).value
    assert (said.document["version"], said.document["followed"]) == (version, False)
    target = only(said.document["targets"])
    assert set(target) == FIELDS
    assert (target["state"], target["podsShowing"]) == ("holds it", 0)
    assert sorted(target["podsBehind"]) == sorted(seed.PODS)
    assert sorted(standing.writes()) == ["patch pods", "patch pods", "patch secrets"]
    assert {"object.new-version", "target.refreshed"} <= {
        str(one.application_properties["noticeType"]) for one in standing.stack.bus.accepted(stack.TOPIC)
    }


async def test_it_is_followed_until_every_pod_shows_the_version(standing: Standing) -> None:
    version = standing.rotate()
    process = await cli.start_any(
        "refresh", "--object", OBJECT, "--follow", "--limit", "40", "--json", environment=standing.stack.environment
    )
    await eventually(lambda: "patch secrets" in standing.writes())
    standing.show(version, seed.PODS[0])
    standing.stack.cluster.clear_requests()
    await eventually(lambda: any(one.resource.endswith("podstatuses") for one in standing.stack.cluster.requests))
    assert process.returncode is None
    standing.show(version)

    said = hunted(await cli.end(process))

    assert (said.code, said.err) == (0, "")
    target = only(said.document["targets"])
    assert (target["state"], target["podsShowing"], target["podsBehind"]) == ("done", len(seed.PODS), [])


async def test_pods_that_a_rotating_driver_leaves_behind_are_a_failure_at_the_limit(standing: Standing) -> None:
    driver = seed.csi_driver()
    driver["metadata"]["labels"] = {"app.kubernetes.io/version": "1.6.0"}
    driver["spec"]["requiresRepublish"] = True
    standing.stack.cluster.apply(driver)
    standing.rotate()

    said = await standing.run("refresh", "--object", OBJECT, "--follow", "--limit", "1")

    assert said.code == 1
    assert "0/2" in said.out
    assert "2 pods show another version in their files" in said.out


async def test_pods_that_only_the_driver_can_renew_are_named_and_are_no_failure(standing: Standing) -> None:
    standing.rotate()

    said = await standing.run("refresh", "--object", OBJECT, "--follow", "--limit", "1")

    assert said.code == 0
    assert "until csi-driver 1.5 rotates by itself or they restart" in said.out


async def test_one_secret_can_be_refreshed_and_the_others_are_left_alone(standing: Standing) -> None:
    standing.stack.cluster.apply(declarations.owned_secret())
    standing.rotate(tags=declarations.GRANT)

    said = await standing.run(
        "refresh", "--object", OBJECT, "--namespace", seed.NAMESPACE, "--secret", "owned", "--no-follow", "--json"
    )  # fmt: skip

    assert said.code == 0
    assert only(said.document["targets"])["secret"] == "owned"
    assert standing.value("owned") == standing.stack.vault.get(seed.OBJECT).value
    assert standing.value().endswith("-first")


async def test_one_cluster_can_be_refreshed_although_another_is_down(standing: Standing) -> None:
    standing.rotate()

    said = await standing.run(
        "refresh", "--object", OBJECT, "--cluster", stack.CLUSTER, "--no-follow", **standing.two_clusters()
    )

    assert said.code == 0
    assert standing.value() == standing.stack.vault.get(seed.OBJECT).value


async def test_what_a_cluster_that_is_down_misses_is_on_the_queue(standing: Standing) -> None:
    standing.rotate()

    said = await standing.run(
        "refresh", "--object", OBJECT, "--follow", "--limit", "1", "--json", **standing.two_clusters()
    )

    assert said.code == 1
    states = {one["cluster"]: one["state"] for one in said.document["targets"]}
    assert states == {stack.CLUSTER: "holds it", "aks-other": "pending"}
    assert "RefreshJob" in standing.sent()


async def test_a_queue_that_is_down_is_an_error_that_says_so(standing: Standing) -> None:
    standing.rotate()
    standing.stack.bus.faults.plan(
        lambda one: one.kind == "attach", Fault(condition="amqp:unauthorized-access"), times=None
    )

    said = await standing.run("refresh", "--object", OBJECT, "--no-follow", "--json")

    assert said.code == 1
    assert any("Azure Service Bus Data Sender on the queue" in one for one in said.document["errors"])


async def test_a_secret_that_nothing_declares_is_an_error(standing: Standing) -> None:
    said = await standing.run("refresh", "--object", OBJECT, "--namespace", "a", "--secret", "b", "--no-follow")

    assert said.code == 1
    assert "no declaration puts" in said.err


async def test_an_external_secret_is_asked_and_its_owner_is_not_believed_before_it_looked(standing: Standing) -> None:
    cluster = standing.stack.cluster
    cluster.delete("secretproviderclasses", seed.NAMESPACE, seed.CLASS)
    cluster.apply(
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "SecretStore",
            "metadata": {"name": "kv", "namespace": seed.NAMESPACE},
            "spec": {"provider": {"azurekv": {"vaultUrl": standing.stack.vault.url, "authType": "WorkloadIdentity"}}},
        }
    )
    cluster.apply(declarations.external_secret())
    standing.rotate()

    said = await standing.run("refresh", "--object", OBJECT, "--follow", "--limit", "1", "--json")

    assert "patch externalsecrets" in standing.writes()
    target = only(said.document["targets"])
    assert (said.code, target["state"], target["owner"]) == (1, "pending", "external-secrets")


async def test_a_vault_that_refuses_is_told_before_anything_is_done(standing: Standing) -> None:
    standing.stack.vault.rights = lambda *_: Denial.FIREWALL

    said = await standing.run("refresh", "--object", OBJECT)

    assert said.code == 1
    assert "ForbiddenByFirewall" in said.err
    assert (standing.writes(), standing.sent()) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--namespace", "a"], "belong together"),
        (["--secret", "a"], "belong together"),
        (["--limit", "0"], "--limit is wrong"),
        (["--limit", "nan"], "--limit is wrong"),
    ],
)
def test_half_of_a_wish_is_wrong_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refresh", "--object", OBJECT, *arguments], SETTINGS) == 2
    assert told in capsys.readouterr().err

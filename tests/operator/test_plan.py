"""`fanout plan` as an operator runs it: what it foresees, and that nothing comes of it."""

import json
from pathlib import Path

import pytest

from devstack import eventgrid, seed, stack
from devstack.eventgrid import Schema
from devstack.keyvault.refusals import Denial
from fanout.__main__ import main
from tests.operator.standing import OBJECT, Standing, only
from tests.operator.test_command import SETTINGS

FIELDS = {
    "cluster", "namespace", "secret", "owner", "action", "reason", "why", "remedy", "keys", "holds", "until", "wrong",
}  # fmt: skip


async def test_a_stale_secret_would_be_written_and_is_not(standing: Standing) -> None:
    version = standing.rotate()

    said = await standing.run("plan", "--vault", stack.VAULT, "--object", OBJECT, "--json")

    assert (said.code, said.err) == (0, "")
    found = only(said.document["objects"])
    assert (found["object"], found["version"]) == (f"{stack.VAULT}/{OBJECT}", version)
    target = only(found["targets"])
    assert set(target) == FIELDS
    assert (target["action"], target["keys"], target["secret"]) == ("write", [seed.KEY], seed.SECRET)
    assert target["holds"] == [f"{stack.VAULT}/{OBJECT}/{version}"]
    assert standing.value().endswith("-first")
    assert (standing.writes(), standing.sent()) == ([], [])


async def test_a_person_reads_a_table_with_the_reason(standing: Standing) -> None:
    said = await standing.run("plan", "--object", OBJECT)

    assert said.code == 0
    assert f"{stack.VAULT}/{OBJECT}, version " in said.out
    assert "csi-driver 1.5" in said.out
    assert "1 keep" in said.out


async def test_what_somebody_has_to_mend_comes_with_what_to_do(standing: Standing) -> None:
    for name in seed.PODS:
        standing.stack.cluster.delete(
            "secretproviderclasspodstatuses", seed.NAMESPACE, f"{name}-{seed.NAMESPACE}-{seed.CLASS}"
        )
    standing.rotate()

    said = await standing.run("plan", "--object", OBJECT)

    assert said.code == 1
    assert "leave   no-grant" in said.out
    assert "no-grant: Let a pod of this namespace mount the class" in said.out


async def test_all_is_every_object_that_a_cluster_binds(standing: Standing) -> None:
    standing.stack.vault.set_secret("unbound", "x")

    said = await standing.run("plan", "--all", "--json")

    assert said.code == 0
    assert [one["object"] for one in said.document["objects"]] == [f"{stack.VAULT}/{OBJECT}"]


@pytest.mark.parametrize("schema", Schema)
async def test_an_event_in_a_file_is_planned_and_not_handled(
    standing: Standing, schema: Schema, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    version = standing.rotate()
    one = eventgrid.key_vault_event(
        "SecretNewVersionCreated",
        vault_name=stack.VAULT,
        vault_url=standing.stack.vault.url,
        name=seed.OBJECT,
        version=version,
        time=0.0,
    )
    path.write_bytes(eventgrid.body([one], schema))

    said = await standing.run("plan", "--event", str(path), "--json")

    assert only(only(said.document["objects"])["targets"])["action"] == "write"
    assert (standing.writes(), standing.sent()) == ([], [])


async def test_an_event_of_another_vault_leads_to_nothing_and_says_so(standing: Standing, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    other = eventgrid.key_vault_event(
        "SecretNewVersionCreated",
        vault_name="kv-other",
        vault_url="https://kv-other.vault.azure.net",
        name="a",
        version="v",
        time=0.0,
    )
    path.write_bytes(eventgrid.body([other], Schema.EVENT_GRID))

    said = await standing.run("plan", "--event", str(path))

    assert said.code == 0
    assert "is not in KEY_VAULTS" in said.out


async def test_a_cluster_that_is_down_is_named_and_hides_no_other(standing: Standing) -> None:
    standing.rotate()

    said = await standing.run("plan", "--object", OBJECT, "--json", **standing.two_clusters())

    assert said.code == 1
    targets = only(said.document["objects"])["targets"]
    assert {(one["cluster"], one["action"]) for one in targets} == {(stack.CLUSTER, "write"), ("aks-other", "unseen")}


async def test_one_cluster_can_be_asked_for(standing: Standing) -> None:
    said = await standing.run(
        "plan", "--object", OBJECT, "--cluster", stack.CLUSTER, "--json", **standing.two_clusters()
    )

    assert said.code == 0
    assert only(only(said.document["objects"])["targets"])["cluster"] == stack.CLUSTER


async def test_a_vault_that_refuses_is_told_with_the_role_it_takes(standing: Standing) -> None:
    standing.stack.vault.rights = lambda *_: Denial.RBAC

    said = await standing.run("plan", "--object", OBJECT)

    assert said.code == 1
    assert "ForbiddenByRbac" in said.out
    assert "Key Vault Secrets User" in said.out


async def test_an_object_that_is_not_there_is_told(standing: Standing) -> None:
    said = await standing.run("plan", "--object", "secret/nowhere", "--json")

    assert said.code == 1
    found = only(said.document["objects"])
    assert (found["remark"], found["targets"]) == ("the vault has no enabled version of it", [])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--object", "secret1"], "expected secret/NAME"),
        (["--object", "secret/../x"], "expected secret/NAME"),
        (["--object", "secret/\x1b[2J"], "expected secret/NAME"),
        (["--object", "secret/a", "--vault", "kv-other"], "is not one of KEY_VAULTS: kv-demo"),
        (["--object", "secret/a", "--cluster", "x"], "is not one of CLUSTERS: there are none"),
        (["--event", "/nowhere/event.json"], "No such file"),
    ],
)
def test_what_names_nothing_is_wrong_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *arguments], SETTINGS) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert "\x1b" not in said.err


def test_a_vault_has_to_be_named_where_there_are_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--object", "secret/a"], SETTINGS | {"KEY_VAULTS": "kv-one,kv-two"}) == 2
    assert "expected one of kv-one, kv-two" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"eventType": 7}), "[" * 100_000])
def test_a_file_that_holds_no_event_is_wrong_usage(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event.json"
    path.write_text(content, encoding="utf-8")

    assert main(["plan", "--event", str(path)], SETTINGS) == 2
    assert "--event: " in capsys.readouterr().err

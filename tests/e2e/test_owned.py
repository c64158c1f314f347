"""Owned Secrets: filled by this app alone, repaired, granted by the vault's owner, and told where they are wrong."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from devstack import seed, stack
from tests.e2e import declarations
from tests.e2e.declarations import BROKEN, GRANT, OWNED
from tests.e2e.scene import MARK, Scene
from tests.unit.csi import material

VERSIONS = "keyvault-fanout.dev/versions"


def _declare(scene: Scene, *entries: Mapping[str, str], **extra: Any) -> None:
    """Declare the owned Secret with these entries, of the stack's vault."""
    secret = declarations.owned_secret()
    listed = [{"vault": stack.VAULT, **entry} for entry in entries]
    secret["metadata"]["annotations"] = {"keyvault-fanout.dev/objects": json.dumps(listed)}
    scene.stack.cluster.apply(secret | extra)


def _secret(scene: Scene, name: str = OWNED) -> dict[str, Any]:
    found = scene.stack.cluster.get("secrets", seed.NAMESPACE, name)
    assert found is not None
    return found


def _held(scene: Scene) -> object:
    return json.loads(_secret(scene)["metadata"]["annotations"][VERSIONS])


async def test_an_empty_secret_is_filled_and_says_what_it_holds(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    version = scene.rotate(tags=GRANT)

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert scene.value(OWNED) == scene.stack.vault.get(seed.OBJECT).value
    assert _held(scene) == {seed.KEY: f"{stack.VAULT}/secret/{seed.OBJECT}/{version}"}
    (told,) = scene.notices("target.refreshed", secret=OWNED)
    assert (told["owner"], told["action"], told["keys"]) == ("keyvault-fanout", "written", [seed.KEY])
    assert told["resourceVersion"] == _secret(scene)["metadata"]["resourceVersion"]


async def test_several_keys_come_from_several_objects_each_at_its_own_event(scene: Scene) -> None:
    license_ = base64.b64encode(f"{MARK}-license".encode()).decode()
    _declare(
        scene,
        {"object": f"secret/{seed.OBJECT}", "key": "password"},
        {"object": f"secret/{seed.OBJECT}", "key": "copy"},
        {"object": "secret/license", "encoding": "base64", "key": "license.bin"},
    )
    password = scene.rotate(tags=GRANT)
    licensed = scene.stack.vault.set_secret("license", license_, tags=GRANT)

    await scene.deliver(scene.event(password))
    after_one = set(_secret(scene)["data"])
    await scene.deliver(scene.event(licensed, name="license"))

    assert after_one == {"password", "copy"}
    assert scene.value(OWNED, "password") == scene.value(OWNED, "copy") == scene.stack.vault.get(seed.OBJECT).value
    assert scene.value(OWNED, "license.bin") == f"{MARK}-license"
    assert _held(scene) == {
        "password": f"{stack.VAULT}/secret/{seed.OBJECT}/{password}",
        "copy": f"{stack.VAULT}/secret/{seed.OBJECT}/{password}",
        "license.bin": f"{stack.VAULT}/secret/license/{licensed}",
    }
    told = [(one["object"], one["keys"]) for one in scene.notices("target.refreshed", secret=OWNED)]
    assert told == [(seed.OBJECT, ["password", "copy"]), ("license", ["license.bin"])]


@pytest.mark.parametrize("family", ["Certificate", "Secret"])
async def test_a_certificate_becomes_a_tls_secret(scene: Scene, family: str) -> None:
    parts = [{"object": "secret/web", "key": key} for key in ("tls.crt", "tls.key")]
    _declare(scene, *parts, type="kubernetes.io/tls", data={"tls.crt": "", "tls.key": ""})
    version = scene.stack.vault.import_certificate("web", pfx=base64.b64decode(material.V1), tags=GRANT)

    status = await scene.deliver(scene.event(version, type_=f"{family}NewVersionCreated", name="web"))

    assert status == 202
    assert scene.value(OWNED, "tls.crt").startswith("-----BEGIN CERTIFICATE-----\n")
    assert scene.value(OWNED, "tls.key") == material.V4
    assert _secret(scene)["type"] == "kubernetes.io/tls"


async def test_drift_is_repaired_by_a_redelivery_and_told_under_the_new_resource_version(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    event = scene.event(scene.rotate(tags=GRANT))
    await scene.deliver(event)
    drifted = _secret(scene)
    drifted["data"] = {seed.KEY: base64.b64encode(b"drifted").decode(), "theirs": "eA=="}
    scene.stack.cluster.apply(drifted, manager="somebody")

    status = await scene.deliver(event)

    assert status == 202
    assert scene.value(OWNED) == scene.stack.vault.get(seed.OBJECT).value
    assert scene.value(OWNED, "theirs") == "x"
    told = [one["resourceVersion"] for one in scene.notices("target.refreshed", secret=OWNED)]
    assert told[-1] == _secret(scene)["metadata"]["resourceVersion"]
    assert len(told) == 2


async def test_what_holds_the_newest_bytes_already_is_not_written(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    event = scene.event(scene.rotate(tags=GRANT))
    await scene.deliver(event)
    states = scene.writers(OWNED)

    await scene.deliver(event)

    assert scene.writers(OWNED) == states
    assert len(scene.notices("target.refreshed", secret=OWNED)) == 1


async def test_a_pinned_entry_stays_where_it_is(scene: Scene) -> None:
    pinned = scene.rotate(tags=GRANT)
    old = scene.stack.vault.get(seed.OBJECT).value
    _declare(
        scene,
        {"object": f"secret/{seed.OBJECT}", "key": "new"},
        {"object": f"secret/{seed.OBJECT}", "key": "old", "version": pinned},
    )
    scene.stack.cluster.apply(_secret(scene) | {"data": {"old": base64.b64encode(old.encode()).decode()}})

    await scene.deliver(scene.event(scene.rotate(tags=GRANT)))

    assert scene.value(OWNED, "old") == old
    assert scene.value(OWNED, "new") == scene.stack.vault.get(seed.OBJECT).value


async def test_a_wrong_declaration_is_told_on_the_secret_and_by_a_notice_and_the_others_go_on(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.broken_secret())
    scene.stack.cluster.apply(declarations.owned_secret())
    event = scene.event(scene.rotate(tags=GRANT))

    statuses = [await scene.deliver(event) for _ in range(2)]

    assert statuses == [202, 202]
    (complaint,) = scene.stack.cluster.list("events")
    assert (complaint["type"], complaint["reason"]) == ("Warning", "BadDeclaration")
    assert complaint["involvedObject"]["name"] == BROKEN
    assert "entry 1: unknown field 'wrong'" in complaint["message"]
    (failed,) = scene.notices("target.failed")
    assert (failed["secret"], failed["reason"], failed["detail"]) == (BROKEN, "bad-declaration", complaint["message"])
    assert "data" not in _secret(scene, BROKEN)
    assert scene.value(OWNED) == scene.value() == scene.stack.vault.get(seed.OBJECT).value


@pytest.mark.parametrize(
    "tags", [{}, {"keyvault-fanout-allow": f"{stack.CLUSTER}/shop other/*"}], ids=["none", "other"]
)
async def test_without_a_grant_nothing_is_written_though_a_pod_of_the_namespace_mounted_the_object(
    scene: Scene, tags: dict[str, str]
) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())

    status = await scene.deliver(scene.event(scene.rotate(tags=tags)))

    assert status == 202
    assert "data" not in _secret(scene)
    (failed,) = scene.notices("target.failed")
    assert (failed["secret"], failed["reason"]) == (OWNED, "no-grant")
    assert "keyvault-fanout-allow" in failed["remedy"]
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_without_the_label_the_annotation_asks_for_nothing(scene: Scene) -> None:
    secret = declarations.owned_secret()
    del secret["metadata"]["labels"]
    scene.stack.cluster.apply(secret)

    await scene.deliver(scene.event(scene.rotate(tags=GRANT)))

    assert "data" not in _secret(scene)
    assert [one["secret"] for one in scene.told() if "secret" in one] == [seed.SECRET]


async def test_a_secret_that_the_driver_marks_as_well_is_left_to_somebody_who_decides(scene: Scene) -> None:
    secret = declarations.owned_secret()
    secret["metadata"]["labels"] |= {f"{seed.DRIVER}/managed": "true"}
    scene.stack.cluster.apply(secret)

    await scene.deliver(scene.event(scene.rotate(tags=GRANT)))

    assert "data" not in _secret(scene)
    assert [failed["reason"] for failed in scene.notices("target.failed", secret=OWNED)] == ["contested"]

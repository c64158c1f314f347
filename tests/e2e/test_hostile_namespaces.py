"""What somebody who may edit a namespace can declare: it has a clear reason, and the neighbours are refreshed at once.

Each namespace here is called `aaa`, so that it comes first in every list.
"""

import base64
import json
from typing import Any

import pytest

from devstack import seed, stack
from devstack.faults import Fault
from shared.observed import Driver
from tests.e2e import declarations
from tests.e2e.declarations import GRANT, OWNED
from tests.e2e.rights import logged_about
from tests.e2e.scene import Scene

Manifest = dict[str, Any]

HOSTILE = "aaa"
MANY = 10_000
BOTH = {"keyvault-fanout-allow": f"{GRANT['keyvault-fanout-allow']} {stack.CLUSTER}/{HOSTILE}"}


def _put(scene: Scene, manifest: Manifest, **changes: Any) -> None:
    manifest["metadata"]["namespace"] = HOSTILE
    scene.stack.cluster.apply(manifest | changes)


def _mount(scene: Scene, *, spec: Manifest | None = None, **secret: Any) -> None:
    """Let a pod of the namespace have mounted the seed's class, changed in its `spec`, and synced its Secret."""
    class_ = seed.provider_class(vault=stack.VAULT)
    class_["spec"] |= spec or {}
    _put(scene, class_)
    _put(scene, seed.synced_secret("old"), **secret)
    _put(scene, seed.pod_status("pod", version=scene.stack.vault.get(seed.OBJECT).version))


async def _refresh(scene: Scene) -> str:
    """Deliver the event of a new version, see the neighbour refreshed by it, and return the event's id."""
    event = scene.event(scene.rotate(tags=BOTH))

    status = await scene.deliver(event)

    assert status == 202
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    assert seed.NAMESPACE in {one["namespace"] for one in scene.told("target.refreshed")}
    assert scene.jobs("refresh") == []
    return event.id


def _failed(scene: Scene) -> list[tuple[str, str]]:
    """Return namespace and reason of every failure that was told."""
    return [(one["namespace"], one["reason"]) for one in scene.notices("target.failed")]


def _objects(text: str) -> Manifest:
    parameters = seed.provider_class(vault=stack.VAULT)["spec"]["parameters"]
    return {"parameters": parameters | {"objects": text}}


ENTRY = f"  - |\n    objectName: {seed.OBJECT}\n    objectType: secret\n"
BOMB = "\n".join(f"  {name}: &{name} [{', '.join([f'*{below}'] * 9)}]" for below, name in zip("abcdefgh", "bcdefghi"))  # noqa: B905 - offset by one

CLASSES = {
    "of megabytes": (f"array:\n{ENTRY * 40_000}", "longer than 65536 characters"),
    "that is deep": (f"array: {'[' * 30_000}{seed.OBJECT}", "nests more than 10000 levels deep"),
    "whose array explodes": (f"x: {seed.OBJECT}\nmore:\n  a: &a [x, x, x]\n{BOMB}\narray: *i", "objects"),
    "that is no YAML": (f"array: {{ {seed.OBJECT}: ]", "it is not YAML"),
}


@pytest.mark.parametrize(("text", "why"), CLASSES.values(), ids=CLASSES)
async def test_a_class(scene: Scene, text: str, why: str) -> None:
    _mount(scene, spec=_objects(text))

    await _refresh(scene)

    (failed,) = scene.notices("target.failed")
    assert (failed["namespace"], failed["reason"]) == (HOSTILE, "driver-would-fail")
    assert failed["owner"] == Driver.V1_5
    assert why in failed["detail"]
    assert scene.value(namespace=HOSTILE) == "old"


async def test_a_class_with_an_explosion_of_aliases_beside_its_array_is_read_as_the_driver_reads_it(
    scene: Scene,
) -> None:
    _mount(scene, spec=_objects(f"array:\n{ENTRY}more:\n  a: &a [x, x, x]\n{BOMB}"))

    await _refresh(scene)

    assert scene.value(namespace=HOSTILE) == scene.value()


ANNOTATIONS = {
    "whose aliases explode": (
        f"- &a {{vault: kv-demo, object: secret/{seed.OBJECT}}}\n{'- *a' * 9}",
        "anchor or alias",
    ),
    "of hundreds of kilobytes": (f"# secret/{seed.OBJECT} kv-demo\n" + "- {}\n" * 40_000, "longer than 65536"),
    "that is deep": (f"{'[' * 30_000} kv-demo secret/{seed.OBJECT}", "it is no mapping"),
    "with a tag": (f"- !!python/object/apply:os.system [kv-demo, secret/{seed.OBJECT}]", "entry 1"),
}


@pytest.mark.parametrize(("text", "why"), ANNOTATIONS.values(), ids=ANNOTATIONS)
async def test_an_owned_secret_with_an_annotation(scene: Scene, text: str, why: str) -> None:
    owned = declarations.owned_secret()
    owned["metadata"]["annotations"] = {"keyvault-fanout.dev/objects": text}
    _put(scene, owned)

    await _refresh(scene)

    assert _failed(scene) == [(HOSTILE, "bad-declaration")]
    (complaint,) = scene.stack.cluster.list("events", HOSTILE)
    assert why in complaint["message"]


def _search(scene: Scene, regexp: str) -> None:
    """Declare an ExternalSecret that searches twenty times."""
    _put(scene, declarations.store(scene))
    declared = declarations.external_secret()
    declared["spec"]["dataFrom"] = [{"find": {"name": {"regexp": regexp}}}] * 20
    declared["spec"]["data"] = []
    _put(scene, declared)


REGEXPS = {
    "of a million states": "(a{1,1000}){1,1000}" + seed.OBJECT,
    "of many classes": r"\pL" * 300 + f"|{seed.OBJECT}",
    "that is none": f"({seed.OBJECT}",
}


@pytest.mark.parametrize("regexp", REGEXPS.values(), ids=REGEXPS)
async def test_an_external_secret_that_searches_by_a_regexp(scene: Scene, regexp: str) -> None:
    _search(scene, regexp)

    await _refresh(scene)

    (failed,) = scene.notices("target.failed")
    assert (failed["namespace"], failed["reason"]) == (HOSTILE, "owner-failing")
    assert "find.name.regexp cannot be evaluated" in failed["detail"]
    assert scene.asked()["patch externalsecrets"] == 0


async def test_an_external_secret_whose_regexp_would_backtrack_for_ever(scene: Scene) -> None:
    name = "a" * 100
    _search(scene, "^(a+)+[0-9]$")
    entry = {"vault": stack.VAULT, "object": f"secret/{name}", "key": seed.KEY}
    neighbour = declarations.owned_secret()
    neighbour["metadata"]["annotations"] = {"keyvault-fanout.dev/objects": json.dumps([entry])}
    scene.stack.cluster.apply(neighbour)

    status = await scene.deliver(scene.event(scene.rotate(name, tags=GRANT), name=name))

    assert status == 202
    assert scene.value(OWNED) == scene.stack.vault.get(name).value
    assert scene.asked()["patch externalsecrets"] == 0


async def test_an_immutable_secret(scene: Scene) -> None:
    _mount(scene, immutable=True)

    await _refresh(scene)

    assert _failed(scene) == [(HOSTILE, "secret-immutable")]


async def test_a_secret_of_another_type(scene: Scene) -> None:
    _mount(scene, type="kubernetes.io/basic-auth", data={"username": ""})

    await _refresh(scene)

    assert _failed(scene) == [(HOSTILE, "secret-other-type")]


async def test_a_secret_near_a_mebibyte_is_refreshed_too(scene: Scene) -> None:
    ballast = base64.b64encode(b"x" * 1_040_000).decode()
    _mount(scene, data={"ballast": ballast, seed.KEY: "b2xk"})

    await _refresh(scene)

    assert scene.value(namespace=HOSTILE) == scene.value()
    assert scene.value(key="ballast", namespace=HOSTILE) == "x" * 1_040_000


async def test_a_secret_that_the_api_server_would_not_take(scene: Scene) -> None:
    """The stack's server knows no limit of size: it is planned to answer as the real one does."""
    scene.stack.cluster.faults.plan(
        lambda request: request.verb == "patch" and request.namespace == HOSTILE, Fault(status=422), times=None
    )
    _mount(scene)

    await _refresh(scene)

    assert _failed(scene) == [(HOSTILE, "cluster-refused")]


async def test_thousands_of_owned_secrets_for_one_object(scene: Scene) -> None:
    owned = declarations.owned_secret()
    for number in range(MANY):
        owned["metadata"]["name"] = f"{OWNED}-{number}"
        _put(scene, owned)
    said = len(scene.host.stderr_text())

    # What carries a label the server does not count: an event in the same moment may come before the watch.
    while "left, too-many: namespace aaa asks for more than 200 Secrets" not in scene.host.stderr_text()[said:]:
        await _refresh(scene)

    assert not any("data" in one for one in scene.stack.cluster.list("secrets", HOSTILE))


async def test_thousands_of_entries_in_classes_for_one_object(scene: Scene) -> None:
    synced = [
        {"secretName": f"s-{number}", "type": "Opaque", "data": [{"key": "k", "objectName": seed.OBJECT}]}
        for number in range(MANY)
    ]
    _mount(scene, spec={"secretObjects": synced})

    event_id = await _refresh(scene)

    await logged_about(scene, event_id, "left, too-many: namespace aaa asks for more than 200 Secrets")


async def test_a_lie_in_a_pod_status_or_an_annotation_of_ours_brings_no_bytes(scene: Scene) -> None:
    """Whoever may write Secrets can write what we write into them, and labels of every owner."""
    owned = declarations.owned_secret()
    held = {seed.KEY: f"{stack.VAULT}/secret/{seed.OBJECT}/{'0' * 32}"}
    owned["metadata"]["annotations"]["keyvault-fanout.dev/versions"] = json.dumps(held)
    owned["metadata"]["namespace"] = "bbb"
    scene.stack.cluster.apply(owned)

    await _refresh(scene)

    assert _failed(scene) == [("bbb", "no-grant")]

"""Events that are refused: they contact nobody, end, and hold up nothing that comes after them."""

import pytest

from devstack import seed, stack
from tests.e2e.scene import Scene


async def test_an_event_of_a_vault_that_is_not_listed_contacts_nobody(scene: Scene) -> None:
    event = scene.event(scene.rotate())
    event.data["VaultName"] = "somebody-elses"
    event.data["Id"] = event.data["Id"].replace(f"127.0.0.1:{scene.stack.vault.url.rpartition(':')[2]}", "evil.example")

    status = await scene.deliver(event)

    assert status == 202
    assert (scene.stack.vault.reads, scene.stack.cluster.requests, scene.told()) == ((), (), [])
    await scene.logged("not on the list")


async def test_an_event_that_names_a_listed_vault_at_another_host_contacts_nobody(scene: Scene) -> None:
    event = scene.event(scene.rotate())
    event.data["Id"] = event.data["Id"].replace("127.0.0.1", "127.0.0.2")

    status = await scene.deliver(event)

    assert status == 202
    assert (scene.stack.vault.reads, scene.stack.cluster.requests, scene.told()) == ((), (), [])


HOSTILE = {
    "data is missing": {"data": None},
    "data is a text": {"data": "x" * 1000},
    "data is deep": {"data": {"Id": [[[[[[[[[[]]]]]]]]]]}},
    "a name climbs": {
        "data": {"VaultName": "kv-demo", "ObjectName": "../../x", "ObjectType": "Secret", "Version": "1"}
    },
    "a name has a line end": {"data": {"VaultName": "kv-demo", "ObjectName": "a\nb", "Version": "1"}},
    "the version is a number": {"data": {"VaultName": "kv-demo", "ObjectName": "secret1", "Version": 7}},
    "the fields contradict": {
        "data": {"Id": "https://kv-demo.vault.azure.net/secrets/other/1", "ObjectName": "secret1", "Version": "1"}
    },
    "the type contradicts": {
        "data": {"Id": "https://kv-demo.vault.azure.net/keys/secret1/1", "ObjectName": "secret1", "Version": "1"}
    },
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=list(HOSTILE))
async def test_a_hostile_payload_is_refused_and_ended_and_the_next_event_is_handled(
    scene: Scene, change: dict[str, object]
) -> None:
    event = scene.event("0" * 32)
    object.__setattr__(event, "data", change["data"])

    refused = await scene.deliver(event)
    status = await scene.deliver(scene.event(scene.rotate()))

    assert (refused, status) == (202, 202)
    await scene.logged("event refused")
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_a_namespace_can_neither_forge_log_lines_nor_crowd_out_the_notices_of_others(scene: Scene) -> None:
    """It writes a Secret and a class whose type is a log line of its own, three hundred thousand characters long."""
    forged = "x\n2026-11-23 ERROR forged\x1b[31m" + "y" * 300_000
    class_ = seed.provider_class(vault=stack.VAULT)
    class_["metadata"] |= {"namespace": "aaa", "name": "loud"}
    class_["spec"]["secretObjects"][0] |= {"type": forged}
    secret = seed.synced_secret("old")
    secret["metadata"]["namespace"] = "aaa"
    for manifest in (class_, secret):
        scene.stack.cluster.apply(manifest)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert [one["namespace"] for one in scene.told("target.refreshed")] == [seed.NAMESPACE]
    assert [one["namespace"] for one in scene.told("target.failed")] == ["aaa"]
    await scene.logged("secret-other-type")
    assert not any(line.startswith("2026-11-23 ERROR forged") for line in scene.host.stderr_text().splitlines())
    assert "\x1b" not in scene.host.stderr_text()

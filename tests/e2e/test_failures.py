"""What fails, over real wires: the event comes back, or ends with its reason; whatever else could be done is done."""

import pytest

from devstack import seed, stack
from devstack.faults import Fault
from devstack.kubernetes import Request as ClusterRequest
from devstack.servicebus import Operation
from tests.e2e.scene import Scene

FOR_EVER = None


def _patches(request: ClusterRequest) -> bool:
    return request.verb == "patch"


def _sends(operation: Operation) -> bool:
    return operation.kind == "send"


@pytest.mark.parametrize(
    ("status", "code", "inner"),
    [
        (500, "InternalError", ""),
        (503, "ServiceUnavailable", ""),
        (403, "Forbidden", "ForbiddenByRbac"),
        (403, "Forbidden", "ForbiddenByFirewall"),
    ],
)
async def test_a_vault_that_fails_brings_the_event_back_and_a_later_delivery_heals_it(
    scene: Scene, status: int, code: str, inner: str
) -> None:
    error = {"code": code, "message": "no", "innererror": {"code": inner}}
    scene.stack.vault.faults.plan(
        lambda request: request.operation == "get", Fault(status=status, body={"error": error}), times=FOR_EVER
    )
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    written_while_failing = len(scene.values()) - 1
    scene.stack.vault.faults.clear()
    healed = await scene.deliver(event)

    assert (failed, written_while_failing, healed) == (500, 0, 202)
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_a_disabled_newest_version_ends_the_event_and_the_target_is_told_of(scene: Scene) -> None:
    version = scene.rotate(enabled=False)

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert len(scene.values()) == 1
    assert [told["noticeType"] for told in scene.told()] == ["target.failed"]


async def test_a_deleted_object_ends_the_event(scene: Scene) -> None:
    version = scene.rotate()
    scene.stack.vault.delete(seed.OBJECT)

    status = await scene.deliver(scene.event(version))

    assert status == 202
    assert len(scene.values()) == 1


@pytest.mark.parametrize("verb", ["list", "get", "patch"])
async def test_an_api_server_that_fails_brings_the_event_back(scene: Scene, verb: str) -> None:
    scene.stack.cluster.faults.plan(lambda request: request.verb == verb, Fault(status=500), times=FOR_EVER)
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    scene.stack.cluster.faults.clear()
    healed = await scene.deliver(event)

    assert (failed, healed) == (500, 202)
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version", "target.refreshed"]


async def test_a_conflict_is_looked_at_again(scene: Scene) -> None:
    scene.stack.cluster.faults.plan(_patches, Fault(status=409), times=2)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_a_write_whose_answer_was_lost_is_not_written_again(scene: Scene) -> None:
    scene.stack.cluster.faults.plan(_patches, Fault(drop=True, after=True))

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert len(scene.values()) == 2
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version", "target.refreshed"]


async def test_what_was_written_but_not_told_is_told_by_the_redelivery(scene: Scene) -> None:
    """The function dies, as far as the topic knows, between writing and telling."""
    scene.stack.bus.faults.plan(_sends, Fault(condition="com.microsoft:server-busy"), times=FOR_EVER)
    event = scene.event(scene.rotate())

    failed = await scene.deliver(event)
    written, told = len(scene.values()) - 1, scene.told()
    scene.stack.bus.faults.clear()
    healed = await scene.deliver(event)

    assert (failed, written, told, healed) == (500, 1, [], 202)
    assert len(scene.values()) == 2
    assert [one["noticeType"] for one in scene.told()] == ["object.new-version", "target.refreshed"]


async def test_a_topic_connection_that_is_cut_heals_by_itself_or_by_the_redelivery(scene: Scene) -> None:
    scene.stack.bus.faults.plan(_sends, Fault(drop=True))
    event = scene.event(scene.rotate())

    statuses = [await scene.deliver(event), await scene.deliver(event)]

    assert statuses[-1] == 202
    assert sorted(str(one["noticeType"]) for one in scene.told()) == ["object.new-version", "target.refreshed"]


async def test_a_missing_grant_leaves_the_namespace_without_the_bytes_and_says_so(scene: Scene) -> None:
    for pod_status in scene.stack.cluster.list("secretproviderclasspodstatuses"):
        name = pod_status["metadata"]["name"]
        scene.stack.cluster.delete("secretproviderclasspodstatuses", seed.NAMESPACE, name)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert len(scene.values()) == 1
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version", "target.failed"]


async def test_the_vault_owners_tag_grants_a_namespace(scene: Scene) -> None:
    for pod_status in scene.stack.cluster.list("secretproviderclasspodstatuses"):
        name = pod_status["metadata"]["name"]
        scene.stack.cluster.delete("secretproviderclasspodstatuses", seed.NAMESPACE, name)
    version = scene.rotate(tags={"keyvault-fanout-allow": f"{stack.CLUSTER}/secrets-*"})

    await scene.deliver(scene.event(version))

    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_a_pod_status_with_versions_of_another_vault_grants_nothing(scene: Scene) -> None:
    """Somebody mounted an object of that name from a vault of their own, and then named ours in the class."""
    for pod_status in scene.stack.cluster.list("secretproviderclasspodstatuses"):
        pod_status["status"]["objects"] = [{"id": f"secret/{seed.OBJECT}", "version": "f" * 32}]
        scene.stack.cluster.apply(pod_status)

    status = await scene.deliver(scene.event(scene.rotate()))

    assert status == 202
    assert len(scene.values()) == 1
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version", "target.failed"]


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

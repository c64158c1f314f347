"""Who may have the bytes: a namespace whose pod mounted the object, or one that the vault's owner listed."""

from devstack import seed, stack
from tests.e2e.scene import Scene


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

"""What one refresh costs a cluster and the vault, once the app is warm: every request, by verb and resource."""

from collections import Counter

from devstack import seed, stack
from tests.e2e import declarations
from tests.e2e.declarations import EXTERNAL, GRANT, OWNED
from tests.e2e.scene import Scene

LOOKING = Counter(
    {
        "list secretproviderclasses": 1,
        "list secrets": 1,  # the metadata of owned ones
        "list externalsecrets": 1,
        "list secretsyncs": 1,
    }
)
"""What every event asks for, whatever it concerns."""


async def _refresh(scene: Scene, tags: dict[str, str] | None = None) -> None:
    """Refresh twice, and keep only the second time's requests."""
    for _ in range(2):
        scene.stack.cluster.clear_requests()
        scene.stack.vault.clear_reads()
        assert await scene.deliver(scene.event(scene.rotate(tags=tags))) == 202


def _vault_calls(scene: Scene) -> list[tuple[str, str]]:
    return [(read.operation, read.name) for read in scene.stack.vault.reads]


async def test_a_secret_of_the_driver(scene: Scene) -> None:
    await _refresh(scene)

    assert scene.asked() == LOOKING + Counter(
        {
            "list secretproviderclasspodstatuses": 1,
            "get secrets": 1,
            "patch secrets": 1,
            "list pods": 1,
            "patch pods": len(seed.PODS),
        }
    )
    assert _vault_calls(scene) == [("get", seed.OBJECT)]


async def test_an_owned_secret(scene: Scene) -> None:
    scene.stack.cluster.delete("secretproviderclasses", seed.NAMESPACE, seed.CLASS)
    scene.stack.cluster.apply(declarations.owned_secret())

    await _refresh(scene, GRANT)

    assert scene.value(OWNED) == scene.stack.vault.get(seed.OBJECT).value
    assert scene.asked() == LOOKING + Counter({"get secrets": 1, "patch secrets": 1, "list pods": 1})
    assert _vault_calls(scene) == [("get", seed.OBJECT)]


async def test_an_external_secret(scene: Scene) -> None:
    scene.stack.cluster.delete("secretproviderclasses", seed.NAMESPACE, seed.CLASS)
    scene.stack.cluster.apply(declarations.store(scene))
    scene.stack.cluster.apply(declarations.external_secret())

    await _refresh(scene)

    assert scene.asked() == LOOKING + Counter(
        {
            "list secretstores": 1,
            "list clustersecretstores": 1,
            "get secrets": 1,  # its resourceVersion alone
            "patch externalsecrets": 1,
        }
    )
    assert _vault_calls(scene) == [("get", seed.OBJECT)]


async def test_an_object_that_nobody_binds(scene: Scene) -> None:
    scene.stack.cluster.delete("secretproviderclasses", seed.NAMESPACE, seed.CLASS)

    await _refresh(scene)

    assert scene.asked() == LOOKING
    assert _vault_calls(scene) == [("get", seed.OBJECT)]


async def test_three_targets_of_one_object_share_the_vaults_answer_and_the_lists(scene: Scene) -> None:
    scene.stack.cluster.apply(declarations.owned_secret())
    scene.stack.cluster.apply(declarations.store(scene))
    scene.stack.cluster.apply(declarations.external_secret())

    await _refresh(scene, GRANT)

    assert {one["secret"] for one in scene.told("target.refreshed")} == {seed.SECRET, OWNED}
    assert scene.asked()["get secrets"] == 3
    assert all(scene.asked()[call] == 1 for call in LOOKING)
    assert _vault_calls(scene) == [("get", seed.OBJECT)]
    assert scene.stack.cluster.get("secrets", seed.NAMESPACE, EXTERNAL) is None
    assert {job["cluster"] for job in scene.jobs("check")} == {stack.CLUSTER}

"""The hunt that ends every test finds a planted value wherever the app might leave one."""

import base64
from collections.abc import Callable

import pytest

from devstack import seed
from tests.e2e import jobs
from tests.e2e.scene import MARK, Scene


def _annotate(scene: Scene, plural: str, name: str, text: str) -> None:
    found = scene.stack.cluster.get(plural, seed.NAMESPACE, name)
    assert found is not None
    found["metadata"]["annotations"] = {"note": text}
    scene.stack.cluster.apply(found)


def _complain(scene: Scene) -> None:
    place = {"name": "complaint", "namespace": seed.NAMESPACE}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": place, "involvedObject": place, "message": f"{MARK}-x"}
    scene.stack.cluster.apply(event)


LEAKS: dict[str, Callable[[Scene], None]] = {
    "an answer": lambda scene: scene.answers.append(f"error: {MARK}-x"),
    "a Kubernetes Event": _complain,
    "a pod's annotation": lambda scene: _annotate(scene, "pods", seed.PODS[0], f"{MARK}-x"),
    "a pod's annotation in base64": lambda scene: _annotate(
        scene, "pods", seed.PODS[0], base64.b64encode(f"{MARK}-x".encode()).decode()
    ),
    "a Secret's annotation": lambda scene: _annotate(scene, "secrets", seed.SECRET, f"{MARK}-x"),
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
async def test_a_value_is_found_in(playing: Scene, leak: Callable[[Scene], None]) -> None:
    playing.reset()
    playing.hunt()
    leak(playing)

    with pytest.raises(AssertionError, match="a value is in"):
        playing.hunt()

    playing.answers.clear()
    playing.reset()


async def test_a_value_is_found_in_a_job(playing: Scene) -> None:
    playing.reset()
    await jobs.put(playing, f"{MARK}-x".encode())

    with pytest.raises(AssertionError, match="keyvault-jobs"):
        playing.hunt()

    await jobs.empty(playing)
    playing.reset()
    playing.hunt()

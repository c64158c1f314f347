"""Which pods are woken: those that run and mount what was refreshed, each once for one state."""

from typing import Any

import pytest

from shared import nudge
from shared.nudge import ANNOTATION, Pod, Wake

SECRET_VOLUME = {"name": "a", "secret": {"secretName": "app-secret"}}
PROJECTED = {"name": "a", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "app-secret"}}]}}
CSI = {
    "name": "a",
    "csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "app-class"}},
}
OTHER_CSI = {"name": "a", "csi": {"driver": "disk.csi.azure.com", "volumeAttributes": {"secretProviderClass": "x"}}}


def manifest(*volumes: Any, phase: str = "Running", **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-0", **meta}, "spec": {"volumes": list(volumes)}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("volume", "secrets", "classes"),
    [
        (SECRET_VOLUME, {"app-secret"}, set()),
        (PROJECTED, {"app-secret"}, set()),
        (CSI, set(), {"app-class"}),
        (OTHER_CSI, set(), set()),
        ({"name": "a", "emptyDir": {}}, set(), set()),
        ("not a volume", set(), set()),
        ({"name": "a", "projected": {"sources": "none"}}, set(), set()),
    ],
)
def test_a_pod_is_read_for_what_it_mounts(volume: Any, secrets: set[str], classes: set[str]) -> None:
    pod = nudge.read_pod(manifest(volume))

    assert pod == Pod(name="web-0", secrets=frozenset(secrets), classes=frozenset(classes), woken_for="")


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed", "Unknown", ""])
def test_a_pod_that_does_not_run_is_left_asleep(phase: str) -> None:
    assert nudge.read_pod(manifest(SECRET_VOLUME, phase=phase)) is None


def test_a_pod_on_its_way_out_is_left_asleep() -> None:
    assert nudge.read_pod(manifest(SECRET_VOLUME, deletionTimestamp="2026-11-23T00:00:00Z")) is None


@pytest.mark.parametrize("broken", [{}, {"metadata": []}, {"metadata": {"name": 5}, "status": {"phase": "Running"}}])
def test_what_is_no_pod_is_left_out(broken: dict[str, Any]) -> None:
    assert nudge.read_pod(broken) is None


def pod(name: str, *, secrets: set[str] | None = None, classes: set[str] | None = None, woken_for: str = "") -> Pod:
    return Pod(name=name, secrets=frozenset(secrets or ()), classes=frozenset(classes or ()), woken_for=woken_for)


def test_exactly_the_pods_that_mount_the_secret_are_woken() -> None:
    pods = [pod("mounts", secrets={"app-secret"}), pod("other", secrets={"tls"}), pod("none")]

    assert nudge.waiting(pods, [Wake(namespace="n", secret="app-secret", state="7")]) == {"mounts": "app-secret=7"}


def test_a_class_wakes_pods_only_where_the_driver_mounts_anew() -> None:
    pods = [pod("mounts", classes={"app-class"})]

    assert nudge.waiting(pods, [Wake(namespace="n", secret="s", state="7")]) == {}
    assert nudge.waiting(pods, [Wake(namespace="n", secret="s", classes=frozenset({"app-class"}), state="7")]) == {
        "mounts": "s=7"
    }


def test_a_pod_that_waits_for_two_secrets_is_woken_once() -> None:
    pods = [pod("both", secrets={"a", "b"})]
    wakes = [Wake(namespace="n", secret="b", state="2"), Wake(namespace="n", secret="a", state="1")]

    assert nudge.waiting(pods, wakes) == {"both": "a=1,b=2"}


def test_a_pod_that_was_woken_for_this_state_is_left_alone() -> None:
    pods = [pod("woken", secrets={"a"}, woken_for="a=1"), pod("older", secrets={"a"}, woken_for="a=0")]

    assert nudge.waiting(pods, [Wake(namespace="n", secret="a", state="1")]) == {"older": "a=1"}


def test_a_pod_that_mounts_two_secrets_keeps_what_it_was_woken_for_by_the_other_event() -> None:
    pods = [pod("both", secrets={"a", "b"}, woken_for="a=1,b=2")]

    assert nudge.waiting(pods, [Wake(namespace="n", secret="a", state="1")]) == {}
    assert nudge.waiting(pods, [Wake(namespace="n", secret="a", state="3")]) == {"both": "b=2,a=3"}


def test_the_annotation_does_not_grow_without_end() -> None:
    pods = [pod("many", secrets={"new"}, woken_for=",".join(f"s{number}=1" for number in range(60)))]

    (state,) = nudge.waiting(pods, [Wake(namespace="n", secret="new", state="1")]).values()

    assert len(state.split(",")) == 50
    assert state.endswith("new=1")


def test_an_empty_name_never_matches() -> None:
    pods = [nudge.read_pod(manifest({"name": "a", "secret": {}}))]

    assert nudge.waiting([one for one in pods if one], [Wake(namespace="n", state="1")]) == {}


def test_the_annotation_is_a_legal_name() -> None:
    prefix, _, name = ANNOTATION.partition("/")

    assert len(prefix) <= 253
    assert len(name) <= 63

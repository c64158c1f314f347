"""Which pods are waiting for a refreshed Secret, and how they are woken. Pure (csi-semantics 4.3, 4.4; design 4).

A kubelet looks at a pod's volumes every 60 to 90 seconds, or at once when the pod changes. So an annotation on a pod
brings a refreshed Secret volume into its files within a second or two, and makes a CSI driver of 1.6 or later with
rotation mount anew. Nothing restarts. Environment variables do not change by this.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared import parts

ANNOTATION = "keyvault-fanout.dev/refreshed"
"""The state that the pod was woken for: a resourceVersion or a version, never a value."""

_MOST_STATES = 50
"""Entries kept in the annotation; a pod that mounts more Secrets than that may be woken once too often."""

CSI_DRIVER = "secrets-store.csi.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A running pod, reduced to what it mounts. `woken_for` is the annotation's value, empty where there is none."""

    name: str
    secrets: frozenset[str]
    classes: frozenset[str]
    woken_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Whom to wake in a namespace, pods that mount the Secret or a class through the CSI driver, and for what state.

    `state` is the Secret's resourceVersion, or the object's version where there is only a mount. `pods`, where there
    are any, are the only ones that wait.
    """

    namespace: str
    secret: str = ""
    classes: frozenset[str] = frozenset()
    state: str
    pods: frozenset[str] = frozenset()

    def concerns(self, pod: Pod) -> bool:
        """Tell whether a pod mounts the Secret or one of the classes."""
        if self.pods and pod.name not in self.pods:
            return False
        return self.secret in pod.secrets or not self.classes.isdisjoint(pod.classes)


def read_pod(manifest: Mapping[str, Any]) -> Pod | None:
    """Read a pod as the API gives it. None for one that does not run, or that is on its way out."""
    meta, spec = parts.mapping(manifest, "metadata"), parts.mapping(manifest, "spec")
    name = meta.get("name")
    if meta.get("deletionTimestamp") or parts.mapping(manifest, "status").get("phase") != "Running":
        return None
    if not isinstance(name, str) or not name:
        return None
    volumes = [parts.mapping(volume) for volume in parts.listing(spec, "volumes")]
    return Pod(
        name=name,
        secrets=frozenset(found for volume in volumes for found in _secrets(volume) if found),
        classes=frozenset(found for volume in volumes for found in _classes(volume) if found),
        woken_for=str(parts.mapping(meta, "annotations").get(ANNOTATION, "")),
    )


def waiting(pods: Iterable[Pod], wakes: Sequence[Wake]) -> Mapping[str, str]:
    """Return the pods to annotate and with what. One that was woken for these states already is left alone.

    The wakes are those of one namespace and one event, so that a pod that mounts several refreshed Secrets is woken
    once. What it was woken for by other events stays in the annotation.
    """
    states: dict[str, str] = {}
    for pod in pods:
        known = dict(entry.split("=", 1) for entry in pod.woken_for.split(",") if "=" in entry)
        fresh = {wake.secret or "+".join(sorted(wake.classes)): wake.state for wake in wakes if wake.concerns(pod)}
        if all(known.get(name) == state for name, state in fresh.items()):
            continue
        kept = {name: state for name, state in known.items() if name not in fresh}
        newest = [*kept.items(), *sorted(fresh.items())][-_MOST_STATES:]
        states[pod.name] = ",".join(f"{name}={state}" for name, state in newest)
    return states


def _secrets(volume: Mapping[str, Any]) -> Iterable[str]:
    """Yield the Secrets of a volume: a Secret volume's, or those projected into one."""
    yield parts.text(volume, "secret", "secretName")
    for source in parts.listing(volume, "projected", "sources"):
        yield parts.text(source, "secret", "name")


def _classes(volume: Mapping[str, Any]) -> Iterable[str]:
    csi = parts.mapping(volume, "csi")
    if csi.get("driver") == CSI_DRIVER:
        yield parts.text(csi, "volumeAttributes", "secretProviderClass")

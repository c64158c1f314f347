"""The generated files under `kustomize/` and `helm/`, from the manifests in `kubernetes/`.

Kustomize takes no file from outside a component's folder, and Helm none from outside its chart: both need a copy of
their own. A test fails where one differs from what this module would write.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy import rights
from deploy.rights import Manifest

FOLDER = Path(__file__).resolve().parent

FEATURES: Mapping[str, str] = {
    "csi": "rbac",
    "driver": "driver",
    "owned-secrets": "owned-secrets",
    "external-secrets": "external-secrets",
    "secret-sync": "secret-sync",
    "nudge": "nudge",
    "restart": "restart",
}
"""Each feature, and the manifest in `kubernetes/` that grants its rights cluster-wide."""

CHART = "helm/keyvault-fanout-rbac"
_HEADER = "# Written by `make manifests` from deploy/kubernetes/{source}. Change that, not this.\n"


def manifests(feature: str) -> list[Manifest]:
    """Return what a feature's manifest holds."""
    text = (FOLDER / "kubernetes" / f"{FEATURES[feature]}.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))


def generated() -> dict[str, str]:
    """Return every generated file by its path below `deploy/`."""
    files: dict[str, str] = {}
    charted: dict[str, Any] = {}
    for feature, source in FEATURES.items():
        whole = manifests(feature)
        parts = rights.split(whole)
        header = _HEADER.format(source=f"{source}.yaml")
        files |= _component(f"kustomize/cluster-wide/{feature}", header, whole)
        files |= _component(f"kustomize/per-namespace/{feature}", header, parts.cluster)
        if parts.binding:
            files |= _component(f"kustomize/per-namespace/{feature}/binding", header, parts.binding)
        charted[feature] = {"clusterWide": whole, "perNamespace": parts.cluster, "binding": parts.binding}
    files[f"{CHART}/files/rights.yaml"] = _HEADER.format(source="*.yaml") + _yaml(charted)
    return files


def stale() -> dict[str, str]:
    """Return the generated files that are not what they should be, with what they should be."""
    wanted = generated()
    return {path: text for path, text in wanted.items() if _read(FOLDER / path) != text}


def superfluous() -> list[Path]:
    """Return files in the folders of generated components that nothing generates any more."""
    wanted = {FOLDER / path for path in generated()}
    folders = (FOLDER / "kustomize" / "cluster-wide", FOLDER / "kustomize" / "per-namespace")
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and path not in wanted)


def _component(folder: str, header: str, held: Sequence[Manifest]) -> dict[str, str]:
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": ["rbac.yaml"]}
    return {
        f"{folder}/kustomization.yaml": header + _yaml(component),
        f"{folder}/rbac.yaml": header + "---\n".join(_yaml(one) for one in held),
    }


class _Plain(yaml.SafeDumper):
    """Writes a value that stands in several places each time, not once with references to it."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say that nothing is an alias."""
        del data
        return True


def _yaml(value: object) -> str:
    return str(yaml.dump(value, Dumper=_Plain, sort_keys=False, width=120))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None

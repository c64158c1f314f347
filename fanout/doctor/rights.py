"""The rules that deploy/kubernetes ships, and what it means where one of them is missing. Pure but for the files.

The manifests are the one place that says what the app needs; docs/kubernetes-rbac.md explains each rule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fanout.doctor.finding import Finding, Place
from shared.cluster_setting import BindingKind

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
ZEROS = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One verb on one resource: in one namespace if it has any, on one object if it has a name."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{f'/{self.name}' if self.name else ''}{where}"

    @property
    def attributes(self) -> dict[str, str]:
        """What an access review asks about."""
        given = {
            "verb": self.verb,
            "group": self.group,
            "resource": self.resource,
            "namespace": self.namespace,
            "name": self.name,
        }
        return {key: value for key, value in given.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A manifest, what it is for, and the kind of declaration that needs it. `without` is what happens without it."""

    file: str
    kind: BindingKind | None = None
    setting: str = "BINDINGS"
    without: str = ""


FEATURES = (
    Feature(file="rbac", kind=BindingKind.CSI),
    Feature(file="owned-secrets", kind=BindingKind.OWNED),
    Feature(file="external-secrets", kind=BindingKind.EXTERNAL_SECRETS),
    Feature(file="secret-sync", kind=BindingKind.SECRET_SYNC),
    Feature(
        file="driver", setting="driver in CLUSTERS", without="the CSIDriver object tells the generation, or nothing"
    ),
    Feature(file="nudge", setting="NUDGE_PODS", without="kubelets look by themselves after 60 to 90 seconds"),
    Feature(file="restart", setting="RESTART_WORKLOADS", without="workloads that opted in are not restarted"),
)

_SOFT = {
    ("watch", ""): "each event lists anew",
    ("create", "events"): "mistakes in annotations are told in the log and in notices only",
    ("patch", "clusterexternalsecrets"): "their children are asked alone",
    ("get", "csidrivers"): "the driver's generation is told by its DaemonSet, or by nothing",
}
"""What is only slower or quieter without a right, by verb and resource; an empty resource is any."""


def of(feature: Feature, folder: Path = FOLDER) -> tuple[Right, ...]:
    """Return the rights of a manifest. Raises `OSError` where it is not there: the command runs in a checkout."""
    text = (folder / f"{feature.file}.yaml").read_text(encoding="utf-8")
    return tuple(dict.fromkeys(right for one in yaml.safe_load_all(text) if one for right in _rights(one)))


def _rights(document: dict[str, Any]) -> Iterator[Right]:
    namespace = document["metadata"].get("namespace", "") if document["kind"] == "Role" else ""
    for rule in document.get("rules", ()):
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", ("",)):
                        yield Right(group=group, resource=resource, verb=verb, namespace=namespace, name=name)


def judge(place: Place, feature: Feature, denied: Sequence[Right], *, required: bool, identity: str) -> Finding:
    """Say what it means that some rights of a feature are missing.

    `required`: the settings name it. A kind that is only looked for (`BINDINGS=auto`) is not followed where it may not
    be listed, which is no fault.
    """
    check = f"rights for {feature.file}"
    if not denied:
        return place.ok(check, "all that its manifest lists")
    told = f"may not {', '.join(map(str, denied))}"
    fix = f"sed s/{ZEROS}/{identity or 'OBJECT_ID'}/ deploy/kubernetes/{feature.file}.yaml | kubectl apply -f -"
    if feature.kind is None:
        return place.note(check, f"{told}: {feature.without}", fix)
    hard = [right for right in denied if _consequence(right) is None]
    if not hard:
        soft = dict.fromkeys(filter(None, map(_consequence, denied)))
        return place.note(check, f"{told}: {', '.join(soft)}", fix)
    if not required and any(right.verb == "list" for right in hard):
        return place.note(check, f"{told}: {feature.kind} is not followed (BINDINGS is auto)", fix)
    return place.failed(check, told, fix)


def _consequence(right: Right) -> str | None:
    return _SOFT.get((right.verb, "")) or _SOFT.get((right.verb, right.resource))

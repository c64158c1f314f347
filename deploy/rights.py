"""What of a manifest's rights has to be cluster-wide, and what can be granted for each namespace. Pure.

The app lists and watches declarations, and lists workloads, in all namespaces at once: one request for each kind,
however many namespaces there are. So `list` and `watch` of these stay cluster-wide. Whatever it does with one object it
does in that object's namespace; pods and pod statuses it lists there too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"
PLACEHOLDER = "00000000-0000-0000-0000-000000000000"
"""Where the object id of the app's identity goes."""

CLUSTER_SCOPED = frozenset({"clusterexternalsecrets", "clustersecretstores", "csidrivers"})
LISTED_BY_NAMESPACE = frozenset({"pods", "secretproviderclasspodstatuses"})
_LISTING = frozenset({"list", "watch"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A feature's rights, namespace by namespace.

    `cluster` is applied once: what stays cluster-wide, and a ClusterRole that nobody has yet. `binding` gives that role
    in one namespace; it names none, and is empty where a feature needs nothing there.
    """

    cluster: Sequence[Manifest]
    binding: Sequence[Manifest]


def split(manifests: Iterable[Manifest]) -> Split:
    """Split what a manifest file holds. What is no ClusterRole, and belongs to none, stays as it is."""
    given = list(manifests)
    roles = {one["metadata"]["name"]: one for one in given if one["kind"] == "ClusterRole"}
    cluster: list[Manifest] = []
    binding: list[Manifest] = []
    for one in given:
        name = one["metadata"]["name"]
        if one["kind"] == "ClusterRole":
            wide, narrow = parted(one["rules"])
            cluster += [one | {"rules": wide}] if wide else []
            cluster += [_role(f"{name}-namespace", narrow)] if narrow else []
        elif one["kind"] == "ClusterRoleBinding":
            wide, narrow = parted(roles[one["roleRef"]["name"]]["rules"])
            cluster += [one] if wide else []
            binding += [_binding(name, one["subjects"])] if narrow else []
        else:
            cluster.append(one)
    return Split(cluster=cluster, binding=binding)


def parted(rules: Iterable[Mapping[str, Any]]) -> tuple[list[Manifest], list[Manifest]]:
    """Part rules into those that stay cluster-wide and those that hold in a namespace."""
    wide: list[Manifest] = []
    narrow: list[Manifest] = []
    for rule in rules:
        for resource in rule["resources"]:
            for kept, found in ((wide, True), (narrow, False)):
                verbs = [verb for verb in rule["verbs"] if _is_wide(resource, verb) is found]
                if verbs:
                    kept.append({**rule, "resources": [resource], "verbs": verbs})
    return _joined(wide), _joined(narrow)


def _is_wide(resource: str, verb: str) -> bool:
    return resource in CLUSTER_SCOPED or (verb in _LISTING and resource not in LISTED_BY_NAMESPACE)


def _joined(rules: Iterable[Manifest]) -> list[Manifest]:
    """Join neighbours that differ in nothing but their resource."""
    joined: list[Manifest] = []
    for rule in rules:
        alike = {**rule, "resources": []}
        if joined and {**joined[-1], "resources": []} == alike:
            joined[-1]["resources"] = [*joined[-1]["resources"], *rule["resources"]]
        else:
            joined.append(dict(rule))
    return joined


def _role(name: str, rules: Sequence[Manifest]) -> Manifest:
    return {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": list(rules)}


def _binding(name: str, subjects: Sequence[Manifest]) -> Manifest:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": f"{name}-namespace"},
        "subjects": list(subjects),
    }

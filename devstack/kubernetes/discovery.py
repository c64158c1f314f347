"""What the API says about itself: versions, groups and resources, enough for kubectl and client libraries."""

from devstack.kubernetes.documents import Document
from devstack.kubernetes.resources import RESOURCES

_VERSION: Document = {"major": "1", "minor": "33", "gitVersion": "v1.33.0-devstack"}
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def describe(path: str) -> Document | None:
    """Return the document at a discovery path, or None."""
    match path.strip("/").split("/"):
        case ["version"]:
            return _VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups()}
        case ["api", version]:
            return _resources("", version)
        case ["apis", group, version]:
            return _resources(group, version)
    return None


def _groups() -> list[Document]:
    """Describe every group but the core's, which is found at /api."""
    versions = {resource.group: resource.versions for resource in RESOURCES if resource.group}
    groups = []
    for group, served in versions.items():
        named = [{"groupVersion": f"{group}/{version}", "version": version} for version in served]
        groups.append({"name": group, "versions": named, "preferredVersion": named[0]})
    return groups


def _resources(group: str, version: str) -> Document | None:
    served = [
        {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _VERBS,
        }
        for resource in RESOURCES
        if resource.group == group and version in resource.versions
    ]
    group_version = f"{group}/{version}" if group else version
    found = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": served}
    return found if served else None

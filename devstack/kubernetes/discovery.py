"""What the API says about itself: versions, groups and resources, enough for `kubectl get` and client libraries."""

from itertools import chain

from devstack.kubernetes import access, resources
from devstack.kubernetes.documents import Document
from devstack.kubernetes.resources import RESOURCES, Resource

VERSION: Document = {
    "major": "1",
    "minor": "33",
    "gitVersion": "v1.33.0-devstack",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_REVIEW: Document = {
    "name": access.REVIEWS,
    "singularName": "selfsubjectaccessreview",
    "namespaced": False,
    "kind": "SelfSubjectAccessReview",
    "verbs": ["create"],
}


def describe(path: str, server: str) -> Document | None:
    """Return the document at a discovery path, or None. `server` is HOST:PORT."""
    match path.strip("/").split("/"):
        case ["version"]:
            return VERSION
        case ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}]
            return {"kind": "APIVersions", "versions": _versions(""), "serverAddressByClientCIDRs": addresses}
        case ["api", version]:
            return _resource_list("", version)
        case ["apis", *rest]:
            return _describe_groups(rest)
    return None


def _describe_groups(path: list[str]) -> Document | None:
    match path:
        case []:
            groups = [_group(group) for group in (*resources.groups(), access.REVIEW_GROUP) if group]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case [group] if group and _versions(group):
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group)
        case [group, version] if group:
            return _resource_list(group, version)
    return None


def _versions(group: str) -> list[str]:
    if group == access.REVIEW_GROUP:
        return ["v1"]
    served = (resource.versions for resource in RESOURCES if resource.group == group)
    return list(dict.fromkeys(chain.from_iterable(served)))


def _group(group: str) -> Document:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in _versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(group: str, version: str) -> Document | None:
    if version not in _versions(group):
        return None
    served = [_describe(resource) for resource in RESOURCES if resource.group == group and version in resource.versions]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": [_REVIEW] if group == access.REVIEW_GROUP else served,
    }


def _describe(resource: Resource) -> Document:
    described: Document = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": _VERBS,
    }
    return described | ({"shortNames": list(resource.short_names)} if resource.short_names else {})

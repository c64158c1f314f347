"""The proof that a namespace may have a vault object's bytes. Pure (design 5).

Anyone who can edit a namespace can write a class that asks for any object, and we read the vault with our own
identity. So asking is not enough: either the driver mounted the object there with the pod's own identity, or the
vault's owner listed the namespace on the object.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from shared.csi.classes import ClassObject
from shared.observed import Claim, PodStatus

TAG = "keyvault-fanout-allow"
"""The tag on a vault object: `cluster/namespace` patterns, separated by commas or white space."""


def claim(item: ClassObject, class_name: str, statuses: Sequence[PodStatus]) -> Claim | None:
    """Gather the versions of a class's object that were mounted, from the pod statuses of its namespace."""
    versions = {
        version
        for status in statuses
        if status.class_name == class_name
        for name, version in status.versions.items()
        # `<type>/<name>` as the class spells it, with `/<index>` behind it for a history
        if name == item.status_id or name.startswith(f"{item.status_id}/")
    }
    if not versions:
        return None
    return Claim(type=item.read.type, name=item.read.name, versions=frozenset(versions))


def allows(tags: Mapping[str, str], *, cluster: str, namespace: str) -> bool:
    """Tell whether the tags of a vault object list a namespace of a cluster."""
    for pattern in tags.get(TAG, "").replace(",", " ").split():
        clusters, slash, namespaces = pattern.partition("/")
        if slash and fnmatchcase(cluster, clusters) and fnmatchcase(namespace, namespaces):
            return True
    return False

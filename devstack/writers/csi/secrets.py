"""How each generation writes one Secret (csi-semantics 3.4, 3.5), and who completes the owners (3.3)."""

from collections.abc import Awaitable, Callable, Sequence

from devstack.writers.cluster import CONFLICT, Cluster, Document, secret_path
from devstack.writers.csi.manifests import MANAGED
from devstack.writers.csi.pace import Generation
from devstack.writers.refusals import RefusedError

Write = Callable[[Cluster, Document], Awaitable[None]]


async def create_missing(cluster: Cluster, secret: Document) -> None:
    """1.5.6, controller: create it where there is none, leave one that exists alone."""
    await _create(cluster, secret)


async def put_always(cluster: Cluster, secret: Document) -> None:
    """1.6.0, controller: put the whole of it in the place of whatever is there, without looking.

    Foreign labels, annotations, owners and finalizers go with it.
    """
    if not await _create(cluster, secret):
        await cluster.replace(_path(secret), secret)


async def patch_changed(cluster: Cluster, secret: Document) -> None:
    """1.6.1, controller: read first, and patch `data` alone where it differs, in the version that was read."""
    current = await cluster.get(_path(secret))
    if current is None:
        await _create(cluster, secret)
    elif current.get("data", {}) != secret["data"]:
        version = {"resourceVersion": current["metadata"]["resourceVersion"]}
        await cluster.patch(_path(secret), {"metadata": version, "data": _difference(current, secret)})


async def patch_rotated(cluster: Cluster, secret: Document) -> None:
    """1.5.6, rotation: patch `data` where it differs, whoever changed it. Raises RefusedError where there is none.

    One that lost the driver's label is not found either: it is looked for in a cache that is filtered by it.
    """
    current = await cluster.get(_path(secret))
    if current is None or MANAGED not in current["metadata"].get("labels", {}):
        raise RefusedError(f"secret {secret['metadata']['name']} is not found, and left to the controller")
    if current.get("data", {}) != secret["data"]:
        await cluster.patch(_path(secret), {"data": _difference(current, secret)})


CONTROLLERS: dict[Generation, Write] = {
    Generation.V1_5_6: create_missing,
    Generation.V1_6_0: put_always,
    Generation.V1_6_1: patch_changed,
}


async def complete_owners(cluster: Cluster, secret: Document, owners: Sequence[Document]) -> None:
    """Add the owners whose names are missing, in the version that was read. What another made is left alone."""
    current = await cluster.get(_path(secret))
    if current is None or MANAGED not in current["metadata"].get("labels", {}):
        return
    metadata = current["metadata"]
    known = metadata.get("ownerReferences", [])
    missing = [owner for owner in owners if owner["name"] not in {each["name"] for each in known}]
    if missing:
        patch = {"resourceVersion": metadata["resourceVersion"], "ownerReferences": [*known, *missing]}
        await cluster.patch(_path(secret), {"metadata": patch})


async def _create(cluster: Cluster, secret: Document) -> bool:
    try:
        await cluster.create(secret_path(secret["metadata"]["namespace"]), secret)
    except RefusedError as error:
        if error.status != CONFLICT:
            raise
        return False
    return True


def _path(secret: Document) -> str:
    return secret_path(secret["metadata"]["namespace"], secret["metadata"]["name"])


def _difference(current: Document, wanted: Document) -> Document:
    """Return the merge patch of `data`: keys that are no longer listed are removed."""
    patch: Document = dict.fromkeys(current.get("data", {}))
    patch.update(wanted["data"])
    return patch

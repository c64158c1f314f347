"""All that the vaults hold and the clusters declare, listed once, and which of it belongs together. No value is read.

What the sweep does, for eyes: it lists too, and puts on the queue what this only shows.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared import binding, declarations, observe
from shared.csi.classes import SecretProviderClass
from shared.declarations import Declarations, Found
from shared.errors import FanoutError
from shared.gathering import each
from shared.index import Index
from shared.model import ObjectType, Target, VaultObject
from shared.neighbours import Neighbours
from shared.observed import ListedObject
from shared.owned_declaration import Declaration
from shared.ports import Cluster
from shared.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A target and what declares that it holds an object."""

    listed: ListedObject
    target: Target
    found: tuple[Found, ...]


@dataclass(slots=True, kw_only=True)
class Estate:
    """What was listed. `errors` are the lists that failed: what they would have named is not known."""

    hosts: Mapping[str, str]
    objects: list[ListedObject] = field(default_factory=list)
    declared: dict[str, Declarations] = field(default_factory=dict)
    errors: list[FanoutError] = field(default_factory=list)

    def bound(self) -> Iterator[Bound]:
        """Yield every target of every object, cluster by cluster."""
        for cluster, declared in self.declared.items():
            index = Index(declared)
            for one in self.objects:
                found = declarations.find(index.about(one.object), one.object, self.hosts[one.object.vault])
                for target, items in declarations.by_target(cluster, declarations.within_limits(found)):
                    yield Bound(listed=one, target=target, found=items)


async def survey(neighbours: Neighbours, vaults: Sequence[str], clusters: Sequence[Cluster], *, ends: float) -> Estate:
    """List everything, until `ends` on the loop's clock. Raises nothing of a neighbour's."""
    estate = Estate(hosts={name: neighbours.vaults[name].host for name in vaults})
    lists = {name: neighbours.vaults[name].vault.inventory() for name in vaults}
    listed, seen = await asyncio.gather(
        each(lists, "vaults", ends=ends, late=Reason.VAULT_UNREACHABLE),
        asyncio.gather(*[observe.list_declared(cluster, None, ends=ends) for cluster in clusters]),
    )
    for one in listed.values():
        if isinstance(one, FanoutError):
            estate.errors.append(one)
        else:
            estate.objects += one
    for cluster, (declared, missed) in zip(clusters, seen, strict=True):
        estate.declared[cluster.name] = declared
        estate.errors += missed
    known = {(one.object.vault, one.object.name) for one in estate.objects}
    keys = dict.fromkeys(about for declared in estate.declared.values() for about in _keys(declared, estate.hosts))
    estate.objects += [
        ListedObject(object=about, created=None, enabled=True)
        for about in keys
        if (about.vault, about.name) not in known
    ]
    estate.objects.sort(key=lambda one: str(one.object))
    return estate


def _keys(declared: Declarations, hosts: Mapping[str, str]) -> Iterator[VaultObject]:
    """Yield the keys that are declared: a vault lists secrets and certificates with one call, keys with another."""
    for cls in declared.classes:
        if isinstance(cls, SecretProviderClass):
            for vault, host in hosts.items():
                if binding.same_vault(cls, vault, host):
                    for item in cls.objects:
                        if item.type is ObjectType.KEY:
                            yield VaultObject(vault=vault, type=ObjectType.KEY, name=item.read.name)
    for one in declared.owned:
        if isinstance(one, Declaration):
            yield from (
                entry.object
                for entry in one.entries
                if entry.object.type is ObjectType.KEY and entry.object.vault in hosts
            )

"""Secrets whose owner reads the vault by itself: nothing is copied into them, the owner is asked to look now. Pure.

External Secrets and the sync controller each watch a resource of their own, and look anew when one field of it
changes. What those resources say is read in `external_secrets` and `secret_sync`; what is common to them is here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.observed import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An object of the Kubernetes API; `group_version` is `GROUP/VERSION`."""

    group_version: str
    plural: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.plural} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegate:
    """One Secret that an owner fills from the vault object, and how the owner is asked.

    `tags`, where there are any: it concerns the vault object only if the object carries all tags of one of these
    mappings. `ignores` is a sentence that says why the owner would not look though it is asked; empty where it would.
    `asked` is what the field holds now, `mark` what the owner's status says of its last pass: another mark later
    means that it looked again. `parent` is what the resource is a copy of, if it is one.
    """

    owner: Owner
    resource: Resource
    secret_name: str
    tags: tuple[Mapping[str, str], ...] = ()
    ignores: str = ""
    asked: str = ""
    mark: str = ""
    parent: Resource | None = None

    def concerns(self, tags: Mapping[str, str]) -> bool:
        """Tell whether it concerns an object that carries these tags."""
        return not self.tags or any(wanted.items() <= tags.items() for wanted in self.tags)

    def requests(self, state: str) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
        """Yield the merge patches that ask the owner to look. The same `state` twice asks once.

        A ClusterExternalSecret hands an annotation of its own down to its children, and takes any other from them.
        """
        if self.owner is not Owner.EXTERNAL_SECRETS:
            yield self.resource, {"spec": {"forceSynchronization": state}}
            return
        yield self.resource, {"metadata": {"annotations": {"force-sync": state}}}
        if self.parent is not None:
            yield self.parent, {"metadata": {"annotations": {"external-secrets.io/force-sync": state}}}


class Standing(StrEnum):
    """What became of a request."""

    SYNCED = "synced"
    PENDING = "pending"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What an owner's status says. `detail` is the owner's own word for it (a condition's reason, never a message)."""

    standing: Standing
    detail: str = ""

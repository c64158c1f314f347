"""What a decision about targets is made from: each target as it was seen, and what the vault answered. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared import grant
from shared.binding import Binding
from shared.csi.classes import ClassObject
from shared.declarations import Found
from shared.delegate import Delegate
from shared.errors import FanoutError
from shared.model import Target, VaultRead
from shared.observed import Claim, Driver, KubernetesSecret, PodStatus, VaultAnswer
from shared.owned import OwnedBinding

Writable = Binding | OwnedBinding
"""What puts our bytes into a Secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One target as it was seen: what concerns it, and its namespace's mounts.

    `secret` is read where its bytes decide (None: there is none); elsewhere `held` is its resourceVersion, if any.
    """

    target: Target
    found: tuple[Found, ...]
    driver: Driver
    secret: KubernetesSecret | None = None
    held: str = ""
    statuses: Sequence[PodStatus] = ()

    @property
    def writables(self) -> tuple[Writable, ...]:
        """What of it puts our bytes into the Secret."""
        return tuple(item for item in self.found if isinstance(item, Binding | OwnedBinding))

    @property
    def delegates(self) -> tuple[Delegate, ...]:
        """What of it is filled by an owner that we ask."""
        return tuple(item for item in self.found if isinstance(item, Delegate))


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultView:
    """What the vault answered: to each read, and whether it knows the versions that pod statuses speak of."""

    answers: Mapping[VaultRead, VaultAnswer | FanoutError]
    confirmed: Mapping[Claim, bool | FanoutError]

    def answer(self, read: VaultRead) -> VaultAnswer:
        """Return an answer, or raise the failure that stands in its place."""
        answer = self.answers[read]
        if isinstance(answer, FanoutError):
            raise answer
        return answer


def claim(view: TargetView, writable: Writable, item: ClassObject) -> Claim | None:
    """Return what the pod statuses claim of one object; nothing vouches for an owned Secret, which has no class."""
    return grant.claim(item, writable.cls.name, view.statuses) if isinstance(writable, Binding) else None


def each_object(view: TargetView) -> Iterator[tuple[Writable, ClassObject]]:
    """Yield every object whose bytes decide about the target."""
    for writable in view.writables:
        for item in writable.objects:
            yield writable, item

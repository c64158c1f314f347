"""What a sweep takes for stale, from metadata alone: no value is read to find out. Pure.

A Secret whose data changed after the newest version was made holds it, as far as anybody can tell; so does an owned one
that says so. All others are suspects: the flow compares their bytes with the vault's, one read for each object.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime

from shared.binding import Binding
from shared.declarations import Found
from shared.delegate import Delegate
from shared.errors import FanoutError
from shared.model import VaultObject
from shared.observed import ListedObject, SecretState
from shared.owned import OwnedBinding
from shared.settling import TOLERANCE


@dataclass(slots=True)
class Swept:
    """What a sweep found. `missed` are changes that no event told of; None where nobody could tell."""

    objects: int = 0
    targets: int = 0
    suspects: int = 0
    jobs: int = 0
    missed: list[VaultObject] | None = None
    errors: list[FanoutError] = field(default_factory=list)


def is_suspect(found: tuple[Found, ...], state: SecretState, listed: ListedObject) -> bool:
    """Tell whether a Secret may hold other bytes than it should. `found` is what declares it for the object."""
    stale = _is_older(state.changed, listed.created)
    for item in found:
        if isinstance(item, OwnedBinding):
            if not state.by_us or not _says_so(item, state.versions) or (stale and bool(item.feeding)):
                return True
        elif isinstance(item, Binding | Delegate) and stale:
            return True
    return False


def _is_older(changed: datetime | None, created: datetime | None) -> bool:
    return changed is None or (created is not None and changed + TOLERANCE < created)


def _says_so(binding: OwnedBinding, versions: str) -> bool:
    """Tell whether an owned Secret says that it holds something for every key, and for pinned ones the right thing."""
    try:
        noted = json.loads(versions or "{}")
    except (ValueError, RecursionError):
        return False
    if not isinstance(noted, dict):
        return False
    for entry in binding.entries:
        said = noted.get(entry.key)
        if not isinstance(said, str) or not said.startswith(f"{entry.object}/"):
            return False
        if entry.pinned and not said.endswith(f"/{entry.item.version}"):
            return False
    return True

"""Which CSI volumes show an object, and at which version they should: what a check compares later. Pure."""

from collections.abc import Sequence
from itertools import islice

from shared.binding import Binding, MountOnly, is_pinned
from shared.model import ObjectType, VaultObject
from shared.observed import Driver
from shared.outcome import Mounts, ObjectVersion
from shared.view import TargetView

MOST_CLASSES = 100
"""Classes of one target whose pods are looked at."""

MOST_IDS = 200
"""Ids of the object in their pods' statuses: a class may spell one name in thousands of ways, and a job has to fit."""


def expected_mounts(about: VaultObject, view: TargetView, holds: Sequence[ObjectVersion], version: str) -> Mounts:
    """Say which CSI volumes show the object, and at which version they should.

    A new version of a certificate is one of the secret and the key of that name too; of a secret alone nothing else is
    known. A class that shows none of them is left out: its pods would prove nothing.
    """
    known = {held.object.type: held.version for held in holds}
    if version:
        known.setdefault(about.type, version)
        for type_ in ObjectType if about.type is ObjectType.CERT else ():
            known.setdefault(type_, version)
    classes = {item.cls.name: item.cls for item in view.found if isinstance(item, Binding | MountOnly)}
    showing = {
        (name, item.status_id): known[item.type]
        for name, cls in islice(classes.items(), MOST_CLASSES)
        for item in cls.objects
        if item.read.name == about.name and item.type in known and not is_pinned(item)
    }
    expected: dict[str, dict[str, str]] = {}
    for (name, identifier), newest in islice(showing.items(), MOST_IDS):
        expected.setdefault(name, {})[identifier] = newest
    return Mounts(expected=expected, remounts=view.driver is Driver.V1_6_ROTATING)

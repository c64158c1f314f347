"""A roll as lines for a person, or as JSON. Pure."""

from datetime import datetime
from typing import Any

from fanout import table
from fanout.acks.roll import Roll, Use
from shared.record import plain


def lines(roll: Roll) -> list[str]:
    """Return a table, and in a sentence whether the old version can be revoked."""
    head = f"{roll.about}, newest version {roll.newest or 'unknown'}"
    if not roll.entries:
        return [head, "", verdict(roll)]
    rows = [
        (
            one.said.application,
            one.said.instance,
            str(one.use),
            one.said.version,
            _when(one.said.since),
            _when(one.said.at),
        )
        for one in roll.entries
    ]
    headings = ("APPLICATION", "INSTANCE", "USES", "VERSION", "SINCE", "LAST HEARD")
    return [
        head,
        "",
        *table.lines(headings, rows, whole=3),
        "",
        verdict(roll),
    ]


def verdict(roll: Roll) -> str:
    """Say whether the old version can be revoked, as far as instances say what they use."""
    count = {use: sum(one.use is use for one in roll.entries) for use in Use}
    silent = f"; {count[Use.SILENT]} were not heard of lately" if count[Use.SILENT] else ""
    if not roll.whole:
        return "not looked through to the end: nothing is known about the instances that were not read"
    if roll.unreadable and not roll.behind:
        return f"{roll.unreadable} acknowledgements cannot be read: nothing is known about who sent them{silent}"
    if not roll.newest:
        return f"the vault does not say which version is the newest{silent}"
    if roll.behind:
        return f"do not revoke the old version: {roll.behind} instances said last that they use it{silent}"
    if not count[Use.NEWEST]:
        return f"nobody was heard of lately{silent}" if roll.entries else "nobody has acknowledged any version of it"
    return f"all {count[Use.NEWEST]} instances that were heard of lately use the newest version{silent}"


def as_json(roll: Roll) -> dict[str, Any]:
    """Return the same for a machine."""
    return {
        "object": roll.about,
        "newest": roll.newest,
        "allNewest": roll.all_newest,
        "whole": roll.whole,
        "unreadable": roll.unreadable,
        "instances": [
            {
                "application": plain(one.said.application),
                "instance": plain(one.said.instance),
                "uses": str(one.use),
                "version": plain(one.said.version),
                "since": one.said.since.isoformat(),
                "heard": one.said.at.isoformat(),
            }
            for one in roll.entries
        ],
    }


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"

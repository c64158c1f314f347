"""Arguments that several sub-commands have, and what they mean beside the app's settings. Pure."""

import argparse
import re
from collections.abc import Sequence

from fanout.errors import UsageError
from shared.model import ObjectType, VaultObject
from shared.settings import Settings

_OBJECT = re.compile(r"(secret|key|cert)/([0-9A-Za-z-]{1,127})")
_EXPECTED = "expected secret/NAME, key/NAME or cert/NAME, the name of letters, digits and '-'"


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, for machines")


def add_vault(parser: argparse.ArgumentParser) -> None:
    """Add --vault."""
    parser.add_argument("--vault", metavar="NAME", help="one of KEY_VAULTS; needless where there is one only")


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add --cluster."""
    parser.add_argument(
        "--cluster", metavar="NAME", action="append", default=[], help="only this one of CLUSTERS; may be repeated"
    )


def vault_object(text: str, vault: str | None, settings: Settings) -> VaultObject:
    """Return the object that --object and --vault name. Raises `UsageError`."""
    match = _OBJECT.fullmatch(text)
    if match is None:
        raise UsageError(f"--object: {_EXPECTED}")
    return VaultObject(vault=vault_name(vault, settings), type=ObjectType(match[1]), name=match[2])


def vault_name(vault: str | None, settings: Settings) -> str:
    """Return the vault that --vault names, or the only one there is. Raises `UsageError`."""
    names = [one.name for one in settings.vaults]
    if vault is None:
        if len(names) > 1:
            raise UsageError(f"--vault is missing; expected one of {', '.join(names)}")
        return names[0]
    if vault.lower() not in names:
        raise UsageError(f"--vault: {vault[:40]!r} is not one of KEY_VAULTS: {', '.join(names)}")
    return vault.lower()


def cluster_names(wanted: Sequence[str], settings: Settings) -> frozenset[str]:
    """Return the clusters that --cluster names, or all. Raises `UsageError`."""
    names = [one.name for one in settings.clusters]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        listed = ", ".join(names) or "there are none"
        raise UsageError(f"--cluster: {unknown[0][:40]!r} is not one of CLUSTERS: {listed}")
    return frozenset(wanted or names)

"""What a refresh of an object would do now, in some clusters. It reads the clusters and the vault, and writes nothing.

The flow's own first half (`refresh.prepare`): carried out it is the refresh, printed it is the dry run.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fanout import prospect
from fanout.errors import told
from fanout.prospect import Prospect
from shared import refresh
from shared.errors import FanoutError
from shared.model import Target, VaultObject
from shared.neighbours import Limits, Neighbours
from shared.pipeline import utc_now
from shared.ports import Cluster
from shared.reading import SharedReads

_MOST = 10_000
"""Targets of one cluster that are looked at; the app itself shares more than DIRECT_TARGETS out to jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An object, the version that counts as its newest (empty where the vault does not say), and why it does not."""

    about: VaultObject
    version: str
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What would be done about an object."""

    subject: Subject
    prospects: tuple[Prospect, ...]

    @property
    def wrong(self) -> bool:
        """Whether anything has to be mended."""
        return bool(self.subject.remark) or any(one.wrong for one in self.prospects)


async def subject(neighbours: Neighbours, about: VaultObject) -> Subject:
    """Ask the vault for the newest version's id, by the list of versions; the value is not read."""
    try:
        version = await neighbours.vaults[about.vault].vault.newest(about)
    except FanoutError as error:
        return Subject(about=about, version="", remark=f"its versions cannot be listed: {told(error)}")
    return Subject(about=about, version=version, remark="" if version else "the vault has no enabled version of it")


async def foresee(
    neighbours: Neighbours,
    limits: Limits,
    subject: Subject,
    clusters: Sequence[Cluster],
    only: Collection[Target] | None = None,
) -> Foresight:
    """Look at all these clusters at once, read the vault once, and decide. Raises nothing of a neighbour's.

    `only` limits it to some targets, and includes of these what stays at a version.
    """
    listed = neighbours.vaults[subject.about.vault]
    shared = SharedReads(listed.vault, observers=len(clusters), own=None, announced=subject.version)
    errand = refresh.Errand(
        about=subject.about,
        version=subject.version,
        vault=listed.vault,
        vault_host=listed.host,
        ends=asyncio.get_running_loop().time() + limits.deadline - limits.reserve,
        now=utc_now,
        only=only,
        pinned=only is not None,
        most=_MOST,
    )
    try:
        prepared = await asyncio.gather(*[refresh.prepare(errand, cluster, shared) for cluster in clusters])
    finally:
        await shared.close()
    return Foresight(subject=subject, prospects=tuple(found for one in prepared for found in prospect.of(one)))

"""Read the vault once for as many clusters as possible, and never too early.

A vault read may decide about a Secret only if it began after that Secret was read (design 2.1). So the clusters that
have looked wait for one another, but only for a moment: a wave of reads begins when nobody is looking any more, or
`GRACE` after the first one was ready. Who looks longer gets a wave of their own (docs/decisions/0002).
"""

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from shared import trace
from shared.errors import FanoutError, PermanentError, TransientError
from shared.model import VaultRead
from shared.observed import Claim, VaultAnswer
from shared.ports import Vault
from shared.reason import Reason
from shared.trace import Hop
from shared.view import VaultView

GRACE = 0.2
"""Seconds that a cluster which has looked waits for the others."""

PATIENCE = 2.0
"""Seconds that the object's own notice waits for the first wave, before it reads the vault by itself."""


async def read_now(
    vault: Vault, reads: Collection[VaultRead], claims: Collection[Claim], *, announced: str
) -> VaultView:
    """Read everything at once. A failed read is its own answer.

    `announced` is the version that the event speaks of; an answer that is older than it is a failure (see `_newest`).
    """

    async def answer(read: VaultRead) -> VaultAnswer | FanoutError:
        try:
            return await _newest(vault, read, announced)
        except FanoutError as error:
            return error

    async def confirm(claim: Claim) -> bool | FanoutError:
        try:
            return await vault.confirms(claim)
        except FanoutError as error:
            return error

    with trace.span(Hop.READ, {trace.READS: len(reads)}) as span:
        answers, confirmed = await asyncio.gather(
            asyncio.gather(*map(answer, reads)), asyncio.gather(*map(confirm, claims))
        )
        failures = [one for one in answers if isinstance(one, FanoutError)]
        if failures:
            span.set_attribute(trace.FAILED, len(failures))
            trace.fail(span, str(failures[0].reason))
    return VaultView(
        answers=dict(zip(reads, answers, strict=True)), confirmed=dict(zip(claims, confirmed, strict=True))
    )


async def _newest(vault: Vault, read: VaultRead, announced: str) -> VaultAnswer:
    """Read, and refuse an answer from the past: a vault that failed over may not know the announced version yet.

    Both times are the vault's own. Mostly another version than the announced one is served because the event is late;
    then one more read tells that the announced version is the older one, is disabled or is not there.
    """
    answer = await vault.read(read)
    if read.version or read.many or answer.version == announced:
        return answer
    try:
        other = await vault.read(replace(read, version=announced))
    except PermanentError:
        return answer
    if answer.created is not None and other.created is not None and other.created > answer.created:
        raise TransientError(
            f"{read.type}/{read.name}: the vault serves an older version than the event's", reason=Reason.VAULT_BEHIND
        )
    return answer


@dataclass(slots=True)
class _Wave:
    reads: set[VaultRead]
    claims: set[Claim] = field(default_factory=set)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    view: "asyncio.Task[VaultView] | None" = None


class SharedReads:
    """The reads of one refresh. `observers` clusters are looking; each of them calls `join` or `leave` once.

    `own` is the read that the object's notice needs, if any; it is part of the first wave. `announced` is the version
    that the event speaks of.
    """

    def __init__(self, vault: Vault, *, observers: int, own: VaultRead | None, announced: str) -> None:
        self._vault = vault
        self._announced = announced
        self._looking = observers
        self._own = own
        self._wave: _Wave | None = None
        self._waves: list[_Wave] = []
        self._begun = asyncio.Event()
        if observers == 0:
            self._begun.set()

    async def join(self, reads: Collection[VaultRead], claims: Collection[Claim]) -> VaultView:
        """Ask for reads that begin from now on, after this cluster's Secrets were read."""
        if self._wave is None:
            self._wave = _Wave(reads=set() if self._own is None or self._waves else {self._own})
            self._wave.view = asyncio.create_task(self._run(self._wave))
            self._waves.append(self._wave)
        wave = self._wave
        wave.reads |= set(reads)
        wave.claims |= set(claims)
        self._done_looking()
        assert wave.view is not None  # noqa: S101 - set where the wave was made
        # Shielded, because a cluster that runs out of time must not cut the read off for the others.
        return await asyncio.shield(wave.view)

    def leave(self) -> None:
        """Ask for nothing: this cluster has no targets, or could not be looked at."""
        self._done_looking()

    async def own(self) -> VaultAnswer | FanoutError:
        """Return the answer to the object's own read: that of the first wave, or of a read of its own."""
        assert self._own is not None  # noqa: S101 - asked for only by who passed one
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._begun.wait()
        if self._begun.is_set() and self._waves and self._waves[0].view is not None:
            return (await asyncio.shield(self._waves[0].view)).answers[self._own]
        return (await read_now(self._vault, [self._own], [], announced=self._announced)).answers[self._own]

    async def close(self) -> None:
        """Cut off what nobody waits for any more."""
        views = [wave.view for wave in self._waves if wave.view is not None]
        for view in views:
            view.cancel()
        await asyncio.gather(*views, return_exceptions=True)

    def _done_looking(self) -> None:
        self._looking -= 1
        if self._looking == 0:
            self._begun.set()
            if self._wave is not None:
                self._wave.ready.set()

    async def _run(self, wave: _Wave) -> VaultView:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await wave.ready.wait()
        self._wave = None
        self._begun.set()
        return await read_now(self._vault, tuple(wave.reads), tuple(wave.claims), announced=self._announced)

"""A copy of one kind of declaration, kept by a watch, so that an event costs what concerns its object.

It is verified before it is trusted, each time, by one small request: the server lists a single object and says how many
there are. The copy counts if its watch is open and has been heard of lately, and if it holds as many. Otherwise
everything is listed anew, as it is on first use, after 410, and by every sweep. docs/decisions/0011 says what that
proves and what it does not.
"""

import asyncio
import contextlib
import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from shared.edges.kube_failures import ExpiredError
from shared.edges.kube_listing import Listing, key_of
from shared.edges.kube_watch import Change, ChangeType
from shared.edges.together import Together
from shared.errors import FanoutError, describe_fault
from shared.index import Key, NameIndex
from shared.reason import Reason

V = TypeVar("V")

_log = logging.getLogger(__name__)

_STREAM = 30
"""Seconds after which the server ends a watch, with a bookmark before: so often is it proven that it is alive."""

_SILENCE = 45.0
"""Seconds after which a watch that says nothing is given up."""

_REOPENING = 1.0
"""Seconds that an event waits for a watch that is just being opened again."""

_IDLE = 3600.0
"""Seconds without an event after which the watch ends. The next event lists anew."""

_WATCHLESS = 300.0
"""Seconds until a watch is tried again where it was forbidden."""

_LONGEST_PAUSE = 30.0
_NUMBER = re.compile(r"[1-9][0-9]*")


class Mirror(Generic[V]):
    """The declarations of one kind in one cluster, by the names that they mention (`NameIndex`).

    `names` gives them; None for a declaration that may mention any. `settling` is how many seconds an event waits for a
    change that the server counts and the watch has not brought yet.
    """

    def __init__(
        self,
        listing: Listing[V],
        names: Callable[[V], Iterable[str] | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        settling: float = 0.25,
    ) -> None:
        self.listing = listing
        self._settling = settling
        self._names = names
        self._clock = clock
        self._index = NameIndex[V]()
        self._version = ""
        self._turn = asyncio.Lock()
        self._checking = Together(self._check)
        self._renewing = Together(self._renew)
        self._follower: asyncio.Task[None] | None = None
        self._open = asyncio.Event()
        self._moved = asyncio.Event()
        self._failing = False
        self._used = self._heard = clock()
        self._forbidden: float | None = None

    async def all(self) -> Sequence[V]:
        """List all of them anew, ordered by namespace and name. A watch that runs begins anew there."""
        await self._renewing.run()
        return list(self._index)

    def fresh(self) -> asyncio.Future[None]:
        """Make sure that the copy is what the server has from this call on; what is returned raises where it is not."""
        self._used = self._clock()
        if not self.listing.absent:
            return self._checking.run()
        absent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        absent.set_result(None)
        return absent

    def about(self, names: Iterable[str]) -> Sequence[V]:
        """Return what mentions one of the names, or may do so. Asked after `fresh`."""
        return self._index.about(names)

    async def fresh_about(self, names: Iterable[str]) -> Sequence[V]:
        """Return it once the copy is what the server has now."""
        await self.fresh()
        return self.about(names)

    async def close(self) -> None:
        """End the watch and whatever runs."""
        await asyncio.gather(self._checking.close(), self._renewing.close())
        await self._unfollow()

    async def _check(self) -> None:
        async with self._turn:
            if not (await self._is_followed() and await self._agrees()):
                await self._list()
                self._follow()

    async def _renew(self) -> None:
        async with self._turn:
            followed = self._follower is not None
            await self._list()
            if followed:
                self._follow()

    async def _is_followed(self) -> bool:
        """Tell whether the watch is open and alive; one that is just being opened again is waited for."""
        if self._follower is None or self._follower.done() or self._failing:
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._open.wait(), _REOPENING)
        return self._open.is_set() and self._clock() - self._heard < _SILENCE

    async def _agrees(self) -> bool:
        """Ask the server how many there are, and tell whether the copy has come to hold as many."""
        page = await self.listing.glance()
        if page is None:
            await self._unfollow()
            self._replace({})
            return True
        if page.remaining is None:
            return True
        number, version = len(page.items) + page.remaining, page.version
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settling):
                while not self._has_come_to(version, number):
                    self._moved.clear()
                    await self._moved.wait()
        return self._has_come_to(version, number)

    def _has_come_to(self, version: str, number: int) -> bool:
        """Tell whether the copy holds as many as the server counted, or is past that moment already."""
        return self.listing.count == number or _is_past(self._version, version)

    async def _list(self) -> None:
        await self._unfollow()
        snapshot = await self.listing.read()
        self._replace(snapshot.found)
        self._version = snapshot.version

    def _replace(self, found: Mapping[Key, V | None]) -> None:
        index = NameIndex[V]()
        for key, item in found.items():
            if item is not None:
                index.put(key, item, self._names(item))
        self._index = index

    def _follow(self) -> None:
        """Open a watch from the version that was listed, unless the identity may not."""
        now = self._clock()
        watchless = self._forbidden is not None and now - self._forbidden < _WATCHLESS
        if self._version and not watchless:
            self._failing, self._heard = False, now
            self._follower = asyncio.create_task(self._run(self._version))

    async def _unfollow(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)

    async def _run(self, version: str) -> None:
        """Follow, from one watch to the next, until it is of no use any more."""
        pause = 0.0
        while self._clock() - self._used < _IDLE:
            began = self._clock()
            try:
                async with self.listing.watch(version, seconds=_STREAM, silence=_SILENCE) as changes:
                    self._failing, self._forbidden, self._heard = False, None, began
                    self._open.set()
                    async for change in changes:
                        version = self._apply(change)
            except ExpiredError:
                return
            except FanoutError as error:
                if error.reason is Reason.CLUSTER_FORBIDDEN:
                    self._give_up(error)
                    return
                if not self._failing:
                    _log.info("%s; it is opened again", error)
                self._failing = True
            except Exception as fault:  # noqa: BLE001 - a fault of this program ends the copy, not the events
                _log.error("watch %s: %s; every event lists", self.listing.path, describe_fault(fault))
                return
            finally:
                self._open.clear()
            short = self._failing or self._clock() - began < 1
            pause = min(max(2 * pause, 0.5), _LONGEST_PAUSE) if short else 0.0
            await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter, not a secret

    def _apply(self, change: Change) -> str:
        """Bring the copy up to a change, and return the version that it shows then."""
        if change.type is ChangeType.DELETED:
            key = key_of(change.manifest)
            self.listing.forget(key)
            self._index.drop(key)
        elif change.type is not ChangeType.BOOKMARK:
            key, item = self.listing.parsed(change.manifest)
            if item is None:
                self._index.drop(key)
            else:
                self._index.put(key, item, self._names(item))
        self._heard = self._clock()
        self._version = change.version
        self._moved.set()
        return change.version

    def _give_up(self, error: FanoutError) -> None:
        if self._forbidden is None:
            _log.warning("%s; every event lists until deploy/kubernetes is applied anew, with the verb watch", error)
        self._forbidden = self._clock()


def _is_past(version: str, other: str) -> bool:
    """Compare two versions of one collection as numbers, however long; of others nothing is known (KEP-5504)."""
    return all(map(_NUMBER.fullmatch, (version, other))) and (len(version), version) >= (len(other), other)

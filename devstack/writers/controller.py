"""A controller as controller-runtime builds them: one object, one loop; woken by events, its own timer and a resync."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from devstack.writers.access import Access
from devstack.writers.cluster import Document, path_of
from devstack.writers.informer import Informer, Key, key_of
from devstack.writers.loop import Loop
from devstack.writers.writer import Writer

RESYNC = 36_000.0
"""Seconds: controller-runtime's SyncPeriod is ten hours."""

RETRY = 5.0
"""Seconds. The real back-off begins at 5 ms and doubles; one step stands for all."""


class Controller(Writer):
    """Looks at every object of one kind when it is made or changed, when its time has come, and every `resync` seconds.

    A look that fails is repeated after `retry` seconds. When the block is entered, every object has been looked at.
    """

    api_version: ClassVar[str]
    plural: ClassVar[str]

    objects: Informer
    """The objects as last seen."""

    def __init__(self, access: Access, *, namespace: str = "", resync: float = RESYNC, retry: float = RETRY) -> None:
        super().__init__(access, namespace=namespace)
        self._resync = resync
        self._retry = retry
        self._loops: dict[Key, Loop] = {}

    @abstractmethod
    async def reconcile(self, document: Document) -> float | None:
        """Deal with one object as it is now; answer in how many seconds it is due again, None for not by itself.

        Raises RefusedError for what is to be tried again.
        """

    def concerns(self, before: Document | None, after: Document) -> bool:  # noqa: ARG002 - for subclasses
        """Answer whether a change is a reason to look. Every one is, unless a controller filters them."""
        return True

    async def begin(self) -> None:
        """Look at everything once."""
        self.objects = self.follow(path_of(self.api_version, self.plural, self._namespace), self._see)
        await self.objects.synced.wait()
        for loop in list(self._loops.values()):
            await loop.tried()

    def loops(self) -> Iterable[Loop]:
        """Return a loop for each object."""
        return self._loops.values()

    def path(self, namespace: str, name: str) -> str:
        """Return the path of one of the controller's objects."""
        return path_of(self.api_version, self.plural, namespace, name)

    def wake(self, namespace: str, name: str) -> None:
        """Look at an object now, if there is one of that name."""
        if loop := self._loops.get((namespace, name)):
            loop.wake()

    def _see(self, before: Document | None, after: Document | None) -> None:
        if after is None:
            if before is not None:
                self._loops.pop(key_of(before)).cancel()
            return
        key = key_of(after)
        if key not in self._loops:
            self._loops[key] = self.repeat(lambda: self._look(key), retry=self._retry)
        elif self.concerns(before, after):
            self._loops[key].wake()

    async def _look(self, key: Key) -> float:
        document = await self.cluster.get(self.path(*key))
        due = None if document is None else await self.reconcile(document)
        return self._resync if due is None else min(due, self._resync)

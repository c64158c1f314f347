"""The handler: a notice becomes a message, once."""

from collections import OrderedDict
from typing import Protocol

from keyvault_fanout import Notice
from near_expiry.composing import compose
from near_expiry.sending import Sender

_REMEMBERED = 10_000


class Registry(Protocol):
    """Who knows owners."""

    async def owner_of(self, notice: Notice) -> str:
        """Return an object's owner; empty where that is not known."""


class Teller:
    """Tells each object version and kind of notice once in a process; `default` hears where no owner is known.

    It raises what the sender raises, so that the listener has the notice come again. A version that fails in fifty
    Secrets is one message: the first names its target, `fanout status` has them all.
    """

    def __init__(self, registry: Registry, sender: Sender, *, default: str) -> None:
        self._registry = registry
        self._sender = sender
        self._default = default
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def __call__(self, notice: Notice) -> None:
        """Tell it. Raises `NotSentError`."""
        key = (notice.type, notice.about, notice.version)
        if key in self._told:
            return
        owner = await self._registry.owner_of(notice) or self._default
        await self._sender.send(compose(notice, owner=owner))
        self._told[key] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

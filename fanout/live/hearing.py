"""From a subscription of the topic to the board, for as long as somebody looks. Effects: Service Bus, a clock."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NoReturn

from fanout.errors import OperatorError
from fanout.live.board import Board
from fanout.live.listening import listen
from shared.edges import credential
from shared.edges.bus_client import Reached
from shared.settings import Settings

_AGAIN = 5.0
"""Seconds until a subscription that could not be looked at is looked at again."""


async def hear(
    board: Board, settings: Settings, subscription: str, *, hosted: bool, pause: float, say: Callable[[str], None]
) -> NoReturn:
    """Show what comes until cancelled. Where nothing can be heard, `say` so and on the board, and try again.

    `pause` is the seconds between two looks when nothing came.
    """
    bus = settings.bus
    async with contextlib.AsyncExitStack() as held:
        reached: Reached = {"connection_string": bus.connection_string, "namespace": bus.namespace}
        if bus.connection_string is None:
            client_id = bus.client_id or settings.client_id
            reached["credential"] = await held.enter_async_context(credential.make(hosted=hosted, client_id=client_id))
        while True:
            try:
                await _hear_once(board, settings, subscription, pause, reached)
            except OperatorError as error:
                say(str(error))
                await board.fail(str(error))
            await asyncio.sleep(_AGAIN)


async def _hear_once(board: Board, settings: Settings, subscription: str, pause: float, reached: Reached) -> None:
    """Show what comes until that fails. What was heard before an outage is heard again: the story begins anew."""
    heard = listen(settings.bus.topic, subscription, patience=settings.topic_timeout, pause=pause, **reached)
    first = True
    async with contextlib.aclosing(heard):
        async for told in heard:
            if first:
                board.forget()
            await board.add(told)
            first = False

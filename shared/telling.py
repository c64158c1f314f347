"""What one event or job tells: how much was told, and what could not be. Effects through `ports.Bus` only."""

from collections.abc import Sequence

from shared import record, trace
from shared.errors import FanoutError, PermanentError
from shared.notice import ChangeNotice
from shared.ports import Bus
from shared.trace import Hop


class Telling:
    """The notices of one event or job. A failure is kept, so that the other clusters' notices still go out."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.told = 0
        self.errors: list[FanoutError] = []

    async def tell(self, notices: Sequence[ChangeNotice]) -> None:
        """Publish, and keep the failure. What can never be sent is recorded and ended."""
        if not notices:
            return
        try:
            with trace.sending(Hop.TELL, len(notices)):
                await self._bus.publish(notices)
        except PermanentError as error:
            record.unsendable(error)
        except FanoutError as error:
            self.errors.append(error)
        else:
            self.told += len(notices)

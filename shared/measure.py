"""What an operator is alerted by: OpenTelemetry metrics. Without an SDK in the process every call here does nothing.

Labels are names of vaults; objects are named in the log only.
"""

from collections import Counter
from collections.abc import Iterable

from opentelemetry import metrics

from shared.model import VaultObject

_meter = metrics.get_meter("keyvault-fanout")

_missed = _meter.create_counter(
    "keyvault_fanout.changes.missed", unit="{change}", description="Changes that arrived without an event."
)
_silence = _meter.create_gauge(
    "keyvault_fanout.events.silence", unit="s", description="How long ago the newest event led to a notice."
)


def missed(changes: Iterable[VaultObject], vaults: Iterable[str]) -> None:
    """Count the changes of each vault that a sweep found and no event told of; zero counts too, so that it is seen."""
    numbers = Counter(one.vault for one in changes)
    for vault in vaults:
        _missed.add(numbers[vault], {"vault": vault})


def silence(seconds: float) -> None:
    """Say how long ago the newest event came."""
    _silence.set(seconds)

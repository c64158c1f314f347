"""The recording, empty and switched on for one test."""

from collections.abc import Iterator

import pytest

from shared import metric
from tests.telemetry.recording import Recording
from tests.telemetry.recording import recording as of_this_process


@pytest.fixture
def recorded() -> Iterator[Recording]:
    """Record what the app traces and measures."""
    found = of_this_process()
    found.exporter.clear()
    for _ in range(metric.REPEATS):
        found.metrics()
    found.on = True
    yield found
    found.on = False

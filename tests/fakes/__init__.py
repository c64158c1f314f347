"""The neighbours in memory: they keep state, and do at a chosen call what a test asks for (`script`).

Not in the room: wires, SDKs, and which status code means what. That is tested at the edges.
"""

from tests.fakes.bus import FakeBus, FakeQueue, FakeWatch
from tests.fakes.cluster import FakeCluster
from tests.fakes.script import NOW, Life, Pause, ProcessDied, Script
from tests.fakes.vault import FakeVault

__all__ = [
    "NOW",
    "FakeBus",
    "FakeCluster",
    "FakeQueue",
    "FakeVault",
    "FakeWatch",
    "Life",
    "Pause",
    "ProcessDied",
    "Script",
]

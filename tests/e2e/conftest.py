"""One stack and one host for each module of tests, seeded anew for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.e2e import scene as scenes
from tests.e2e.scene import Scene


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of a module."""
    async with scenes.play() as scene:
        yield scene


@pytest.fixture
def scene(playing: Scene) -> Iterator[Scene]:
    """The scene, as good as new; afterwards nothing that the app has said, sent or written may hold a value."""
    playing.reset()
    yield playing
    playing.hunt()

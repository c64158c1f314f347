"""One stack and one host for each module of tests, seeded anew for each test."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e import scene as scenes
from tests.e2e.scene import MARK, Scene


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of a module."""
    async with scenes.play() as scene:
        yield scene
        log = scene.host.stderr_text()
        assert MARK not in log, "a value is in the function's log"
        assert not any(MARK in answer for answer in scene.answers), "a value is in an HTTP answer"


@pytest.fixture
def scene(playing: Scene) -> Scene:
    """The scene, as good as new."""
    playing.reset()
    return playing

"""The live page that the deployed app serves: who is answered, what is shown, and when."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack import stack
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene

KEY = "KEY9f3a"


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that serves the page."""
    async with scenes.play(options=["--function-key", KEY], LIVE_SUBSCRIPTION=stack.LIVE) as scene:
        yield scene


@pytest.fixture
def scene(playing: Scene) -> Scene:
    """The scene, as good as new."""
    playing.reset()
    return playing


class Event:
    """One answer, as a browser reads it."""

    def __init__(self, text: str) -> None:
        fields = dict(re.findall(r"^(\w+): (.*)$", text, re.MULTILINE))
        self.id, self.retry = fields.get("id", ""), int(fields["retry"])
        self.shown: dict[str, Any] | None = json.loads(fields["data"]) if "data" in fields else None


async def look(scene: Scene, last: str = "") -> Event:
    """Ask what is shown, having seen `last`."""
    headers = {"x-functions-key": KEY, "last-event-id": last}
    async with scene.session.get(f"{scene.host.url}/api/live/events", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        text = await answer.text()
    scene.answers.append(text)
    return Event(text)


async def until_shown(scene: Scene, version: str) -> Event:
    """Ask as the page does until both notices of a version are shown, which come in any order."""
    event = await look(scene)
    async with asyncio.timeout(30):
        while event.shown is None or 2 not in [
            len(one["steps"]) for one in event.shown["rotations"] if one["version"] == version
        ]:
            event = await look(scene, event.id)
    return event


async def test_the_page_and_its_events_are_there_where_a_subscription_is_named(scene: Scene) -> None:
    assert scene.host.functions == ("on_key_vault_event", "on_job", "sweep", "live_page", "live_events")


async def test_the_page_is_for_anybody_because_it_holds_nothing_and_may_load_nothing(scene: Scene) -> None:
    version = scene.rotate()
    await scene.deliver(scene.event(version))
    async with scene.session.get(f"{scene.host.url}/api/live") as answer:
        text, headers = await answer.text(), answer.headers

    assert (answer.status, answer.content_type) == (200, "text/html")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; connect-src 'self'; style-src 'nonce-")
    assert headers["Cache-Control"] == "no-store"
    assert version not in text


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_nobody_is_shown_anything_without_the_key(scene: Scene, key: str) -> None:
    headers = {"x-functions-key": key} if key else {}
    async with scene.session.get(f"{scene.host.url}/api/live/events", headers=headers) as answer:
        assert (answer.status, await answer.text()) == (401, "")


async def test_a_rotation_is_shown_with_its_time_line_and_what_each_target_holds(scene: Scene) -> None:
    version = scene.rotate()
    await scene.deliver(scene.event(version))

    event = await until_shown(scene, version)

    assert event.shown is not None
    (rotation,) = [one for one in event.shown["rotations"] if one["version"] == version]
    assert [step["kind"] for step in rotation["steps"]] == ["object", "done"]
    assert (event.shown["rotates"], event.shown["trouble"]) == (False, "")


async def test_who_has_seen_all_is_answered_when_there_is_news(scene: Scene) -> None:
    first = scene.rotate()
    await scene.deliver(scene.event(first))
    seen = await until_shown(scene, first)

    waiting = asyncio.create_task(look(scene, seen.id))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    second = scene.rotate()
    await scene.deliver(scene.event(second))

    news = await waiting
    assert news.shown is not None
    assert news.id != seen.id
    assert second in [one["version"] for one in news.shown["rotations"]]

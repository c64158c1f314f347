"""The demonstration: a step that does not come out is named, and the time line is readable."""

from pathlib import Path

import pytest

from devstack import kubelet, seed, stack, timeline
from devstack.demonstration import Demonstration, StepFailedError
from devstack.eventgrid import Schema, Subscription
from devstack.faults import Fault
from devstack.subscriber import subscribe
from devstack.timeline import Moment
from tests.e2e import scene as scenes


async def test_a_step_that_does_not_come_out_is_named() -> None:
    async with (
        scenes.play() as scene,
        subscribe(scene.stack.bus.connection_string, topic=stack.TOPIC, subscription="app") as subscriber,
    ):
        grid = Subscription(scene.session, stack.endpoint(scene.host.url), max_attempts=1)
        play = Demonstration(scene.stack, grid=grid, subscriber=subscriber, mount=scene.stack.folder, patience=1)
        scene.stack.cluster.faults.plan(lambda request: request.verb == "patch", Fault(status=403), times=None)

        with pytest.raises(StepFailedError, match=r"no notice about version [0-9a-f]{32} came within 1 s"):
            await play.rotate_once("title", Schema.CLOUD_EVENTS)


def test_a_time_line_is_aligned_and_counts_from_its_first_moment() -> None:
    moments = [Moment(12.5, "topic", "second"), Moment(12.0, "vault", "first")]

    assert timeline.render(moments, colour=False) == [
        "      0.0 ms  vault       first",
        "    500.0 ms  topic       second",
    ]


def test_colour_is_only_where_it_is_asked_for() -> None:
    moments = [Moment(0.0, "vault", "first")]

    assert "\033[" in timeline.render(moments, colour=True)[0]
    assert "\033[" not in timeline.render(moments, colour=False)[0]
    assert timeline.heading("a", colour=False) == "a"


def test_an_empty_time_line_has_no_lines() -> None:
    assert timeline.render([], colour=True) == []


def test_a_projected_secret_is_swapped_in_one_step_and_the_old_files_go(tmp_path: Path) -> None:
    folder = tmp_path / "mount"

    kubelet.project({"data": {seed.KEY: "b25l"}}, folder)
    first = (folder / "..data").resolve()
    kubelet.project({"data": {seed.KEY: "dHdv"}}, folder)

    assert (folder / seed.KEY).read_bytes() == b"two"
    assert (folder / "..data").resolve() != first
    assert not first.exists()

"""Every figure says what it is, and the cheapest one runs."""

import pytest

from benchmarks import catalogue, timing
from benchmarks.figure import Figure, Scale
from benchmarks.figures import render
from benchmarks.world import World


@pytest.mark.parametrize("figure", catalogue.FIGURES, ids=lambda figure: figure.name)
def test_a_figure_has_an_aim_a_floor_and_an_explanation(figure: Figure) -> None:
    for text in (figure.title, figure.ours, figure.floor, figure.aim, figure.bound):
        assert len(text.split()) >= 2
    assert "to be written" not in figure.bound


def test_names_are_unique_and_found() -> None:
    names = [figure.name for figure in catalogue.FIGURES]

    assert len(set(names)) == len(names)
    assert [catalogue.find(name) for name in names] == list(catalogue.FIGURES)


async def test_the_cheapest_figure_runs_without_servers() -> None:
    scale = Scale(repetitions=2, small=True)

    result = await render.FIGURE.run(World(door="", settings={}, environment={}), scale)

    assert [len(row.ours) for row in result.rows] == [2, 2, 2]
    assert all(rate > 0 for row in result.rows for rate in row.ours)
    assert any(row.verdict for row in result.rows)


async def test_programs_run_in_turns_and_none_is_always_first() -> None:
    ran: list[str] = []

    def program(name: str) -> timing.Timed:
        async def timed() -> float:
            ran.append(name)
            return float(len(ran))

        return timed

    seconds = await timing.in_turns({"a": program("a"), "b": program("b")}, repetitions=2, rounds=2)

    assert ran == ["a", "b", "b", "a"] * 2
    assert seconds == {"a": [[1, 4], [5, 8]], "b": [[2, 3], [6, 7]]}

"""Tables, and the document that a run writes."""

import dataclasses

from benchmarks import catalogue, report, table
from benchmarks.figure import About, Aim, Result, Row

FIGURE = dataclasses.replace(catalogue.FIGURES[0], name="event", title="one event, warm", bound="the wires.")
ROWS = [
    Row(what="median", unit="ms", ours=[12, 13, 30], floor=[10, 10, 10], aims=[Aim(at_most=1.2)]),
    Row(what="alone", unit="s", ours=[1.234]),
]
RESULT = Result(rows=ROWS, remarks=["It was seen."])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_table_shows_medians_and_the_spread_of_the_ratio() -> None:
    lines = table.make(ROWS)

    assert _cells(lines[2]) == [
        "median", "13.0 ms", "10.0 ms", "1.20", "1.30", "3.00", "ratio at most 1.2", "not met",
    ]  # fmt: skip
    assert _cells(lines[3]) == ["alone", "1.23 s", "", "", "", "", "", ""]


def test_every_line_of_a_table_is_as_wide_as_the_others() -> None:
    assert len({len(line) for line in table.make(ROWS)}) == 1


def test_a_section_keeps_what_bounds_the_figure() -> None:
    text = "\n".join(table.section(FIGURE, RESULT))

    assert "It was seen." in text
    assert text.rstrip().endswith("What bounds it: the wires.")


def test_the_document_has_the_facts_every_section_and_how_many_aims_were_missed() -> None:
    text = report.compose([("commit", "abc")], [(FIGURE, RESULT)], repetitions=5)

    assert "| commit | abc |" in text
    assert "5 repetitions" in text
    assert "not met in 1 of 1 rows" in text
    assert "## event: one event, warm" in text


def test_the_overview_tells_met_and_as_measured_apart() -> None:
    met = Result(rows=[Row(what="a", unit="", ours=[1], aims=[Aim(about=About.OURS, at_most=1)])])
    stated = Result(rows=[Row(what="a", unit="", ours=[1])])
    text = report.compose([], [(FIGURE, met), (FIGURE, stated)], repetitions=5)

    overview = text[text.index("## Aims") : text.index("## event")]
    assert overview.count("| met |") == 1
    assert overview.count("| as measured |") == 1


def test_a_link_of_the_overview_names_the_heading_as_it_is_rendered() -> None:
    assert table.anchor(FIGURE) == "event-one-event-warm"


def test_numbers_keep_about_three_digits() -> None:
    assert [table.number(one) for one in (0.004, 1.234, 12.34, 1234.5)] == ["0.00", "1.23", "12.3", "1,234"]

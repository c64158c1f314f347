"""docs/reliability.md says what the matrix says, which is what `test_matrix` sees."""

from . import report
from .matrix import ROWS


def test_the_page_holds_the_table_of_the_matrix() -> None:
    page = report.PAGE.read_text(encoding="utf-8")

    assert report.between(page) == report.render(), "run `make reliability`"


def test_every_row_is_named_once() -> None:
    names = [str(row) for row in ROWS]

    assert len(names) == len(set(names))

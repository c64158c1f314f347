"""docs/cost.md and the README say what the formulas give."""

import re

import pytest

from devstack import stack
from scripts import cost
from scripts.cost import Prices, Usage

PAGE = (stack.APP / "docs" / "cost.md").read_text(encoding="utf-8")
README = (stack.APP / "README.md").read_text(encoding="utf-8")


def shown(name: str) -> str:
    """Return a table of the page."""
    (found,) = re.findall(rf"<!-- python -m scripts.cost: {name} -->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    return str(found)


def test_the_tables_of_the_page_are_those_of_the_program() -> None:
    assert shown("polling") == cost.table(cost.polling(Usage(), Prices()))
    assert shown("bill") == cost.table(cost.bill(Usage(), Prices()))


def test_the_readme_says_the_same() -> None:
    usage = Usage()
    polled = usage.polled["1.5"]

    assert f"{usage.pods:,} pods with {usage.mounted} objects: {polled / 1e6:g} million reads" in README
    per = {driver: round(reads / usage.pods / usage.mounted) for driver, reads in usage.polled.items()}
    assert all(f"`P x O x {reads:,}`" in README and f"`P x O x {reads:,}`" in PAGE for reads in per.values())
    pages = usage.sweeps * usage.objects // 25
    assert f"{pages:,} pages" in README
    assert f"about {usage.vault - usage.rotations - pages:,}"[:9] in README


def test_more_clusters_than_are_refreshed_directly_cost_a_read_each() -> None:
    few, many = Usage(clusters=8), Usage(clusters=9)

    assert many.vault - few.vault == 8 * few.rotations


@pytest.mark.parametrize(("rotations", "free"), [(86, True), (60_000, False)])
def test_the_free_part_is_taken_off_before_anything_is_charged(rotations: int, *, free: bool) -> None:
    usage = Usage(rotations=rotations)
    functions = next(line for line in cost.bill(usage, Prices()) if line.what == "Functions")

    assert (functions.dollars == 0) is free
    if not free:
        assert functions.dollars == pytest.approx((usage.gigabyte_seconds - 100_000) * 0.000026)


def test_the_base_charge_and_the_logs_are_the_readers_own_numbers() -> None:
    lines = {line.what: line.dollars for line in cost.bill(Usage(), Prices(bus=10.0), logged=2)}

    assert lines["Service Bus"] == pytest.approx(10)
    assert lines["Log Analytics"] == pytest.approx(4.6)

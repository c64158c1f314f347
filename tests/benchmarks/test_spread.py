"""What is said about samples."""

import pytest

from benchmarks import spread
from benchmarks.spread import Spread


def test_a_spread_is_the_least_the_middle_and_the_most() -> None:
    assert spread.of([5, 1, 3, 2, 4]) == Spread(1, 3, 5)


def test_the_middle_of_two_is_between_them() -> None:
    assert spread.of([1, 2]).median == 1.5


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (99.5, 100), (100, 100), (1, 1), (0, 1)])
def test_a_percentile_is_the_sample_that_so_many_are_not_above(percent: float, expected: float) -> None:
    samples = [float(number) for number in range(100, 0, -1)]

    assert spread.percentile(samples, percent) == expected


def test_the_p99_of_few_samples_is_the_largest() -> None:
    assert spread.percentile([3.0, 9.0, 1.0], 99) == 9.0


def test_no_samples_have_no_spread() -> None:
    with pytest.raises(ValueError, match="no samples"):
        spread.of([])
    with pytest.raises(ValueError, match="no samples"):
        spread.percentile([], 50)


def test_ratios_pair_the_repetitions_and_not_the_medians() -> None:
    assert spread.ratios([2.0, 30.0], [1.0, 10.0]) == [2.0, 3.0]


def test_repetitions_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        spread.ratios([1.0, 2.0], [1.0])

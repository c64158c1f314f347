"""The errors: what to do next, and how a fault of the program is described without its text."""

import pytest

from shared import errors
from shared.errors import ConfigurationError, ConflictError, DriverWouldFail, MalformedEvent, PermanentError
from shared.reason import Reason


def test_a_fault_is_described_by_its_type_and_its_calls_innermost_first() -> None:
    def inner() -> None:
        raise ValueError("hunter2")

    def outer() -> None:
        inner()

    with pytest.raises(ValueError, match="hunter2") as raised:
        outer()
    described = errors.describe_fault(raised.value)

    assert described.startswith("ValueError < inner (test_errors.py:")
    assert described.index("inner") < described.index("outer")
    assert "hunter2" not in described
    assert described.isprintable()


def test_a_fault_from_far_down_is_described_briefly() -> None:
    def fall(depth: int) -> None:
        if depth == 0:
            raise KeyError
        fall(depth - 1)

    with pytest.raises(KeyError) as raised:
        fall(100)

    assert errors.describe_fault(raised.value).count(" < ") == 8


def test_a_fault_that_was_never_raised_is_only_its_type() -> None:
    assert errors.describe_fault(ValueError("hunter2")) == "ValueError"


def test_each_error_says_what_to_do_next() -> None:
    conflict = ConflictError("409", reason=Reason.SECRET_CONFLICT)

    assert isinstance(conflict, errors.TransientError)
    assert conflict.retry_after is None
    assert MalformedEvent("no event").reason is Reason.MALFORMED_EVENT
    assert DriverWouldFail("no tenant").reason is Reason.DRIVER_WOULD_FAIL
    assert issubclass(MalformedEvent, PermanentError)
    assert issubclass(DriverWouldFail, PermanentError)
    assert not issubclass(ConfigurationError, PermanentError)

"""What the operator is told instead of a result. Texts name things and rules, never a value or an answer's body."""

from shared.errors import FanoutError
from shared.reason import remedy
from shared.record import plain


class OperatorError(Exception):
    """A neighbour cannot be looked at. The text says which, and what to do about it."""


class UsageError(Exception):
    """The command or the operator's settings are wrong. The text names what, and what was expected."""


def told(error: BaseException) -> str:
    """Return what an operator reads of an error, in one line: its text, and what a person can do about it."""
    help_ = remedy(error.reason) if isinstance(error, FanoutError) else ""
    text = plain(str(error))
    return f"{text}. {help_}" if help_ else text

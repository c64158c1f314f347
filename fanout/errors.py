"""What the operator is told instead of a result. Texts name things and rules, never a value or an answer's body."""


class OperatorError(Exception):
    """A neighbour cannot be looked at. The text says which, and what to do about it."""


class UsageError(Exception):
    """The command or the operator's settings are wrong. The text names what, and what was expected."""

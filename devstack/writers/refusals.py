"""What a neighbour says no with."""


class RefusedError(Exception):
    """A neighbour said no, or what it said cannot be used. Names and codes only, never a value."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status
        """HTTP's, or 0 where no request was refused."""

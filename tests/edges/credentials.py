"""A credential that hands out what a test gives it and remembers what it was asked for.

What azure-identity adds is tested in a process of its own (test_hosted), because it reads the environment.
"""

from collections.abc import Callable
from typing import Any, Self

from azure.core.credentials import AccessToken

FAR_AHEAD = 4_102_444_800
"""The year 2100 in Unix seconds: no SDK refreshes a token of ours by itself."""


class GivenCredential:
    """An `AsyncTokenCredential` whose tokens come from `issue`, by scope; `failure` is raised instead if set."""

    def __init__(self, issue: Callable[[str], str]) -> None:
        self.issue = issue
        self.failure: Exception | None = None
        self.scopes: list[str] = []
        self.closed = False

    async def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """Return a token for the first scope."""
        self.scopes += scopes
        if self.failure is not None:
            raise self.failure
        return AccessToken(self.issue(scopes[0]), FAR_AHEAD)

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

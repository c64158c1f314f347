"""The scene of the tests from end to end."""

from tests.e2e.conftest import playing, scene

__all__ = ["playing", "scene"]

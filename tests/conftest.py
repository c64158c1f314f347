"""How tests are shared among processes: by file, and what speaks to one real server goes to one process.

And how many inputs a test makes up that says nothing about it; and no test reads the machine's trust store.
"""

import contextlib
import gc
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.generated import generated

settings.register_profile("tests", generated())
settings.load_profile("tests")

os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("no-such-file"))  # noqa: TID251 - OpenSSL's
"""Nothing here speaks to a server whose certificate a public authority signed. Reading all of those takes 45 ms for
each client of Kubernetes' SDK, of which there are a thousand; OpenSSL passes over a file that is not there."""

_ONE_SERVER = "tests/contract/cluster/"
"""A start of kube-apiserver takes 3 s of two cores and 300 MB, and its collections belong to one test at a time."""


if "PYTEST_XDIST_WORKER" in os.environ:  # noqa: TID251 - xdist's; the process that shares them out collects nothing
    gc.disable()  # until the tests are collected: nothing goes away until then, and looking takes a fifth of the time


def pytest_collection_finish() -> None:
    """Look for garbage from now on, and not among the tests themselves."""
    gc.enable()
    gc.freeze()


def pytest_configure() -> None:
    """Let programs that tests start be interrupted: background jobs of a shell ignore SIGINT, and hand that down."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)


class OneServerScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Sends a whole file to one process, and all files of one folder to the same."""

    def _split_scope(self, nodeid: str) -> str:
        return _ONE_SERVER if nodeid.startswith(_ONE_SERVER) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Take the place of `--dist loadfile`."""
    return OneServerScheduling(config, log) if config.getoption("dist") == "loadfile" else None

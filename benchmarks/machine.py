"""On what a run was made: the machine, the versions, the commit and the day. It reads files and asks git."""

import asyncio
import datetime as dt
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import yaml

from tests.envtest import build

PACKAGES = (
    "aiohttp",
    "azure-core",
    "azure-functions",
    "azure-identity",
    "azure-keyvault-certificates",
    "azure-keyvault-keys",
    "azure-keyvault-secrets",
    "azure-servicebus",
    "cryptography",
    "kubernetes",
    "opentelemetry-api",
    "PyYAML",
)
"""What takes a part in a figure."""

_ROOT = Path(__file__).resolve().parent.parent


async def describe() -> list[tuple[str, str]]:
    """Return what a reader has to know, as pairs of a name and a text."""
    load, _, _ = os.getloadavg()
    extension = "with" if yaml.__with_libyaml__ else "without"
    return [
        ("date", f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"),
        ("commit", await _commit()),
        ("machine", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("CPU", f"{_first('/proc/cpuinfo', 'model name') or 'unknown'}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", _first("/proc/meminfo", "MemTotal") or "unknown"),
        ("load before the run", f"{load:.2f}"),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("packages", ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)),
        ("PyYAML", f"{extension} its C extension"),
        ("real API server", _real_server()),
    ]


async def _commit() -> str:
    revision = await _git("rev-parse", "--short=12", "HEAD")
    changed = await _git("status", "--porcelain", "--", ".", ":!docs/benchmarks.md")
    return f"{revision or 'unknown'}{', with changes that are not committed' if changed else ''}"


async def _git(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, cwd=_ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    return said.decode().strip()


def _real_server() -> str:
    if build.programs() is None:
        return "none; its rows are left out"
    return ", ".join(f"{name} {version}" for name, version in build.versions().items())


def _first(path: str, name: str) -> str:
    """Return the value of the first line of that name, or nothing where there is none."""
    try:
        lines: Iterable[str] = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")

"""A real API server for the figures that are about one, as the tests have it (tests/envtest)."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from benchmarks import bare_wire
from tests.envtest import build, server

ABSENT = f"The rows of a real API server are LEFT OUT: {build.ABSENT}."
CRDS = Path(build.__file__).parent / "crds"
_CLASSES = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"


@dataclass(frozen=True, slots=True)
class RealServer:
    """The running server: its name with its version, its port, and how to write a kubeconfig for it."""

    name: str
    folder: Path
    running: server.Server

    @property
    def port(self) -> int:
        """The port of loopback that it listens on."""
        return int(self.running.url.rpartition(":")[2])

    def kubeconfig(self, port: int) -> str:
        """Write a kubeconfig for one of its ports and return the path."""
        admin, authority = self.running.admin, self.running.authority
        path = self.folder / f"{port}.yaml"
        path.write_text(
            yaml.safe_dump(bare_wire.make_kubeconfig(f"https://127.0.0.1:{port}", admin.token, authority.ca_pem)),
            encoding="utf-8",
        )
        return str(path)

    async def install(self, session: aiohttp.ClientSession) -> None:
        """Let it know the kinds that the app looks for, and wait until it serves them."""
        for path in sorted(CRDS.glob("*.yaml")):
            definition = yaml.safe_load(path.read_text(encoding="utf-8"))
            where = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            async with session.post(where, json=definition, raise_for_status=True):
                pass
        async with asyncio.timeout(30):
            while not await _serves(session):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.1)


async def _serves(session: aiohttp.ClientSession) -> bool:
    async with session.get(_CLASSES) as response:
        return response.ok


@contextlib.asynccontextmanager
async def start() -> AsyncIterator[RealServer | None]:
    """Start one, or yield None where it is not built."""
    programs = build.programs()
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with server.start(programs, Path(folder)) as running:
            yield RealServer(f"kube-apiserver {build.versions()[build.API_SERVER]}", Path(folder), running)

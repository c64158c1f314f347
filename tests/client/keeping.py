"""A vault, a mounted folder and short words for what tests of kept values do with them."""

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.secrets._shared import http_challenge_cache
from azure.keyvault.secrets.aio import SecretClient

from devstack import kubelet
from devstack.certificates import Authority
from devstack.clock import Clock, system
from devstack.identity import Issuer
from devstack.keyvault import KeyVault
from keyvault_fanout import Pace
from tests.builders import ABOUT
from tests.edges.credentials import GivenCredential

MARK = "PLANTED-7c1e-value"
QUICK = Pace(first=0.01, longest=0.05)
KEY = "password"


@asynccontextmanager
async def vault(clock: Clock = system) -> AsyncIterator[tuple[KeyVault, SecretClient]]:
    """Serve a vault, and an unmodified client that trusts it; versions are made when the clock says."""
    http_challenge_cache.clear()  # the SDK remembers for the process which resource each port named
    authority, issuer = Authority.create(), Issuer()
    credential = GivenCredential(lambda scope: issuer.issue(scope.removesuffix("/.default")))
    trusting = ssl.create_default_context(cadata=authority.ca_pem)
    async with (
        KeyVault(name=ABOUT.vault, tls=authority.server_context(), issuer=issuer, clock=clock) as served,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
        SecretClient(
            served.url,
            credential,
            transport=AioHttpTransport(session=session, session_owner=False),
            verify_challenge_resource=False,
        ) as client,
    ):
        yield served, client


class Mount:
    """A folder as the kubelet keeps it: files are symlinks through `..data`, which is swapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def file(self) -> Path:
        """The file of the one key."""
        return self.folder / KEY

    def project(self, value: str, *, at: float | None = None) -> None:
        """Swap in new content; `at` is when that was, in Unix seconds, if not now."""
        kubelet.project({"data": {KEY: base64.b64encode(value.encode()).decode()}}, self.folder, written=at)

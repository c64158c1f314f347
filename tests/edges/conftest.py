"""The neighbours on loopback, and the edges that point at them: every test gets new ones, on ports of their own."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from azure.keyvault.certificates._shared import http_challenge_cache as certificate_challenges
from azure.keyvault.keys._shared import http_challenge_cache as key_challenges
from azure.keyvault.secrets._shared import http_challenge_cache as secret_challenges

from devstack.certificates import Authority
from devstack.clock import ManualClock
from devstack.identity import Issuer
from devstack.keyvault import KeyVault as LocalVault
from devstack.kubernetes import KubernetesApi
from shared.edges.cluster import KubernetesCluster
from shared.edges.vault import KeyVault
from tests.edges.clusters import OUTSIDER, OWNER, Way
from tests.edges.credentials import GivenCredential
from tests.edges.relay import Relay, relay_to


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The authority of every TLS server here, trusted by this process from now on.

    The vault's edge trusts what the machine trusts, and aiohttp read that when it was imported: SSL_CERT_FILE, which
    serves a process that is started for it (test_hosted), comes too late here. The private key never leaves memory.
    """
    authority = Authority.create()
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(cadata=authority.ca_pem)  # noqa: SLF001 - see above
    return authority


@pytest.fixture(scope="session")
def tls(authority: Authority) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that this process trusts."""
    return authority.server_context()


@pytest.fixture(scope="session")
def stray_tls() -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that nobody trusts."""
    return Authority.create().server_context()


@pytest.fixture(autouse=True)
def forgotten_challenges() -> None:
    """Let the SDK forget which resource each port named: it remembers for the process, and ports come round again."""
    for cache in (secret_challenges, key_challenges, certificate_challenges):
        cache.clear()


@pytest.fixture
def clock() -> ManualClock:
    """The servers' time: versions are ordered by their seconds, and tokens run out when it is advanced."""
    return ManualClock()


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    """Who issues tokens, and who knows them again."""
    return Issuer(clock=clock)


@pytest.fixture
def credential(issuer: Issuer) -> GivenCredential:
    """A credential with good tokens for every scope."""
    return GivenCredential(lambda scope: issuer.issue(scope.removesuffix("/.default")))


@pytest.fixture
async def local(tls: ssl.SSLContext, issuer: Issuer, clock: ManualClock) -> AsyncIterator[LocalVault]:
    """An empty vault."""
    async with LocalVault(name="kv-demo", tls=tls, issuer=issuer, clock=clock) as served:
        yield served


@pytest.fixture
async def vault(local: LocalVault, credential: GivenCredential) -> AsyncIterator[KeyVault]:
    """The edge, pointed at that vault."""
    edge = KeyVault(name="kv-demo", url=local.url, credential=credential, timeout=8)
    yield edge
    await edge.close()


@pytest.fixture
async def api(clock: ManualClock) -> AsyncIterator[KubernetesApi]:
    """A cluster's API with an owner and somebody without rights."""
    async with KubernetesApi(name="aks-demo", identities=[OWNER, OUTSIDER], clock=clock) as served:
        yield served


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    """The way to a cluster, by kubeconfig; what was opened on it is closed at the end."""
    way = Way(tmp_path / "kubeconfig")
    yield way
    await way.close()


@pytest.fixture
def cluster(api: KubernetesApi, way: Way) -> KubernetesCluster:
    """The edge, pointed at that API as its owner."""
    return way.reach(api.url)


@pytest.fixture
async def relay(api: KubernetesApi) -> AsyncIterator[Relay]:
    """The wire to that API, with a record of what went through."""
    async with relay_to(api.url) as served:
        yield served

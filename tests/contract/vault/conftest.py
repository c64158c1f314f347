"""Both vaults with the edge and the SDK on each of them: what one sets, the other reads."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from azure.keyvault.secrets.aio import SecretClient

from devstack.certificates import Authority
from devstack.identity import Issuer
from devstack.keyvault import KeyVault as LocalVault
from shared.edges.vault import KeyVault
from tests.contract.vault import lowkey
from tests.edges.conftest import authority, forgotten_challenges
from tests.edges.credentials import GivenCredential

__all__ = ["authority", "forgotten_challenges"]

DEVSTACK, LOWKEY = "devstack", "lowkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A vault: which of the two, the edge, and the SDK's own client to fill it with."""

    name: str
    edge: KeyVault
    owner: SecretClient


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where Lowkey Vault is missing, leave out what needs it, but for the one test that says so."""
    if lowkey.jar() is not None:
        return
    left_out = [item for item in items if _needs_lowkey(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _needs_lowkey(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("vault") == LOWKEY


@pytest_asyncio.fixture(scope="session")
async def lowkey_url(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Lowkey Vault's URL."""
    application = lowkey.jar()
    if application is None:
        pytest.skip(lowkey.SKIPPED)
    async with lowkey.start(application, authority, tmp_path_factory.mktemp("lowkey")) as url:
        yield url


@pytest_asyncio.fixture
async def devstack_vault(authority: Authority) -> AsyncIterator[Served]:
    """The local stack's vault, empty."""
    issuer = Issuer()
    async with (
        LocalVault(name="kv-demo", tls=authority.server_context(), issuer=issuer) as local,
        _serve(DEVSTACK, local.url, issuer) as served,
    ):
        yield served


@pytest_asyncio.fixture
async def lowkey_vault(lowkey_url: str) -> AsyncIterator[Served]:
    """Lowkey Vault, with what other tests put there."""
    async with _serve(LOWKEY, lowkey_url, Issuer()) as served:
        yield served


@pytest.fixture(params=[DEVSTACK, LOWKEY])
def vault(request: pytest.FixtureRequest) -> Served:
    """One of the two, and then the other."""
    found: Served = request.getfixturevalue(f"{request.param}_vault")
    return found


@contextlib.asynccontextmanager
async def _serve(name: str, url: str, issuer: Issuer) -> AsyncIterator[Served]:
    credential = GivenCredential(lambda scope: issuer.issue(scope.removesuffix("/.default")))
    edge = KeyVault(name="kv-demo", url=url, credential=credential, timeout=8)
    async with SecretClient(url, credential) as owner:
        yield Served(name=name, edge=edge, owner=owner)
    await edge.close()

"""One vault, one authority and one connection pool for the room; every test finds the vault empty."""

from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp
import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.certificates.aio import CertificateClient
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.secrets.aio import SecretClient

from devstack.certificates import Authority
from devstack.clock import ManualClock
from devstack.identity import SYSTEM_ASSIGNED, Issuer
from devstack.keyvault import KeyVault


class IssuedCredential:
    """A credential that asks an issuer directly; what ManagedIdentityCredential adds is tested in test_identity."""

    def __init__(self, issuer: Issuer, identity: str = SYSTEM_ASSIGNED) -> None:
        self.scopes: list[str] = []
        self._issuer = issuer
        self._identity = identity

    async def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        """Return a fresh token; the date is far ahead because the vault's clock is not the SDK's."""
        self.scopes += scopes
        resource = scopes[0].removesuffix("/.default")
        return AccessToken(self._issuer.issue(resource, identity=self._identity), 4_102_444_800)

    async def close(self) -> None:
        """Hold nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Hold nothing."""


class Neighbourhood:
    """Clients for the vault, made on request, all on one aiohttp session that trusts the authority."""

    def __init__(self, vault: KeyVault, issuer: Issuer, session: aiohttp.ClientSession) -> None:
        self.vault = vault
        self.session = session
        self.issuer = issuer
        self.credential = IssuedCredential(issuer)

    def secrets(self, credential: IssuedCredential | None = None, **options: Any) -> SecretClient:
        """Return a client that retries quickly unless told otherwise."""
        return SecretClient(self.vault.url, credential or self.credential, **self._options(options))

    def keys(self) -> KeyClient:
        """Return a client for keys."""
        return KeyClient(self.vault.url, self.credential, **self._options({}))

    def certificates(self) -> CertificateClient:
        """Return a client for certificates."""
        return CertificateClient(self.vault.url, self.credential, **self._options({}))

    async def get(self, path: str, token: str | None = None, **options: Any) -> tuple[int, Any]:
        """Ask the vault without an SDK and return the status and the JSON."""
        good = self.issuer.issue(self.vault.resource)
        headers = {"Authorization": f"Bearer {good if token is None else token}"}
        method = options.pop("method", "GET")
        async with self.session.request(method, self.vault.url + path, headers=headers, **options) as response:
            text = await response.text()
            return response.status, await response.json() if text.startswith("{") else text

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        transport = AioHttpTransport(session=self.session, session_owner=False)
        return {"retry_backoff_factor": 0.01, "retry_total": 2, "transport": transport, **options}


@pytest.fixture(scope="session")
def authority() -> Authority:
    """One authority: making the keys is the slow part."""
    return Authority.create()


@pytest.fixture
def clock() -> ManualClock:
    """The vault's and the issuer's time."""
    return ManualClock()


@pytest.fixture
async def near(authority: Authority, clock: ManualClock) -> AsyncIterator[Neighbourhood]:
    """An empty vault on a port of its own, which the SDK's process-wide challenge cache has never seen."""
    issuer = Issuer(clock=clock)
    connector = aiohttp.TCPConnector(ssl=authority.client_context())
    async with (
        KeyVault(name="kv-demo", tls=authority.server_context(), issuer=issuer, clock=clock) as vault,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        yield Neighbourhood(vault, issuer, session)

"""Managed identity as azure-identity asks for it, Azure Resource Manager's kubeconfig, and the certificates.

ManagedIdentityCredential and SSL_CERT_FILE are read from the environment when Python starts, so those tests run the
SDK in a process of its own; the rest speaks http.
"""

import asyncio
import base64
import json
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from devstack.certificates import Authority
from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.identity import AKS, MANAGEMENT, SERVICE_BUS, SYSTEM_ASSIGNED, VAULT, Identity, Issuer
from devstack.keyvault import KeyVault

CLUSTER = "/subscriptions/s-1/resourceGroups/rg-1/providers/Microsoft.ContainerService/managedClusters/aks-1"

_READ_WITH_MANAGED_IDENTITY = """
import asyncio, json, sys
from azure.identity import ManagedIdentityCredential as Blocking
from azure.identity.aio import ManagedIdentityCredential
from azure.keyvault.secrets.aio import SecretClient

async def main(url, *scopes):
    async with ManagedIdentityCredential(client_id="app-1") as credential, SecretClient(url, credential) as client:
        value = (await client.get_secret("s")).value
        tokens = [(await credential.get_token(scope)).token for scope in scopes]
    with Blocking() as credential:
        blocking = [credential.get_token(scope).token for scope in scopes]
    print(json.dumps({"value": value, "tokens": tokens, "blocking": blocking}))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def identity() -> AsyncIterator[Identity]:
    """An endpoint with its own issuer."""
    async with Identity(assigned={"app-1"}) as server:
        yield server


async def ask(identity: Identity, *, header: str | None = None, **query: str) -> tuple[int, Any]:
    """Ask for a token without an SDK."""
    environment = identity.environment
    headers = {"X-IDENTITY-HEADER": environment["IDENTITY_HEADER"] if header is None else header}
    async with (
        aiohttp.ClientSession() as session,
        session.get(environment["IDENTITY_ENDPOINT"], params=query, headers=headers) as response,
    ):
        return response.status, await response.json()


async def ask_for_kubeconfig(identity: Identity, token: str, path: str = CLUSTER) -> tuple[int, Any]:
    """Ask Azure Resource Manager's one resource."""
    url = f"{identity.url}{path}/listClusterUserCredential?api-version=2026-08-01"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, headers={"Authorization": f"Bearer {token}"}) as response,
    ):
        return response.status, await response.json()


async def test_the_production_credential_path_reads_a_secret_unchanged(tmp_path: Path) -> None:
    """Managed identity, TLS, challenge and the default resource check, with nothing but environment variables."""
    authority = Authority.create()
    scopes = [f"{SERVICE_BUS}//.default", f"{AKS}/.default", f"{MANAGEMENT}/.default"]
    async with (
        Identity() as identity,
        KeyVault(name="kv", tls=authority.server_context(), issuer=identity.issuer) as vault,
    ):
        vault.set_secret("s", "planted")
        bundle = authority.write_bundle(tmp_path / "bundle.pem")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _READ_WITH_MANAGED_IDENTITY,
            vault.url,
            *scopes,
            env={**identity.environment, "SSL_CERT_FILE": str(bundle)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

        assert process.returncode == 0, err.decode()
        told = json.loads(out)
        assert told["value"] == "planted"
        for kind, who in (("tokens", "app-1"), ("blocking", SYSTEM_ASSIGNED)):
            claims = [
                identity.issuer.verify(token, resource)
                for token, resource in zip(told[kind], (SERVICE_BUS, AKS, MANAGEMENT), strict=True)
            ]
            assert [each.identity for each in claims if each] == [who] * 3
        assert [read.identity for read in vault.reads] == ["app-1"]


async def test_a_token_is_bound_to_its_resource_and_its_identity(identity: Identity) -> None:
    """The slash at the end of Service Bus's scope makes no difference."""
    status, answer = await ask(identity, resource=f"{SERVICE_BUS}/", client_id="app-1", **{"api-version": "2019-08-01"})

    claims = identity.issuer.verify(answer["access_token"], SERVICE_BUS)
    assert status == 200
    assert claims
    assert (claims.identity, str(claims.expires_on)) == ("app-1", answer["expires_on"])
    assert identity.issuer.verify(answer["access_token"], VAULT, MANAGEMENT) is None
    assert [(seen.resource, seen.identity) for seen in identity.requests] == [(f"{SERVICE_BUS}/", "app-1")]


@pytest.mark.parametrize(
    ("header", "query", "status"),
    [
        ("wrong", {"resource": VAULT, "api-version": "2019-08-01"}, 401),
        ("", {"resource": VAULT, "api-version": "2019-08-01"}, 401),
        (None, {"resource": VAULT, "api-version": "2017-09-01"}, 400),
        (None, {"api-version": "2019-08-01"}, 400),
        (None, {"resource": VAULT, "api-version": "2019-08-01", "client_id": "unassigned"}, 400),
    ],
)
async def test_a_wrong_request_gets_no_token(
    identity: Identity, header: str | None, query: dict[str, str], status: int
) -> None:
    """Header, api-version, resource and an identity the app does not have."""
    answered, answer = await ask(identity, header=header, **query)

    assert (answered, answer["statusCode"]) == (status, status)


async def test_a_token_expires_by_the_clock() -> None:
    """At its expiry a token no longer counts."""
    clock = ManualClock()
    issuer = Issuer(clock=clock, lifetime=60)
    token = issuer.issue(VAULT)

    clock.advance(59)
    assert issuer.verify(token, VAULT)
    clock.advance(1)
    assert issuer.verify(token, VAULT) is None


@pytest.mark.parametrize("tampered", ["", ".", "..", "a.b.c", "\ud800.x.y", "é" * 50_000, "a." * 100_000])
def test_garbage_is_not_a_token(tampered: str) -> None:
    """Whatever it is, it is refused without an error."""
    assert Issuer().verify(tampered, VAULT) is None


def test_a_changed_token_is_refused() -> None:
    """The payload of one and the signature of another."""
    issuer = Issuer()
    one, other = issuer.issue(VAULT).split("."), issuer.issue(MANAGEMENT).split(".")

    assert issuer.verify(".".join([one[0], other[1], one[2]]), MANAGEMENT) is None


async def test_a_registered_cluster_answers_its_kubeconfig_in_base64(identity: Identity) -> None:
    """Resource ids compare without case."""
    kubeconfig = {"apiVersion": "v1", "clusters": [{"name": "aks-1", "cluster": {"server": "https://127.0.0.1:1"}}]}
    identity.register_cluster(CLUSTER, kubeconfig)
    token = identity.issuer.issue(MANAGEMENT)

    status, answer = await ask_for_kubeconfig(identity, token, CLUSTER.replace("rg-1", "RG-1"))

    assert status == 200
    assert yaml.safe_load(base64.b64decode(answer["kubeconfigs"][0]["value"])) == kubeconfig
    assert (await ask_for_kubeconfig(identity, token, CLUSTER + "x"))[0] == 404


async def test_a_kubeconfig_needs_a_token_for_azure_resource_manager(identity: Identity) -> None:
    """One for the cluster itself is not enough."""
    identity.register_cluster(CLUSTER, {})

    for token in ("", "garbage", identity.issuer.issue(AKS)):
        assert (await ask_for_kubeconfig(identity, token))[0] == 401


async def test_a_planned_fault_answers_instead_of_the_endpoint(identity: Identity) -> None:
    """Throttled, cut off (twice: aiohttp repeats a cut GET by itself), then served."""
    query = {"resource": VAULT, "api-version": "2019-08-01"}
    identity.faults.plan(lambda asked: asked.resource == VAULT, Fault(status=429, headers={"Retry-After": "1"}))
    identity.faults.plan(lambda asked: asked.resource == VAULT, Fault(drop=True), times=2)

    assert (await ask(identity, **query))[0] == 429
    with pytest.raises(aiohttp.ClientError):
        await ask(identity, **query)
    assert (await ask(identity, **query))[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_strict_client_accepts_the_leaf_and_a_stranger_does_not(host: str) -> None:
    """VERIFY_X509_STRICT wants SKI, AKI and KeyUsage; another authority's client refuses."""
    authority = Authority.create()
    assert authority.client_context().verify_flags & ssl.VERIFY_X509_STRICT
    server = await asyncio.start_server(
        lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=authority.server_context()
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=authority.client_context(), server_hostname=host
        )
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                "127.0.0.1", port, ssl=Authority.create().client_context(), server_hostname=host
            )


def test_the_bundle_keeps_what_the_machine_trusts(tmp_path: Path) -> None:
    """SSL_CERT_FILE replaces the store, so the bundle holds the old one and the new authority."""
    authority = Authority.create()

    context = ssl.create_default_context(cafile=str(authority.write_bundle(tmp_path / "bundle.pem")))

    subjects = [str(each["subject"]) for each in context.get_ca_certs()]
    assert any("devstack throw-away CA" in subject for subject in subjects)
    assert len(subjects) > 50

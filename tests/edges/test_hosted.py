"""The edges as a host starts them: a process of its own, with nothing but environment variables and files.

ManagedIdentityCredential reads IDENTITY_ENDPOINT, aiohttp reads SSL_CERT_FILE, and a pod's service account lies where
Kubernetes mounts it, which only root may write; so the one program below is told that place, and changes nothing else.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from devstack import seed
from devstack.certificates import Authority
from devstack.identity import AKS, Identity, bearer
from devstack.keyvault import KeyVault
from devstack.kubernetes import KubernetesApi
from shared.errors import ConfigurationError
from shared.observed import Driver
from shared.reason import Reason
from tests.edges.clusters import OWNER
from tests.edges.scripted import ScriptedServer

ROOT = Path(__file__).parents[2]

BEGINNING = """
import asyncio, json, sys
from shared.cluster_setting import ClusterSetting, InClusterAccess, ServerAccess
from shared.edges import credential, kube_access
from shared.edges.cluster import KubernetesCluster
from shared.edges.kube_api import KubeApi
from shared.edges.vault import KeyVault
from shared.errors import FanoutError
from shared.model import ObjectType, VaultRead

def reach(access, identity):
    setting = ClusterSetting(name="aks-1", access=access, timeout=10, concurrency=4)
    async def connect():
        return await kube_access.connect(setting, identity)
    return KubernetesCluster("aks-1", KubeApi(cluster="aks-1", connect=connect, concurrency=4), timeout=10)
"""

MANAGED_IDENTITY = """
async def main(vault_url, server, ca):
    identity = credential.make(hosted=True, client_id="app-1")
    vault = KeyVault(name="kv-demo", url=vault_url, credential=identity, timeout=10)
    cluster = reach(ServerAccess(server=server, ca=ca), identity)
    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name="db"))
    said = {"version": answer.version, "driver": str(await cluster.driver())}
    for open_one in (vault, cluster, identity):
        await open_one.close()
    return said
"""

IN_CLUSTER = """
from kubernetes.aio.config import incluster_config

async def main(folder):
    incluster_config.SERVICE_TOKEN_FILENAME = folder + "/token"
    incluster_config.SERVICE_CERT_FILENAME = folder + "/ca.crt"
    cluster = reach(InClusterAccess(), None)
    try:
        return {"driver": str(await cluster.driver())}
    except FanoutError as error:
        return {"error": type(error).__name__, "reason": str(error.reason), "text": str(error)}
    finally:
        await cluster.close()
"""

END = """
print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
"""


async def run(program: str, *arguments: str, **environment: str) -> Mapping[str, Any]:
    """Run a program with this environment alone and return what it says. A warning ends it, as it would a test."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        BEGINNING + program + END,
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    said: Mapping[str, Any] = json.loads(out)
    return said


async def test_one_managed_identity_opens_the_vault_and_the_cluster(authority: Authority, tmp_path: Path) -> None:
    """The production path: every token from the identity's endpoint, trust in the vault from SSL_CERT_FILE."""
    tls, bundle = authority.server_context(), authority.write_bundle(tmp_path / "bundle.pem")
    async with (
        Identity(assigned={"app-1"}) as identity,
        KeyVault(name="kv-demo", tls=tls, issuer=identity.issuer) as vault,
    ):

        async def guard(request: web.Request) -> web.StreamResponse:
            claims = identity.issuer.verify(bearer(request.headers), AKS)
            known = claims is not None and claims.identity == "app-1"
            return web.json_response(seed.csi_driver()) if known else web.Response(status=401)

        version = vault.set_secret("db", "value")
        async with ScriptedServer(guard, tls=tls) as cluster:
            said = await run(
                MANAGED_IDENTITY,
                vault.url,
                cluster.url,
                authority.ca_pem,
                **identity.environment,
                SSL_CERT_FILE=str(bundle),
            )

    assert said == {"version": version, "driver": Driver.V1_5}
    assert [(read.identity, read.status) for read in vault.reads] == [("app-1", 200)]
    assert [(seen.resource, seen.identity) for seen in identity.requests] == [(vault.resource, "app-1"), (AKS, "app-1")]


async def test_a_pod_reaches_its_own_cluster_with_its_service_account(authority: Authority, tmp_path: Path) -> None:
    """Address from the environment, token and CA from the mounted files."""
    (tmp_path / "token").write_text(OWNER.token)
    (tmp_path / "ca.crt").write_text(authority.ca_pem)
    async with KubernetesApi(name="own", identities=[OWNER], tls=authority.server_context()) as api:
        api.apply(seed.csi_driver())
        host, _, port = api.url.removeprefix("https://").partition(":")

        said = await run(IN_CLUSTER, str(tmp_path), KUBERNETES_SERVICE_HOST=host, KUBERNETES_SERVICE_PORT=port)

    assert said == {"driver": Driver.V1_5}
    assert {seen.user for seen in api.requests} == {OWNER.user}


@pytest.mark.parametrize("missing", ["environment", "token", "ca.crt"])
async def test_a_process_outside_a_pod_has_no_cluster_of_its_own(tmp_path: Path, missing: str) -> None:
    """It is told so, and which cluster of the settings it is about."""
    for name in {"token", "ca.crt"} - {missing}:
        (tmp_path / name).write_text("planted")
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}

    said = await run(IN_CLUSTER, str(tmp_path), **(environment if missing != "environment" else {}))

    assert (said["error"], said["reason"]) == (ConfigurationError.__name__, Reason.CLUSTER_UNAUTHENTICATED)
    assert said["text"].startswith("aks-1: ")
    assert "planted" not in said["text"]

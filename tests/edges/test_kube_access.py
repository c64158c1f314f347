"""The ways to a cluster: kubeconfig and context, server and CA, AKS by resource id. In a pod: test_hosted.

Azure Resource Manager is the devstack's, with planned faults. Not here: an ARM that accepts and says nothing, which is
waited for eight seconds.
"""

import base64
import copy
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from devstack import seed
from devstack.certificates import Authority
from devstack.faults import Fault
from devstack.identity import MANAGEMENT, Identity, Issuer
from devstack.kubernetes import KubernetesApi
from shared.cluster_setting import Access, AksAccess, ClusterSetting, KubeconfigAccess, ServerAccess
from shared.edges import kube_access
from shared.edges.cluster import KubernetesCluster
from shared.edges.kube_api import KubeApi
from shared.errors import ConfigurationError, FanoutError, TransientError
from shared.observed import Driver
from shared.reason import Reason
from tests.edges.certificates import build_plain_server
from tests.edges.clusters import OUTSIDER, OWNER, kubeconfig
from tests.edges.credentials import GivenCredential
from tests.edges.scripted import ScriptedServer, always

AKS = "/subscriptions/s-1/resourceGroups/rg-1/providers/Microsoft.ContainerService/managedClusters/aks-1"
Document = dict[str, Any]


def setting(access: Access) -> ClusterSetting:
    """Return the setting of a cluster that is reached in this way."""
    return ClusterSetting(name="aks-1", access=access, timeout=10, concurrency=4)


@asynccontextmanager
async def reached(
    access: Access, credential: GivenCredential, *, resource_manager: str = kube_access.RESOURCE_MANAGER
) -> AsyncIterator[KubernetesCluster]:
    """Reach a cluster in this way, as `wiring` does, and close it."""

    async def connect() -> kube_access.Connection:
        return await kube_access.connect(setting(access), credential, resource_manager=resource_manager)

    cluster = KubernetesCluster("aks-1", KubeApi(cluster="aks-1", connect=connect, concurrency=4), timeout=10)
    try:
        yield cluster
    finally:
        await cluster.close()


async def failure_of(access: Access, credential: GivenCredential, resource_manager: str = "") -> FanoutError:
    """Return the error that connecting ends with. It names the cluster, and says nothing that was planted."""
    with pytest.raises(FanoutError) as caught:
        await kube_access.connect(setting(access), credential, resource_manager=resource_manager)
    assert str(caught.value).startswith("aks-1: ")
    assert "planted" not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.fixture
def token() -> GivenCredential:
    """A credential that gives the owner's token for AKS, and nothing for anything else."""
    return GivenCredential(lambda scope: OWNER.token if scope == kube_access.AKS_SCOPE else "none")


@pytest.fixture
async def secure(tls: ssl.SSLContext) -> AsyncIterator[KubernetesApi]:
    """A cluster's API over TLS."""
    async with KubernetesApi(name="aks-1", identities=[OWNER, OUTSIDER], tls=tls) as served:
        served.apply(seed.csi_driver())
        yield served


async def test_a_kubeconfig_leads_to_its_current_context_or_to_the_one_that_is_named(
    api: KubernetesApi, secure: KubernetesApi, authority: Authority, token: GivenCredential, tmp_path: Path
) -> None:
    """Each context has a server, a CA and a user of its own."""
    document, other = kubeconfig(secure.url, ca_pem=authority.ca_pem), kubeconfig(api.url, token=OUTSIDER.token)
    other["clusters"][0]["name"] = other["users"][0]["name"] = other["contexts"][0]["name"] = "other"
    other["contexts"][0]["context"] = {"cluster": "other", "user": "other"}
    for part in ("clusters", "users", "contexts"):
        document[part] += other[part]
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))

    for context in ("", "aks-demo", "other"):
        async with reached(KubeconfigAccess(path=str(path), context=context), token) as cluster:
            await cluster.driver()

    assert {seen.user for seen in secure.requests} == {OWNER.user}
    assert {seen.user for seen in api.requests} == {OUTSIDER.user}
    assert token.scopes == []


async def test_a_cluster_whose_ca_lacks_key_identifiers_is_reached(token: GivenCredential, tmp_path: Path) -> None:
    """Python 3.13 began to insist on them, and cluster CAs often have none (azure-platform 5.1)."""
    plain = build_plain_server()
    path = tmp_path / "kubeconfig"
    async with ScriptedServer(always(b'{"items": [], "metadata": {}}'), tls=plain.context) as server:
        path.write_text(yaml.safe_dump(kubeconfig(server.url, ca_pem=plain.ca_pem)))
        async with reached(KubeconfigAccess(path=str(path)), token) as cluster:
            assert await cluster.classes() == []


def changed(change: Callable[[Document], object]) -> str:
    """Return a kubeconfig that is good but for one change."""
    document = copy.deepcopy(kubeconfig("https://127.0.0.1:1"))
    change(document)
    return yaml.safe_dump(document)


def in_cluster_entry(**fields: object) -> Callable[[Document], object]:
    """Change the entry of the cluster."""
    return lambda document: document["clusters"][0]["cluster"].update(fields)


def in_user_entry(**fields: object) -> Callable[[Document], object]:
    """Replace the entry of the user."""
    return lambda document: document["users"][0].update(user=fields)


PEM = base64.b64encode(b"planted").decode("ascii")
UNUSABLE = {
    "empty": "",
    "a list": "- planted",
    "text": "planted",
    "broken YAML": "a: [planted",
    "a control character": "\x00planted",
    "nested too deep": "[" * 20_000,
    "no contexts": changed(lambda document: document.pop("contexts")),
    "contexts of another type": changed(lambda document: document.update(contexts=5)),
    "no clusters": changed(lambda document: document.update(clusters=[])),
    "no users": changed(lambda document: document.update(users=[])),
    "a user that is text": changed(lambda document: document["users"][0].update(user="planted")),
    "a server that is a number": changed(in_cluster_entry(server=5)),
    "a CA that is none": changed(in_cluster_entry(**{"certificate-authority-data": PEM})),
    "a CA that is no base64": changed(in_cluster_entry(**{"certificate-authority-data": "%planted"})),
    "a CA file that is not there": changed(in_cluster_entry(**{"certificate-authority": "/planted"})),
    "a token file that is not there": changed(in_user_entry(tokenFile="/planted")),
    "a client certificate that is none": changed(
        in_user_entry(**{"client-certificate-data": PEM, "client-key-data": PEM})
    ),
}


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_kubeconfig_that_is_unusable_is_a_configuration_fault(
    token: GivenCredential, tmp_path: Path, text: str
) -> None:
    """It names the cluster, and nothing of the file: it holds a token."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)

    error = await failure_of(KubeconfigAccess(path=str(path)), token)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)


@pytest.mark.parametrize("name", ["absent", ""])
async def test_a_kubeconfig_that_is_not_there_is_a_configuration_fault(
    token: GivenCredential, tmp_path: Path, name: str
) -> None:
    """Nor is a folder one."""
    error = await failure_of(KubeconfigAccess(path=str(tmp_path / name)), token)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)


async def test_a_context_that_is_not_there_is_a_configuration_fault(token: GivenCredential, tmp_path: Path) -> None:
    """The current one is not taken instead."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig("https://127.0.0.1:1")))

    error = await failure_of(KubeconfigAccess(path=str(path), context="absent"), token)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)


async def test_a_server_gets_a_token_of_entra_with_every_request(
    secure: KubernetesApi, authority: Authority, token: GivenCredential
) -> None:
    """The credential caches it and knows when it ends; a new one is used from the next request on."""
    async with reached(ServerAccess(server=secure.url, ca=authority.ca_pem), token) as cluster:
        await cluster.classes()
        token.issue = lambda _: OUTSIDER.token
        with pytest.raises(ConfigurationError) as caught:
            await cluster.classes()

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN
    assert [seen.user for seen in secure.requests] == [OWNER.user, OUTSIDER.user]
    assert token.scopes == ["6dae42f8-4368-4678-94ff-3960e28e3630/.default"] * 2


async def test_a_server_without_a_ca_is_judged_by_the_machines_trust_store(
    secure: KubernetesApi, token: GivenCredential
) -> None:
    """The devstack's authority is not in it."""
    async with reached(ServerAccess(server=secure.url), token) as cluster:
        with pytest.raises(ConfigurationError) as caught:
            await cluster.classes()

    assert caught.value.reason is Reason.CLUSTER_UNAUTHENTICATED
    assert secure.requests == ()


@pytest.mark.parametrize(
    "ca", ["-----BEGIN CERTIFICATE-----planted", "-----BEGIN CERTIFICATE-----\nplanted\n-----END CERTIFICATE-----", "é"]
)
async def test_a_ca_that_is_none_is_a_configuration_fault(token: GivenCredential, ca: str) -> None:
    """The settings look at its first line only."""
    error = await failure_of(ServerAccess(server="https://127.0.0.1:1", ca=ca), token)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)


@pytest.mark.parametrize(
    ("failure", "kind", "reason"),
    [
        (ClientAuthenticationError("planted"), ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED),
        (ServiceRequestError("planted"), TransientError, Reason.CLUSTER_UNREACHABLE),
    ],
)
async def test_without_a_token_there_is_no_request(
    secure: KubernetesApi,
    authority: Authority,
    token: GivenCredential,
    *,
    failure: Exception,
    kind: type[FanoutError],
    reason: Reason,
) -> None:
    """Nobody is asked without one."""
    token.failure = failure
    async with reached(ServerAccess(server=secure.url, ca=authority.ca_pem), token) as cluster:
        with pytest.raises(kind) as caught:
            await cluster.classes()

    assert caught.value.reason is reason
    assert "planted" not in str(caught.value)
    assert secure.requests == ()


@pytest.fixture
async def arm(issuer: Issuer) -> AsyncIterator[Identity]:
    """Azure Resource Manager."""
    async with Identity(issuer=issuer) as served:
        yield served


@pytest.fixture
def entra(arm: Identity, issuer: Issuer) -> GivenCredential:
    """A credential with a token for ARM and one for AKS."""
    tokens = {f"{arm.url}/.default": issuer.issue(MANAGEMENT), kube_access.AKS_SCOPE: OWNER.token}
    return GivenCredential(lambda scope: tokens[scope])


async def test_an_aks_cluster_is_found_by_its_resource_id(
    secure: KubernetesApi, authority: Authority, arm: Identity, entra: GivenCredential
) -> None:
    """Address and CA come from ARM, once; the token from Entra; the user's section is not looked at."""
    document = kubeconfig(secure.url, ca_pem=authority.ca_pem)
    document["users"][0]["user"] = {"exec": {"command": "kubelogin", "args": ["get-token"]}}
    arm.register_cluster(AKS, document)

    async with reached(AksAccess(resource_id=AKS), entra, resource_manager=arm.url) as cluster:
        drivers = [await cluster.driver(), await cluster.driver()]
        classes = await cluster.classes()

    assert (drivers, classes) == ([Driver.V1_5] * 2, [])
    assert [(seen.method, seen.path) for seen in arm.requests] == [("POST", f"{AKS}/listClusterUserCredential")]
    assert {seen.user for seen in secure.requests} == {OWNER.user}
    assert entra.scopes == [f"{arm.url}/.default", *[kube_access.AKS_SCOPE] * len(secure.requests)]


async def test_a_replaced_ca_is_asked_for_again(
    secure: KubernetesApi, authority: Authority, arm: Identity, entra: GivenCredential
) -> None:
    """What ARM said first is no longer good after the cluster's certificates were rotated."""
    arm.register_cluster(AKS, kubeconfig(secure.url, ca_pem=Authority.create().ca_pem))
    async with reached(AksAccess(resource_id=AKS), entra, resource_manager=arm.url) as cluster:
        with pytest.raises(ConfigurationError):
            await cluster.classes()
        arm.register_cluster(AKS, kubeconfig(secure.url, ca_pem=authority.ca_pem))

        assert await cluster.classes() == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
async def test_a_refusal_of_arms_is_a_configuration_fault_that_names_the_role(
    arm: Identity, entra: GivenCredential, status: int
) -> None:
    """Without its text, which names identities."""
    arm.faults.plan(lambda _: True, Fault(status=status, body={"error": {"code": "planted"}}))

    error = await failure_of(AksAccess(resource_id=AKS), entra, arm.url)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_FORBIDDEN)
    assert "Azure Kubernetes Service Cluster User" in str(error)


async def test_a_cluster_that_arm_does_not_know_is_a_configuration_fault(arm: Identity, entra: GivenCredential) -> None:
    """Its own 404, and its own 401 for a token that is for something else."""
    errors = [await failure_of(AksAccess(resource_id=AKS), entra, arm.url)]
    entra.issue = lambda _: "for something else"
    errors.append(await failure_of(AksAccess(resource_id=AKS), entra, arm.url))

    assert [(type(error), error.reason) for error in errors] == [(ConfigurationError, Reason.CLUSTER_FORBIDDEN)] * 2
    assert [str(error).split("ARM answered ")[1][:3] for error in errors] == ["404", "401"]


@pytest.mark.parametrize(
    "fault",
    [Fault(status=429), Fault(status=500), Fault(status=503), Fault(drop=True)],
    ids=["429", "500", "503", "cut"],
)
async def test_a_fault_of_arms_is_a_passing_fault(arm: Identity, entra: GivenCredential, fault: Fault) -> None:
    """The next event asks again."""
    arm.faults.plan(lambda _: True, fault)

    error = await failure_of(AksAccess(resource_id=AKS), entra, arm.url)

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)


async def test_an_arm_that_is_not_there_is_a_passing_fault(entra: GivenCredential) -> None:
    """Nobody listens where it was."""
    async with Identity() as gone:
        entra.issue = lambda _: "token"

    error = await failure_of(AksAccess(resource_id=AKS), entra, gone.url)

    assert (type(error), error.reason) == (TransientError, Reason.CLUSTER_UNREACHABLE)


async def test_no_token_for_arm_is_a_configuration_fault(arm: Identity, entra: GivenCredential) -> None:
    """And no request."""
    entra.failure = ClientAuthenticationError("planted")

    error = await failure_of(AksAccess(resource_id=AKS), entra, arm.url)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)
    assert arm.requests == ()


def handed_out(text: str) -> bytes:
    """Return ARM's answer with this text as the kubeconfig."""
    return f'{{"kubeconfigs": [{{"value": "{base64.b64encode(text.encode()).decode()}"}}]}}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"planted",
        b"<html>planted</html>",
        b"[" * 20_000,
        b"\xff\xfeplanted",
        b'{"kubeconfigs": []}',
        b'{"kubeconfigs": "planted"}',
        b'{"kubeconfigs": [{"value": "%planted"}]}',
        handed_out("planted"),
        handed_out("a: [planted"),
        handed_out("clusters: []"),
        handed_out("clusters: [{cluster: planted}]"),
        handed_out("clusters: [{cluster: {server: 'https://h', certificate-authority-data: '%planted'}}]"),
        handed_out(f"clusters: [{{cluster: {{server: 'https://h', certificate-authority-data: {PEM}}}}}]"),
        handed_out("clusters: [{cluster: {server: 'https://h', certificate-authority-data: 5}}]"),
    ],
)
async def test_an_answer_of_arms_without_a_kubeconfig_is_a_configuration_fault(
    token: GivenCredential, body: bytes
) -> None:
    """Nothing of it is in the error: it could hold a credential."""
    async with ScriptedServer(always(body)) as server:
        error = await failure_of(AksAccess(resource_id=AKS), token, server.url)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_UNAUTHENTICATED)


async def test_a_redirect_of_arms_is_not_followed(token: GivenCredential) -> None:
    """The token is for ARM alone."""
    async with ScriptedServer(always(b"{}")) as stranger:
        answer = always(b"", status=307, headers={"Location": f"{stranger.url}/planted"})
        async with ScriptedServer(answer) as server:
            error = await failure_of(AksAccess(resource_id=AKS), token, server.url)

    assert (type(error), error.reason) == (ConfigurationError, Reason.CLUSTER_FORBIDDEN)
    assert stranger.requests == []

"""How a cluster is reached: from its setting to an `ApiClient` and a bearer token. No request to the API is made here.

For managed clusters the token comes from Entra on every request (the credential caches it) and the kubeconfig's exec
section is not used: there is no `kubelogin` in a Function App (azure-platform 5.3).
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import yaml
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from kubernetes.aio import client, config

from shared.cluster_setting import Access, AksAccess, ClusterSetting, KubeconfigAccess, ServerAccess
from shared.errors import ConfigurationError, FanoutError, TransientError
from shared.reason import Reason

AKS_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The AKS server application, the same for every cluster and cloud (azure-platform 5.3)."""

RESOURCE_MANAGER = "https://management.azure.com"
WATCHES = 8
"""Connections beside those of the calls, one for each kind of declaration that is followed."""

_ARM_VERSION = "2024-09-01"
_ARM_TIMEOUT = aiohttp.ClientTimeout(total=8, connect=3)
_SERVER_ERROR = 500
_REDIRECTS = {301, 302, 303, 307, 308}
_UNUSABLE = (
    config.ConfigException,
    yaml.YAMLError,
    OSError,  # TLS material that OpenSSL refuses, too
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RecursionError,
)
"""What the loaders and OpenSSL raise for a file, a CA or a certificate that is not what it should be."""


class RedirectedError(aiohttp.ClientError):
    """The server points somewhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A client with its connection pool. `bearer` is asked before each request where the token comes from Entra."""

    api: client.ApiClient
    bearer: Callable[[], Awaitable[str]] | None = None


async def connect(
    setting: ClusterSetting,
    credential: AsyncTokenCredential,
    *,
    proxies: bool = False,
    resource_manager: str = RESOURCE_MANAGER,
) -> Connection:
    """Make the connection of a cluster. `proxies` tells whether the environment names any.

    Raises `ConfigurationError` where the access is refused or unusable, `TransientError` where ARM does not answer.
    """
    access: Access = setting.access
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = setting.concurrency + WATCHES
    # Cluster CAs often lack an Authority Key Identifier, which Python 3.13 began to insist on. Chain, host name and
    # validity are still verified (azure-platform 5.1).
    configuration.disable_strict_ssl_verification = True
    configuration.client_session_kwargs = {"middlewares": (_refuse_redirects,), "trust_env": proxies}
    if isinstance(access, AksAccess):
        token = await _token(credential, f"{resource_manager}/.default", setting.name)
        url = f"{resource_manager}{access.resource_id}/listClusterUserCredential"
        server, ca = await _ask_arm(url, token, proxies=proxies, cluster=setting.name)
        return _entra(configuration, server, ca, credential, setting.name)
    if isinstance(access, ServerAccess):
        return _entra(configuration, access.server, access.ca, credential, setting.name)
    try:
        if isinstance(access, KubeconfigAccess):
            await config.load_kube_config(
                access.path, access.context or None, client_configuration=configuration, persist_config=False
            )
        else:
            config.load_incluster_config(client_configuration=configuration)
        return Connection(api=_client(configuration))
    except _UNUSABLE as error:
        raise ConfigurationError(
            f"{setting.name}: its kubeconfig or service account is unusable ({type(error).__name__})",
            reason=Reason.CLUSTER_UNAUTHENTICATED,
        ) from None


def _entra(
    configuration: client.Configuration, server: str, ca: str, credential: AsyncTokenCredential, cluster: str
) -> Connection:
    configuration.host = server
    configuration.ca_cert_data = ca or None

    async def bearer() -> str:
        return await _token(credential, AKS_SCOPE, cluster)

    try:
        return Connection(api=_client(configuration), bearer=bearer)
    except _UNUSABLE as error:
        raise ConfigurationError(
            f"{cluster}: its CA is unusable ({type(error).__name__})", reason=Reason.CLUSTER_UNAUTHENTICATED
        ) from None


def _client(configuration: client.Configuration) -> client.ApiClient:
    api = client.ApiClient(configuration)
    # The API server records the part before the slash as the field manager of what we write.
    api.user_agent = "keyvault-fanout/1"
    return api


async def _refuse_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Stop where aiohttp would follow: with the body of a write, which holds values, to whatever host is named."""
    response = await handler(request)
    if response.status in _REDIRECTS:
        response.close()
        raise RedirectedError
    return response


async def _token(credential: AsyncTokenCredential, scope: str, cluster: str) -> str:
    failure: FanoutError
    try:
        return (await credential.get_token(scope)).token
    except (ServiceRequestError, ServiceResponseError) as error:
        text = f"{cluster}: no token for {scope} ({type(error).__name__})"
        failure = TransientError(text, reason=Reason.CLUSTER_UNREACHABLE)
    except AzureError as error:
        text = f"{cluster}: no token for {scope} ({type(error).__name__})"
        failure = ConfigurationError(text, reason=Reason.CLUSTER_UNAUTHENTICATED)
    # Raised out here: the text of an identity error may quote what the token endpoint answered, and would hang on to
    # ours as its context.
    raise failure


async def _ask_arm(url: str, token: str, *, proxies: bool, cluster: str) -> tuple[str, str]:
    """Ask ARM for the address and the CA of a managed cluster (role Azure Kubernetes Service Cluster User)."""
    query = {"api-version": _ARM_VERSION, "format": "exec"}
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_ARM_TIMEOUT, trust_env=proxies) as session,
            session.post(url, params=query, headers=headers, allow_redirects=False) as response,
        ):
            status, body = response.status, await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TransientError(
            f"{cluster}: ARM did not answer ({type(error).__name__})", reason=Reason.CLUSTER_UNREACHABLE
        ) from None
    if status == HTTPStatus.OK:
        return _server_and_ca(body, cluster)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= _SERVER_ERROR:
        raise TransientError(f"{cluster}: ARM answered {status}", reason=Reason.CLUSTER_UNREACHABLE)
    raise ConfigurationError(
        f"{cluster}: ARM answered {status} to listClusterUserCredential; the identity needs the role "
        "Azure Kubernetes Service Cluster User on an existing cluster",
        reason=Reason.CLUSTER_FORBIDDEN,
    )


def _server_and_ca(body: bytes, cluster: str) -> tuple[str, str]:
    """Take the first cluster of the first kubeconfig; its users' sections are not looked at."""
    try:
        answer: Mapping[str, Any] = yaml.safe_load(body)
        kubeconfig = yaml.safe_load(base64.b64decode(answer["kubeconfigs"][0]["value"]))
        entry = kubeconfig["clusters"][0]["cluster"]
        ca = base64.b64decode(entry.get("certificate-authority-data", "")).decode("ascii")
        server = str(entry["server"]).rstrip("/")
    except _UNUSABLE:
        server, ca = "", ""
    if not server.startswith("https://"):  # a token does not go anywhere else
        raise ConfigurationError(
            f"{cluster}: ARM's answer holds no kubeconfig with an https server", reason=Reason.CLUSTER_UNAUTHENTICATED
        )
    return server, ca

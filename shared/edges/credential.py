"""Who we are towards Entra: a managed identity where the host offers one, a developer's own sign-in elsewhere."""

from collections.abc import Mapping

from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

_HOSTED = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE")


def is_hosted(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment offers an identity (Functions, App Service, workload identity)."""
    return any(environ.get(name) for name in _HOSTED)


def make(*, hosted: bool, client_id: str = "") -> AsyncTokenCredential:
    """Return the credential for all neighbours; one object, because it caches tokens.

    `hosted` is what `is_hosted` tells. There the managed identity is named explicitly, without a chain of guesses
    (azure-platform 3.3). Elsewhere the developer tools are asked: Azure CLI, Azure Developer CLI, Visual Studio
    Code.
    """
    if hosted:
        return ManagedIdentityCredential(client_id=client_id or None)
    return DefaultAzureCredential(exclude_managed_identity_credential=True, exclude_workload_identity_credential=True)

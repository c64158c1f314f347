"""Who we are towards Entra: a managed identity where the host offers one, a developer's own sign-in elsewhere."""

from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential


def make(*, hosted: bool, client_id: str = "") -> AsyncTokenCredential:
    """Return the credential for all neighbours; one object, because it caches tokens.

    `hosted` tells whether the environment offers an identity (Functions, App Service, workload identity). There the
    managed identity is named explicitly, without a chain of guesses (azure-platform 3.3). Elsewhere the developer
    tools are asked: Azure CLI, Azure Developer CLI, Visual Studio Code.
    """
    if hosted:
        return ManagedIdentityCredential(client_id=client_id or None)
    return DefaultAzureCredential(exclude_managed_identity_credential=True, exclude_workload_identity_credential=True)

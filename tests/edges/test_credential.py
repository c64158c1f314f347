"""Which credential is made where. That a managed identity's tokens open every door is in test_hosted."""

from azure.identity.aio import (
    AzureCliCredential,
    AzureDeveloperCliCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from shared.edges import credential


async def test_a_host_with_an_identity_is_asked_for_it_by_name() -> None:
    """No chain of guesses in Azure: with the wrong identity nothing else may answer (azure-platform 3.3)."""
    for client_id in ("", "00000000-0000-0000-0000-000000000001"):
        made = credential.make(hosted=True, client_id=client_id)
        await made.close()

        assert isinstance(made, ManagedIdentityCredential)


async def test_a_developer_is_signed_in_by_their_own_tools() -> None:
    """The managed identity of the machine that they work on is not taken for theirs, nor waited for."""
    made = credential.make(hosted=False)
    await made.close()

    assert isinstance(made, DefaultAzureCredential)
    chain = {type(part) for part in made.credentials}
    assert {AzureCliCredential, AzureDeveloperCliCredential} <= chain
    assert chain.isdisjoint({ManagedIdentityCredential, WorkloadIdentityCredential})

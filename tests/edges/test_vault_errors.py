"""Every error that azure-core has, and what it means at the vault's edge: none is left to chance.

They are raised where the SDK can raise anything, while it asks for a token. What brings them about in life is in
test_vault_outcomes and test_vault_answers.
"""

import asyncio
import ssl
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core import exceptions

from shared.edges.vault import KeyVault
from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.model import ObjectType, VaultRead
from shared.reason import Reason
from tests.edges.credentials import GivenCredential
from tests.edges.scripted import ScriptedServer, always, behind_a_challenge

PLANTED = "planted-4711"
ANY: Any = SimpleNamespace(request=PLANTED, status_code=400, reason=PLANTED, text=lambda: PLANTED, headers={})
"""What an error of azure-core's is about: its text is made of it, ours is not."""


def _with_status(error: exceptions.HttpResponseError, status: int | None) -> exceptions.HttpResponseError:
    error.status_code = status
    return error


Meaning = tuple[type[FanoutError], Reason]
PASSING: Meaning = (TransientError, Reason.VAULT_UNREACHABLE)
REFUSED: Meaning = (PermanentError, Reason.VAULT_REFUSED)
RAISED: dict[exceptions.AzureError, Meaning] = {
    exceptions.AzureError(PLANTED): PASSING,
    exceptions.ServiceRequestError(PLANTED): PASSING,
    exceptions.ServiceResponseError(PLANTED): PASSING,
    exceptions.ServiceRequestTimeoutError(PLANTED): PASSING,
    exceptions.ServiceResponseTimeoutError(PLANTED): PASSING,
    exceptions.StreamConsumedError(ANY): PASSING,
    exceptions.StreamClosedError(ANY): PASSING,
    exceptions.ResponseNotReadError(ANY): PASSING,
    _with_status(exceptions.DecodeError(PLANTED), 200): PASSING,
    _with_status(exceptions.IncompleteReadError(PLANTED), 200): PASSING,
    _with_status(exceptions.HttpResponseError(PLANTED), None): PASSING,
    _with_status(exceptions.HttpResponseError(PLANTED), 400): REFUSED,
    _with_status(exceptions.ODataV4Error(ANY), 400): REFUSED,
    _with_status(exceptions.TooManyRedirectsError([]), 302): REFUSED,
    _with_status(exceptions.ResourceExistsError(PLANTED), 409): REFUSED,
    _with_status(exceptions.ResourceModifiedError(PLANTED), 412): REFUSED,
    _with_status(exceptions.ResourceNotModifiedError(PLANTED), 304): REFUSED,
    _with_status(exceptions.ResourceNotFoundError(PLANTED), 404): (PermanentError, Reason.OBJECT_NOT_FOUND),
    _with_status(exceptions.ClientAuthenticationError(PLANTED), None): (
        ConfigurationError,
        Reason.VAULT_UNAUTHENTICATED,
    ),
}
"""What each error of azure-core's means, raised where the SDK can raise anything: while it asks for a token."""

UNREAD = {exceptions.SerializationError, exceptions.DeserializationError}
"""ValueErrors, which the SDK raises over answers of another shape: test_vault_answers brings them about."""


def test_every_error_of_azure_core_has_a_deliberate_meaning() -> None:
    """The day azure-core grows one, somebody decides what it means."""
    known = {
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == exceptions.__name__
    }

    assert known == {type(error) for error in RAISED} | UNREAD
    assert all(issubclass(kind, ValueError) for kind in UNREAD)


async def test_each_error_of_azure_core_gets_its_meaning(tls: ssl.SSLContext) -> None:
    """At once, because most of them are tried three times."""

    async def meaning_of(url: str, error: Exception) -> Meaning:
        credential = GivenCredential(lambda _: "token")
        credential.failure = error
        edge = KeyVault(name="kv-demo", url=url, credential=credential, timeout=8)
        with pytest.raises(FanoutError) as caught:
            await edge.read(VaultRead(type=ObjectType.SECRET, name="db"))
        await edge.close()
        assert PLANTED not in str(caught.value)
        return type(caught.value), caught.value.reason

    async with ScriptedServer(behind_a_challenge(always(b"")), tls=tls) as server:
        meanings = await asyncio.gather(*[meaning_of(server.url, error) for error in RAISED])

    assert dict(zip(RAISED, meanings, strict=True)) == RAISED

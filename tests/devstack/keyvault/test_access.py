"""Who gets in: the challenge, tokens, rights, the firewall, the rate limit, and what a fault does."""

import time

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.identity import SERVICE_BUS, VAULT, Issuer
from devstack.keyvault import Denial, Request, throttle

from .conftest import IssuedCredential, Neighbourhood


def inner_code(error: HttpResponseError) -> str:
    """Return the code that tells one 403 from another."""
    assert error.error is not None
    assert error.error.innererror is not None
    return str(error.error.innererror["code"])


async def test_the_challenge_passes_the_unmodified_resource_check(near: Neighbourhood) -> None:
    """verify_challenge_resource is on by default; the token is asked for the challenge's resource."""
    near.vault.set_secret("s", "x")

    async with near.secrets() as client:
        await client.get_secret("s")
        await client.get_secret("s")

    assert near.credential.scopes == [f"{near.vault.resource}/.default"]
    assert [(read.method, read.kind, read.name, read.version, read.status) for read in near.vault.reads] == [
        ("GET", "secret", "s", "", 200),
        ("GET", "secret", "s", "", 200),
    ]


async def test_a_body_survives_the_challenge(near: Neighbourhood) -> None:
    """The SDK sends its first request without the body, and the body only with a token."""
    async with near.secrets() as client:
        await client.set_secret("s", "first request of this client")

    assert near.vault.get("s").value == "first request of this client"
    assert len(near.vault.reads) == 1


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "a." * 1000, "\u00e4.\u00f6.\u00fc"])
async def test_what_is_no_token_is_refused_with_a_challenge(near: Neighbourhood, token: str) -> None:
    """401, never an error of the server."""
    status, answer = await near.get("/secrets?api-version=7.4", token)

    assert (status, answer["error"]["code"]) == (401, "Unauthorized")
    assert near.vault.reads == ()


async def test_tokens_of_others_for_others_and_of_yesterday_are_refused(
    near: Neighbourhood, clock: ManualClock
) -> None:
    """A token counts only from the shared issuer, for the vault, before it expires."""
    stranger, bus, good = Issuer(clock=clock).issue(VAULT), near.issuer.issue(SERVICE_BUS), near.issuer.issue(VAULT)
    path = "/secrets?api-version=7.4"

    assert [(await near.get(path, token))[0] for token in (stranger, bus, good)] == [401, 401, 200]
    clock.advance(86_400)
    assert (await near.get(path, good))[0] == 401


async def test_a_client_with_a_strangers_token_gets_an_authentication_error(near: Neighbourhood) -> None:
    """The SDK tries the challenge once more and gives up."""
    async with near.secrets(IssuedCredential(Issuer())) as client:
        with pytest.raises(ClientAuthenticationError):
            await client.get_secret("s")


async def test_rights_are_a_predicate_on_identity_and_request(near: Neighbourhood) -> None:
    """RBAC per identity and object; the firewall for everyone else."""

    def rights(identity: str, asked: Request) -> Denial | None:
        if identity == "outsider":
            return Denial.FIREWALL
        return None if asked.name == "mine" else Denial.RBAC

    for name in ("mine", "yours"):
        near.vault.set_secret(name, "x")
    near.vault.rights = rights

    async with near.secrets() as client, near.secrets(IssuedCredential(near.issuer, "outsider")) as outsider:
        assert (await client.get_secret("mine")).value == "x"
        with pytest.raises(HttpResponseError) as denied:
            await client.get_secret("yours")
        with pytest.raises(HttpResponseError) as blocked:
            await outsider.get_secret("mine")

    assert (denied.value.status_code, inner_code(denied.value)) == (403, "ForbiddenByRbac")
    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in str(denied.value)
    assert (blocked.value.status_code, inner_code(blocked.value)) == (403, "ForbiddenByFirewall")


async def test_the_sdk_waits_out_a_throttled_request(near: Neighbourhood) -> None:
    """429 with Retry-After is retried inside azure-core."""
    near.vault.set_secret("s", "x")
    near.vault.faults.plan(lambda asked: asked.name == "s", throttle(0.05), times=2)

    async with near.secrets() as client:
        assert (await client.get_secret("s")).value == "x"

    assert [read.status for read in near.vault.reads] == [429, 429, 200]


async def test_throttling_surfaces_when_nobody_retries(near: Neighbourhood) -> None:
    """retry_total=0 shows the 429 and its Retry-After to the caller."""
    near.vault.faults.plan(lambda _: True, throttle(7))

    async with near.secrets(retry_total=0) as client:
        with pytest.raises(HttpResponseError) as throttled:
            await client.get_secret("s")

    assert throttled.value.status_code == 429
    assert vars(throttled.value.response)["_headers"]["Retry-After"] == "7"


async def test_a_write_whose_answer_is_lost_has_happened(near: Neighbourhood) -> None:
    """`after` is the failure that makes retries dangerous: two versions for one set."""
    near.vault.faults.plan(lambda asked: asked.operation == "set", Fault(drop=True, after=True))

    async with near.secrets() as client:
        await client.set_secret("s", "x")
        made = [each async for each in client.list_properties_of_secret_versions("s")]

    assert len(made) == 2
    assert [read.status for read in near.vault.reads] == [-1, 200, 200]


async def test_a_read_that_takes_too_long_is_the_clients_timeout(near: Neighbourhood) -> None:
    """A delayed vault and a short read timeout."""
    near.vault.set_secret("s", "x")
    near.vault.faults.plan(lambda _: True, Fault(delay=0.5), times=None)

    async with near.secrets(retry_total=0) as client:
        # Per call: a client with a transport of its own ignores the timeouts given to the client.
        with pytest.raises(ServiceResponseError):
            await client.get_secret("s", read_timeout=0.05)


async def test_a_vault_that_went_away_comes_back_with_its_objects_and_port(near: Neighbourhood) -> None:
    """Stopping refuses connections; starting again keeps everything."""
    near.vault.set_secret("s", "x")
    url = near.vault.url

    async with near.secrets(retry_total=0) as client:
        await near.vault.__aexit__(None, None, None)
        with pytest.raises(ServiceRequestError):
            await client.get_secret("s")
        await near.vault.__aenter__()
        assert (await client.get_secret("s")).value == "x"

    assert near.vault.url == url


async def test_stopping_does_not_wait_for_a_delayed_answer(near: Neighbourhood) -> None:
    """A planned delay of minutes must not hold up the end of a test."""
    near.vault.faults.plan(lambda _: True, Fault(delay=300))
    async with near.secrets(retry_total=0) as client:
        with pytest.raises(ServiceResponseError):
            await client.get_secret("s", read_timeout=0.05)

    started = time.monotonic()
    await near.vault.__aexit__(None, None, None)

    assert time.monotonic() - started < 30
    await near.vault.__aenter__()

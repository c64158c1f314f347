"""What a failure of the vault means: every row of azure-platform 3.1 as our error and our reason.

Faults are the devstack's own refusals and planned ones. Answers that no vault would give are in test_vault_answers.
"""

import asyncio
import ssl

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.identity import Issuer
from devstack.keyvault import Denial, throttle
from devstack.keyvault import KeyVault as LocalVault
from devstack.keyvault.refusals import error_body
from shared.edges.vault import KeyVault
from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.model import ObjectType, VaultRead
from shared.reason import Reason
from tests.edges.credentials import GivenCredential

SECRET = VaultRead(type=ObjectType.SECRET, name="db")
PASSING = [
    (408, Reason.VAULT_UNREACHABLE),
    (429, Reason.VAULT_THROTTLED),
    (500, Reason.VAULT_UNREACHABLE),
    (502, Reason.VAULT_UNREACHABLE),
    (503, Reason.VAULT_UNREACHABLE),
    (504, Reason.VAULT_UNREACHABLE),
]


async def failure_of(vault: KeyVault, read: VaultRead = SECRET) -> FanoutError:
    """Return the error that a read ends with."""
    with pytest.raises(FanoutError) as caught:
        await vault.read(read)
    return caught.value


@pytest.mark.parametrize("kind", list(ObjectType))
async def test_an_absent_object_is_never_tried_again(vault: KeyVault, kind: ObjectType) -> None:
    """Every type says so with a code of its own."""
    error = await failure_of(vault, VaultRead(type=kind, name="absent"))

    assert isinstance(error, PermanentError)
    assert error.reason is Reason.OBJECT_NOT_FOUND
    assert str(error).startswith(f"kv-demo/{kind}/absent: 404 ")


async def test_an_absent_version_is_never_tried_again(local: LocalVault, vault: KeyVault) -> None:
    """The text names the version."""
    local.set_secret("db", "value")

    error = await failure_of(vault, VaultRead(type=ObjectType.SECRET, name="db", version="0" * 32))

    assert isinstance(error, PermanentError)
    assert error.reason is Reason.OBJECT_NOT_FOUND
    assert str(error) == f"kv-demo/secret/db/{'0' * 32}: 404 SecretNotFound"


async def test_a_deleted_object_is_as_good_as_absent(local: LocalVault, vault: KeyVault) -> None:
    """Until somebody recovers it."""
    local.set_secret("db", "value")
    local.delete("db")

    error = await failure_of(vault)
    local.recover("db")

    assert (type(error), error.reason) == (PermanentError, Reason.OBJECT_NOT_FOUND)
    assert len((await vault.read(SECRET)).materials) == 1


async def test_a_disabled_newest_version_is_not_replaced_by_an_older_one(local: LocalVault, vault: KeyVault) -> None:
    """The vault serves no older one instead (azure-platform 3.1), and neither do we."""
    local.set_secret("db", "old")
    local.set_enabled("db", local.set_secret("db", "new"), enabled=False)

    error = await failure_of(vault)

    assert (type(error), error.reason) == (PermanentError, Reason.OBJECT_DISABLED)
    assert str(error) == "kv-demo/secret/db: 403 SecretDisabled"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (error_body("Forbidden", "planted", "ForbiddenByRbac"), Reason.VAULT_FORBIDDEN),
        (error_body("Forbidden", "planted", "AccessDenied"), Reason.VAULT_FORBIDDEN),
        (error_body("Forbidden", "planted", "ForbiddenByFirewall"), Reason.VAULT_FIREWALL),
        (error_body("Forbidden", "planted", "ForbiddenByConnection"), Reason.VAULT_FIREWALL),
        (error_body("Forbidden", "planted", "SomethingNew"), Reason.VAULT_FORBIDDEN),
        (error_body("Forbidden", "planted"), Reason.VAULT_FORBIDDEN),
        ({"unexpected": "planted"}, Reason.VAULT_FORBIDDEN),
        ("planted", Reason.VAULT_FORBIDDEN),
    ],
)
async def test_a_refusal_that_somebody_can_mend_is_a_configuration_fault(
    local: LocalVault, vault: KeyVault, body: object, reason: Reason
) -> None:
    """A 403 of an unknown kind too: a role or a policy heals it, so it has to be tried again."""
    local.faults.plan(lambda _: True, Fault(status=403, body=body))

    error = await failure_of(vault)

    assert (type(error), error.reason) == (ConfigurationError, reason)
    assert str(error).startswith("kv-demo/secret/db: 403")
    assert "planted" not in str(error)
    assert len(local.reads) == 1


@pytest.mark.parametrize(
    ("denial", "reason"), [(Denial.RBAC, Reason.VAULT_FORBIDDEN), (Denial.FIREWALL, Reason.VAULT_FIREWALL)]
)
async def test_the_vaults_own_denials_are_told_apart(
    local: LocalVault, vault: KeyVault, denial: Denial, reason: Reason
) -> None:
    """The remedies differ: a role for the identity, a way through for the network."""
    local.set_secret("db", "value")
    local.rights = lambda *_: denial

    error = await failure_of(vault)
    local.rights = None

    assert (type(error), error.reason) == (ConfigurationError, reason)
    assert len((await vault.read(SECRET)).materials) == 1


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ClientAuthenticationError("planted"), id="refused"),
        pytest.param(CredentialUnavailableError("planted"), id="unavailable"),
    ],
)
async def test_no_token_is_a_configuration_fault(
    local: LocalVault, vault: KeyVault, credential: GivenCredential, failure: Exception
) -> None:
    """The text of an identity error may quote what the token endpoint answered, so it is not passed on."""
    credential.failure = failure

    error = await failure_of(vault)

    assert (type(error), error.reason) == (ConfigurationError, Reason.VAULT_UNAUTHENTICATED)
    assert "planted" not in str(error)
    assert local.reads == ()


async def test_a_token_endpoint_that_does_not_answer_is_a_passing_fault(
    vault: KeyVault, credential: GivenCredential
) -> None:
    """It is the network that fails, not the identity."""
    credential.failure = ServiceRequestError("planted")

    error = await failure_of(vault)

    assert (type(error), error.reason) == (TransientError, Reason.VAULT_UNREACHABLE)


async def test_a_token_that_the_vault_does_not_accept_is_a_configuration_fault(
    vault: KeyVault, credential: GivenCredential
) -> None:
    """A wrong tenant shows itself like this."""
    credential.issue = lambda _: "of somebody else"

    error = await failure_of(vault)

    assert (type(error), error.reason) == (ConfigurationError, Reason.VAULT_UNAUTHENTICATED)


async def test_a_token_that_ran_out_is_replaced(
    local: LocalVault, vault: KeyVault, credential: GivenCredential, clock: ManualClock
) -> None:
    """The vault's 401 makes the client ask for a new one, although it believed the old one good."""
    local.set_secret("db", "value")
    await vault.read(SECRET)
    clock.advance(90_000)

    answer = await vault.read(SECRET)

    assert answer.version
    assert len(credential.scopes) == 2


@pytest.mark.parametrize(("status", "reason"), PASSING)
async def test_a_passing_fault_is_healed_by_the_retry(
    local: LocalVault, vault: KeyVault, status: int, reason: Reason
) -> None:
    """The caller sees nothing of it."""
    assert reason
    local.set_secret("db", "value")
    local.faults.plan(lambda _: True, Fault(status=status), times=2)

    answer = await vault.read(SECRET)

    assert answer.version
    assert [seen.status for seen in local.reads] == [status, status, 200]


@pytest.mark.parametrize(("status", "reason"), PASSING)
async def test_a_fault_that_does_not_pass_is_given_up_after_three_attempts(
    local: LocalVault, vault: KeyVault, status: int, reason: Reason
) -> None:
    """The event comes back later; nothing in between loops."""
    local.faults.plan(lambda _: True, Fault(status=status), times=None)

    error = await failure_of(vault)

    assert (type(error), error.reason) == (TransientError, reason)
    assert isinstance(error, TransientError)
    assert error.retry_after is None
    assert len(local.reads) == 3


@pytest.mark.parametrize("status", [400, 405, 409, 410, 501])
async def test_any_other_refusal_is_what_its_class_of_status_says(
    local: LocalVault, vault: KeyVault, status: int
) -> None:
    """What the client did wrong it would do wrong again; a server's fault may pass. Neither is retried here."""
    local.faults.plan(lambda _: True, Fault(status=status, body=error_body("Odd", "planted")), times=None)

    error = await failure_of(vault)

    permanent = status < 500
    assert type(error) is (PermanentError if permanent else TransientError)
    assert error.reason is (Reason.VAULT_REFUSED if permanent else Reason.VAULT_UNREACHABLE)
    assert str(error) == f"kv-demo/secret/db: {status} Odd"
    assert len(local.reads) == 1


async def test_a_short_retry_after_is_waited_for(local: LocalVault, vault: KeyVault) -> None:
    """One second is within the patience of one read."""
    local.set_secret("db", "value")
    local.faults.plan(lambda _: True, throttle(1))

    answer = await vault.read(SECRET)

    assert answer.version
    assert [seen.status for seen in local.reads] == [429, 200]


@pytest.mark.parametrize(("status", "reason"), [(429, Reason.VAULT_THROTTLED), (503, Reason.VAULT_UNREACHABLE)])
async def test_a_long_retry_after_is_passed_on_at_once(
    local: LocalVault, vault: KeyVault, status: int, reason: Reason
) -> None:
    """azure-core would sleep through our deadline."""
    local.faults.plan(lambda _: True, Fault(status=status, headers={"Retry-After": "30"}), times=None)

    error = await failure_of(vault)

    assert isinstance(error, TransientError)
    assert (error.reason, error.retry_after) == (reason, 30.0)
    assert len(local.reads) == 1


@pytest.mark.parametrize("wish", ["planted", "Wed, 21 Oct 2999 07:28:00 GMT", "1e999", "9999999", "-30", "nan"])
async def test_a_retry_after_that_is_no_sensible_number_is_passed_over(
    local: LocalVault, vault: KeyVault, wish: str
) -> None:
    """It is still throttling."""
    local.faults.plan(lambda _: True, Fault(status=429, headers={"Retry-After": wish}), times=None)

    error = await failure_of(vault)

    assert isinstance(error, TransientError)
    assert (error.reason, error.retry_after) == (Reason.VAULT_THROTTLED, None)


async def test_a_connection_that_is_cut_is_tried_again(local: LocalVault, vault: KeyVault) -> None:
    """Reading has no effect, so asking twice is harmless."""
    local.set_secret("db", "value")
    local.faults.plan(lambda _: True, Fault(drop=True, after=True), times=2)

    answer = await vault.read(SECRET)

    assert answer.version
    assert [seen.status for seen in local.reads] == [-1, -1, 200]


async def test_connections_that_are_always_cut_are_a_passing_fault(local: LocalVault, vault: KeyVault) -> None:
    """Three attempts, then the event comes back later. aiohttp asks twice by itself when a connection is cut."""
    local.faults.plan(lambda _: True, Fault(drop=True), times=None)

    error = await failure_of(vault)

    assert (type(error), error.reason) == (TransientError, Reason.VAULT_UNREACHABLE)
    assert len(local.reads) in {3, 6}


async def test_a_vault_that_is_not_there_is_a_passing_fault(
    tls: ssl.SSLContext, issuer: Issuer, credential: GivenCredential
) -> None:
    """Nobody listens on the port that a vault has just left."""
    async with LocalVault(name="kv-demo", tls=tls, issuer=issuer) as gone:
        edge = KeyVault(name="kv-demo", url=gone.url, credential=credential, timeout=8)

    error = await failure_of(edge)
    await edge.close()

    assert (type(error), error.reason) == (TransientError, Reason.VAULT_UNREACHABLE)
    assert gone.url not in str(error)


@pytest.mark.parametrize("operation", ["get", "list versions"])
async def test_a_vault_that_does_not_answer_is_left_after_the_time_out(
    local: LocalVault, credential: GivenCredential, operation: str
) -> None:
    """The limit is for the whole read, retries included."""
    local.set_secret("db", "value")
    local.faults.plan(lambda request: request.operation == operation, Fault(delay=30), times=None)
    edge = KeyVault(name="kv-demo", url=local.url, credential=credential, timeout=2)

    error = await failure_of(edge, VaultRead(type=ObjectType.SECRET, name="db", history=2))
    local.faults.clear()
    answer = await edge.read(SECRET)
    await edge.close()

    assert (type(error), error.reason) == (TransientError, Reason.VAULT_UNREACHABLE)
    assert str(error) == "kv-demo/secret/db: no answer within 2 s"
    assert answer.version


async def test_a_read_that_is_cancelled_leaves_the_edge_usable(local: LocalVault, vault: KeyVault) -> None:
    """A cluster that runs out of time cuts reads off."""
    local.set_secret("db", "value")
    local.faults.plan(lambda _: True, Fault(delay=30))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await vault.read(SECRET)

    answer = await vault.read(SECRET)

    assert answer.version

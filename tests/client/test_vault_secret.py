"""VaultSecret: the newest version from the vault, when it is read again, and what it does when that fails."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from azure.keyvault.secrets.aio import SecretClient

from devstack.faults import Fault
from devstack.keyvault import KeyVault, Request
from devstack.keyvault.refusals import Denial, throttle
from keyvault_fanout import NoValueYetError, SecretValue, VaultSecret
from tests.builders import ABOUT
from tests.client import keeping
from tests.client.conftest import PATH, Scene
from tests.client.eventually import eventually
from tests.client.keeping import MARK, QUICK
from tests.client.notices import near_expiry, new_version
from tests.operator.letters import AheadClock

FOREVER = 3600.0
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
SOON = datetime.now(UTC) + timedelta(hours=1)
"""Later than any version of these tests was made."""


@pytest.fixture(scope="module")
def clock() -> AheadClock:
    """The vault's clock."""
    return AheadClock()


@pytest_asyncio.fixture(scope="module")
async def kept_vault(clock: AheadClock) -> AsyncIterator[tuple[KeyVault, SecretClient]]:
    """A vault and a client, for all tests here."""
    async with keeping.vault(clock) as found:
        yield found


@pytest.fixture
def vault(kept_vault: tuple[KeyVault, SecretClient], clock: AheadClock) -> KeyVault:
    """The vault, with the object in it and nothing else."""
    clock.ahead = 0.0
    vault = kept_vault[0]
    vault.clear()
    vault.faults.clear()
    vault.rights = None
    vault.set_secret(ABOUT.name, f"{MARK}-1")
    vault.clear_reads()
    return vault


@pytest.fixture
def client(kept_vault: tuple[KeyVault, SecretClient]) -> SecretClient:
    """The client."""
    return kept_vault[1]


def kept(client: SecretClient, **options: Any) -> VaultSecret:
    """Return a secret that hurries, and looks by itself once an hour."""
    given = {"vault": ABOUT.vault, "jitter": 0.0, "poll": FOREVER, "pace": QUICK, **options}
    return VaultSecret(client, ABOUT.name, **given)


def reads(vault: KeyVault) -> int:
    """Count how often the value was read."""
    return sum(one.operation == "get" for one in vault.reads)


async def test_the_newest_value_is_there_when_the_block_begins(vault: KeyVault, client: SecretClient) -> None:
    async with kept(client) as secret:
        health = secret.health()

        assert secret.current().text() == f"{MARK}-1"
        assert secret.version == vault.get(ABOUT.name).version
        assert (health.stale, health.reason, health.version) == (False, "", secret.version)
        assert health.checked is not None


async def test_a_notice_about_a_new_version_leads_to_one_read_and_one_call(
    vault: KeyVault, client: SecretClient, scene: Scene
) -> None:
    seen: list[str] = []
    async with scene.listener() as listener, kept(client, listener=listener) as secret:
        await listener.connected()  # which makes it look, too
        await eventually(lambda: reads(vault) == 2)
        secret.on_change(lambda value: seen.append(value.text()))
        version = vault.set_secret(ABOUT.name, f"{MARK}-2")
        await scene.tell(new_version(version, at=SOON), near_expiry(version))
        await eventually(lambda: seen)

        assert (secret.current().text(), secret.version) == (f"{MARK}-2", version)
    assert seen == [f"{MARK}-2"]
    assert reads(vault) == 3


async def test_a_notice_about_what_is_or_was_held_costs_no_read(
    vault: KeyVault, client: SecretClient, scene: Scene
) -> None:
    old = vault.get(ABOUT.name).version
    async with scene.listener() as listener, kept(client, listener=listener) as secret:
        await listener.connected()  # which makes it look, too
        await eventually(lambda: reads(vault) == 2)
        new = vault.set_secret(ABOUT.name, f"{MARK}-2")
        await scene.tell(new_version(new, at=SOON))
        await eventually(lambda: secret.version == new)
        before = reads(vault)
        await scene.tell(new_version(old, at=SOON), new_version(new, at=SOON), new_version("of-last-year", at=LONG_AGO))
        await eventually(lambda: not scene.broker.messages(PATH))

        assert (reads(vault), secret.version, secret.health().told) == (before, new, "")


async def test_a_vault_that_is_behind_its_notice_is_read_again_before_the_poll(
    vault: KeyVault, client: SecretClient, scene: Scene
) -> None:
    async with scene.listener() as listener, kept(client, listener=listener) as secret:
        await listener.connected()
        await eventually(lambda: reads(vault) == 2)
        await scene.tell(new_version("not-served-yet", at=SOON))
        await eventually(lambda: reads(vault) == 3)
        version = vault.set_secret(ABOUT.name, f"{MARK}-2")
        await eventually(lambda: secret.version == version)

        # A version between: what was told of is newer, and still waited for.
        assert secret.health().told == "not-served-yet"


async def test_a_version_that_is_held_back_is_taken_when_its_time_has_come(
    vault: KeyVault, client: SecretClient, scene: Scene
) -> None:
    async with scene.listener() as listener, kept(client, listener=listener) as secret:
        await listener.connected()
        await eventually(lambda: reads(vault) == 2)
        version = vault.set_secret(ABOUT.name, f"{MARK}-2")
        planned = datetime.now(UTC) + timedelta(seconds=5)
        await scene.tell(new_version(version, at=SOON, planned=planned))
        await eventually(lambda: reads(vault) == 3)
        assert (secret.health().told, secret.health().stale) == (version, False)
        await eventually(lambda: secret.version == version)

        assert datetime.now(UTC) >= planned
        assert secret.current().text() == f"{MARK}-2"


async def test_a_read_that_is_older_than_what_is_held_takes_nothing_back(
    vault: KeyVault, client: SecretClient, clock: AheadClock
) -> None:
    """A copy of the vault's that is behind."""
    seen: list[str] = []
    async with kept(client, poll=0.05) as secret:
        secret.on_change(lambda value: seen.append(value.text()))
        clock.ahead = -60
        vault.rights = lambda *_: Denial.RBAC  # there is no moment without the secret
        vault.clear()
        vault.set_secret(ABOUT.name, f"{MARK}-0")
        vault.rights = None
        before = reads(vault)
        await eventually(lambda: reads(vault) > before + 2)

        assert (secret.current().text(), secret.health().stale, seen) == (f"{MARK}-1", False, [])


async def test_a_secret_that_was_restored_from_long_ago_is_taken_after_a_moment(
    vault: KeyVault, client: SecretClient, clock: AheadClock
) -> None:
    """It looks like a copy that is behind, and stays so."""
    now = datetime.now(UTC)
    async with kept(client, poll=0.05, now=lambda: now) as secret:
        clock.ahead = -60
        vault.rights = lambda *_: Denial.RBAC  # there is no moment without the secret
        vault.clear()
        version = vault.set_secret(ABOUT.name, f"{MARK}-0")
        vault.rights = None
        before = reads(vault)
        await eventually(lambda: reads(vault) > before + 2)
        now += timedelta(seconds=11)
        await eventually(lambda: secret.version == version)

        assert secret.current().text() == f"{MARK}-0"


async def test_a_vault_that_stays_behind_its_notice_is_stale(
    vault: KeyVault, client: SecretClient, scene: Scene
) -> None:
    now = datetime.now(UTC)
    async with scene.listener() as listener, kept(client, listener=listener, poll=0.05, now=lambda: now) as secret:
        await scene.tell(new_version("never-served", at=SOON))
        await eventually(lambda: secret.health().told)
        assert not secret.health().stale
        now += timedelta(seconds=11)
        seen = reads(vault)
        await eventually(lambda: reads(vault) > seen + 1)

        assert secret.health().stale
        assert "told of version never-served" in secret.health().reason
        vault.set_secret(ABOUT.name, f"{MARK}-2")
        await eventually(lambda: not secret.health().stale)


async def test_a_vault_that_asks_for_patience_gets_it_whatever_is_told_meanwhile(
    vault: KeyVault, client: SecretClient, scene: Scene
) -> None:
    asked: list[str] = []

    def ask(one: Request) -> bool:
        asked.append(one.operation)
        return True

    async with scene.listener() as listener, kept(client, listener=listener) as secret:
        await listener.connected()
        await eventually(lambda: reads(vault) == 2)
        vault.faults.plan(ask, throttle(300), times=None)
        await scene.tell(new_version("a", at=SOON))
        await eventually(lambda: secret.health().stale)
        await scene.tell(*[new_version(version, at=SOON) for version in ("b", "c", "d")])
        await eventually(lambda: not scene.broker.messages(PATH))
        for _ in range(20):
            await asyncio.sleep(0)

    assert asked == ["get"]


@pytest.mark.usefixtures("vault")
async def test_one_that_is_closed_leaves_nothing_with_its_listener(client: SecretClient, scene: Scene) -> None:
    async with scene.listener() as listener:
        await listener.connected()  # the SDK leaves a connection open that is ended while it begins
        async with kept(client, listener=listener):
            assert (len(listener._handlers), len(listener._returns)) == (1, 1)  # noqa: SLF001 - seen nowhere else

        assert (listener._handlers, listener._returns) == ([], [])  # noqa: SLF001


async def test_without_notices_the_slow_poll_finds_the_change(vault: KeyVault, client: SecretClient) -> None:
    async with kept(client, poll=0.02) as secret:
        vault.set_secret(ABOUT.name, f"{MARK}-2")
        await eventually(lambda: secret.current().text() == f"{MARK}-2")


async def test_a_listener_that_is_connected_again_makes_it_look(
    vault: KeyVault, client: SecretClient, scene: Scene
) -> None:
    async with scene.listener() as listener, kept(client, listener=listener) as secret:
        await listener.connected()
        version = vault.set_secret(ABOUT.name, f"{MARK}-2")
        scene.broker.faults.plan(lambda operation: operation.kind == "receive", Fault(drop=True))
        await eventually(lambda: secret.version == version)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(status=403), "the role Key Vault Secrets User or a firewall"),
        (throttle(0), "asks for patience"),
        (Fault(status=500), "the vault answers 500"),
        (Fault(drop=True), "is not reached"),
        (Fault(status=302, headers={"Location": "https://elsewhere.example/"}), "the vault answers 302"),
    ],
)
async def test_while_the_vault_fails_the_last_value_is_held_and_stale_until_it_is_read_again(
    vault: KeyVault, client: SecretClient, fault: Fault, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "keyvault_fanout")
    async with kept(client, poll=0.02) as secret:
        vault.faults.plan(lambda _: True, fault, times=None)
        await eventually(lambda: secret.health().stale)

        assert told in secret.health().reason
        assert secret.current().text() == f"{MARK}-1"
        vault.faults.clear()
        await eventually(lambda: not secret.health().stale)
    assert MARK not in caplog.text
    assert len([line for line in caplog.messages if told in line]) == 1, "the same is said once"


async def test_a_disabled_newest_version_keeps_the_last_one(vault: KeyVault, client: SecretClient) -> None:
    async with kept(client, poll=0.02) as secret:
        version = secret.version
        vault.set_enabled(ABOUT.name, vault.set_secret(ABOUT.name, f"{MARK}-2"), False)
        await eventually(lambda: secret.health().stale)

        assert "403" in secret.health().reason
        assert secret.version == version


@pytest.mark.parametrize(("name", "denial", "told"), [("nobody", None, "404"), (ABOUT.name, Denial.RBAC, "403")])
async def test_without_a_first_value_the_start_says_why(
    vault: KeyVault, client: SecretClient, name: str, denial: Denial | None, told: str
) -> None:
    vault.rights = (lambda *_: denial) if denial else None
    secret = VaultSecret(client, name, first=3, pace=QUICK)

    with pytest.raises(NoValueYetError, match=told):
        await secret.start()
    with pytest.raises(NoValueYetError, match=told):
        secret.current()


async def test_a_handler_that_raises_is_called_again_and_ends_nothing(
    vault: KeyVault, client: SecretClient, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[str] = []
    others: list[SecretValue] = []

    def once_bitten(value: SecretValue) -> None:
        tries.append(value.text())
        if len(tries) < 3:
            raise ValueError(value.text())

    async with kept(client, poll=0.02) as secret:
        secret.on_change(once_bitten)
        secret.on_change(others.append)
        vault.set_secret(ABOUT.name, f"{MARK}-2")
        await eventually(lambda: secret.health().failing)
        await eventually(lambda: len(tries) == 3 and not secret.health().failing)

    assert len(others) == 1
    assert "ValueError" in caplog.text
    assert MARK not in caplog.text + repr(secret.health()) + repr(others)

"""Events that ask for nothing, or for what may not be done: recorded and ended, and nobody is contacted."""

import json
import logging
from typing import Any

import pytest

from shared.reason import Reason, remedy
from tests.builders import EVENTS, HOST, NAME, PLACE, World, build_data, build_envelope, build_payload, build_world


async def ignore(world: World, payload: str | bytes, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Deliver; nothing may be raised, called, told or changed. Return what was recorded."""
    caplog.set_level(logging.INFO)
    before = world.cluster.secrets[PLACE]

    await world.deliver(payload)

    assert world.calls() == []
    assert world.bus.kept == {}
    assert world.cluster.secrets[PLACE] is before
    return caplog.records


def about(**fields: Any) -> str:
    """Build a payload about the default object with other data."""
    return json.dumps(build_envelope(data=build_data(**fields)))


@pytest.mark.parametrize(
    "payload",
    [
        about(VaultName="kv-other", Id=...),
        about(VaultName="kv-other", Id=f"https://kv-other.vault.azure.net/secrets/{NAME}/1"),
        about(VaultName=..., Id=f"https://kv-other.vault.azure.net/secrets/{NAME}/1"),
        about(VaultName="kv-other", Id=f"https://{HOST}/secrets/{NAME}/1"),
    ],
)
async def test_a_vault_that_is_not_listed_is_never_contacted(payload: str, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = [record for record in await ignore(build_world(), payload, caplog) if record.levelno == logging.ERROR]

    assert "kv-other" in record.getMessage()
    assert remedy(Reason.UNLISTED_VAULT) in record.getMessage()


@pytest.mark.parametrize(
    "host",
    [
        "kv-shop.vault.azure.cn",
        "kv-shop.vault.azure.net.evil.example",
        f"{HOST}:8443",
        "evil.example",
        "kv-shop",
        "127.0.0.1",
    ],
)
async def test_a_host_that_disagrees_with_the_list_is_never_contacted(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    payload = about(Id=f"https://{host}/secrets/{NAME}/1")

    (record,) = [record for record in await ignore(build_world(), payload, caplog) if record.levelno == logging.ERROR]

    assert repr(host) in record.getMessage()


async def test_the_list_decides_for_an_expiry_too(caplog: pytest.LogCaptureFixture) -> None:
    payload = json.dumps(build_envelope("SecretExpired", data=build_data(VaultName="kv-other", Id=...)))

    await ignore(build_world(), payload, caplog)

    assert "not on the list" in caplog.text


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
async def test_a_changed_access_policy_is_recorded_and_ended(schema: str, caplog: pytest.LogCaptureFixture) -> None:
    payload = (EVENTS / f"vault-access-policy-changed.{schema}.json").read_text()

    records = await ignore(build_world(), payload, caplog)

    assert [record.levelno for record in records] == [logging.INFO]
    assert "access policies hold no versions" in caplog.text


@pytest.mark.parametrize("type_", ["SecretDeleted", "SomethingNew"])
async def test_an_unknown_type_is_recorded_and_ended(type_: str, caplog: pytest.LogCaptureFixture) -> None:
    await ignore(build_world(), json.dumps(build_envelope(type_)), caplog)

    assert "not a known Key Vault type" in caplog.text


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "no json",
        b"\xff\xff",
        "null",
        "5",
        "[]",
        "[[]]",
        "[" * 100_000,
        " " * 1_100_000,
        "{}",
        json.dumps(build_envelope(data=...)),
        json.dumps(build_envelope(data=[])),
        json.dumps(build_envelope(type=5)),
        about(Id=..., ObjectName="../../etc/passwd"),
        about(Id=..., ObjectName=5),
        about(Id=f"https://{HOST}/keys/{NAME}/1"),
        about(ObjectName="another"),
        about(Version=["1"]),
    ],
    ids=lambda payload: repr(payload)[:30],
)
async def test_a_malformed_payload_is_recorded_and_ended(
    payload: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    records = await ignore(build_world(), payload, caplog)

    assert [record.levelno for record in records] == [logging.ERROR]
    assert "event refused" in caplog.text


async def test_a_line_break_in_an_event_does_not_make_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = "1\nERROR everything is lost"
    expired = build_envelope("SecretExpired", id=forged, time=forged)
    unlisted = build_envelope(id=forged, data=build_data(VaultName="kv-other", Id=...))
    caplog.set_level(logging.INFO)

    await build_world().deliver(json.dumps([build_envelope(id=forged, type=f"x{forged}"), expired, unlisted]))

    assert len(caplog.records) == 6
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


@pytest.mark.parametrize(
    "bad", ["null", "{}", json.dumps(build_envelope(data=[])), about(VaultName="kv-other", Id=...)]
)
async def test_a_bad_event_does_not_stop_a_good_one_of_its_batch(bad: str) -> None:
    world = build_world()
    good = build_payload(world.vault.put(NAME, "after"))

    await world.deliver(f"[{bad}, {good}, {bad}]")

    assert world.cluster.values(PLACE) == {"password": "after"}

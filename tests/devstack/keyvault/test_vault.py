"""The vault in process, and what it does with requests that no SDK sends."""

import asyncio
import io
import json
import logging

import pytest

from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.keyvault import Refusal, VaultChange

from .conftest import Neighbourhood

API = "api-version=7.4"


async def test_every_new_version_is_announced_to_every_subscriber(near: Neighbourhood, clock: ManualClock) -> None:
    """From the wire as in process."""
    one: asyncio.Queue[VaultChange] = asyncio.Queue()
    other: asyncio.Queue[VaultChange] = asyncio.Queue()
    near.vault.subscribe(one.put)
    near.vault.subscribe(other.put)

    version = near.vault.set_secret("s", "x", expires_on=1_800_000_000)
    async with near.secrets() as client:
        await client.set_secret("s", "y")

    heard = [await one.get(), await one.get()]
    assert heard[0] == VaultChange(
        types=("secret",),
        name="s",
        version=version,
        created=int(clock()),
        not_before=None,
        expires_on=1_800_000_000,
    )
    assert heard[1].version == near.vault.get("s").version
    assert [await other.get(), await other.get()] == heard


async def test_changes_of_properties_and_deletions_are_not_announced(near: Neighbourhood) -> None:
    """No event type exists for them (azure-platform 1.3)."""
    version = near.vault.set_secret("s", "x")
    heard: asyncio.Queue[VaultChange] = asyncio.Queue()
    near.vault.subscribe(heard.put)

    near.vault.set_enabled("s", version, False)
    near.vault.delete("s")
    near.vault.recover("s")
    near.vault.set_secret("other", "x")

    assert (await heard.get()).name == "other"


async def test_a_failing_subscriber_is_logged_and_harms_nobody(
    near: Neighbourhood, caplog: pytest.LogCaptureFixture
) -> None:
    """The change has happened either way."""

    async def fail(_change: VaultChange) -> None:
        raise RuntimeError("boom")

    near.vault.subscribe(fail)
    with caplog.at_level(logging.ERROR):
        near.vault.set_secret("s", "x")
        await asyncio.sleep(0.01)

    assert near.vault.get("s").value == "x"
    assert "a subscriber of vault kv-demo failed" in caplog.text


async def test_clearing_forgets_objects_log_and_faults(near: Neighbourhood) -> None:
    """What a test left behind does not reach the next."""
    near.vault.set_secret("s", "x")
    near.vault.set_secret("t", "x")
    near.vault.delete("t")
    near.vault.faults.plan(lambda _: True, Fault(status=500), times=None)
    await near.get(f"/secrets?{API}")

    near.vault.clear()

    assert near.vault.reads == ()
    assert await near.get(f"/secrets?{API}") == (200, {"value": [], "nextLink": None})
    assert await near.get(f"/deletedsecrets?{API}") == (200, {"value": [], "nextLink": None})


async def test_switching_or_deleting_what_is_not_there_is_refused(near: Neighbourhood) -> None:
    """A test's typing mistake does not pass in silence."""
    with pytest.raises(Refusal, match=r"404"):
        near.vault.set_enabled("s", "0" * 32, False)
    for change in (near.vault.delete, near.vault.recover, near.vault.purge):
        with pytest.raises(Refusal, match=r"404"):
            change("s")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/keys/k/create"),
        ("POST", "/secrets/s/backup"),
        ("POST", "/certificates/c/import"),
        ("GET", "/certificates/c/pending/x"),
        ("DELETE", "/keys/k"),
        ("GET", "/deletedkeys"),
        ("GET", "/"),
        ("GET", "/secrets/a/b/c/d/e"),
        ("OPTIONS", "/secrets/s"),
    ],
)
async def test_what_is_not_implemented_says_so(near: Neighbourhood, method: str, path: str) -> None:
    """Never a quiet success."""
    status, answer = await near.get(f"{path}?{API}", method=method)

    assert (status, answer["error"]["code"]) == (501, "NotImplemented")


@pytest.mark.parametrize(
    "query", ["", "api-version=", "api-version=latest", f"{API}&maxresults=0", f"{API}&maxresults=26"]
)
async def test_a_malformed_query_is_refused(near: Neighbourhood, query: str) -> None:
    """The api-version is required; a page has 1 to 25 items."""
    status, answer = await near.get(f"/secrets?{query}")

    assert (status, answer["error"]["code"]) == (400, "BadParameter")


async def test_a_pem_is_not_made_from_a_pfx(near: Neighbourhood) -> None:
    """The query parameter outContentType is refused, not ignored."""
    near.vault.set_secret("s", "x")

    assert (await near.get(f"/secrets/s/?{API}&outContentType=application/x-pem-file"))[0] == 501


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"value": 1}',
        b'{"value": "x", "tags": {"a": 1}}',
        b'{"value": "x", "tags": []}',
        b'{"value": "x", "attributes": 1}',
        b'{"value": "x", "attributes": {"exp": true}}',
        b'{"value": "x", "attributes": {"exp": 1e400}}',
        b'{"value": "x", "attributes": {"enabled": "no"}}',
        b'{"value": "x", "contentType": 1}',
        b'{"value": "x", "tags": ' + json.dumps({str(n): "x" for n in range(16)}).encode() + b"}",
    ],
)
async def test_a_hostile_body_is_refused_and_makes_nothing(near: Neighbourhood, body: bytes) -> None:
    """400 each time, and the server lives."""
    assert (await near.get(f"/secrets/s?{API}", method="PUT", data=body))[0] == 400
    with pytest.raises(Refusal):
        near.vault.get("s")


async def test_a_body_over_a_megabyte_is_refused(near: Neighbourhood) -> None:
    """413 before anything is parsed."""
    assert (await near.get(f"/secrets/s?{API}", method="PUT", data=io.BytesIO(b"x" * 2_000_000)))[0] == 413


@pytest.mark.parametrize("token", ["%00", "////", "a", "%F0%9F", "4pyT"])
async def test_a_forged_page_token_is_harmless(near: Neighbourhood, token: str) -> None:
    """Refused, or a page from wherever it points to."""
    near.vault.set_secret("s", "x")

    assert (await near.get(f"/secrets?{API}&$skiptoken={token}"))[0] in {200, 400}


async def test_a_lone_surrogate_and_a_quoted_slash_are_only_characters(near: Neighbourhood) -> None:
    """A value comes back as it was; a slash in a name is a bad name, not another path."""
    status, answer = await near.get(f"/secrets/s?{API}", method="PUT", data=json.dumps({"value": "\ud800"}).encode())

    assert (status, answer["value"]) == (200, "\ud800")
    assert (await near.get(f"/secrets/a%2Fversions?{API}"))[0] in {400, 404}


async def test_bytes_that_are_no_tls_do_not_take_the_vault_down(near: Neighbourhood) -> None:
    """Plain http, noise, and a connection that says nothing."""
    port = int(near.vault.url.rpartition(":")[2])
    for noise in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64, b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        writer.close()
        await asyncio.gather(reader.read(), writer.wait_closed(), return_exceptions=True)

    assert (await near.get(f"/secrets?{API}"))[0] == 200

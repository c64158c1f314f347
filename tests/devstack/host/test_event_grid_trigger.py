"""Event Grid's deliveries and handshakes reach functions by the extension's rules (local-stack 4.2)."""

import io
import json
from typing import Any

import aiohttp
import pytest

from devstack.clock import ManualClock
from devstack.eventgrid import Event, Schema, Subscription, key_vault_event
from devstack.host import HostProcess

from .conftest import wait_for

NOTIFICATION = {"aeg-event-type": "Notification"}


def endpoint(host: HostProcess, function: str = "on_event") -> str:
    """Return a function's webhook."""
    return f"{host.url}/runtime/webhooks/EventGrid?functionName={function}"


def new_version(name: str = "db-password") -> Event:
    """Return an event as Key Vault raises it."""
    return key_vault_event(
        "SecretNewVersionCreated",
        vault_name="kv",
        vault_url="https://kv.vault.azure.net",
        name=name,
        version="0" * 32,
        time=1_790_000_000.5,
    )


@pytest.mark.parametrize(
    ("schema", "kind"), [(Schema.CLOUD_EVENTS, "CloudEvent"), (Schema.EVENT_GRID, "EventGridEvent")]
)
async def test_either_schema_reaches_the_function_as_its_own_class(
    host: HostProcess, session: aiohttp.ClientSession, schema: Schema, kind: str
) -> None:
    """The annotation does not decide: the function is annotated EventGridEvent."""
    event = new_version()
    subscription = Subscription(session, endpoint(host), schema=schema)

    assert await subscription.validate()
    assert await subscription.deliver(event) == 1
    await wait_for(host, f"on_event {kind} {event.id} {json.dumps(event.data)}")


async def test_every_event_of_a_batch_is_an_invocation_of_its_own(
    host: HostProcess, session: aiohttp.ClientSession
) -> None:
    """Three events, three invocations, one answer."""
    events = [new_version(f"s-{number}") for number in range(3)]

    assert await Subscription(session, endpoint(host)).deliver(*events) == 1
    for event in events:
        await wait_for(host, f"on_event CloudEvent {event.id}")


async def test_one_failing_event_fails_the_whole_request_after_all_have_run(
    host: HostProcess, session: aiohttp.ClientSession
) -> None:
    """Event Grid sends all of them again; the exception's text is in the answer."""
    good, bad = new_version(), new_version("fail")
    async with session.post(
        endpoint(host), json=[bad.render(Schema.EVENT_GRID), good.render(Schema.EVENT_GRID)], headers=NOTIFICATION
    ) as response:
        text = await response.text()

    assert response.status == 500
    assert "Exception: RuntimeError: boom" in text
    await wait_for(host, f"on_event EventGridEvent {good.id}")


async def test_a_synchronous_function_with_text_runs_beside_the_loop(
    host: HostProcess, session: aiohttp.ClientSession
) -> None:
    """A parameter annotated str takes the JSON itself; what the app prints lands on stderr."""
    event = new_version()

    assert await Subscription(session, endpoint(host, "on_text")).deliver(event) == 1
    await wait_for(host, f"on_text False {event.id}")


async def test_an_unknown_function_is_not_found_and_event_grid_waits_five_minutes(
    host: HostProcess, session: aiohttp.ClientSession
) -> None:
    """A function with another trigger counts as unknown."""
    clock = ManualClock()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    for name in ("nobody", "items"):
        async with session.post(endpoint(host, name), json=[], headers=NOTIFICATION) as response:
            assert (response.status, await response.text()) == (404, f"cannot find function: '{name}'")
    subscription = Subscription(session, endpoint(host, "nobody"), sleep=sleep, clock=clock, max_attempts=3)
    assert await subscription.deliver(new_version()) == 0
    assert waits == [300, 300]


async def test_the_double_encoded_handshake_is_answered(host: HostProcess, session: aiohttp.ClientSession) -> None:
    """One CloudEvent: its data is a JSON string inside JSON."""
    event = {"specversion": "1.0", "data": json.dumps({"validationCode": "C-1"})}
    headers = {"aeg-event-type": "subscriptionVALIDATION"}
    async with session.post(endpoint(host), json=event, headers=headers) as response:
        assert (response.status, await response.json()) == (200, {"validationResponse": "C-1"})


@pytest.mark.parametrize(
    ("header", "status"), [("Unsubscribe", 202), ("unsubscribe", 202), ("Other", 400), ("", 400), (None, 400)]
)
async def test_the_event_type_header_decides(
    host: HostProcess, session: aiohttp.ClientSession, header: str | None, status: int
) -> None:
    """Values compare without case; anything else is a bad request."""
    headers = {} if header is None else {"aeg-event-type": header}
    async with session.post(endpoint(host), json=[], headers=headers) as response:
        assert response.status == status


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"1", b"[1]", b"[" * 100_000, b'["x"]', b"\xff", json.dumps([{"id": None}, 7]).encode()]
)
async def test_a_hostile_body_is_an_error_and_the_host_lives(
    host: HostProcess, session: aiohttp.ClientSession, body: bytes
) -> None:
    """500, as an unhandled exception of the extension is; then an empty batch is accepted."""
    for kind in ("Notification", "SubscriptionValidation"):
        async with session.post(endpoint(host), data=body, headers={"aeg-event-type": kind}) as response:
            assert response.status == 500
    async with session.post(endpoint(host), data=b"[]", headers=NOTIFICATION) as response:
        assert response.status == 202


async def test_a_body_of_seventeen_megabytes_is_refused(host: HostProcess, session: aiohttp.ClientSession) -> None:
    """413 before it is parsed."""
    async with session.post(endpoint(host), data=io.BytesIO(b"x" * 17 * 2**20), headers=NOTIFICATION) as response:
        assert response.status == 413


async def test_a_cloud_events_handshake_without_origin_is_refused(
    host: HostProcess, session: aiohttp.ClientSession
) -> None:
    """The origin is what the answer allows."""
    async with session.options(endpoint(host)) as response:
        assert response.status == 400


async def test_a_nested_event_arrives_whole(host: HostProcess, session: aiohttp.ClientSession) -> None:
    """Deep but finite."""
    data: Any = "bottom"
    for _ in range(50):
        data = {"in": data}
    event = {**new_version().render(Schema.CLOUD_EVENTS), "data": data}
    async with session.post(endpoint(host), json=event, headers=NOTIFICATION) as response:
        assert response.status == 202
    await wait_for(host, json.dumps(data))

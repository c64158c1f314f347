"""Event Grid's events, headers, handshakes and retries (azure-platform 1.1 to 1.5)."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from devstack import eventgrid
from devstack.clock import ManualClock
from devstack.eventgrid import EVENT_TYPES, Event, Schema, Subscription, key_vault_event

VERSION = "4a1e0c7d5b2f4f0e9d8c7b6a59483726"


def event(event_type: str = "SecretNewVersionCreated", **changes: Any) -> Event:
    """Return an event of a vault called kv."""
    given: dict[str, Any] = {"name": "db-password", "version": VERSION, "time": 1_790_000_000.1036736, **changes}
    return key_vault_event(event_type, vault_name="kv", vault_url="https://kv.vault.azure.net", **given)


@dataclass
class Endpoint:
    """A web hook that answers what it is told to, the last of it again and again, and remembers what came."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [202])
    seen: list[tuple[dict[str, str], Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Shake hands, or answer the next status."""
        if request.method == "OPTIONS":
            return web.Response(headers={"WebHook-Allowed-Origin": request.headers["WebHook-Request-Origin"]})
        posted = await request.json()
        self.seen.append((dict(request.headers), posted))
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return web.json_response({"validationResponse": posted[0]["data"]["validationCode"]})
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, headers={"Location": self.url} if status == 302 else {})


@dataclass
class Sleeper:
    """Sleeps by moving the clock."""

    clock: ManualClock
    waits: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        """Let the time pass."""
        self.waits.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    """A web hook on loopback."""
    hook = Endpoint()
    app = web.Application()
    app.router.add_route("*", "/hook", hook.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hook
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An http client."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def sleeper() -> Sleeper:
    """No test waits."""
    return Sleeper(ManualClock())


def test_the_event_grid_schema_is_as_captured() -> None:
    """Every key, in the casing of real payloads."""
    rendered = event(expires_on=1_800_000_000).render(Schema.EVENT_GRID)

    assert rendered.pop("id")
    assert rendered == {
        "topic": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/devstack"
        "/providers/Microsoft.KeyVault/vaults/kv",
        "subject": "db-password",
        "eventType": "Microsoft.KeyVault.SecretNewVersionCreated",
        "eventTime": "2026-09-21T14:13:20.1036736Z",
        "data": {
            "Id": f"https://kv.vault.azure.net/secrets/db-password/{VERSION}",
            "VaultName": "kv",
            "ObjectType": "Secret",
            "ObjectName": "db-password",
            "Version": VERSION,
            "NBF": None,
            "EXP": 1_800_000_000,
        },
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def test_a_cloud_event_has_the_same_data_and_no_datacontenttype() -> None:
    """The captured samples have none."""
    made = event()
    rendered = made.render(Schema.CLOUD_EVENTS)

    assert set(rendered) == {"id", "source", "specversion", "type", "subject", "time", "data"}
    assert rendered["data"] == made.render(Schema.EVENT_GRID)["data"]
    assert (rendered["specversion"], rendered["type"]) == ("1.0", "Microsoft.KeyVault.SecretNewVersionCreated")


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_each_of_the_ten_types_names_its_object(event_type: str) -> None:
    """Path segment and ObjectType go together; an access policy has no object."""
    made = event(event_type)
    data = made.data

    assert made.type == f"Microsoft.KeyVault.{event_type}"
    expected = {
        "Secret": f"https://kv.vault.azure.net/secrets/db-password/{VERSION}",
        "Key": f"https://kv.vault.azure.net/keys/db-password/{VERSION}",
        "Certificate": f"https://kv.vault.azure.net/certificates/db-password/{VERSION}",
        None: "https://kv.vault.azure.net",
    }
    assert data["Id"] == expected[data["ObjectType"]]
    assert (data["ObjectType"] is None) == (event_type == "VaultAccessPolicyChanged")


def test_an_eleventh_type_does_not_exist() -> None:
    """Deletions raise no event (azure-platform 1.3)."""
    with pytest.raises(ValueError, match="SecretDeleted"):
        event("SecretDeleted")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.0000000Z"), (1_790_000_000.25, "2026-09-21T14:13:20.2500000Z")],
)
def test_times_have_seven_fractional_digits(seconds: float, text: str) -> None:
    """As .NET writes them."""
    assert eventgrid.format_time(seconds) == text


@pytest.mark.parametrize(
    ("schema", "count", "expected"),
    [
        (Schema.EVENT_GRID, 1, (list, "application/json; charset=utf-8")),
        (Schema.EVENT_GRID, 2, (list, "application/json; charset=utf-8")),
        (Schema.CLOUD_EVENTS, 1, (dict, "application/cloudevents+json; charset=utf-8")),
        (Schema.CLOUD_EVENTS, 2, (list, "application/cloudevents-batch+json; charset=utf-8")),
    ],
)
async def test_a_delivery_has_the_headers_and_the_shape_of_its_schema(
    endpoint: Endpoint, session: aiohttp.ClientSession, schema: Schema, count: int, expected: tuple[type, str]
) -> None:
    """An array always, an object for one CloudEvent."""
    subscription = Subscription(session, endpoint.url, name="to-app", schema=schema)

    assert await subscription.deliver(*(event() for _ in range(count))) == 1
    headers, posted = endpoint.seen[0]
    assert (type(posted), headers["Content-Type"]) == expected
    assert {name: value for name, value in headers.items() if name.startswith("aeg-")} == {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "TO-APP",
        "aeg-delivery-count": "0",
        "aeg-data-version": "1",
        "aeg-metadata-version": "1",
    }


@pytest.mark.parametrize("schema", list(Schema))
async def test_an_endpoint_that_shakes_hands_is_valid(
    endpoint: Endpoint, session: aiohttp.ClientSession, schema: Schema
) -> None:
    """A code echoed, or an origin allowed."""
    assert await Subscription(session, endpoint.url, schema=schema).validate()
    assert not await Subscription(session, endpoint.url + "/nowhere", schema=schema).validate()
    assert not await Subscription(session, "http://127.0.0.1:9/", schema=schema).validate()


async def test_a_failed_delivery_is_repeated_on_event_grids_schedule(
    endpoint: Endpoint, session: aiohttp.ClientSession, sleeper: Sleeper
) -> None:
    """The same event with a counted header; 200 to 204 end it."""
    endpoint.answers = [500, 429, 302, 502, 204]
    subscription = Subscription(session, endpoint.url, sleep=sleeper, clock=sleeper.clock)

    assert await subscription.deliver(event()) == 5
    assert sleeper.waits == [10, 30, 60, 300]
    assert [headers["aeg-delivery-count"] for headers, _ in endpoint.seen] == ["0", "1", "2", "3", "4"]
    assert len({json.dumps(posted) for _, posted in endpoint.seen}) == 1
    assert subscription.dead_letters == []


@pytest.mark.parametrize(("status", "least"), [(404, 300), (408, 120), (503, 30), (500, 10)])
def test_some_answers_have_a_longer_first_wait(status: int, least: int) -> None:
    """Minimum waits by code; later the schedule is longer anyway."""
    assert eventgrid.retry_delay(1, status) == least
    assert eventgrid.retry_delay(6, status) == 1800
    assert eventgrid.retry_delay(29, status) == 43_200


@pytest.mark.parametrize("status", [400, 401, 403, 413])
async def test_some_answers_are_never_repeated(
    endpoint: Endpoint, session: aiohttp.ClientSession, sleeper: Sleeper, status: int
) -> None:
    """One attempt, and a dead letter that says so."""
    endpoint.answers = [status]
    subscription = Subscription(session, endpoint.url, sleep=sleeper, clock=sleeper.clock)
    made = event()

    assert await subscription.deliver(made) == 0
    letter = subscription.dead_letters[0]
    assert (letter.events, letter.reason, letter.attempts) == ((made,), "NotRetriable", 1)
    assert sleeper.waits == []


async def test_an_event_dies_after_a_day_or_after_the_last_attempt(
    endpoint: Endpoint, session: aiohttp.ClientSession, sleeper: Sleeper
) -> None:
    """Whichever ends first."""
    endpoint.answers = [500]
    day = Subscription(session, endpoint.url, sleep=sleeper, clock=sleeper.clock)
    few = Subscription(session, endpoint.url, sleep=sleeper, clock=sleeper.clock, max_attempts=3)

    assert [await day.deliver(event()), await few.deliver(event())] == [0, 0]
    assert (day.dead_letters[0].reason, day.dead_letters[0].attempts) == ("TimeToLiveExceeded", 11)
    assert (few.dead_letters[0].reason, few.dead_letters[0].attempts) == ("MaxDeliveryAttemptsExceeded", 3)


async def test_an_endpoint_that_is_not_there_is_repeated_like_a_failing_one(
    session: aiohttp.ClientSession, sleeper: Sleeper
) -> None:
    """No answer is no success."""
    subscription = Subscription(session, "http://127.0.0.1:9/", sleep=sleeper, clock=sleeper.clock, max_attempts=2)

    assert await subscription.deliver(event()) == 0
    assert (sleeper.waits, subscription.dead_letters[0].outcome) == ([10], "TimedOut")


async def test_a_dead_letter_holds_the_event_and_why(
    endpoint: Endpoint, session: aiohttp.ClientSession, sleeper: Sleeper
) -> None:
    """The blob's content; CloudEvents spell extension attributes in lower case."""
    endpoint.answers = [404]
    subscription = Subscription(session, endpoint.url, sleep=sleeper, clock=sleeper.clock, max_attempts=2)
    made = event()
    await subscription.deliver(made)

    told = {
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 2,
        "lastDeliveryOutcome": "NotFound",
        "publishTime": "2026-09-21T14:13:20.0000000Z",
        "lastDeliveryAttemptTime": "2026-09-21T14:18:20.0000000Z",
    }
    letter = subscription.dead_letters[0]
    assert letter.documents(Schema.EVENT_GRID) == [{**made.render(Schema.EVENT_GRID), **told}]
    assert letter.documents(Schema.CLOUD_EVENTS) == [
        {**made.render(Schema.CLOUD_EVENTS), **{name.lower(): value for name, value in told.items()}}
    ]


@pytest.mark.parametrize("attempts", [0, 31])
async def test_a_subscription_tries_one_to_thirty_times(session: aiohttp.ClientSession, attempts: int) -> None:
    """Azure's own limits."""
    with pytest.raises(ValueError, match="1 to 30"):
        Subscription(session, "http://127.0.0.1:9/", max_attempts=attempts)

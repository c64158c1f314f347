"""Event Grid's side of the wire for Key Vault: events as it posts them, and a deliverer that insists as it does.

Pure functions make an event and render it in either schema, with the headers that come along (azure-platform 1.1,
1.2, 1.4). `Subscription` validates an endpoint, posts, retries on Event Grid's schedule and keeps dead letters.

Not in the room: topics, filters, jitter and skipped retries, delayed delivery of other events after failures,
managed identity on delivery, the blob that dead letters go to. What data VaultAccessPolicyChanged carries is not
documented; here only the vault's name and URL are filled.
"""

import asyncio
import datetime as dt
import enum
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from devstack import clock as clocks

NAMESPACE: Final = "Microsoft.KeyVault."
EVENT_TYPES: Final = (
    "SecretNewVersionCreated",
    "SecretNearExpiry",
    "SecretExpired",
    "CertificateNewVersionCreated",
    "CertificateNearExpiry",
    "CertificateExpired",
    "KeyNewVersionCreated",
    "KeyNearExpiry",
    "KeyExpired",
    "VaultAccessPolicyChanged",
)

RETRY_SCHEDULE: Final = (10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600)
"""Seconds to wait after the first, second, ... failed attempt; after the last of them every twelve hours."""
_RETRY_LATER: Final = 43_200
_MINIMUM_WAITS: Final = {404: 300, 408: 120, 503: 30}
_NEVER_RETRIED: Final = frozenset({400, 401, 403, 413})
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_MOST_ATTEMPTS: Final = 30
_ORIGIN: Final = "eventgrid.azure.net"
_PATHS: Final = {"Secret": "secrets", "Key": "keys", "Certificate": "certificates"}


class Schema(enum.Enum):
    """The delivery schema of a subscription, by Azure's name."""

    EVENT_GRID = "EventGridSchema"
    CLOUD_EVENTS = "CloudEventSchemaV1_0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, apart from its schema. `time` is in Unix seconds, `topic` the vault's ARM id."""

    type: str
    topic: str
    subject: str
    time: float
    data: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def render(self, schema: Schema) -> dict[str, Any]:
        """Return the event's JSON in a schema."""
        if schema is Schema.CLOUD_EVENTS:
            return {
                "id": self.id,
                "source": self.topic,
                "specversion": "1.0",
                "type": self.type,
                "subject": self.subject,
                "time": format_time(self.time),
                "data": self.data,
            }
        return {
            "id": self.id,
            "topic": self.topic,
            "subject": self.subject,
            "eventType": self.type,
            "eventTime": format_time(self.time),
            "data": self.data,
            "dataVersion": "1",
            "metadataVersion": "1",
        }


def key_vault_event(
    event_type: str,
    *,
    vault_name: str,
    vault_url: str,
    name: str = "",
    version: str = "",
    not_before: int | None = None,
    expires_on: int | None = None,
    time: float,
) -> Event:
    """Return an event of one of `EVENT_TYPES`. Times are Unix seconds.

    `vault_url` is what `data.Id` begins with: https://NAME.vault.azure.net in Azure.
    """
    if event_type not in EVENT_TYPES:
        raise ValueError(f"Key Vault raises no {event_type} events")
    object_type = next((each for each in _PATHS if event_type.startswith(each)), None)
    identifier = f"{vault_url.rstrip('/')}/{_PATHS[object_type]}/{name}/{version}" if object_type else vault_url
    return Event(
        type=NAMESPACE + event_type,
        topic=f"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/devstack"
        f"/providers/Microsoft.KeyVault/vaults/{vault_name}",
        subject=name if object_type else vault_name,
        time=time,
        data={
            "Id": identifier,
            "VaultName": vault_name,
            "ObjectType": object_type,
            "ObjectName": name or None,
            "Version": version or None,
            "NBF": not_before,
            "EXP": expires_on,
        },
    )


def body(events: Sequence[Event], schema: Schema) -> bytes:
    """Return what is posted: always an array in the Event Grid schema, one object for one CloudEvent."""
    rendered = [event.render(schema) for event in events]
    single = schema is Schema.CLOUD_EVENTS and len(rendered) == 1
    return json.dumps(rendered[0] if single else rendered).encode()


def headers(
    schema: Schema, *, subscription: str, count: int = 1, delivery_count: int = 0, event_type: str = "Notification"
) -> dict[str, str]:
    """Return the headers of a delivery of `count` events, for the `delivery_count`th time after the first."""
    batch = "-batch" if count > 1 else ""
    media = "application/json" if schema is Schema.EVENT_GRID else f"application/cloudevents{batch}+json"
    return {
        "Content-Type": f"{media}; charset=utf-8",
        "aeg-event-type": event_type,
        "aeg-subscription-name": subscription.upper(),
        "aeg-delivery-count": str(delivery_count),
        "aeg-data-version": "1",
        "aeg-metadata-version": "1",
    }


def format_time(seconds: float) -> str:
    """Return Unix seconds as Event Grid writes them: UTC with seven fractional digits."""
    ticks = round(seconds * 10_000_000)
    moment = dt.datetime.fromtimestamp(ticks // 10_000_000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ticks % 10_000_000:07d}Z"


def retry_delay(attempt: int, status: int) -> int | None:
    """Return the seconds to wait after the failed `attempt` (1, 2, ...), or None where Event Grid gives up at once.

    `status` is the answer's, 0 for none.
    """
    if status in _NEVER_RETRIED:
        return None
    planned = RETRY_SCHEDULE[attempt - 1] if attempt <= len(RETRY_SCHEDULE) else _RETRY_LATER
    return max(planned, _MINIMUM_WAITS.get(status, 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What Event Grid gave up on. Times are Unix seconds; `outcome` is the last answer's, in words."""

    events: tuple[Event, ...]
    reason: str
    attempts: int
    outcome: str
    published: float
    last_attempt: float

    def documents(self, schema: Schema) -> list[dict[str, Any]]:
        """Return the blob's content: each event with why and when. CloudEvents spell the names in lower case."""
        told = {
            "deadLetterReason": self.reason,
            "deliveryAttempts": self.attempts,
            "lastDeliveryOutcome": self.outcome,
            "publishTime": format_time(self.published),
            "lastDeliveryAttemptTime": format_time(self.last_attempt),
        }
        if schema is Schema.CLOUD_EVENTS:
            told = {name.lower(): value for name, value in told.items()}
        return [{**event.render(schema), **told} for event in self.events]


class Subscription:
    """Delivers events to one endpoint until it takes them or Event Grid would give up.

    `sleep` waits between attempts and `clock` measures the life of an event; a test passes both. `max_attempts` and
    `time_to_live` (seconds) are the subscription's retry policy; whichever ends first.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: str,
        *,
        name: str = "devstack",
        schema: Schema = Schema.CLOUD_EVENTS,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: clocks.Clock = clocks.system,
        max_attempts: int = _MOST_ATTEMPTS,
        time_to_live: float = 86_400.0,
    ) -> None:
        if not 1 <= max_attempts <= _MOST_ATTEMPTS:
            raise ValueError(f"a subscription tries 1 to {_MOST_ATTEMPTS} times, not {max_attempts}")
        self.name = name
        self.endpoint = endpoint
        self.schema = schema
        self.dead_letters: list[DeadLetter] = []
        self._session = session
        self._sleep = sleep
        self._clock = clock
        self._max_attempts = max_attempts
        self._time_to_live = time_to_live

    async def validate(self) -> bool:
        """Do the schema's handshake and return whether the endpoint wants the events."""
        try:
            return await (self._ask_options() if self.schema is Schema.CLOUD_EVENTS else self._send_code())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False

    async def _ask_options(self) -> bool:
        asked = {"WebHook-Request-Origin": _ORIGIN}
        async with self._session.options(self.endpoint, headers=asked, timeout=_TIMEOUT) as response:
            allowed = response.headers.get("WebHook-Allowed-Origin", "")
            return response.status == HTTPStatus.OK and allowed in {"*", _ORIGIN}

    async def _send_code(self) -> bool:
        code = str(uuid.uuid4()).upper()
        kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
        event = Event(type=kind, topic="", subject="", time=self._clock(), data={"validationCode": code})
        sent = headers(self.schema, subscription=self.name, event_type="SubscriptionValidation")
        posted = body([event], self.schema)
        async with self._session.post(self.endpoint, data=posted, headers=sent, timeout=_TIMEOUT) as response:
            answer = await response.json(content_type=None)
            return response.status == HTTPStatus.OK and bool(answer == {"validationResponse": code})

    async def deliver(self, *events: Event) -> int:
        """Deliver events as one request and return how many attempts it took; 0 where they became a dead letter."""
        published = self._clock()
        for attempt in range(1, self._max_attempts + 1):
            began = self._clock()
            status = await self._post(events, delivery_count=attempt - 1)
            if status in range(200, 205):
                return attempt
            delay = retry_delay(attempt, status)
            reason = self._end(attempt, delay, began - published)
            if reason:
                break
            await self._sleep(delay or 0)
        self.dead_letters.append(
            DeadLetter(
                events=events,
                reason=reason,
                attempts=attempt,
                outcome=HTTPStatus(status).phrase.replace(" ", "") if status in set(HTTPStatus) else "TimedOut",
                published=published,
                last_attempt=began,
            )
        )
        return 0

    def _end(self, attempt: int, delay: int | None, age: float) -> str:
        """Return why this was the last attempt, or an empty string. The first wording is ours."""
        if delay is None:
            return "NotRetriable"
        if attempt == self._max_attempts:
            return "MaxDeliveryAttemptsExceeded"
        return "TimeToLiveExceeded" if age + delay >= self._time_to_live else ""

    async def _post(self, events: Sequence[Event], *, delivery_count: int) -> int:
        sent = headers(self.schema, subscription=self.name, count=len(events), delivery_count=delivery_count)
        try:
            async with self._session.post(
                self.endpoint,
                data=body(events, self.schema),
                headers=sent,
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

"""Messages on the topic: as the app composes them, and as they come from elsewhere."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from devstack.servicebus import ServiceBus, Subscription, Topic
from shared import notice
from shared.event import EventKind
from shared.model import Target
from shared.notice import ChangeNotice
from shared.observed import Owner
from shared.outcome import Action, Convergence, ObjectVersion, TargetOutcome
from tests.builders import ABOUT, URL, build_event

TOPIC = "changes"
SUBSCRIPTION = "app"
TARGET = Target(cluster="aks-one", namespace="shop", secret="web-secret")
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def new_version(version: str, *, at: datetime = NOW, planned: datetime | None = None) -> ChangeNotice:
    """Return the notice that the object has a version, made at `at`."""
    event = build_event(version=version, time=at)
    return notice.about_object(event, version=version, vault_url=URL, at=at, planned=planned)


def near_expiry(version: str, **fields: Any) -> ChangeNotice:
    """Return the notice that a version is near its expiry."""
    event = build_event(version=version, kind=EventKind.NEAR_EXPIRY, time=NOW, **fields)
    return notice.about_object(event, version=version, vault_url=URL, at=NOW)


def refreshed(
    version: str, *, at: datetime = NOW, resource_version: str = "7", target: Target = TARGET
) -> ChangeNotice:
    """Return the notice that the Secret holds a version."""
    outcome = TargetOutcome(
        target=target,
        action=Action.WRITTEN,
        at=at,
        holds=(ObjectVersion(object=ABOUT, version=version),),
        keys=("password",),
        resource_version=resource_version,
    )
    (told,) = notice.about_target(build_event(version=version, time=at), outcome, repaired=True)
    return told


def converged(version: str, *, at: datetime = NOW) -> ChangeNotice:
    """Return the notice that every pod shows a version."""
    proof = Convergence(
        target=TARGET, at=at, owner=Owner.OWNED, classes=frozenset({"web"}), pods=2, resource_version="7"
    )
    return notice.about_convergence(build_event(version=version, time=at), proof)


def message(told: ChangeNotice) -> ServiceBusMessage:
    """Return it as the app sends it."""
    return ServiceBusMessage(
        told.body,
        message_id=told.id,
        subject=told.subject,
        session_id=told.session,
        content_type=notice.CONTENT_TYPE,
        application_properties={str(name): value for name, value in told.properties.items()},
    )


def altered(told: ChangeNotice, change: Mapping[str, Any]) -> bytes:
    """Return the body with other fields; None removes one, and `data.` names one of the data."""
    event = json.loads(told.body)
    for name, value in change.items():
        place, _, field = name.rpartition(".")
        holder = event[place] if place else event
        if value is None:
            del holder[field]
        else:
            holder[field] = value
    return json.dumps(event).encode()


@asynccontextmanager
async def topic(*subscriptions: Subscription) -> AsyncIterator[tuple[ServiceBus, ServiceBusSender]]:
    """Serve a topic with these subscriptions, or one of five deliveries, while the block runs."""
    served = subscriptions or (Subscription(name=SUBSCRIPTION, max_delivery_count=5),)
    async with (
        ServiceBus(topics=[Topic(name=TOPIC, subscriptions=served)], key="key") as bus,
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_topic_sender(TOPIC) as sender,
    ):
        yield bus, sender

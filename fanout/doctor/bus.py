"""May the identity send and receive where the app does, and are topic and queue made as they should be?"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.servicebus.aio.management import ServiceBusAdministrationClient
from azure.servicebus.management import QueueProperties, TopicProperties

from fanout.bus_reach import BusReach
from fanout.doctor.finding import Finding, Place
from shared.bus_setting import BusSetting
from shared.errors import FanoutError
from shared.reason import Reason, remedy

MOST = 1000
_WINDOW = timedelta(days=2)
_RECEIVER = {
    Reason.QUEUE_FORBIDDEN: "Give the app's identity the role Azure Service Bus Data Receiver on the queue.",
}


async def topic(place: Place, reach: BusReach) -> Sequence[Finding]:
    """Try to send to the topic. Raises what the namespace answers."""
    await reach.may_send_to_topic()
    return [place.ok("send", "allowed")]


async def queue_send(place: Place, reach: BusReach) -> Sequence[Finding]:
    """Try to send to the queue. Raises what the namespace answers."""
    await reach.may_send_to_queue()
    return [place.ok("send", "allowed")]


async def queue_receive(place: Place, reach: BusReach) -> Sequence[Finding]:
    """Look at the queue, which takes the right to receive, and at its dead letters. Raises what it answers."""
    _, dead = await asyncio.gather(reach.queue(most=1), reach.queue(dead=True, most=MOST))
    findings = [place.ok("receive", "allowed")]
    if dead:
        number = f"{len(dead)} or more" if len(dead) >= MOST else str(len(dead))
        findings.append(place.note("dead letters", f"{number} jobs were given up", "fanout deadletters list --jobs"))
    else:
        findings.append(place.ok("dead letters", "none"))
    return findings


async def watch(place: Place, reach: BusReach, name: str) -> Sequence[Finding]:
    """Look at the subscription by which the sweep tells which events never came. Raises what it answers."""
    if not name:
        fix = "Create a subscription as docs/configuration.md says, and set WATCH_SUBSCRIPTION."
        return [place.note("watch", "WATCH_SUBSCRIPTION is not set: nobody can tell which events never came", fix)]
    await reach.subscription(name, most=1)
    return [place.ok("watch", f"{name} can be looked through")]


async def live(place: Place, reach: BusReach, name: str) -> Sequence[Finding]:
    """Look at the subscription that the live page looks through, where there is one. Raises what it answers."""
    if not name:
        return []
    await reach.subscription(name, most=1)
    return [place.ok("live page", f"{name} can be looked through")]


def fix_live(error: FanoutError) -> str:
    """Return what mends a refused look for the live page."""
    if error.reason is Reason.WATCH_NOT_FOUND:
        return "Create the subscription that LIVE_SUBSCRIPTION names (docs/live.md), or leave the setting empty."
    return remedy(error.reason)


def fix_receiver(error: FanoutError) -> str:
    """Return what mends a refused look at the queue: it is another role than that for sending."""
    return _RECEIVER.get(error.reason, remedy(error.reason))


async def made(
    places: tuple[Place, Place], setting: BusSetting, credential: AsyncTokenCredential | None
) -> Sequence[Finding]:
    """Ask the namespace's management how topic and queue are made. Who may not manage it is told that."""
    client = _client(setting, credential)
    if client is None:
        return [place.skipped("duplicate detection", "nothing says how to reach its management") for place in places]
    try:
        async with client:
            topic_as_made = await client.get_topic(setting.topic)
            queue_as_made = await client.get_queue(setting.queue)
    except (AzureError, ValueError, TypeError, AttributeError) as error:
        why = f"the namespace's management did not tell ({type(error).__name__})"
        fix = "It takes the role Azure Service Bus Data Owner, or: az servicebus queue show, az servicebus topic show"
        return [place.skipped("duplicate detection", why, fix) for place in places]
    return [*judge(places[0], topic_as_made), *judge(places[1], queue_as_made)]


def _client(setting: BusSetting, credential: AsyncTokenCredential | None) -> ServiceBusAdministrationClient | None:
    if setting.connection_string is not None:
        text = setting.connection_string.reveal().decode()
        return ServiceBusAdministrationClient.from_connection_string(text, retry_total=0)
    return ServiceBusAdministrationClient(setting.namespace, credential, retry_total=0) if credential else None


def judge(place: Place, entity: QueueProperties | TopicProperties) -> Iterator[Finding]:
    """Yield what is right and wrong about how a topic or a queue is made."""
    kind = "topic" if isinstance(entity, TopicProperties) else "queue"
    window = entity.duplicate_detection_history_time_window
    command = f"az servicebus {kind} {{}} --resource-group RG --namespace-name NAMESPACE --name {entity.name}"
    if not entity.requires_duplicate_detection:
        fix = f"{command.format('create')} --duplicate-detection true --duplicate-detection-history-time-window P2D"
        detail = "off, and it cannot be switched on later: what comes twice is told twice"
        yield place.failed("duplicate detection", detail, f"Make a new one: {fix}")
    elif isinstance(window, timedelta) and window < _WINDOW:
        fix = f"{command.format('update')} --duplicate-detection-history-time-window P2D"
        yield place.note("duplicate detection", f"over {window}, less than Event Grid delivers one event", fix)
    else:
        yield place.ok("duplicate detection", f"over {window}")
    if isinstance(entity, QueueProperties) and entity.requires_session:
        yield place.failed("sessions", "on: the host receives nothing", "Make a new queue without sessions.")

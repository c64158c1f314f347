"""How topic and queues are reached, and what they are called: the settings of Service Bus. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared import setting_text
from shared.errors import SettingsError
from shared.model import SecretValue

_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSetting:
    """How topic and queues are reached: by connection string, or by namespace with an identity. One of them is empty.

    `events` is the queue that Event Grid delivers to where it does not call the function; empty where it does.
    """

    topic: str
    queue: str
    events: str = ""
    watch: str = ""
    connection_string: SecretValue | None = None
    namespace: str = ""
    client_id: str = ""


def parse(environ: Mapping[str, str]) -> BusSetting:
    """Read and check them. Raises `SettingsError` for the first that is missing or wrong."""
    topic = setting_text.entity(environ, "NOTICE_TOPIC", "topic") or "keyvault-changes"
    setting_text.required(environ, "JOB_QUEUE", "the name of the queue for jobs, which the host listens to as well")
    queue = setting_text.entity(environ, "JOB_QUEUE", "queue")
    events = setting_text.entity(environ, "EVENT_QUEUE", "queue")
    watch = setting_text.entity(environ, "WATCH_SUBSCRIPTION", "subscription")
    if events.lower() == queue.lower():
        raise SettingsError("EVENT_QUEUE names the queue of JOB_QUEUE; events and jobs need a queue each")
    text = environ.get("ServiceBusConnection", "").strip()
    namespace = environ.get("ServiceBusConnection__fullyQualifiedNamespace", "").strip().lower()
    if bool(text) == bool(namespace):
        raise SettingsError(
            "ServiceBusConnection: expected either a connection string there, or the namespace's host name "
            f"in ServiceBusConnection__fullyQualifiedNamespace; {'both are' if text else 'neither is'} set"
        )
    if text:
        parts = [part.partition("=") for part in text.split(";")]
        filled = {name.strip().lower() for name, _, value in parts if value.strip()}
        if not {"endpoint", "sharedaccesskeyname", "sharedaccesskey"} <= filled:
            raise SettingsError(
                "ServiceBusConnection is no connection string; expected "
                "Endpoint=sb://HOST/;SharedAccessKeyName=NAME;SharedAccessKey=KEY"
            )
        return BusSetting(
            topic=topic, queue=queue, events=events, watch=watch, connection_string=SecretValue(text.encode())
        )
    if not _HOST_NAME.fullmatch(namespace):
        raise SettingsError(
            "ServiceBusConnection__fullyQualifiedNamespace is no host name; expected NAME.servicebus.windows.net"
        )
    client_id = environ.get("ServiceBusConnection__clientId", "").strip()
    return BusSetting(topic=topic, queue=queue, events=events, watch=watch, namespace=namespace, client_id=client_id)

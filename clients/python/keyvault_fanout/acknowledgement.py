"""One acknowledgement as the contract has it (docs/notices.md). Values; moments are given."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from azure.servicebus import ServiceBusMessage

TYPE = "dev.keyvault-fanout.acknowledged.v1"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Use:
    """That a version is used, since when. `part` is which one it is of several things that hold the same object."""

    vault: str
    object_type: str
    object: str
    version: str
    since: datetime
    part: int = 0

    @property
    def subject(self) -> str:
        """What it is about, `VAULT/TYPE/OBJECT`."""
        return f"{self.vault}/{self.object_type}/{self.object}"

    @property
    def key(self) -> tuple[str, int]:
        """By what the last word about it is found."""
        return self.subject, self.part


def compose(use: Use, application: str, instance: str, at: datetime, *, lives: float) -> ServiceBusMessage:
    """Return the message, which goes away by itself after `lives` seconds."""
    now = _instant(at)
    data = {
        "application": application,
        "instance": f"{instance}~{use.part + 1}" if use.part else instance,
        "vault": use.vault,
        "objectType": use.object_type,
        "object": use.object,
        "version": use.version,
        "since": _instant(use.since),
    }
    # What is said again is a message of its own: the queue drops one whose id it has seen.
    identifier = hashlib.sha256(json.dumps([data, now]).encode()).hexdigest()[:32]
    event = {
        "specversion": "1.0",
        "id": identifier,
        "type": TYPE,
        "source": f"/keyvault-fanout/applications/{quote(application, safe='')}",
        "subject": use.subject,
        "time": now,
        "datacontenttype": "application/json",
        "data": data,
    }
    return ServiceBusMessage(
        json.dumps(event, separators=(",", ":")).encode(),
        message_id=identifier,
        subject="acknowledged",
        content_type=CONTENT_TYPE,
        time_to_live=timedelta(seconds=lives),
    )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

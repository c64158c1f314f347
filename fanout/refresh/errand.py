"""What the flow is given: an event as Event Grid would send it, or jobs as the queue would. Pure."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime

from fanout.foresight import Subject
from shared import job_message
from shared.event import EventKind, VaultEvent
from shared.job import RefreshJob
from shared.model import ObjectType

_FAMILIES = {ObjectType.SECRET: "Secret", ObjectType.KEY: "Key", ObjectType.CERT: "Certificate"}


def event(subject: Subject, now: datetime) -> str:
    """Return an event about the newest version. Its time is now: what changes from here on is because of it."""
    family, about = _FAMILIES[subject.about.type], subject.about
    return json.dumps(
        {
            "id": _identifier(),
            "eventType": f"Microsoft.KeyVault.{family}NewVersionCreated",
            "subject": about.name,
            "eventTime": now.isoformat(),
            "data": {
                "VaultName": about.vault,
                "ObjectType": family,
                "ObjectName": about.name,
                "Version": subject.version,
            },
        }
    )


def jobs(
    subject: Subject, clusters: Sequence[str], targets: Sequence[tuple[str, str]], now: datetime
) -> dict[str, bytes]:
    """Return a job for each of the clusters, limited to some targets if there are any."""
    cause = VaultEvent(
        id=_identifier(), kind=EventKind.NEW_VERSION, object=subject.about, version=subject.version, time=now
    )
    return {
        name: job_message.compose(
            RefreshJob(cause=cause, cluster=name, began=now, due=now, targets=tuple(targets), pinned=bool(targets))
        )
        for name in clusters
    }


def _identifier() -> str:
    return f"operator-{uuid.uuid4()}"

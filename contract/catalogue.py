"""The catalogue: each message type, with its fields and its application properties. Pure values.

Nothing about a message is said anywhere else: schemas, the AsyncAPI document and the tables of docs/notices.md follow.
"""

from dataclasses import dataclass

from contract import fields
from contract.fields import Field
from shared.notice import NoticeType

VERSION = "1.1.0"
"""The version of the contract. A new field raises the second number; a message type of v2 raises the first."""

NOTICE_TYPE = "noticeType"
"""The application property that names the notice type, without its version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message type: its fields, and those of them that are repeated as application properties."""

    name: str
    when: str
    subject: str
    fields: tuple[Field, ...]
    properties: tuple[str, ...] = ()

    @property
    def event_type(self) -> str:
        """The `type` of the CloudEvent."""
        return f"dev.keyvault-fanout.{self.name}.v1"

    @property
    def file(self) -> str:
        """The file of its schema."""
        return f"{self.name}.v1.json"


_NAMES = tuple(field.name for field in fields.OBJECT)


def _about_object(type_: NoticeType, when: str, *more: Field) -> Message:
    return Message(
        name=str(type_),
        when=when,
        subject="VAULT/TYPE/OBJECT",
        fields=(*fields.OBJECT, *fields.EVENT, *fields.ABOUT_OBJECT, *more),
        properties=(NOTICE_TYPE, *_NAMES, "origin"),
    )


def _about_target(type_: NoticeType, when: str, *more: Field) -> Message:
    return Message(
        name=str(type_),
        when=when,
        subject="CLUSTER/NAMESPACE/SECRET",
        fields=(*fields.OBJECT, *fields.EVENT, *fields.TARGET, *more),
        properties=(NOTICE_TYPE, *_NAMES, "cluster", "namespace", "secret"),
    )


NOTICES = (
    _about_object(
        NoticeType.OBJECT_NEW_VERSION,
        "once per event about a new version, also when no cluster binds the object; from the sweep where no event told "
        "of it",
        fields.PLANNED,
    ),
    _about_object(NoticeType.OBJECT_NEAR_EXPIRY, "once per near-expiry event"),
    _about_object(NoticeType.OBJECT_EXPIRED, "once per expiry event"),
    _about_target(
        NoticeType.TARGET_REFRESHED,
        "a Secret holds this version now, whoever wrote it; again, under a new message id, when somebody put old bytes "
        "back and they were written again",
        *fields.REFRESHED,
    ),
    _about_target(
        NoticeType.TARGET_CONVERGED,
        "every pod that mounts the object through the CSI driver shows this version: nobody there uses the old one",
        *fields.CONVERGED,
    ),
    _about_target(
        NoticeType.TARGET_FAILED,
        "a Secret stays behind and nothing is tried until somebody acts; with `secret` empty a whole cluster that "
        "nobody could look at for a day",
        *fields.FAILED,
    ),
)
"""What this app tells, on the topic."""

ACKNOWLEDGED = Message(
    name="acknowledged",
    when="an instance of an application uses this version from now on",
    subject="VAULT/TYPE/OBJECT",
    fields=fields.ACKNOWLEDGED,
)
"""What applications tell, on a queue of their own."""

MESSAGES = (*NOTICES, ACKNOWLEDGED)

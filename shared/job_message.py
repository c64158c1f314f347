"""A job as a message of the queue: UTF-8 JSON, and read back as whatever may be on the queue. Pure."""

import json
import re
from typing import Any

from shared import lineage
from shared.delegate import Delegate, Resource
from shared.errors import MalformedJob
from shared.event import OBJECT_NAME, VAULT_NAME, VERSION, EventKind, VaultEvent
from shared.fields import Fields
from shared.job import MOST_ENTRIES, CheckJob, Job, RefreshJob, RestartJob, Watched
from shared.model import ObjectType, VaultObject
from shared.observed import Driver, Owner, Writer
from shared.outcome import Mounts
from shared.restart import Wish

FORMAT = 1
"""The version of the messages. A job of another one goes to the queue's dead letters."""

MAX_BYTES = 256 * 1024
"""A message of the Standard tier."""

MOST_ATTEMPTS = 10_000
"""More than full jitter needs for a week of retries, which are 450 seconds apart on average."""

_GROUP_VERSION = re.compile(r"[a-z0-9.-]{1,253}/v[a-z0-9]{1,20}")
_PLURAL = re.compile(r"[a-z]{1,63}")

_KINDS: dict[type, str] = {CheckJob: "check", RestartJob: "restart", RefreshJob: "refresh"}


def compose(job: Job) -> bytes:
    """Write a job as UTF-8 JSON."""
    cause = job.cause
    fields: dict[str, Any] = {
        "format": FORMAT,
        "kind": _KINDS[type(job)],
        "cluster": job.cluster,
        "vault": cause.object.vault,
        "objectType": str(cause.object.type),
        "object": cause.object.name,
        "version": cause.version,
        "eventId": cause.id,
        "eventKind": str(cause.kind),
        "eventTime": cause.time and cause.time.isoformat(),
        "notBefore": cause.not_before and cause.not_before.isoformat(),
        "expires": cause.expires and cause.expires.isoformat(),
        "began": job.began.isoformat(),
        "due": job.due.isoformat(),
        "attempt": job.attempt,
        **(cause.trace.attributes if cause.trace else {}),
    }
    match job:
        case CheckJob():
            fields["watched"] = [_write_watched(one) for one in job.watched]
        case RestartJob():
            fields |= {"wishes": [_write_wish(one) for one in job.wishes], "told": job.told}
        case RefreshJob():
            fields |= {"targets": [list(one) for one in job.targets], "pinned": job.pinned}
            fields |= {"held": job.held, "gaveUp": job.gave_up}
    return json.dumps(fields, separators=(",", ":")).encode()


def size_of_watched(one: Watched) -> int:
    """Return how many bytes of a message it takes."""
    return len(json.dumps(_write_watched(one)))


def size_of_wish(one: Wish) -> int:
    """Return how many bytes of a message it takes."""
    return len(json.dumps(_write_wish(one)))


def size_of_target(one: tuple[str, str]) -> int:
    """Return how many bytes of a message it takes."""
    return len(json.dumps(one))


def parse(body: bytes | str) -> Job:
    """Read a job. Raises `MalformedJob` that names the field, for whatever else may be on the queue."""
    if len(body) > MAX_BYTES:
        raise MalformedJob(f"it has {len(body)} bytes; a job has {MAX_BYTES} at most")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedJob("it is not JSON") from None
    fields = Fields(document, "")
    if fields.number("format", most=1_000_000) != FORMAT:
        raise MalformedJob(f"its format is not {FORMAT}")
    cause = VaultEvent(
        id=fields.text("eventId"),
        kind=fields.one_of("eventKind", EventKind),
        object=VaultObject(
            vault=fields.name("vault", VAULT_NAME),
            type=fields.one_of("objectType", ObjectType),
            name=fields.name("object", OBJECT_NAME),
        ),
        version=fields.name("version", VERSION),
        time=fields.time("eventTime") if fields.has("eventTime") else None,
        not_before=fields.time("notBefore") if fields.has("notBefore") else None,
        expires=fields.time("expires") if fields.has("expires") else None,
        trace=lineage.read(
            fields.text("traceparent") if fields.has("traceparent") else None,
            fields.text("tracestate") if fields.has("tracestate") else None,
        ),
    )
    common: dict[str, Any] = {
        "cause": cause,
        "cluster": fields.text("cluster"),
        "began": fields.time("began"),
        "due": fields.time("due"),
        "attempt": fields.number("attempt", most=MOST_ATTEMPTS),
    }
    kind = fields.text("kind")
    if kind == "check":
        return CheckJob(**common, watched=tuple(map(_read_watched, fields.entries("watched", most=MOST_ENTRIES))))
    if kind == "restart":
        wishes = tuple(map(_read_wish, fields.entries("wishes", most=MOST_ENTRIES)))
        return RestartJob(**common, wishes=wishes, told=fields.flag("told"))
    if kind == "refresh":
        return RefreshJob(
            **common,
            targets=fields.pairs("targets", most=MOST_ENTRIES),
            pinned=fields.flag("pinned"),
            held=fields.flag("held"),
            gave_up=fields.text("gaveUp"),
        )
    raise MalformedJob("its kind is not check, restart or refresh")


def _write_watched(one: Watched) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "namespace": one.namespace,
        "secret": one.secret,
        "owner": str(one.owner),
        "resourceVersion": one.resource_version,
        "since": one.since.isoformat(),
        "rewrites": one.rewrites,
    }
    if one.mounts is not None and one.mounts.expected:
        fields["mounts"] = [{"class": name, "expected": dict(ids)} for name, ids in one.mounts.expected.items()]
        fields["remounts"] = one.mounts.remounts
    if one.delegate is not None:
        resource = one.delegate.resource
        fields["resource"] = [resource.group_version, resource.plural, resource.namespace, resource.name]
        fields["mark"] = one.delegate.mark
    return fields


def _read_watched(fields: Fields) -> Watched:
    owner = _owner(fields)
    secret = fields.text("secret")
    mounts = delegate = None
    if fields.has("mounts"):
        listed = fields.entries("mounts", most=MOST_ENTRIES)
        expected = {one.text("class"): one.mapping("expected") for one in listed}
        mounts = Mounts(expected=expected, remounts=fields.flag("remounts"))
    if fields.has("resource"):
        parts = fields.texts("resource")
        legal = len(parts) == 4 and _GROUP_VERSION.fullmatch(parts[0]) and _PLURAL.fullmatch(parts[1])  # noqa: PLR2004 - the four below
        if not legal or not isinstance(owner, Owner):
            raise MalformedJob("watched.resource is not group/version, plural, namespace and name of an owner's")
        resource = Resource(group_version=parts[0], plural=parts[1], namespace=parts[2], name=parts[3])
        delegate = Delegate(owner=owner, resource=resource, secret_name=secret, mark=fields.text("mark"))
    return Watched(
        namespace=fields.text("namespace"),
        secret=secret,
        owner=owner,
        resource_version=fields.text("resourceVersion"),
        since=fields.time("since"),
        rewrites=fields.number("rewrites", most=1000),
        mounts=mounts,
        delegate=delegate,
    )


def _write_wish(one: Wish) -> dict[str, Any]:
    return {
        "namespace": one.namespace,
        "secret": one.secret,
        "resourceVersion": one.resource_version,
        "versions": dict(one.versions),
    }


def _read_wish(fields: Fields) -> Wish:
    return Wish(
        namespace=fields.text("namespace"),
        secret=fields.text("secret"),
        resource_version=fields.text("resourceVersion"),
        versions=fields.mapping("versions"),
    )


def _owner(fields: Fields) -> Writer:
    text = fields.text("owner")
    for kind in (Driver, Owner):
        if text in set(kind):
            return kind(text)
    raise MalformedJob("watched.owner is no owner")

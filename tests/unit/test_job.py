"""Jobs on the queue: what is written is read again, the same job has one id, and no value can be in one."""

import dataclasses
import json
import re
from datetime import timedelta
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given

from shared import job, job_message, model
from shared.delegate import Delegate
from shared.event import EventKind, VaultEvent
from shared.job import CheckJob, Job, RestartJob, Watched
from shared.job_message import FORMAT
from shared.model import ObjectType, SecretValue
from shared.observed import KubernetesSecret, Owner, VaultAnswer
from shared.outcome import Mounts
from shared.reason import Reason
from shared.restart import Wish
from tests.builders import ABOUT, build_event
from tests.fakes import NOW

from .jobs import (
    MANY,
    MARKED,
    check,
    checks,
    document,
    refresh,
    refreshes,
    request,
    restart,
    restarts,
    watch,
)
from .planning import resource

# Round trips


@MANY
@given(checks | restarts | refreshes)
def test_what_is_composed_is_parsed(made: Job) -> None:
    body = job_message.compose(made)

    assert job_message.parse(body) == made
    assert job_message.parse(body.decode()) == made
    assert body.isascii()


@MANY
@given(checks | restarts | refreshes)
def test_a_job_that_comes_back_has_the_same_id(made: Job) -> None:
    assert job.identify(job_message.parse(job_message.compose(made))) == job.identify(made)


def test_a_check_reads_as_this() -> None:
    assert document(check(watch(), request())) == {
        "format": FORMAT,
        "kind": "check",
        "cluster": "aks-one",
        "vault": "kv-shop",
        "objectType": "secret",
        "object": "db-password",
        "version": "v2",
        "eventId": "event-1",
        "eventKind": "new-version",
        "eventTime": "2026-11-23T12:00:00+00:00",
        "notBefore": None,
        "expires": None,
        "began": "2026-11-23T12:00:00+00:00",
        "due": "2026-11-23T12:00:15+00:00",
        "attempt": 0,
        "watched": [
            {
                "namespace": "shop",
                "secret": "web-secret",
                "owner": "csi-driver 1.6+ with rotation",
                "resourceVersion": "8",
                "since": "2026-11-23T12:00:00+00:00",
                "rewrites": 0,
                "mounts": [{"class": "web", "expected": {"secret/db-password": "v2"}}],
                "remounts": True,
            },
            {
                "namespace": "shop",
                "secret": "web-secret",
                "owner": "external-secrets",
                "resourceVersion": "8",
                "since": "2026-11-23T12:00:00+00:00",
                "rewrites": 0,
                "resource": ["external-secrets.io/v1", "externalsecrets", "shop", "web"],
                "mark": "1-abc",
            },
        ],
    }


def test_what_does_not_matter_to_a_job_is_not_in_it() -> None:
    """Where the event's URL pointed, what a delegate's field held and which tags it looked for."""
    asked = Delegate(
        owner=Owner.EXTERNAL_SECRETS, resource=resource("web"), secret_name="web-secret", asked="v2", tags=({"a": "b"},)
    )
    made = check(request(delegate=asked), cause=build_event(host="kv-shop.vault.azure.net", remarks=("a remark",)))

    read = job_message.parse(job_message.compose(made))

    assert isinstance(read, CheckJob)
    assert read.cause == build_event(host="")
    assert read.watched[0].delegate == dataclasses.replace(asked, asked="", tags=())


def test_a_time_without_an_offset_is_in_utc() -> None:
    fields = document(check()) | {"due": "2026-11-23T12:00:15"}

    assert job_message.parse(json.dumps(fields)) == check()


def test_members_of_a_later_version_are_ignored() -> None:
    fields = document(check())
    fields["watched"][0]["later"] = fields["later"] = MARKED

    assert job_message.parse(json.dumps(fields)) == check()


# Ids


def cause(**fields: Any) -> VaultEvent:
    """Build the event about another object."""
    return build_event(version="v2", object=dataclasses.replace(ABOUT, **fields))


def different() -> dict[str, Job]:
    """Return jobs of which each is about something else."""
    mounts_of = Mounts(expected={"api": {"secret/db-password": "v2"}}, remounts=True)
    asked = Delegate(owner=Owner.EXTERNAL_SECRETS, resource=resource("api"), secret_name="web-secret")
    return {
        "a check": check(),
        "its next attempt": check(attempt=1),
        "another cluster": check(cluster="aks-two"),
        "another version": check(cause=build_event(host="", version="v3")),
        "another object": check(cause=cause(name="other")),
        "another vault": check(cause=cause(vault="kv-two")),
        "another namespace": check(watch(namespace="other")),
        "another Secret": check(watch(secret="other")),
        "names that read alike when joined": check(watch(namespace="shopweb", secret="-secret")),
        "a later state of the Secret": check(watch(resource_version="9")),
        "another target beside it": check(watch(), watch(secret="other")),
        "mounts without a Secret": check(watch(secret="", resource_version="")),
        "mounts of another class": check(watch(secret="", resource_version="", mounts=mounts_of)),
        "a request": check(request()),
        "a request to another resource": check(request(delegate=asked)),
        "a restart": restart("web-secret"),
        "a restart for another Secret": restart("other"),
        "a later round of it": restart("web-secret", attempt=1),
        "a refresh of a cluster": refresh(),
        "a refresh of a target": refresh(("shop", "web-secret")),
        "a refresh of another": refresh(("shop", "other")),
        "a refresh of names that read alike": refresh(("shopweb", "-secret")),
        "a refresh for another event": refresh(cause=build_event(host="", version="v2", id="event-2")),
        "a refresh for its expiry": refresh(cause=build_event(host="", version="v2", kind=EventKind.EXPIRED)),
        "a refresh for its certificate": refresh(cause=cause(type=ObjectType.CERT)),
        "a refresh that gave up": refresh(gave_up=str(Reason.DEADLINE)),
        "the object's own notice": refresh(cluster=""),
        "a refresh in its next attempt": refresh(attempt=1),
    }


def test_jobs_about_different_things_have_different_ids() -> None:
    made = different()

    assert len({job.identify(one) for one in made.values()}) == len(made)


@pytest.mark.parametrize("name", different())
def test_an_id_fits_the_queue_and_tells_nothing(name: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", job.identify(different()[name]))


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(check(began=NOW + timedelta(hours=1), due=NOW + timedelta(hours=2)), id="at another time"),
        pytest.param(check(cause=build_event(id="event-2", version="v2", time=None)), id="by another event"),
        pytest.param(check(watch(since=NOW + timedelta(hours=1))), id="of a Secret that was found as it was"),
        pytest.param(check(cause=cause(type=ObjectType.CERT)), id="by the event of the certificate of it"),
    ],
)
def test_the_same_job_made_again_has_the_same_id(again: CheckJob) -> None:
    assert job.identify(again) == job.identify(check())


def test_the_order_of_targets_does_not_matter() -> None:
    first, second = watch(), watch(secret="other")

    assert job.identify(check(first, second)) == job.identify(check(second, first))


def test_an_id_is_the_same_in_every_process() -> None:
    assert job.identify(restart("web-secret")) == "b07bcb44b3dba30e183361d318b4fb18d0023ec1ba33cb1bd8d85f83ac8d1cbb"


# No value can be in a job


def reachable(kind: Any) -> set[Any]:
    """Return every type that a value of this one may hold."""
    seen: set[Any] = set()
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        waiting += [part for part in get_args(one) if part is not ...]
        if dataclasses.is_dataclass(one):
            waiting += get_type_hints(one).values()
    return seen


def test_no_type_in_a_job_holds_a_value() -> None:
    types = reachable(Job)

    assert {CheckJob, RestartJob, Watched, Wish, Mounts, Delegate, VaultEvent} <= types
    assert types.isdisjoint({SecretValue, KubernetesSecret, VaultAnswer, bytes, object, Any, *get_args(model.Material)})
    assert SecretValue in reachable(VaultAnswer)


def test_a_value_would_not_be_written() -> None:
    smuggled: Any = SecretValue(b"hunter2")

    with pytest.raises(TypeError):
        job_message.compose(check(watch(resource_version=smuggled)))

"""What to do about a Secret that another owner fills by itself: ask the owner, or say why that would be in vain."""

from datetime import timedelta

import pytest

from shared import hold
from shared.model import ObjectType, VaultObject, VaultRead
from shared.observed import Driver, Owner, Writer
from shared.outcome import TELLING, Served
from shared.reason import Reason
from shared.step import Hold, Leave, Nudge, Postpone
from shared.view import TargetView
from tests.builders import NAME, build_refused_class
from tests.fakes import NOW

from .planning import (
    DOWN,
    GONE,
    NEWEST,
    TARGET,
    answer,
    asked,
    decide,
    decide_alone,
    delegate,
    owned_secret,
    reason_of,
    refused_delegate,
    see,
    sync,
    view,
)

PROD = {"env": "prod"}
HELD = {hold.TAG: "5m"}
DEAF = "its refreshPolicy is CreatedOnce"


KEY = VaultObject(vault="kv-shop", type=ObjectType.KEY, name=NAME)


@pytest.mark.parametrize(
    ("owner", "seen"),
    [
        pytest.param(Owner.EXTERNAL_SECRETS, view(delegate(), held="7"), id="External Secrets"),
        pytest.param(Owner.SYNC_CONTROLLER, view(sync(), held="7"), id="the sync controller"),
    ],
)
def test_an_owner_is_asked_to_look(owner: Writer, seen: TargetView) -> None:
    step = decide(seen)

    assert step == Nudge(
        target=TARGET, owner=owner, delegates=seen.delegates, held="7", served=Served(version=answer().version)
    )


def test_an_owner_whose_secret_is_not_there_yet_is_asked_all_the_same() -> None:
    step = decide(view(delegate()))

    assert isinstance(step, Nudge)
    assert step.held == ""


def test_all_that_fill_one_secret_are_asked() -> None:
    both = delegate(), delegate("api")

    step = decide(view(*both))

    assert isinstance(step, Nudge)
    assert step.delegates == both


def test_the_state_of_a_secret_that_was_read_is_what_was_held() -> None:
    """A refused class names the Secret as well, so it was read and not only looked up."""
    refused = see(build_refused_class()).found[0]

    step = decide(view(refused, delegate(), secret=owned_secret(resource_version="41")))

    assert isinstance(step, Nudge)
    assert step.held == "41"


# What the vault has to tell: the tags, by which it is searched for and held back


@pytest.mark.parametrize("type_", [ObjectType.SECRET, ObjectType.CERT])
@pytest.mark.parametrize(
    "seen",
    [view(delegate()), view(delegate(tags=(PROD,))), view(sync())],
    ids=lambda seen: str(seen.delegates[0].resource.plural),
)
def test_the_tags_are_those_of_the_secret_of_that_name(type_: ObjectType, seen: TargetView) -> None:
    about = VaultObject(vault="kv-shop", type=type_, name=NAME)

    assert asked(seen, about) == {VaultRead(type=ObjectType.SECRET, name=NAME)}


def test_a_key_is_not_read_for_its_tags() -> None:
    """It takes a role that nothing else needs."""
    assert isinstance(decide_alone(view(delegate()), KEY), Nudge)


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param(PROD, id="these"),
        pytest.param({**PROD, "team": "shop"}, id="these and others"),
        pytest.param({"team": "web"}, id="those of another search"),
    ],
)
def test_a_search_that_finds_the_object_is_a_reason_to_ask(tags: dict[str, str]) -> None:
    searching = delegate(tags=(PROD, {"team": "web"}))

    step = decide(view(searching), {NEWEST: answer(tags=tags)})

    assert isinstance(step, Nudge)
    assert step.delegates == (searching,)


def test_only_those_whose_search_finds_the_object_are_asked() -> None:
    named, finding, other = delegate(), delegate("api", tags=(PROD,)), delegate("job", tags=({"env": "test"},))

    step = decide(view(named, finding, other), {NEWEST: answer(tags=PROD)})

    assert isinstance(step, Nudge)
    assert step.delegates == (named, finding)


@pytest.mark.parametrize("tags", [{}, {"env": "test"}, {"ENV": "prod"}], ids=["none", "another value", "another case"])
def test_where_no_search_finds_the_object_nothing_is_asked_or_told(tags: dict[str, str]) -> None:
    step = decide(view(delegate(tags=(PROD,)), delegate("api", tags=(PROD,))), {NEWEST: answer(tags=tags)})

    assert reason_of(step) is Reason.UNCONCERNED
    assert Reason.UNCONCERNED not in TELLING


def test_a_vault_that_does_not_tell_the_tags_postpones() -> None:
    step = decide(view(delegate(tags=(PROD,))), {NEWEST: DOWN})

    assert step == Postpone(target=TARGET, owner=Owner.EXTERNAL_SECRETS, error=DOWN)


def test_a_vault_that_will_never_tell_the_tags_is_the_reason() -> None:
    step = decide(view(delegate(tags=(PROD,))), {NEWEST: GONE})

    assert isinstance(step, Leave)
    assert (step.reason, step.owner) == (Reason.OBJECT_NOT_FOUND, Owner.EXTERNAL_SECRETS)


@pytest.mark.parametrize(
    "seen",
    [view(delegate()), view(delegate(tags=(HELD,))), view(sync())],
    ids=lambda seen: str(seen.delegates[0].resource.plural),
)
def test_an_owner_is_not_asked_for_what_the_vaults_owner_holds_back(seen: TargetView) -> None:
    until = NOW + timedelta(minutes=5)

    step = decide(seen, {NEWEST: answer(tags=HELD, created=NOW)})
    after = decide(seen, {NEWEST: answer(tags=HELD, created=NOW - timedelta(minutes=5))})

    assert step == Hold(target=TARGET, owner=seen.delegates[0].owner, until=until)
    assert isinstance(after, Nudge)


def test_what_concerns_nobody_is_not_held_for_anybody() -> None:
    step = decide(view(delegate(tags=(PROD,))), {NEWEST: answer(tags=HELD, created=NOW)})

    assert reason_of(step) is Reason.UNCONCERNED


# Owners that would not look


def test_an_owner_that_ignores_requests_is_told_of_with_its_resource_and_why() -> None:
    step = decide_alone(view(delegate(ignores=DEAF)))

    assert isinstance(step, Leave)
    assert (step.reason, step.owner) == (Reason.OWNER_IGNORES, Owner.EXTERNAL_SECRETS)
    assert step.detail == f"externalsecrets shop/web: {DEAF}"


def test_one_that_ignores_requests_does_not_keep_the_others_from_being_asked() -> None:
    listening = delegate("api")

    step = decide(view(delegate(ignores=DEAF), listening))

    assert isinstance(step, Nudge)
    assert step.delegates == (listening,)


def test_one_that_ignores_requests_and_looks_for_other_tags_is_not_told_of() -> None:
    """Its search would take every rotation of the vault for a failure."""
    seen = view(delegate(tags=(PROD,), ignores=DEAF))

    assert reason_of(decide(seen, {NEWEST: answer(tags={"env": "test"})})) is Reason.UNCONCERNED
    assert reason_of(decide(seen, {NEWEST: answer(tags=PROD)})) is Reason.OWNER_IGNORES


def test_where_who_listens_is_not_concerned_who_ignores_is_told_of() -> None:
    seen = view(delegate(tags=({"env": "test"},)), delegate("api", ignores=DEAF))

    step = decide(seen, {NEWEST: answer(tags=PROD)})

    assert isinstance(step, Leave)
    assert (step.reason, step.detail) == (Reason.OWNER_IGNORES, f"externalsecrets shop/api: {DEAF}")


# Declarations of owners that are not followed


def test_a_resource_that_is_not_followed_is_failing_for_its_own_reason() -> None:
    step = decide_alone(view(refused_delegate()))

    assert isinstance(step, Leave)
    assert (step.reason, step.owner) == (Reason.OWNER_FAILING, Owner.EXTERNAL_SECRETS)
    assert step.detail == refused_delegate().detail
    assert step.complaint is None


def test_a_resource_that_is_not_followed_does_not_keep_the_others_from_being_asked() -> None:
    asking = delegate("api")

    step = decide(view(refused_delegate(), asking))

    assert isinstance(step, Nudge)
    assert step.delegates == (asking,)


def test_a_drivers_generation_does_not_matter_to_other_owners() -> None:
    assert isinstance(decide(view(delegate(), driver=Driver.V1_6_STATIC)), Nudge)

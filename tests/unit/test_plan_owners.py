"""Who else writes a Secret decides what may be done to it (design 4), and every step says who that is."""

from typing import Any

import pytest

from shared.binding import Refused
from shared.declarations import Found
from shared.observed import Driver, Owner, Writer
from shared.reason import Reason
from shared.step import Keep, Leave, Nudge, Postpone, Step, Write
from shared.view import TargetView
from tests.builders import build_class, build_refused_class, build_secret, build_secret_object

from .declare import refuse
from .planning import (
    DOWN,
    GONE,
    NEWEST,
    answer,
    decide,
    decide_alone,
    delegate,
    owned_secret,
    reason_of,
    refused_delegate,
    see,
    see_owned,
    sync,
    view,
)

DRIVERS = [
    pytest.param(Driver.V1_5, Write, id="1.5"),
    pytest.param(Driver.V1_6_ROTATING, Write, id="1.6 with rotation"),
    pytest.param(Driver.V1_6_STATIC, Leave, id="1.6 without rotation"),
    pytest.param(Driver.UNKNOWN, Write, id="unknown"),
]


# The generations of the CSI driver


@pytest.mark.parametrize(("driver", "kind"), DRIVERS)
def test_the_drivers_generation_decides_whether_other_bytes_are_written(driver: Driver, kind: type[Step]) -> None:
    step = decide(see(driver=driver))

    assert isinstance(step, kind)
    assert step.owner is driver


@pytest.mark.parametrize(("driver", "_kind"), DRIVERS)
def test_equal_bytes_are_kept_under_every_generation(driver: Driver, _kind: type[Step]) -> None:
    step = decide(see(driver=driver), {NEWEST: answer("before")})

    assert isinstance(step, Keep)
    assert step.owner is driver


def test_a_driver_that_would_put_the_bytes_back_is_the_reason() -> None:
    step = decide(see(driver=Driver.V1_6_STATIC))

    assert reason_of(step) is Reason.DRIVER_WOULD_REVERT


@pytest.mark.parametrize("driver", list(Driver))
def test_a_target_that_is_left_or_postponed_names_the_driver_too(driver: Driver) -> None:
    left, later = decide(see(driver=driver), {NEWEST: GONE}), decide(see(driver=driver), {NEWEST: DOWN})

    assert isinstance(left, Leave)
    assert isinstance(later, Postpone)
    assert left.owner is later.owner is driver


# A Secret with several owners


def _csi() -> Found:
    return see().found[0]


def _owned() -> Found:
    return see_owned().found[0]


@pytest.mark.parametrize(
    ("found", "secret"),
    [
        pytest.param([_csi(), _owned()], owned_secret(managed=True), id="CSI and owned"),
        pytest.param([_csi(), delegate()], build_secret(), id="CSI and External Secrets"),
        pytest.param([_csi(), sync()], build_secret(), id="CSI and the sync controller"),
        pytest.param([_owned(), delegate()], owned_secret(), id="owned and External Secrets"),
        pytest.param([_owned(), sync()], owned_secret(), id="owned and the sync controller"),
        pytest.param([delegate(), sync()], None, id="External Secrets and the sync controller"),
        pytest.param([sync(), delegate(ignores="deaf")], None, id="one of them ignoring"),
        pytest.param([_csi(), _owned(), delegate(), sync()], None, id="all of them"),
    ],
)
def test_a_secret_that_several_kinds_of_owner_feed_is_contested(found: list[Found], secret: Any) -> None:
    step = decide_alone(view(*found, secret=secret, driver=Driver.V1_5))

    assert isinstance(step, Leave)
    assert step.reason is Reason.CONTESTED


def test_a_contest_names_everybody_who_takes_part() -> None:
    step = decide_alone(view(_csi(), _owned(), sync(), delegate(), driver=Driver.V1_5))

    assert isinstance(step, Leave)
    assert step.detail == (
        "several owners fill it: csi-driver 1.5, external-secrets, keyvault-fanout, secrets-store-sync-controller"
    )


@pytest.mark.parametrize(
    ("secret", "owner"),
    [
        pytest.param(build_secret(owned=True), "CSI driver", id="our label beside the driver's"),
        pytest.param(build_secret(owner=Owner.EXTERNAL_SECRETS), "CSI driver", id="External Secrets' mark beside it"),
        pytest.param(build_secret(owner=Owner.SYNC_CONTROLLER), "CSI driver", id="the sync controller's beside it"),
    ],
)
def test_a_drivers_secret_that_another_marked_is_contested(secret: Any, owner: str) -> None:
    step = decide_alone(see(secret=secret))

    assert reason_of(step) is Reason.CONTESTED
    assert owner in str(step)


@pytest.mark.parametrize(
    ("secret", "owner"),
    [
        pytest.param(build_secret(managed=False), "nobody", id="nobody"),
        pytest.param(build_secret(managed=False, owned=True), "keyvault-fanout", id="we"),
        pytest.param(build_secret(managed=False, owner=Owner.EXTERNAL_SECRETS), "external-secrets", id="ESO"),
    ],
)
def test_a_class_that_names_a_foreign_secret_does_not_write_it_and_says_whose_it_is(secret: Any, owner: str) -> None:
    step = decide_alone(see(secret=secret))

    assert reason_of(step) is Reason.SECRET_NOT_MANAGED
    assert f"owner: {owner} " in f"{step} ".replace("(", " ")


@pytest.mark.parametrize(
    ("beside", "secret", "owner", "kind"),
    [
        pytest.param(_owned(), owned_secret(), Owner.OWNED, Write, id="owned"),
        pytest.param(delegate(), owned_secret(), Owner.EXTERNAL_SECRETS, Nudge, id="External Secrets"),
    ],
)
def test_a_refused_class_that_names_the_secret_does_not_become_its_owner(
    beside: Found, secret: Any, owner: Writer, kind: type[Step]
) -> None:
    refused = see(build_refused_class()).found[0]
    assert isinstance(refused, Refused)

    step = decide(view(refused, beside, secret=secret), {NEWEST: answer(tags={"keyvault-fanout-allow": "*/*"})})

    assert isinstance(step, kind)
    assert step.owner is owner


# Printed, a plan is the dry run


def steps() -> dict[str, Step]:
    """Return a step of each kind for each kind of owner, over Secrets and vaults that hold marked values."""
    tagged = {NEWEST: answer("MARKEDafter", tags={"keyvault-fanout-allow": "aks-one/shop"})}
    held = {"password": "MARKEDbefore"}
    csi = see(secret=build_secret(data=held))
    ours = see_owned(secret=owned_secret(data=held))
    equal = see(secret=build_secret(data={"password": "MARKEDafter"}))
    return {
        "aks-one/shop/web-secret: write kv-shop/secret/db-password v2 (owner: csi-driver 1.5)": decide(csi, tagged),
        "aks-one/shop/web-secret: leave, it holds kv-shop/secret/db-password v2 (owner: csi-driver 1.5)": decide(
            equal, tagged
        ),
        "aks-one/shop/web-secret: write kv-shop/secret/db-password v2 (owner: keyvault-fanout)": decide(ours, tagged),
        "aks-one/shop/web-secret: nudge externalsecrets shop/web, externalsecrets shop/api (owner: external-secrets)": (
            decide(view(delegate(), delegate("api")))
        ),
        "aks-one/shop/web-secret: nudge secretsyncs shop/web-secret (owner: secrets-store-sync-controller)": decide(
            view(sync())
        ),
        "aks-one/shop/web-secret: leave, owner-failing: data[0]: remoteRef is no mapping (owner: external-secrets)": (
            decide(view(refused_delegate()))
        ),
        "aks-one/shop/web-secret: later, vault-unreachable: kv-shop: no answer (owner: csi-driver 1.5)": decide(
            csi, {NEWEST: DOWN}
        ),
    }


@pytest.mark.parametrize("line", steps())
def test_a_step_is_one_line_with_its_owner_and_without_values(line: str) -> None:
    step = steps()[line]

    assert str(step) == line
    assert "MARKED" not in f"{step}{step!r}"


def hostile() -> dict[str, TargetView]:
    """Return views whose manifests try to write lines of their own."""
    evil = "x\naks-one/shop/web-secret: write\r\x1b[2K"
    declared = refuse(f"[{{vault: kv-shop, object: secret/db-password, key: password, {evil!r}: 1}}]")
    entry = {"key": evil, "objectName": "db-password"}
    tls = {**build_secret_object(type_="kubernetes.io/tls"), "data": [entry]}
    return {
        "the Secret's type": see(secret=build_secret(type=evil)),
        "the class's type for it": see(build_class(secrets=[build_secret_object(type_=evil)])),
        "a key of a TLS Secret": see(
            build_class(secrets=[{**tls, "data": [{"key": evil, "objectName": "db-password"}]}])
        ),
        "a file of the class": see(build_class(secrets=[build_secret_object(password=evil)])),
        "a field of an owned Secret": see_owned(declared),
    }


@pytest.mark.parametrize("place", hostile())
def test_no_manifest_breaks_the_line(place: str) -> None:
    step = decide(hostile()[place])

    assert isinstance(step, Leave)
    assert str(step).isprintable()

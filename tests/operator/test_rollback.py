"""`fanout rollback` as an operator runs it: an older value becomes the newest, and nobody sees it on the way."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from devstack import seed
from devstack.faults import Fault
from devstack.keyvault import Request
from devstack.keyvault.refusals import Denial
from fanout.__main__ import main
from fanout.errors import OperatorError
from fanout.rollback import choice
from fanout.rollback.choice import LAST_GOOD, TAG, Kept
from shared import hold
from tests.operator.standing import MARK, OBJECT, Standing
from tests.operator.test_command import SETTINGS

NOW = datetime(2026, 9, 21, 14, 0, tzinfo=UTC)
FIELDS = {"object", "newest", "chosen", "made", "madeWithoutAnswer", "known", "tags", "remarks", "errors"}


def kept(
    version: str,
    age: int,
    *,
    enabled: bool = True,
    waits: int | None = None,
    lasts: int | None = None,
    tags: Mapping[str, str] | None = None,
) -> Kept:
    """Return a version made `age` minutes ago, which is valid in `waits` minutes and expires in `lasts` if it does."""
    return Kept(
        version=version,
        created=NOW - timedelta(minutes=age),
        enabled=enabled,
        not_before=None if waits is None else NOW + timedelta(minutes=waits),
        expires=None if lasts is None else NOW + timedelta(minutes=lasts),
        tags=tags or {},
    )


async def test_an_older_value_becomes_the_newest_version_and_is_never_shown(standing: Standing) -> None:
    good = standing.stack.vault.get(seed.OBJECT).version
    bad = standing.rotate(tags={"keyvault-fanout-allow": "a/b", "keyvault-fanout-hold": "1h"})
    standing.clock.ahead += 1

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes", "--json")

    assert (said.code, said.err) == (0, "")
    assert set(said.document) == FIELDS
    newest = standing.stack.vault.get(seed.OBJECT)
    assert (said.document["newest"], said.document["chosen"], said.document["made"]) == (bad, good, newest.version)
    assert newest.value == f"{MARK}-first"
    assert newest.tags == {"keyvault-fanout-allow": "a/b", choice.TAG: good}
    assert (standing.writes(), standing.sent()) == ([], [])


async def test_it_is_followed_as_any_rotation(standing: Standing) -> None:
    standing.rotate()
    await standing.run("refresh", "--object", OBJECT, "--no-follow")
    assert not standing.value().endswith("-first")
    standing.clock.ahead += 1

    await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes")
    said = await standing.run("refresh", "--object", OBJECT, "--no-follow")

    assert said.code == 0
    assert standing.value().endswith("-first")


async def test_a_version_that_is_not_valid_yet_does_not_come_back(standing: Standing) -> None:
    """The next credential may have been put there ahead of its time."""
    good = standing.stack.vault.get(seed.OBJECT).version
    standing.rotate(not_before=int((datetime.now(UTC) + timedelta(days=7)).timestamp()))
    standing.rotate()

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--json")

    assert (said.code, said.document["chosen"]) == (0, good)


async def test_where_somebody_sets_another_version_meanwhile_nothing_is_promised(standing: Standing) -> None:
    standing.rotate()
    other = ""

    def rotated_after_the_write(one: Request) -> bool:
        nonlocal other
        made = TAG in standing.stack.vault.get(seed.OBJECT).tags
        if one.operation == "list versions" and made and not other:
            other = standing.rotate()
        return False

    standing.stack.vault.faults.plan(rotated_after_the_write, Fault(), times=None)

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes")

    assert said.code == 1
    assert f"somebody set version {other} meanwhile" in said.err
    assert "Everybody follows it" not in said.out


async def test_without_a_yes_it_only_says_what_would_be_done(standing: Standing) -> None:
    good = standing.stack.vault.get(seed.OBJECT).version
    bad = standing.rotate()

    said = await standing.run("rollback", "--object", OBJECT, "--to", good)

    assert said.code == 0
    assert "Nothing was done" in said.out
    assert standing.stack.vault.get(seed.OBJECT).version == bad
    assert {one.operation for one in standing.stack.vault.reads} == {"list versions"}


async def test_whoever_may_only_read_is_told_which_role_it_takes(standing: Standing) -> None:
    bad = standing.rotate()
    standing.stack.vault.rights = lambda _, asked: Denial.RBAC if asked.operation == "set" else None

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes")

    assert said.code == 1
    assert "Key Vault Secrets Officer" in said.err
    assert standing.stack.vault.get(seed.OBJECT).version == bad


async def test_a_write_whose_answer_is_lost_is_made_again_and_changes_nothing_more(standing: Standing) -> None:
    good = standing.stack.vault.get(seed.OBJECT).version
    standing.rotate()
    standing.stack.vault.faults.plan(lambda one: one.operation == "set", Fault(drop=True, after=True))

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes", "--json")

    assert (said.code, said.err) == (0, "")
    newest = standing.stack.vault.get(seed.OBJECT)
    assert newest.version == said.document["made"]
    assert (newest.value, newest.tags) == (f"{MARK}-first", {choice.TAG: good})


async def test_writes_whose_answers_are_all_lost_are_looked_for_and_named(standing: Standing) -> None:
    standing.rotate()
    standing.stack.vault.faults.plan(lambda one: one.operation == "set", Fault(drop=True, after=True), times=None)

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes")

    newest = standing.stack.vault.get(seed.OBJECT)
    assert newest.value == f"{MARK}-first", "it was made"
    assert said.code == 1
    assert "Nothing was done" not in said.out
    assert newest.version in said.out


async def test_where_it_cannot_be_told_whether_a_version_was_made_it_says_so(standing: Standing) -> None:
    standing.rotate()
    lists = 0

    def lost(one: Request) -> bool:
        nonlocal lists
        lists += one.operation == "list versions"
        return one.operation == "set" or lists > 1

    standing.stack.vault.faults.plan(lost, Fault(drop=True, after=True), times=None)

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes", "--json")

    assert said.code == 1
    assert said.document["known"] is False
    told = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD)
    assert told.code == 1, "the vault is still away"


async def test_a_refusal_makes_nothing_and_says_so_without_asking_for_a_yes(standing: Standing) -> None:
    standing.rotate()
    standing.stack.vault.rights = lambda _, asked: Denial.RBAC if asked.operation == "set" else None

    said = await standing.run("rollback", "--object", OBJECT, "--to", LAST_GOOD, "--yes")

    assert "Nothing was done." in said.out
    assert "--yes does it" not in said.out


async def test_an_object_that_is_not_there_is_told(standing: Standing) -> None:
    said = await standing.run("rollback", "--object", "secret/nowhere", "--to", LAST_GOOD)

    assert said.code == 1
    assert "no such secret" in said.err


def test_last_good_is_the_newest_before_the_newest_that_may_be_used() -> None:
    versions = [
        kept("v1", 50),
        kept("v2", 40, waits=-35, tags={hold.TAG: "10m"}),
        kept("v3", 30, enabled=False),
        kept("v4", 20, lasts=-1),
        kept("v5", 18, waits=1),
        kept("v6", 16, tags={hold.TAG: "1d"}),
        kept("v7", 14, tags={hold.TAG: "tomorrow"}),
        kept("passed by while it waited", 13, tags={hold.TAG: "5m"}),
        kept("v8", 10),
    ]

    found = choice.choose(versions, LAST_GOOD, NOW)

    assert (found.newest.version, found.chosen.version) == ("v8", "v2")


def test_last_good_is_never_the_version_that_was_rolled_back() -> None:
    versions = [kept("good", 30), kept("bad", 20), kept("back", 10, tags={choice.TAG: "good"})]

    with pytest.raises(OperatorError, match="a rollback to good already"):
        choice.choose(versions, LAST_GOOD, NOW)

    assert choice.choose(versions, "bad", NOW).tags == {choice.TAG: "bad"}


@pytest.mark.parametrize(
    ("versions", "wanted", "told"),
    [
        ([], LAST_GOOD, "no such secret"),
        ([kept("v1", 1)], LAST_GOOD, "no older version"),
        ([kept("v1", 2), kept("v2", 1)], "v9", "no such version"),
        ([kept("v1", 2, enabled=False), kept("v2", 1)], "v1", "disabled"),
        ([kept("v1", 2, lasts=-1), kept("v2", 1)], "v1", "expired"),
        ([kept("v1", 2, waits=60), kept("v2", 1)], "v1", "may not be used before 2026-09-21 15:00:00Z"),
        ([kept("v1", 2, tags={hold.TAG: "1h"}), kept("v2", 1)], "v1", "may not be used before 2026-09-21 14:58:00Z"),
        ([kept("v1", 2, tags={hold.TAG: "soon"}), kept("v2", 1)], "v1", "held back for who knows how long"),
        ([kept("v1", 2), kept("v2", 1)], "v2", "newest one already"),
        ([kept("v1", 1), kept("v2", 1)], LAST_GOOD, "same second"),
    ],
)
def test_what_cannot_come_back_is_refused_with_the_reason(versions: list[Kept], wanted: str, told: str) -> None:
    with pytest.raises(OperatorError, match=told):
        choice.choose(versions, wanted, NOW)


def test_what_a_certificate_made_is_not_set_by_hand() -> None:
    managed = Kept(version="v2", created=NOW, enabled=True, tags={}, managed=True)

    with pytest.raises(OperatorError, match="az keyvault certificate import"):
        choice.choose([kept("v1", 5), managed], "v1", NOW)


def test_the_mark_gives_way_to_fifteen_tags_of_others() -> None:
    tags = {f"t{number}": "x" for number in range(15)}

    assert choice.choose([kept("v1", 5), kept("v2", 1, tags=tags)], "v1", NOW).tags == tags


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--object", "cert/a", "--to", "v1"], "expected secret/NAME"),
        (["--object", "key/a", "--to", "v1"], "expected secret/NAME"),
        (["--object", "secret/a", "--to", "../v1"], "expected a version's id"),
    ],
)
def test_what_names_no_version_of_a_secret_is_wrong_usage(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollback", *arguments], SETTINGS) == 2
    assert told in capsys.readouterr().err


def test_without_room_for_the_mark_the_last_good_one_is_not_chosen() -> None:
    """Asked twice, it would bring the bad value back."""
    full = {f"tag-{number}": "" for number in range(15)}
    versions = [kept("good", 30), kept("bad", 20, tags=full)]

    with pytest.raises(OperatorError, match="no room for the mark"):
        choice.choose(versions, LAST_GOOD, NOW)

    assert choice.choose(versions, "good", NOW).chosen.version == "good"

"""SecretFile: a mounted file, how its change is seen, and what a notice about it means."""

import asyncio
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keyvault_fanout import Interest, NoValueYetError, SecretFile
from keyvault_fanout.kept import UnreadableError
from keyvault_fanout.secret_file import LARGEST, content
from tests.builders import ABOUT
from tests.client.conftest import PATH, Scene
from tests.client.eventually import eventually
from tests.client.keeping import MARK, QUICK, Mount
from tests.client.notices import NOW, TARGET, altered, converged, new_version, refreshed

FOREVER = 3600.0
MINE = Interest(namespace=TARGET.namespace, secret=TARGET.secret, object=ABOUT.name)
THE_SECRET = Interest(namespace=TARGET.namespace, secret=TARGET.secret)
SOON = datetime.now(UTC) + timedelta(hours=1)
"""When a version was made that no file of these tests is younger than."""

BEFORE = (NOW - timedelta(hours=1)).timestamp()
AFTER = (NOW + timedelta(seconds=2)).timestamp()


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    """A mounted Secret, projected an hour before the notices of these tests were told of."""
    mount = Mount(tmp_path / "mounted")
    mount.project(f"{MARK}-1", at=BEFORE)
    return mount


def kept(mount: Mount, **options: Any) -> SecretFile:
    """Return a file that is looked at by itself once an hour."""
    return SecretFile(mount.file, **{"poll": FOREVER, "pace": QUICK, **options})


async def test_a_swapped_symlink_is_seen_without_a_poll(mount: Mount) -> None:
    seen: list[str] = []
    async with kept(mount) as secret:
        assert secret.current().text() == f"{MARK}-1"
        secret.on_change(lambda value: seen.append(value.text()))

        def swapped() -> list[str]:
            """Swap again and again: the watch of a folder begins beside the first read."""
            mount.project(f"{MARK}-2")
            return seen

        await eventually(swapped)

        assert secret.current().text() == f"{MARK}-2"
    assert seen == [f"{MARK}-2"]


async def test_the_poll_sees_it_too(mount: Mount) -> None:
    async with kept(mount, poll=0.02) as secret:
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.current().text() == f"{MARK}-2")


async def test_equal_bytes_are_no_change(mount: Mount) -> None:
    seen: list[object] = []
    async with kept(mount, poll=0.01) as secret:
        secret.on_change(seen.append)
        mount.project(f"{MARK}-1")
        checked = secret.health().checked
        await eventually(lambda: secret.health().checked != checked)
        mount.project(f"{MARK}-2")
        await eventually(lambda: seen)

    assert len(seen) == 1


async def test_after_a_notice_the_version_is_known_once_the_file_really_changes(mount: Mount, scene: Scene) -> None:
    async with scene.listener() as listener, kept(mount, listener=listener, interest=MINE) as secret:
        await scene.tell(refreshed("v2"))
        await eventually(lambda: secret.health().told == "v2")

        assert (secret.version, secret.health().stale) == ("", False), "the kubelet has time"
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.version == "v2")
        assert secret.current().text() == f"{MARK}-2"
        assert (secret.vault, secret.object) == (ABOUT.vault, ABOUT.name)
        assert secret.health().told == ""


async def test_a_kubelet_that_is_faster_than_the_notice_is_believed(mount: Mount, scene: Scene) -> None:
    async with scene.listener() as listener, kept(mount, listener=listener, interest=MINE, poll=0.02) as secret:
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.current().text() == f"{MARK}-2")
        await scene.tell(refreshed("v2"))
        await eventually(lambda: secret.version == "v2")


@pytest.mark.parametrize("at", [None, AFTER], ids=["changed before", "mounted since"])
async def test_a_new_version_that_is_only_told_of_is_never_taken_for_what_a_younger_file_holds(
    mount: Mount, scene: Scene, at: float | None
) -> None:
    """Its Secret may be written later: another key of it was, or the pod began in between."""
    mount.project(f"{MARK}-1", at=at or BEFORE)
    interest = Interest(object=ABOUT.name)
    async with scene.listener() as listener, kept(mount, listener=listener, interest=interest, poll=0.02) as secret:
        if at is None:
            mount.project(f"{MARK}-2")
            await eventually(lambda: secret.current().text() == f"{MARK}-2")
        await scene.tell(new_version("v3"))
        await eventually(lambda: not scene.broker.messages(PATH))

        assert secret.version == ""


async def test_a_change_of_long_ago_is_not_what_a_notice_of_now_speaks_of(mount: Mount, scene: Scene) -> None:
    async with scene.listener() as listener, kept(mount, listener=listener, interest=MINE, poll=0.02) as secret:
        mount.project(f"{MARK}-2", at=BEFORE)
        await eventually(lambda: secret.current().text() == f"{MARK}-2")
        await scene.tell(refreshed("v3", at=SOON))
        await eventually(lambda: secret.health().told == "v3")

        assert secret.version == ""
        mount.project(f"{MARK}-3")
        await eventually(lambda: secret.version == "v3")


async def test_of_two_versions_that_are_waited_for_a_change_proves_neither(mount: Mount, scene: Scene) -> None:
    async with scene.listener() as listener, kept(mount, listener=listener, interest=MINE, poll=0.02) as secret:
        await scene.tell(
            refreshed("v2", at=SOON), refreshed("v3", at=SOON + timedelta(minutes=1), resource_version="8")
        )
        await eventually(lambda: secret.health().told == "v3")
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.current().text() == f"{MARK}-2")

        assert (secret.version, secret.health().told) == ("", "v3")
        mount.project(f"{MARK}-3", at=(SOON + timedelta(minutes=2)).timestamp())
        await eventually(lambda: (secret.version, secret.health().told) == ("v3", ""))


async def test_a_version_that_is_held_back_is_not_waited_for_before_its_time(mount: Mount, scene: Scene) -> None:
    now = datetime.now(UTC)
    interest = Interest(object=ABOUT.name)
    async with (
        scene.listener() as listener,
        kept(mount, listener=listener, interest=interest, wait=60, now=lambda: now) as secret,
    ):
        await scene.tell(new_version("v2", at=SOON, planned=now + timedelta(hours=2)))
        await eventually(lambda: secret.health().told == "v2")
        now += timedelta(hours=1)
        assert not secret.health().stale
        now += timedelta(hours=1, seconds=61)
        assert secret.health().stale


async def test_a_file_that_is_younger_than_the_version_holds_it(mount: Mount, scene: Scene) -> None:
    """The instance started after the rotation, and the notice waited in the subscription."""
    mount.project(f"{MARK}-2", at=AFTER)
    async with scene.listener() as listener, kept(mount, listener=listener, interest=MINE) as secret:
        await scene.tell(refreshed("v2"))
        await eventually(lambda: secret.version == "v2")


async def test_a_file_that_never_changes_is_stale_after_a_while_and_holds_up_no_other_notice(
    mount: Mount, scene: Scene
) -> None:
    later = datetime.now(UTC)
    async with (
        scene.listener() as listener,
        kept(mount, listener=listener, interest=MINE, wait=60, now=lambda: later) as secret,
    ):
        await scene.tell(refreshed("v2"))
        await eventually(lambda: secret.health().told == "v2" and not scene.broker.messages(PATH))
        assert not secret.health().stale
        later += timedelta(seconds=61)

        assert secret.health().stale
        assert "told of version v2, and the file has not changed" in secret.health().reason
        mount.project(f"{MARK}-2")
        await eventually(lambda: not secret.health().stale)
        assert secret.version == "v2"


async def test_a_notice_about_an_older_state_or_version_changes_nothing(mount: Mount, scene: Scene) -> None:
    async with scene.listener() as listener, kept(mount, listener=listener, interest=MINE) as secret:
        for version, resource_version in (("v1", "8"), ("v2", "9")):
            await scene.tell(refreshed(version, resource_version=resource_version, at=SOON))
            await eventually(lambda version=version: secret.health().told == version)  # type: ignore[misc]
            mount.project(f"{MARK}-{version}")
            await eventually(lambda version=version: secret.version == version)  # type: ignore[misc]
        await scene.tell(refreshed("v0", resource_version="7"), refreshed("v1", resource_version="10"), converged("v2"))
        await eventually(lambda: not scene.broker.messages(PATH))

        assert (secret.version, secret.health().told) == ("v2", "")


@pytest.mark.parametrize("named", [True, False])
async def test_a_version_of_another_object_in_the_same_secret_is_never_taken_for_its_own(
    mount: Mount, scene: Scene, *, named: bool
) -> None:
    """A Secret of several keys: its notices are about one object each, and no file says which object it is."""
    later = datetime.now(UTC)
    async with (
        scene.listener() as listener,
        kept(
            mount,
            listener=listener,
            interest=THE_SECRET,
            object=ABOUT.name if named else "",
            poll=0.05,
            now=lambda: later,
        ) as secret,
    ):
        await scene.send(altered(refreshed("cert-v9", at=SOON), {"data.object": "tls-cert"}))
        await eventually(lambda: not scene.broker.messages(PATH))
        later += timedelta(hours=1)
        assert not secret.health().stale
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.current().text() == f"{MARK}-2")

        assert (secret.version, secret.health().told) == ("", "")
        assert secret.object == (ABOUT.name if named else "")


async def test_of_one_name_in_two_vaults_no_version_is_told(mount: Mount, scene: Scene) -> None:
    async with scene.listener() as listener, kept(mount, listener=listener, interest=MINE) as secret:
        await scene.tell(refreshed("v2", at=SOON))
        await eventually(lambda: secret.health().told == "v2")
        await scene.send(altered(refreshed("v3", at=SOON, resource_version="8"), {"data.vault": "kv-other"}))
        await eventually(lambda: not scene.broker.messages(PATH))
        mount.project(f"{MARK}-2")
        await eventually(lambda: secret.current().text() == f"{MARK}-2")

        assert (secret.version, secret.health().stale) == ("", False)


def test_a_file_that_may_not_be_read_is_told_with_what_to_look_at(mount: Mount) -> None:
    """Root may read everything, so who runs as root becomes somebody else for a moment."""
    mount.file.resolve().chmod(0)
    root = os.geteuid() == 0
    if root:
        for folder in (mount.file.resolve().parent, *mount.folder.parents):
            folder.chmod(folder.stat().st_mode | 0o711)
        os.seteuid(65534)
    try:
        with pytest.raises(UnreadableError, match="defaultMode"):
            content(mount.file)
    finally:
        if root:
            os.seteuid(0)


async def test_notices_about_an_object_will_do_as_well(mount: Mount, scene: Scene) -> None:
    about = Interest(vault=ABOUT.vault, object=ABOUT.name)
    async with scene.listener() as listener, kept(mount, listener=listener, interest=about) as secret:
        await scene.tell(new_version("v2"))
        await eventually(lambda: secret.health().told == "v2")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda _: None, "there is no such file"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.touch(), "it is empty"),
        (lambda path: path.write_bytes(b"x" * (LARGEST + 1)), "larger than"),
        (lambda path: path.symlink_to(path), "it cannot be read"),
    ],
)
async def test_what_is_no_file_with_a_secret_is_told_at_the_start(tmp_path: Path, make: Any, told: str) -> None:
    make(tmp_path / "password")
    secret = SecretFile(tmp_path / "password", pace=QUICK)
    starting = asyncio.create_task(secret.start())
    await eventually(lambda: told in secret.health().reason)

    with pytest.raises(NoValueYetError, match=told):
        secret.current()
    assert secret.health().stale
    starting.cancel()
    await asyncio.wait({starting})


async def test_a_start_that_gets_no_first_value_in_time_says_why(tmp_path: Path) -> None:
    secret = SecretFile(tmp_path / "password", first=2, pace=QUICK)

    with pytest.raises(NoValueYetError, match="there is no such file"):
        await secret.start()


async def test_a_file_that_goes_is_stale_and_its_last_bytes_are_held(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "keyvault_fanout")
    async with kept(mount, poll=0.02) as secret:
        mount.file.unlink()
        await eventually(lambda: secret.health().stale)

        assert secret.current().text() == f"{MARK}-1"
        mount.project(f"{MARK}-2")
        await eventually(lambda: not secret.health().stale)
    assert MARK not in caplog.text


async def test_a_mount_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "mounted")
    secret = kept(mount, first=10)
    starting = asyncio.create_task(secret.start())
    await eventually(lambda: "no such file" in secret.health().reason)
    mount.project(f"{MARK}-1")
    await starting

    assert secret.current().text() == f"{MARK}-1"
    await secret.close()


def test_a_listener_without_an_interest_is_an_error(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected an interest"):
        SecretFile(tmp_path / "password", listener=scene.listener())

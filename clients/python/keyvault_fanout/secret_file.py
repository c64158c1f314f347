"""A secret in a mounted file: of a Kubernetes Secret, or of the Secrets Store CSI driver."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keyvault_fanout.calling import call
from keyvault_fanout.interest import Interest
from keyvault_fanout.kept import KeptSecret, UnreadableError, utc_now
from keyvault_fanout.listener import Listener
from keyvault_fanout.notice import Notice, NoticeType
from keyvault_fanout.pace import Pace
from keyvault_fanout.value import SecretValue

_log = logging.getLogger("keyvault_fanout")

LARGEST = 1024 * 1024
"""Bytes. A Secret holds no more (Kubernetes: 1 MiB)."""

_SETTLING = 1.0
"""Seconds between two looks while something is waited for."""

_DEBOUNCE = 50
"""Milliseconds in which what happens in a folder is one change."""

_MATTERS = frozenset({NoticeType.OBJECT_NEW_VERSION, NoticeType.TARGET_REFRESHED, NoticeType.TARGET_CONVERGED})


@dataclass(frozen=True, slots=True)
class _Content:
    value: SecretValue
    written: datetime


class SecretFile(KeptSecret):
    """What a mounted file holds.

        mine = Interest(namespace="shop", secret="web", object="db-password")
        async with SecretFile("/mnt/secrets/db-password", listener=listener, interest=mine) as password:
            connect(password.current().text())

    The file is looked at when its folder changes (with `watchfiles`, the extra `files`; kubelet and CSI driver swap a
    symlink there), every `poll` seconds, and once a second after a notice of this `interest` until it really
    holds other bytes: a notice says that the Secret is new, and a mounted file follows when the kubelet looks. If that
    does not happen within `wait` seconds, `health()` is stale and says so. No file says which version it
    holds: `version` is that of the notice which its change followed, or which is older than the file.

    A missing, empty, too large (1 MiB) or forbidden file is tried again; the last good bytes are held.
    `interest` says which notices are a reason to look. Only where it, or `object`, names the object, and only from
    notices about that one, a version is told and waited for: a Secret of several keys is told of for each of them, and
    no file says which one it is.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        listener: Listener | None = None,
        interest: Interest | None = None,
        vault: str = "",
        object: str = "",  # noqa: A002 - Key Vault's own word
        poll: float = 10.0,
        wait: float = 180.0,
        first: float = 60.0,
        handler_timeout: float = 300.0,
        pace: Pace | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if listener is not None and interest is None:
            raise ValueError("expected an interest beside the listener: which notices speak of this file")
        given = interest or Interest()
        self.path = Path(path)
        self._wait = wait
        self._changed_at = 0
        self._written: datetime | None = None
        self._hurries_until: datetime | None = None
        self._vault_given = bool(vault or given.vault)
        self._ambiguous = self._several = False
        self._in_secret: datetime | None = None
        self._resource_versions: dict[str, int] = {}
        super().__init__(
            f"file {self.path}",
            vault=vault.lower() or given.vault,
            name=object.lower() or given.object,
            listener=listener,
            interest=given,
            jitter=0.0,
            poll=poll,
            first=first,
            handler_timeout=handler_timeout,
            pace=pace or Pace(longest=min(poll, 60.0)),
            now=now,
        )

    async def _hear(self, notice: Notice) -> None:
        if notice.type not in _MATTERS or self._was_heard(notice):
            return
        self._hurries_until = self._now() + timedelta(seconds=self._wait)
        pending = notice.version == self._holding.told
        if self._is_about_this(notice) and (pending or self._holding.is_news(notice.version)):
            self._claim(notice)
        self._woken.set()

    def _is_about_this(self, notice: Notice) -> bool:
        """Tell whether a notice speaks of the object that this file holds. No file says which one that is."""
        if not self.object or notice.object != self.object or self._ambiguous:
            return False
        self.vault = self.vault or notice.vault
        if notice.vault == self.vault:
            return True
        if not self._vault_given:
            self._ambiguous = True
            self._holding.adopt("")
            _log.warning("%s: %s is in several vaults; say which: vault=", self._about, self.object)
        return False

    def _claim(self, notice: Notice) -> None:
        """Take the version of a notice for that of the file, now or when the file changes."""
        held, now = self._holding, self._now()
        made = notice.event_time or notice.time
        in_secret = notice.instant("refreshedTime") or notice.instant("convergedTime")
        if held.told != notice.version:
            self._several, self._in_secret = bool(held.told), None
            held.tell(notice.version, max(now, notice.instant("plannedTime") or now))
        self._in_secret = self._in_secret or in_secret
        unclaimed = held.changes > self._changed_at > 0
        since = held.since if unclaimed else None
        if in_secret is not None:
            faster = made is not None and since is not None and since >= made
            if faster or self._is_younger():
                self._adopt()  # the kubelet was faster than the notice, or it mounted what was there already
        elif made is not None and any(moment is not None and moment >= made for moment in (since, self._written)):
            # Younger than the version, which may have come with it or after it: waiting would be as wrong as claiming.
            self._adopt("")

    async def _read(self) -> None:
        found = await call(content, self.path)
        self._written = found.written
        first = self._holding.value is None
        if self._holding.read(found.value, self._now()) and not first:
            self._hurries_until = None
            if self._holding.told and (not self._several or self._is_younger()):
                self._adopt()
            elif self._in_secret is not None:
                self._unknown()  # one of several, and mounted before the last of them was in the Secret
            else:
                self._adopt("")  # nobody told of it, or of several: a later notice may say which it is
        if first:
            self._changed_at = self._holding.changes

    def _is_younger(self) -> bool:
        """Tell whether the file was mounted after its Secret held the version that was told of."""
        return self._in_secret is not None and self._written is not None and self._written >= self._in_secret

    def _unknown(self) -> None:
        """Forget which version is held, and wait on for what was told of."""
        told, told_at = self._holding.told, self._holding.told_at
        self._holding.adopt("")
        if told and told_at:
            self._holding.tell(told, told_at)

    def _adopt(self, version: str | None = None) -> None:
        """The bytes that are held are those of the version that was told of, or of a given one."""
        self._holding.adopt(self._holding.told if version is None else version)
        self._several, self._in_secret = False, None
        if version is None:
            self._changed_at = self._holding.changes

    def _was_heard(self, notice: Notice) -> bool:
        """Tell whether a notice about a state of the Secret was acted upon, or one about a later state."""
        if notice.resource_version is None:
            return False
        newest = self._resource_versions.get(notice.target, -1)
        self._resource_versions[notice.target] = max(newest, notice.resource_version)
        return notice.resource_version < newest

    def _overdue(self) -> str:
        waited = self._holding.waited(self._now())
        return (
            f"told of version {self._holding.told}, and the file has not changed since" if waited > self._wait else ""
        )

    def _rest(self) -> float:
        hurries = self._hurries_until is not None and self._now() <= self._hurries_until
        return min(_SETTLING, self._poll) if hurries else self._poll

    def _also(self) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        return (self._watch,)

    async def _watch(self) -> None:
        """Wake the reading when something happens in the folder. Without inotify the polls remain."""
        try:
            from watchfiles import awatch  # noqa: PLC0415 - an extra
        except ImportError:
            _log.info("%s: watchfiles is not installed; it is looked at every %g seconds", self._about, self._poll)
            return
        while True:
            with contextlib.suppress(OSError, RuntimeError):  # no such folder yet, no inotify left, ...
                async for _ in awatch(self.path.parent, recursive=False, debounce=_DEBOUNCE, step=_DEBOUNCE):
                    self._woken.set()
            await asyncio.sleep(self._poll)


def content(path: Path) -> _Content:
    """Read a file. Raises `UnreadableError`, which names what is wrong and what to do."""
    try:
        with path.open("rb") as file:
            found = file.read(LARGEST + 1)
            written = os.fstat(file.fileno()).st_mtime  # of this file: the path may lead to another one by now
    except FileNotFoundError:
        raise UnreadableError("there is no such file; look at the volume and its items") from None
    except IsADirectoryError:
        raise UnreadableError("it is a folder; name the file in it") from None
    except PermissionError:
        raise UnreadableError("it may not be read; look at the volume's defaultMode and at fsGroup") from None
    except OSError as error:
        raise UnreadableError(f"it cannot be read ({type(error).__name__})") from None
    if not found:
        raise UnreadableError("it is empty")
    if len(found) > LARGEST:
        raise UnreadableError(f"it is larger than {LARGEST} bytes, which no Secret is")
    return _Content(SecretValue(found), datetime.fromtimestamp(written, UTC))

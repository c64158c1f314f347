"""A secret in a mounted file: of a Kubernetes Secret, or of the Secrets Store CSI driver."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
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

        mine = Interest(namespace="shop", secret="web")
        async with SecretFile("/mnt/secrets/db-password", listener=listener, interest=mine) as password:
            connect(password.current().text())

    The file is looked at when its folder changes (with `watchfiles`, the extra `files`; kubelet and CSI driver swap a
    symlink there), every `poll` seconds, and once a second after a notice of this `interest` until it really
    holds other bytes: a notice says that the Secret is new, and a mounted file follows when the kubelet looks. If that
    does not happen within `wait` seconds, `health()` is stale and says so. No file says which version it
    holds: `version` is that of the notice which its change followed, or which is older than the file.

    A missing, empty, too large (1 MiB) or forbidden file is tried again; the last good bytes are held.
    `interest` names one object or Secret: of several nobody could tell which one the file is.
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
        pace: Pace | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if listener is not None and interest is None:
            raise ValueError("expected an interest beside the listener: which notices speak of this file")
        given = interest or Interest()
        self.path = Path(path)
        self.vault, self.object = vault.lower() or given.vault, object.lower() or given.object
        self._wait = wait
        self._changed_at = 0
        self._written: datetime | None = None
        self._resource_versions: dict[str, int] = {}
        super().__init__(
            f"file {self.path}",
            listener=listener,
            interest=given,
            jitter=0.0,
            poll=poll,
            first=first,
            pace=pace or Pace(longest=min(poll, 60.0)),
            now=now,
        )

    async def _hear(self, notice: Notice) -> None:
        if notice.type not in _MATTERS or self._was_heard(notice):
            return
        self.vault, self.object = self.vault or notice.vault, self.object or notice.object
        held = self._holding
        if not held.is_news(notice.version):
            return
        held.tell(notice.version, self._now())
        told_of = notice.event_time or notice.time
        if held.changes > self._changed_at and self._changed_at > 0:
            self._adopt()  # the kubelet was faster than the notice
        elif self._written is not None and told_of is not None and self._written >= told_of:
            self._adopt()  # made before this process listened
        self._woken.set()

    async def _read(self) -> None:
        content = await call(_content, self.path)
        self._written = content.written
        first = self._holding.value is None
        if self._holding.read(content.value, self._now()) and self._holding.told and not first:
            self._adopt()
        if first:
            self._changed_at = self._holding.changes

    def _adopt(self) -> None:
        """The bytes that are held are those of the version that was told of."""
        self._holding.adopt(self._holding.told)
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
        waits = self._holding.told and self._holding.waited(self._now()) <= self._wait
        return min(_SETTLING, self._poll) if waits else self._poll

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


def _content(path: Path) -> _Content:
    """Read a file. Raises `UnreadableError`, which names what is wrong and what to do."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        written = path.stat().st_mtime
    except FileNotFoundError:
        raise UnreadableError("there is no such file; look at the volume and its items") from None
    except IsADirectoryError:
        raise UnreadableError("it is a folder; name the file in it") from None
    except PermissionError:
        raise UnreadableError("it may not be read; look at the volume's defaultMode and at fsGroup") from None
    except OSError as error:
        raise UnreadableError(f"it cannot be read ({type(error).__name__})") from None
    if not content:
        raise UnreadableError("it is empty")
    if len(content) > LARGEST:
        raise UnreadableError(f"it is larger than {LARGEST} bytes, which no Secret is")
    return _Content(SecretValue(content), datetime.fromtimestamp(written, UTC))

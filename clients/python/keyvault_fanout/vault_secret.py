"""A secret that is read from Key Vault, and again when a notice says that there is a newer version."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from keyvault_fanout.interest import Interest
from keyvault_fanout.kept import KeptSecret, UnreadableError, utc_now
from keyvault_fanout.listener import Listener
from keyvault_fanout.notice import Notice
from keyvault_fanout.pace import Pace
from keyvault_fanout.value import SecretValue

if TYPE_CHECKING:
    from azure.keyvault.secrets.aio import SecretClient

_LONGEST_WISH = 600.0
_LAGGING = 10.0
"""Seconds for which a vault may serve the version before the one that a notice spoke of."""

_AGAIN = 2.0
"""Seconds between two reads meanwhile."""

_LATER = 60.0
"""Seconds between two reads after that."""

_WHY = {
    HTTPStatus.UNAUTHORIZED: "the vault takes no token of this identity (401)",
    HTTPStatus.FORBIDDEN: "the vault refuses (403): the role Key Vault Secrets User or a firewall, or it is disabled",
    HTTPStatus.NOT_FOUND: "there is no such secret in the vault (404)",
    HTTPStatus.TOO_MANY_REQUESTS: "the vault asks for patience (429)",
}


class VaultSecret(KeptSecret):
    """The newest version of a secret, through a `SecretClient` of `azure.keyvault.secrets.aio`, which stays yours.

        async with SecretClient("https://kv-shop.vault.azure.net", credential) as client:
            async with VaultSecret(client, "db-password", listener=listener) as password:
                connect(password.current().text())

    A notice about a version that is, or was, held here, or that was made before it, costs no read. For another one it
    is read after a random part of `jitter` seconds, because every instance is told at the same moment; several notices
    lead to one read. A version that is held back (`plannedTime`) is not taken before that moment, but as the first
    value. Every `poll` seconds, and whenever the listener is connected again, it is read all the same. What
    cannot be read is tried again at `pace`, or when the vault says; the last value is held meanwhile, and `health()` is
    stale.
    It takes the role *Key Vault Secrets User*. `first` is how many seconds the first value may take, `timeout` one
    read; `vault` is the vault's name where its host does not begin with it.
    """

    def __init__(
        self,
        client: "SecretClient",
        name: str,
        *,
        vault: str = "",
        listener: Listener | None = None,
        jitter: float = 5.0,
        poll: float = 3600.0,
        first: float = 60.0,
        timeout: float = 20.0,
        handler_timeout: float = 300.0,
        pace: Pace | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        host = urlsplit(client.vault_url).hostname or ""
        self._client, self._name, self._timeout = client, name, timeout
        self._made: datetime | None = None
        self._told_made: datetime | None = None
        self._behind: datetime | None = None
        self._held_back: tuple[str, datetime] | None = None
        super().__init__(
            f"secret {name}",
            vault=vault.lower() or host.partition(".")[0].lower(),
            name=name.lower(),
            listener=listener,
            interest=Interest(object_type="secret", object=name),
            jitter=jitter,
            poll=poll,
            first=first,
            handler_timeout=handler_timeout,
            pace=pace,
            now=now,
        )

    async def _hear(self, notice: Notice) -> None:
        if notice.vault != self.vault or not self._holding.is_news(notice.version):
            return
        if self._made is not None and notice.event_time is not None and notice.event_time < self._made:
            return  # about a version that was made before the one that is held
        now = self._now()
        planned = notice.instant("plannedTime")
        self._held_back = (notice.version, planned) if planned is not None and planned > now else None
        self._told_made = notice.event_time
        self._holding.tell(notice.version, max(now, planned or now))
        self._woken.set()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                # The pace is ours, and a redirect would carry the answer's question elsewhere.
                found = await self._client.get_secret(self._name, retry_total=0, permit_redirects=False)
        except TimeoutError:
            raise UnreadableError(f"the vault says nothing for {self._timeout:g} seconds") from None
        except AzureError as error:
            raise _explained(error) from None
        if found.value is None:
            raise UnreadableError("the vault answered without a value")
        held, now = self._holding, self._now()
        version, made = found.properties.version or "", found.properties.created_on
        behind = made is not None and self._made is not None and made < self._made
        # A copy of the vault's may be behind for a moment; a secret that was restored stays so.
        self._behind = (self._behind or now) if behind else None
        lags = self._behind is not None and (now - self._behind).total_seconds() <= _LAGGING
        if held.value is not None and (lags or self._is_held_back(version, now)):
            held.checked, held.error = now, ""
            return
        held.read(SecretValue(found.value.encode()), now)
        self._made = made
        told, told_at = held.told, held.told_at
        late = held.waited(now) > _LAGGING
        # The vault counts in whole seconds: of one second nobody knows which came first.
        ahead = self._told_made - made if made is not None and self._told_made is not None else None
        surely_newer = ahead is not None and ahead >= timedelta(seconds=1)
        if version != held.version or not told or (late and not surely_newer):
            held.adopt(version)
        passed = ahead is not None and ahead <= timedelta()
        if told_at is not None and not (version == told or passed or late):
            held.tell(told, told_at)  # newer than what was held, and not yet what was told of

    def _is_held_back(self, version: str, now: datetime) -> bool:
        return self._held_back is not None and version == self._held_back[0] and now < self._held_back[1]

    def _overdue(self) -> str:
        held = self._holding
        late = held.waited(self._now()) > _LAGGING
        return f"told of version {held.told}, and the vault serves {held.version} still" if late else ""

    def _rest(self) -> float:
        # Told of a version, and still served the one before: the vault's own copies may be behind one another.
        if not self._holding.told:
            return self._poll if self._behind is None else min(_LATER, self._poll)
        now = self._now()
        if self._held_back is not None and now < self._held_back[1]:
            return min((self._held_back[1] - now).total_seconds(), self._poll)
        return min(_AGAIN if self._holding.waited(now) <= _LAGGING else _LATER, self._poll)


def _explained(error: AzureError) -> UnreadableError:
    """Return why, by the status alone: an answer's own words may quote anything."""
    if isinstance(error, ClientAuthenticationError):
        return UnreadableError("no token, or one that the vault does not take")
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return UnreadableError(f"the vault is not reached ({type(error).__name__})")
    response: Any = error.response  # of some transport
    wish = str(response.headers.get("Retry-After", "")) if response is not None else ""
    after = min(float(wish), _LONGEST_WISH) if wish.isascii() and wish.isdigit() and len(wish) < 10 else 0.0  # noqa: PLR2004 - digits
    status = error.status_code
    why = _WHY.get(HTTPStatus(status), "") if status in set(HTTPStatus) else ""
    return UnreadableError(why or f"the vault answers {status}", after=after)

"""The blob container that Event Grid writes dead letters to. The SDK's types and errors stop here."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob.aio import BlobClient, ContainerClient

from fanout.deadletters.settings import ContainerSetting
from fanout.errors import OperatorError
from shared.record import plain

_LIMITS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 20,
    "retry_total": 2,
    "initial_backoff": 0.5,  # the SDK's is 15 seconds
    "increment_base": 2,
    "random_jitter_range": 0,
}
_ROLE = "give yourself the role Storage Blob Data Contributor on the container"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A blob as a listing shows it."""

    name: str
    size: int
    modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a blob holds, and the state it was in. `size` is all of it; `data` is None where that is too much."""

    data: bytes | None = field(repr=False)
    size: int
    modified: datetime | None
    etag: str


class BlobError(Exception):
    """One blob cannot be read or removed; others may. The text is a status and the service's own code."""


class Container:
    """The container. Made inside the running loop.

    `page` is how many blobs come with one answer. Every method raises `OperatorError` where the container itself is
    the matter, `BlobError` where only one blob is.
    """

    def __init__(
        self, setting: ContainerSetting, credential: AsyncTokenCredential | None = None, *, page: int = 1000
    ) -> None:
        self.name = setting.name
        self._page = page
        if setting.connection_string is None:
            self._client = ContainerClient.from_container_url(setting.url, credential=credential, **_LIMITS)
            return
        try:
            self._client = ContainerClient.from_connection_string(
                setting.connection_string.reveal().decode(), setting.name, **_LIMITS
            )
        except ValueError:
            raise OperatorError("DEAD_LETTER_CONNECTION is no connection string of a storage account") from None

    async def blobs(self) -> AsyncIterator[Found]:
        """Yield every blob, page by page. The folders of a hierarchical namespace are left out."""
        listed = self._client.list_blobs(include=["metadata"], results_per_page=self._page)
        try:
            async for blob in listed:
                if (blob.metadata or {}).get("hdi_isfolder") != "true":
                    yield Found(name=blob.name, size=blob.size or 0, modified=blob.last_modified)
        except ResourceNotFoundError:
            raise OperatorError(f"there is no container {plain(self.name)}: check DEAD_LETTER_URL") from None
        except AzureError as error:
            failure = self._translate(error)
            if isinstance(failure, BlobError):
                failure = OperatorError(f"container {plain(self.name)}: {failure}")
            raise failure from None

    async def read(self, name: str, *, most: int) -> Content | None:
        """Return what a blob holds, or None where there is none.

        As it is stored: a blob that says that it is compressed is not unpacked, and of a large one nothing is kept.
        """
        blob: BlobClient = self._client.get_blob_client(name)
        try:
            loaded = await blob.download_blob(offset=0, length=most, decompress=False)
            stored = loaded.properties
            size = stored.size
            data = await loaded.readall() if size <= most else None
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            if getattr(error, "status_code", None) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return Content(data=b"", size=0, modified=None, etag="")  # an empty blob has no first byte
            raise self._translate(error) from None
        return Content(data=data, size=size, modified=stored.last_modified, etag=stored.etag or "")

    async def remove(self, name: str, *, etag: str) -> bool:
        """Remove a blob in the state that was read, and tell whether it was still there."""
        blob = self._client.get_blob_client(name)
        try:
            try:
                await blob.delete_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
            except ResourceModifiedError:
                if await blob.exists():
                    raise
                return False  # what is gone has no state either
        except ResourceNotFoundError:
            return False
        except ResourceModifiedError as error:
            if _code(error) == "ConditionNotMet":
                raise BlobError("it was written again meanwhile") from None
            raise self._translate(error) from None
        except AzureError as error:
            raise self._translate(error) from None
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _translate(self, error: AzureError) -> Exception:
        """Say what is the matter without the service's text."""
        where = plain(self.name)
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if status == HTTPStatus.FORBIDDEN:
            return OperatorError(f"container {where}: forbidden; {_ROLE}, and check the account's firewall")
        if isinstance(error, ClientAuthenticationError) or status == HTTPStatus.UNAUTHORIZED:
            return OperatorError(f"container {where}: not signed in; run az login, or check DEAD_LETTER_CONNECTION")
        if status is None:
            return OperatorError(f"container {where}: {type(error).__name__}; can its host be reached from here?")
        return BlobError(f"the blob store answers {status} {_code(error)}".rstrip())


def _code(error: AzureError) -> str:
    """Return the service's own word for what is wrong; the SDK adds it, as one of an enumeration where it knows it."""
    code = getattr(error, "error_code", None)
    return plain(str(getattr(code, "value", code) or ""))[:80]

"""The versions of one secret, and the one write of this package: an older value as a new version.

The SDK's types and errors stop here, and so does the value: it goes from one call of the client into the next.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.keyvault.secrets.aio import SecretClient

from fanout.errors import OperatorError, told
from fanout.rollback.choice import Choice, Kept
from shared.edges import vault_failures
from shared.edges.vault_policy import OneHost, ShortRetry
from shared.errors import ConfigurationError
from shared.reason import Reason
from shared.vault_setting import VaultSetting

_OFFICER = "Give yourself the role Key Vault Secrets Officer on the secret: the app's own role only reads."

_SHAPELESS = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What the client raises for JSON of another shape; some of it quotes the answer."""


class Shelf:
    """One secret of a vault. Made inside the running loop. Methods raise `OperatorError`."""

    def __init__(
        self, vault: VaultSetting, name: str, credential: AsyncTokenCredential, *, seconds: float, proxies: bool
    ) -> None:
        self._where = f"{vault.name}/secret/{name}"
        self._name = name
        self._seconds = seconds
        self._client = SecretClient(
            vault.url,
            credential,
            retry_policy=ShortRetry(),
            per_retry_policies=[OneHost(vault.name, vault.url)],
            permit_redirects=False,
            connection_timeout=3,
            read_timeout=5,
            use_env_settings=proxies,
        )

    async def versions(self) -> list[Kept]:
        """List every version, without values."""
        with self._translated():
            async with asyncio.timeout(self._seconds):
                return [
                    Kept(
                        version=one.version or "",
                        created=one.created_on or datetime.fromtimestamp(0, UTC),
                        enabled=one.enabled is not False,
                        not_before=one.not_before,
                        expires=one.expires_on,
                        content_type=one.content_type,
                        tags=one.tags or {},
                        managed=bool(one.managed),
                    )
                    async for one in self._client.list_properties_of_secret_versions(self._name)
                ]
        raise AssertionError  # `_translated` raises or lets pass

    async def bring_back(self, choice: Choice) -> str:
        """Make a new version with the chosen one's value, and return its id.

        Where an answer is lost it is made again: up to three equal versions, of which the newest serves. Whoever gets
        an error looks for them by the tags.
        """
        chosen = choice.chosen
        with self._translated():
            async with asyncio.timeout(self._seconds):
                bundle = await self._client.get_secret(self._name, chosen.version)
                if bundle.value is None:
                    raise OperatorError(f"{self._where}: that version has no value")
                made = await self._client.set_secret(
                    self._name,
                    bundle.value,
                    tags=dict(choice.tags),
                    content_type=chosen.content_type,
                    expires_on=chosen.expires,
                )
                return made.properties.version or ""
        raise AssertionError  # `_translated` raises or lets pass

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        failure = ""
        try:
            yield
        except TimeoutError:
            failure = (
                f"{self._where}: no answer within {self._seconds:g} s; was it made? az keyvault secret list-versions"
            )
        except AzureError as error:
            meant = vault_failures.translate(error, self._where)
            forbidden = isinstance(meant, ConfigurationError) and meant.reason is Reason.VAULT_FORBIDDEN
            failure = f"{meant}. {_OFFICER}" if forbidden else told(meant)
        except _SHAPELESS as error:
            failure = f"{self._where}: the answer is none of a vault's ({type(error).__name__})"
        if failure:
            # Raised out here: the SDK's error may quote an answer, and would hang on to ours as its context.
            raise OperatorError(failure)

"""What the button of the live page posts to: a rotation of the demonstration's secret, whose value nobody sees."""

import secrets
from collections.abc import Iterable

from aiohttp import web

from devstack import seed
from devstack.keyvault import KeyVault
from devstack.loopback import LoopbackServer


class Rotation(LoopbackServer):
    """POST / rotates, and is answered once the vault has the new version: 204.

    `key` has to be in the path, so that no page in the browser of this machine can rotate by itself.
    """

    def __init__(self, vault: KeyVault, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._vault = vault
        self._key = secrets.token_urlsafe(16)

    @property
    def address(self) -> str:
        """Where to post to."""
        return f"{self.url}/{self._key}"

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Serve the one thing."""
        return [web.post(f"/{self._key}", self._rotate)]

    async def _rotate(self, _: web.Request) -> web.Response:
        self._vault.set_secret(seed.OBJECT, secrets.token_urlsafe(24))
        return web.Response(status=204)

"""Whether a token is good: a shared access signature made with the configured key, or a JWT somebody vouches for.

What a token is shows by its own beginning: the SDK says `jwt` even for a signature (local-stack 1.5). A signature's
expiry is compared with the system's time, not with the broker's clock: a client signs with its own, and a test that
moves the broker by two days does not mean to lock its clients out.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import unquote_plus

from devstack import clock
from devstack.amqp.errors import UNAUTHORIZED, AmqpError
from devstack.servicebus import paths

_SIGNATURE = "SharedAccessSignature "


class Verifier:
    """Knows the namespace's one key, and whom to ask about a JWT."""

    def __init__(self, *, key_name: str, key: str, verify_token: Callable[[str], bool]) -> None:
        self._key_name = key_name
        self._key = key.encode()
        self._verify_token = verify_token

    def verify(self, token: str, audience: str) -> None:
        """Accept a token for an audience, or raise AmqpError."""
        if token.startswith(_SIGNATURE):
            self._verify_signature(token.removeprefix(_SIGNATURE), audience)
        elif not self._verify_token(token):
            raise AmqpError(UNAUTHORIZED, "the token is not accepted")

    def _verify_signature(self, signature: str, audience: str) -> None:
        fields = dict(part.partition("=")[::2] for part in signature.split("&"))
        resource, expiry = fields.get("sr", ""), fields.get("se", "")
        # Signed is the resource as it was sent, still URL-encoded.
        digest = hmac.new(self._key, f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
        given = unquote_plus(fields.get("sig", "")).encode()
        if unquote_plus(fields.get("skn", "")) != self._key_name:
            raise AmqpError(UNAUTHORIZED, "no such key")
        if not hmac.compare_digest(given, base64.b64encode(digest)):
            raise AmqpError(UNAUTHORIZED, "the signature does not match")
        if not expiry.isdecimal() or int(expiry) <= clock.system():
            raise AmqpError(UNAUTHORIZED, "the token has expired")
        if not paths.contains(paths.normalize(unquote_plus(resource)), paths.normalize(audience)):
            raise AmqpError(UNAUTHORIZED, "the token is for another resource")

"""Whether a token is good: a shared access signature made with the configured key, or a JWT somebody vouches for.

What a token is shows by its own beginning: the SDK says `jwt` even for a signature (local-stack 1.5). A signature's
expiry is compared with the system's time, not with the broker's clock: a client signs with its own, and a test that
moves the broker by two days does not mean to lock its clients out.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import unquote_plus

from devstack import clock
from devstack.servicebus import paths
from devstack.servicebus.errors import UnauthorizedError

_SIGNATURE = "SharedAccessSignature "
_JWT_PARTS = 3


def refuse_all(_token: str) -> bool:
    """Vouch for no JWT."""
    return False


class Verifier:
    """Knows the namespace's one key, and whom to ask about a JWT."""

    def __init__(self, *, key_name: str, key: str, verify_token: Callable[[str], bool]) -> None:
        self._key_name = key_name
        self._key = key.encode()
        self._verify_token = verify_token

    def verify(self, token: str, audience: str) -> None:
        """Accept a token for an audience, or raise UnauthorizedError."""
        if token.startswith(_SIGNATURE):
            self._verify_signature(token.removeprefix(_SIGNATURE), audience)
        elif not _looks_like_jwt(token) or not self._verify_token(token):
            raise UnauthorizedError("the token is not accepted")

    def _verify_signature(self, signature: str, audience: str) -> None:
        fields = dict(part.partition("=")[::2] for part in signature.split("&"))
        resource, expiry = fields.get("sr", ""), fields.get("se", "")
        # Signed is the resource as it was sent, still URL-encoded.
        digest = hmac.new(self._key, f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
        if unquote_plus(fields.get("skn", "")) != self._key_name:
            raise UnauthorizedError("no such key")
        if not hmac.compare_digest(_decode(unquote_plus(fields.get("sig", ""))), digest):
            raise UnauthorizedError("the signature does not match")
        if not expiry.isdecimal() or int(expiry) <= clock.system():
            raise UnauthorizedError("the token has expired")
        if not paths.contains(paths.normalize(unquote_plus(resource)), paths.normalize(audience)):
            raise UnauthorizedError("the token is for another resource")


def _looks_like_jwt(token: str) -> bool:
    parts = token.split(".")
    return len(parts) == _JWT_PARTS and all(parts)


def _decode(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""

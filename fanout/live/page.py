"""The page itself, which is the same for everybody and holds nothing that was told."""

import secrets
from collections.abc import Mapping
from importlib import resources


def page() -> tuple[str, Mapping[str, str]]:
    """Return its HTML and its headers. It may load nothing, and talk to nobody but where it came from."""
    nonce = secrets.token_urlsafe(16)
    text = resources.files("fanout.live").joinpath("page.html").read_text(encoding="utf-8")
    policy = f"default-src 'none'; connect-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
    headers = {
        "Content-Security-Policy": policy + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return text.replace("NONCE", nonce), headers

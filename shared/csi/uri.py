"""URIs, domains and mailboxes in certificates, as Go's `net/url` and `crypto/x509` judge them.

By hand: Python's urllib.parse accepts almost any text, and Go refuses a certificate over a URI that it cannot parse.
All texts are ASCII.
"""

import ipaddress
import re
from typing import Final

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# In a host only octets above 127 may be escaped, and the percent sign.
_BAD_HOST_ESCAPE: Final = re.compile(r"%(?!25)[0-7]")
_PORT: Final = re.compile(r"(?::[0-9]*)?", re.ASCII)
_USER_INFO: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_HOST: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"%]*", re.ASCII)
_DOMAIN: Final = re.compile(r"[\x21-\x2d\x2f-\x7e]+(?:\.[\x21-\x2d\x2f-\x7e]+)*")
_QUOTED: Final = re.compile(
    r'"(?:\\[\x01-\x09\x0b\x0c\x0e-\x7f]|[\x01-\x08\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f])*"(@.*)', re.DOTALL
)
_ATOM: Final = re.compile(r"((?:\\[\x00-\x7f]|[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.])+)(@.*)", re.DOTALL)


def parse_host(text: str) -> str | None:
    """Return the host that `url.Parse` finds, with its port; empty if the URI has none, None if it is refused."""
    text, _, fragment = text.partition("#")
    if any(c < " " or c == "\x7f" for c in text) or _BAD_ESCAPE.search(fragment) or text.startswith(":"):
        return None
    scheme = _SCHEME.match(text)
    rest = (text[scheme.end() :] if scheme else text).partition("?")[0]
    if scheme and not rest.startswith("/"):
        # Opaque, as in `urn:a:b`; not looked at.
        return ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        web = scheme is not None and scheme[0].lower() in {"http:", "https:"}
        return None if _BAD_ESCAPE.search(slash + path) else _check_authority(authority, strict=web)
    # The first segment of a relative path may hold no colon: it would look like a scheme.
    return None if _BAD_ESCAPE.search(rest) or ":" in rest.partition("/")[0] else ""


def _check_authority(authority: str, *, strict: bool) -> str | None:
    user, _, host = authority.rpartition("@")
    if not _USER_INFO.fullmatch(user) or _BAD_ESCAPE.search(user):
        return None
    return _check_host(host, strict=strict)


def _check_host(host: str, *, strict: bool) -> str | None:
    """Check host and port; `strict` allows one colon only, as Go does for http and https."""
    bracket = host.rfind("[")
    if bracket > 0:
        return None
    if bracket == 0:
        return _check_literal(host)
    colon = host.find(":") if strict else host.rfind(":")
    if colon >= 0 and not _PORT.fullmatch(host[colon:]):
        return None
    return _unescape_host(host)


def _check_literal(host: str) -> str | None:
    """Check an IPv6 address in brackets, perhaps with a zone and a port."""
    inside, closed, port = host[1:].rpartition("]")
    if not closed or not _PORT.fullmatch(port):
        return None
    name, percent, zone = inside.partition("%25")
    address = _unescape_host(name)
    if address is None or not _is_ipv6(address):
        return None
    if not percent:
        return f"[{address}]{port}"
    plain = _unescape_zone(zone)
    return f"[{address}%{plain}]{port}" if plain else None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def _unescape_host(text: str) -> str | None:
    if _BAD_ESCAPE.search(text) or _BAD_HOST_ESCAPE.search(text) or not _HOST.fullmatch(text):
        return None
    return _unescape(text)


def _unescape_zone(text: str) -> str | None:
    """Unescape a zone, which may hold what a host may hold, and blanks."""
    if _BAD_ESCAPE.search(text) or not _HOST.fullmatch(text):
        return None
    for escape in re.findall(r"%([0-9A-Fa-f]{2})", text):
        c = chr(int(escape, 16))
        if escape != "25" and c != " " and (c == "%" or not _HOST.fullmatch(c)):
            return None
    return _unescape(text)


def _unescape(text: str) -> str:
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), text)


def is_domain(text: str, *, constraint: bool = False) -> bool:
    """`domainNameValid`: visible characters, no empty label; a name constraint may begin with a dot."""
    if constraint:
        # A lone dot is a trailing one.
        text = text if text == "." else text.removeprefix(".")
    return not text or _DOMAIN.fullmatch(text) is not None


def is_mailbox(text: str) -> bool:
    """`parseRFC2821Mailbox`: a quoted or plain local part, and a domain whose labels are visible text."""
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        return quoted is not None and is_domain(quoted[1][1:])
    atom = _ATOM.fullmatch(text)
    if atom is None:
        return False
    local = re.sub(r"\\(.)", r"\1", atom[1], flags=re.DOTALL)
    return local[0] != "." and local[-1] != "." and ".." not in local and is_domain(atom[2][1:])

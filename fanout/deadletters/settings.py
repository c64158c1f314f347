"""Where Event Grid's dead letters are: settings of the operator's, not of the app's. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from fanout.errors import UsageError
from shared.model import SecretValue

_CONTAINER = re.compile(r"\$web|[a-z0-9](-?[a-z0-9]){2,62}")
_DEFAULT = "dead-letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSetting:
    """A container: by URL with an identity, or by connection string and name. One of the two is empty."""

    url: str = ""
    connection_string: SecretValue | None = None
    name: str


def container(environ: Mapping[str, str], option: str | None) -> ContainerSetting | None:
    """Return the setting, or None where there is none. The option goes before all settings.

    Raises `UsageError`, which does not repeat what was given: it may hold a key.
    """
    connection = environ.get("DEAD_LETTER_CONNECTION", "").strip()
    url = (option or "").strip() or environ.get("DEAD_LETTER_URL", "").strip()
    if option and option.strip():
        connection = ""
    if url and connection:
        raise UsageError("DEAD_LETTER_URL and DEAD_LETTER_CONNECTION are both set; expected one of them")
    if url:
        return _by_url(url)
    if not connection:
        return None
    name = environ.get("DEAD_LETTER_CONTAINER", "").strip() or _DEFAULT
    if not _CONTAINER.fullmatch(name):
        raise UsageError("DEAD_LETTER_CONTAINER is no container name; expected 3 to 63 of a-z, 0-9 and '-'")
    return ContainerSetting(connection_string=SecretValue(connection.encode()), name=name)


def _by_url(text: str) -> ContainerSetting:
    wrong = "DEAD_LETTER_URL is wrong; expected https://ACCOUNT.blob.core.windows.net/CONTAINER, without ?"
    try:
        url = urlsplit(text)
        valid_port = url.port is None or url.port > 0
    except ValueError:
        raise UsageError(wrong) from None
    name = url.path.rstrip("/").rpartition("/")[2]
    extra = url.query or url.fragment or url.username is not None
    if url.scheme != "https" or not url.hostname or not valid_port or extra or not _CONTAINER.fullmatch(name):
        raise UsageError(wrong)
    return ContainerSetting(url=text.rstrip("/"), name=name)

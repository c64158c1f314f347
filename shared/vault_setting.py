"""The vaults that may be contacted, and where they are: the setting KEY_VAULTS. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.errors import SettingsError

_VAULT_NAME = re.compile(r"[0-9a-z-]{3,24}")
_PUBLIC_SUFFIX = "vault.azure.net"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSetting:
    """A vault that may be contacted: its name in lower case and its URL without a final slash."""

    name: str
    url: str

    @property
    def host(self) -> str:
        """The authority of the URL: host, and the port where it is not 443."""
        return urlsplit(self.url).netloc


def parse(text: str) -> tuple[VaultSetting, ...]:
    """Read names, or name=URL, separated by commas. Raises `SettingsError`."""
    vaults: dict[str, VaultSetting] = {}
    for entry in filter(None, re.split(r"[,;\s]+", text)):
        name, has_url, url = entry.partition("=")
        name = name.lower()
        if not _VAULT_NAME.fullmatch(name):
            raise SettingsError(f"KEY_VAULTS: {name[:40]!r} is no vault name; expected 3 to 24 letters, digits and '-'")
        if name in vaults:
            raise SettingsError(f"KEY_VAULTS: {name} is listed twice")
        vaults[name] = VaultSetting(
            name=name, url=_vault_url(name, url) if has_url else f"https://{name}.{_PUBLIC_SUFFIX}"
        )
    if not vaults:
        raise SettingsError("KEY_VAULTS holds no vault; expected vault names, or name=URL, separated by commas")
    return tuple(vaults.values())


def _vault_url(name: str, text: str) -> str:
    expected = f"KEY_VAULTS: the URL of {name} is wrong; expected https://HOST or https://HOST:PORT"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise SettingsError(expected) from None
    extra = url.path.strip("/") or url.query or url.fragment or url.username is not None
    if url.scheme != "https" or not url.hostname or extra:
        raise SettingsError(expected)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"https://{host}" if port in {None, 443} else f"https://{host}:{port}"

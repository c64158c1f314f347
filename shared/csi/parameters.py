"""A class's `parameters` as the provider checks them, in its order (csi-semantics 1.2 and 1.3). No objects here."""

import re
from collections.abc import Mapping
from typing import Final

from shared.csi import golang

_SUFFIXES: Final = {
    "AZUREPUBLICCLOUD": "vault.azure.net",
    "AZURECLOUD": "vault.azure.net",
    "AZUREUSGOVERNMENTCLOUD": "vault.usgovcloudapi.net",
    "AZUREUSGOVERNMENT": "vault.usgovcloudapi.net",
    "AZURECHINACLOUD": "vault.azure.cn",
    "AZUREGERMANCLOUD": "vault.microsoftazure.de",
}
_STACK: Final = "AZURESTACKCLOUD"
_IDENTITY_SWITCHES: Final = ("usePodIdentity", "useVMManagedIdentity", "useAzureTokenProxy")
_VAULT_NAME: Final = re.compile(r"[-A-Za-z0-9]{3,24}")


class Refused(Exception):  # noqa: N818 - `classes` turns it into DriverWouldFail with the class's name
    """A parameter breaks a rule of the provider. The message names both."""


def get(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter, trimmed; empty if absent."""
    return golang.trim_space(parameters.get(name, ""))


def check(parameters: Mapping[str, str], *, default_cloud: str, stack_suffix: str | None) -> str:
    """Check everything that comes before `objects`; return the DNS suffix of the vault's cloud."""
    switches = {name: _read_switch(parameters, name) for name in _IDENTITY_SWITCHES}
    if sum(switches.values()) > 1:
        raise Refused("only one of usePodIdentity, useVMManagedIdentity and useAzureTokenProxy may be true")
    if not get(parameters, "keyvaultName"):
        raise Refused("keyvaultName is not set")
    if not get(parameters, "tenantID") and not get(parameters, "tenantId"):
        raise Refused("tenantID is not set")
    suffix = _find_suffix(get(parameters, "cloudName") or default_cloud, stack_suffix)
    if switches["useAzureTokenProxy"] and not get(parameters, "clientID"):
        raise Refused("useAzureTokenProxy needs clientID")
    if not get(parameters, "objects"):
        raise Refused("objects is not set")
    return suffix


def check_vault_name(name: str) -> None:
    """Check the vault's name, which the provider does only once it has objects to fetch."""
    if not _VAULT_NAME.fullmatch(name):
        raise Refused(f"keyvaultName {name[:40]!r} is not 3 to 24 letters, digits and hyphens")


def _read_switch(parameters: Mapping[str, str], name: str) -> bool:
    text = get(parameters, name)
    switch = golang.parse_bool(text) if text else False
    if switch is None:
        raise Refused(f"{name} is not a boolean in Go's spelling (1, t, true, 0, f, false)")
    return switch


def _find_suffix(cloud: str, stack_suffix: str | None) -> str:
    name = golang.upper(cloud)
    if name == _STACK:
        if stack_suffix is None:
            raise Refused("cloudName AzureStackCloud takes its vault suffix from a file in the provider's pod")
        return stack_suffix
    suffix = _SUFFIXES.get(name)
    if suffix is None:
        raise Refused(f"cloudName {cloud[:40]!r} is not a cloud that the provider knows")
    return suffix

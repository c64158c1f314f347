"""The CLUSTERS setting: which clusters there are and how each is reached. Pure: no file is opened here.

A JSON or YAML list. Each entry has a `name`, exactly one of the ways below, and optionally `timeoutSeconds`,
`concurrency`, `provider`, `bindings`, `driver` and `clientId`:

    aks: /subscriptions/.../managedClusters/NAME   address and CA from ARM, Entra token
    server: https://HOST[:PORT], ca: PEM text      Entra token of the AKS server application
    kubeconfig: PATH, context: NAME                whatever the kubeconfig says
    inCluster: true                                the pod's service account
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import yaml

from shared.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_AKS_ID = re.compile(
    r"/subscriptions/[0-9a-z-]+/resourcegroups/[^/]+/providers/microsoft\.containerservice/managedclusters/[^/]+",
    re.IGNORECASE,
)

_MOST_CONCURRENT = 256

DRIVERS = ("1.5", "1.6-with-rotation", "1.6-without-rotation")
"""What an entry may say of the cluster's CSI driver."""


class BindingKind(StrEnum):
    """The ways in which a cluster can declare that a Secret holds a vault object (design 3)."""

    CSI = "csi"
    OWNED = "owned-secrets"
    EXTERNAL_SECRETS = "external-secrets"
    SECRET_SYNC = "secret-sync"  # noqa: S105 - a word, not a password


Bindings = frozenset[BindingKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class AksAccess:
    """A managed cluster by its ARM resource id. Address and CA come from ARM, the token from Entra."""

    resource_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAccess:
    """A managed cluster by its address. `ca` is PEM text, empty for the machine's trust store."""

    server: str
    ca: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeconfigAccess:
    """A cluster by a kubeconfig file; the current context where `context` is empty."""

    path: str
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InClusterAccess:
    """The cluster that the app itself runs in, with the pod's service account."""


Access = AksAccess | ServerAccess | KubeconfigAccess | InClusterAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What an entry that says nothing gets: CLUSTER_TIMEOUT_SECONDS, CLUSTER_CONCURRENCY and BINDINGS."""

    timeout: float
    concurrency: int
    bindings: Bindings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFlags:
    """How a cluster's Azure provider is started, as far as that decides about bytes (csi-semantics 1.3, 2.3, 2.7)."""

    cloud: str = "AzurePublicCloud"
    construct_pem_chain: bool = True
    separate_files: bool = False
    azure_stack_suffix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSetting:
    """One cluster: its name in outcomes, notices and grants; its access; its limits; what is known of its drivers.

    `timeout` is in seconds, once for looking and once for writing. `concurrency` bounds the requests under way.
    `bindings` are the declarations that are followed; None follows all that the identity may list. `driver` is one of
    `DRIVERS`, empty where it is to be found out. `client_id` is the identity for this cluster, empty for the app's own.
    """

    name: str
    access: Access
    timeout: float
    concurrency: int
    provider: ProviderFlags = ProviderFlags()
    bindings: Bindings | None = None
    driver: str = ""
    client_id: str = ""


def parse(text: str, defaults: Defaults) -> tuple[ClusterSetting, ...]:
    """Read the list. Raises `SettingsError` that names the entry and the key."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError):
        # PyYAML lets the last three out of tagged scalars such as `!!int ""`.
        raise SettingsError("CLUSTERS is neither JSON nor YAML") from None
    if not isinstance(document, list):
        raise SettingsError("CLUSTERS is no list; expected [{name: ..., aks: ...}, ...], or [] for none")
    clusters: dict[str, ClusterSetting] = {}
    for number, entry in enumerate(document, start=1):
        cluster = _entry(entry, number, defaults)
        if cluster.name.lower() in clusters:
            raise SettingsError(f"CLUSTERS: the name {cluster.name} stands twice")
        clusters[cluster.name.lower()] = cluster
    return tuple(clusters.values())


_WAYS = {
    "aks": {"aks"},
    "server": {"server", "ca"},
    "kubeconfig": {"kubeconfig", "context"},
    "inCluster": {"inCluster"},
}


def _entry(entry: object, number: int, defaults: Defaults) -> ClusterSetting:
    where = f"CLUSTERS, entry {number}"
    if not isinstance(entry, Mapping):
        raise SettingsError(f"{where}: expected a mapping with a name")
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: name is missing or wrong; expected letters, digits, '.', '_' and '-', up to 63")
    where = f"CLUSTERS, {name}"
    ways = [way for way in _WAYS if way in entry]
    if len(ways) != 1:
        raise SettingsError(f"{where}: expected exactly one of {', '.join(_WAYS)}; found {', '.join(ways) or 'none'}")
    allowed = {"name", "timeoutSeconds", "concurrency", "provider", "bindings", "driver", "clientId", *_WAYS[ways[0]]}
    unknown = sorted(str(key)[:40] for key in entry if key not in allowed)
    if unknown:
        raise SettingsError(f"{where}: unknown key {unknown[0]!r}; expected {', '.join(sorted(allowed))}")
    return ClusterSetting(
        name=name,
        access=_access(ways[0], entry, where),
        timeout=_number(entry, "timeoutSeconds", where, default=defaults.timeout, low=1.0, high=20.0),
        concurrency=_count(entry, "concurrency", where, default=defaults.concurrency),
        provider=_provider(entry.get("provider", {}), where),
        bindings=parse_bindings(entry["bindings"], f"{where}: bindings") if "bindings" in entry else defaults.bindings,
        driver=_driver(entry.get("driver", ""), where),
        client_id=_text(entry, "clientId", where) if "clientId" in entry else "",
    )


def parse_bindings(value: object, where: str) -> Bindings | None:
    """Read which declarations are followed: `auto`, or a list. Raises `SettingsError` that begins with `where`."""
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    if words == ["auto"]:
        return None
    known = {str(kind): kind for kind in BindingKind}
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word in known for word in words):
        raise SettingsError(f"{where} is wrong; expected auto, or a list of {', '.join(known)}")
    kinds = frozenset(known[word] for word in words)
    if BindingKind.SECRET_SYNC in kinds and BindingKind.CSI not in kinds:
        raise SettingsError(f"{where} is wrong; secret-sync works on SecretProviderClasses, so csi belongs to it")
    return kinds


def _driver(value: object, where: str) -> str:
    text = str(value)  # YAML reads 1.5 as a number
    if text not in {"", *DRIVERS}:
        raise SettingsError(f"{where}: driver is wrong; expected one of {', '.join(DRIVERS)}")
    return text


def _access(way: str, entry: Mapping[str, Any], where: str) -> Access:
    if way == "aks":
        identifier = _text(entry, "aks", where).rstrip("/")
        if not _AKS_ID.fullmatch(identifier):
            raise SettingsError(f"{where}: aks is no resource id of a managed cluster")
        return AksAccess(resource_id=identifier)
    if way == "server":
        return ServerAccess(server=_server(_text(entry, "server", where), where), ca=_pem(entry, where))
    if way == "kubeconfig":
        context = _text(entry, "context", where) if "context" in entry else ""
        return KubeconfigAccess(path=_text(entry, "kubeconfig", where), context=context)
    if entry["inCluster"] is not True:
        raise SettingsError(f"{where}: inCluster is either true or absent")
    return InClusterAccess()


_FLAGS: Mapping[str, tuple[str, type]] = {
    "cloudName": ("cloud", str),
    "constructPemChain": ("construct_pem_chain", bool),
    "writeCertAndKeyInSeparateFiles": ("separate_files", bool),
    "azureStackDnsSuffix": ("azure_stack_suffix", str),
}


def _provider(flags: object, where: str) -> ProviderFlags:
    if not isinstance(flags, Mapping) or not flags.keys() <= _FLAGS.keys():
        raise SettingsError(f"{where}: provider is wrong; expected a mapping of {', '.join(_FLAGS)}")
    for name, value in flags.items():
        if not isinstance(value, _FLAGS[name][1]) or value == "":
            kind = "a text" if _FLAGS[name][1] is str else "true or false"
            raise SettingsError(f"{where}: provider.{name} is wrong; expected {kind}")
    return ProviderFlags(**{_FLAGS[name][0]: value for name, value in flags.items()})


def _server(text: str, where: str) -> str:
    expected = f"{where}: server is no https://HOST[:PORT]"
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise SettingsError(expected) from None
    if url.scheme != "https" or not url.hostname or url.query or url.fragment or url.username is not None:
        raise SettingsError(expected)
    return text.rstrip("/")


def _pem(entry: Mapping[str, Any], where: str) -> str:
    if "ca" not in entry:
        return ""
    text = _text(entry, "ca", where)
    if not text.startswith("-----BEGIN CERTIFICATE-----"):
        raise SettingsError(f"{where}: ca is no PEM certificate; expected text that begins -----BEGIN CERTIFICATE-----")
    return text


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{where}: {key} is no text")
    return value.strip()


def _number(entry: Mapping[str, Any], key: str, where: str, *, default: float, low: float, high: float) -> float:
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise SettingsError(f"{where}: {key} is wrong; expected a number from {low:g} to {high:g}")
    return value


def _count(entry: Mapping[str, Any], key: str, where: str, *, default: int) -> int:
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_CONCURRENT:
        raise SettingsError(f"{where}: {key} is wrong; expected a whole number from 1 to {_MOST_CONCURRENT}")
    return value

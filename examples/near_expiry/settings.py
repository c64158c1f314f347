"""The environment as a value. Pure. An error names the variable and never repeats what it holds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from keyvault_fanout import SecretValue

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LOOPBACK = ("127.0.0.1", "localhost")


class SettingsError(ValueError):
    """A variable is missing or wrong."""


class Channel(StrEnum):
    """Where messages go."""

    TEAMS = "teams"
    SLACK = "slack"
    EMAIL = "email"
    PRINT = "print"


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """A mail server that speaks STARTTLS. Without a user nobody signs in."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: SecretValue | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the program is told.

    `vaults` holds the URL of each vault by its name, in lower case. `domains` are those whose addresses get mail.
    """

    channel: Channel
    topic: str
    subscription: str
    connection_string: str
    namespace: str
    vaults: Mapping[str, str]
    default_owner: str
    domains: frozenset[str]
    webhook: SecretValue | None = None
    smtp: Smtp | None = None


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings. Raises `SettingsError`."""
    try:
        channel = Channel(_required(environ, "CHANNEL"))
    except ValueError:
        raise SettingsError(f"CHANNEL is none of {', '.join(Channel)}") from None
    default = _required(environ, "DEFAULT_OWNER")
    if channel is Channel.EMAIL and not is_address(default):
        raise SettingsError("DEFAULT_OWNER is no mail address")
    named = environ.get("OWNER_DOMAINS") or default.rpartition("@")[2]
    connection_string = environ.get("SERVICE_BUS", "")
    return Settings(
        channel=channel,
        topic=_required(environ, "TOPIC"),
        subscription=_required(environ, "SUBSCRIPTION"),
        connection_string=connection_string,
        namespace="" if connection_string else _required(environ, "SERVICE_BUS_NAMESPACE"),
        vaults=_vaults(_required(environ, "KEY_VAULTS")),
        default_owner=default,
        domains=frozenset(domain.strip().lower() for domain in named.split(",") if domain.strip()),
        webhook=_webhook(_required(environ, "WEBHOOK_URL")) if channel in {Channel.TEAMS, Channel.SLACK} else None,
        smtp=_smtp(environ) if channel is Channel.EMAIL else None,
    )


def is_address(text: str) -> bool:
    """Tell whether a text is a plain mail address, and nothing that a header could misread."""
    return _ADDRESS.fullmatch(text) is not None


def _required(environ: Mapping[str, str], name: str) -> str:
    if text := environ.get(name, "").strip():
        return text
    raise SettingsError(f"{name} is missing")


def _vaults(text: str) -> dict[str, str]:
    """Read names, or name=URL, separated by commas: the app's own setting."""
    pairs = [entry.strip().partition("=") for entry in text.split(",") if entry.strip()]
    return {name.lower(): url or f"https://{name}.vault.azure.net" for name, _, url in pairs}


def _webhook(text: str) -> SecretValue:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        raise SettingsError("WEBHOOK_URL is no URL") from None
    if not host or not (url.scheme == "https" or (url.scheme == "http" and host in _LOOPBACK)):
        raise SettingsError("WEBHOOK_URL is no https URL")
    return SecretValue(text.encode())


def _smtp(environ: Mapping[str, str]) -> Smtp:
    port = environ.get("SMTP_PORT", "587")
    if not port.isdecimal():
        raise SettingsError("SMTP_PORT is no number")
    sender = _required(environ, "MAIL_FROM")
    if not is_address(sender):
        raise SettingsError("MAIL_FROM is no mail address")
    user = environ.get("SMTP_USER", "")
    return Smtp(
        host=_required(environ, "SMTP_HOST"),
        port=int(port),
        sender=sender,
        user=user,
        password=SecretValue(_required(environ, "SMTP_PASSWORD").encode()) if user else None,
    )

"""The secret's content as a user and a password. Pure."""

import json
from dataclasses import dataclass

from keyvault_fanout import SecretValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are to the database."""

    user: str
    password: SecretValue


def read(value: SecretValue) -> Credentials:
    """Return the credentials that a secret holds: `{"username": "shop_a", "password": "..."}`.

    User and password are one value, so that they change together. Raises `ValueError`, which repeats nothing of it.
    """
    try:
        content = json.loads(value.reveal())
    except ValueError:
        content = None
    found = content if isinstance(content, dict) else {}
    user, password = found.get("username"), found.get("password")
    if not (isinstance(user, str) and user and isinstance(password, str) and password):
        raise ValueError("the secret is no JSON object with username and password")
    return Credentials(user=user, password=SecretValue(password.encode()))

"""A method and a path -> what is asked for, as a value that fault rules, rights and assertions look at."""

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote

from devstack.keyvault import refusals
from devstack.keyvault.objects import TYPES, ObjectType

Operation = Literal[
    "list", "get", "list versions", "set", "update", "delete", "list deleted", "get deleted", "recover", "purge"
]

_ACTIONS: Final[dict[Operation, str]] = {
    "get": "getSecret/action",
    "set": "setSecret/action",
    "update": "update/action",
    "delete": "delete",
    "recover": "recover/action",
    "purge": "purge/action",
}

# (method, collection, segments after it); DELETE and PUT reach secrets alone.
_ROUTES: Final[dict[tuple[str, str, int], Operation]] = {
    **{("GET", collection, 0): "list" for collection in TYPES},
    **{("GET", collection, count): "get" for collection in TYPES for count in (1, 2)},
    ("PUT", "secrets", 1): "set",
    ("PATCH", "secrets", 1): "update",
    ("PATCH", "secrets", 2): "update",
    ("DELETE", "secrets", 1): "delete",
    ("GET", "deletedsecrets", 0): "list deleted",
    ("GET", "deletedsecrets", 1): "get deleted",
    ("DELETE", "deletedsecrets", 1): "purge",
}
_VERBS: Final[dict[tuple[str, str, str], Operation]] = {
    **{("GET", collection, "versions"): "list versions" for collection in TYPES},
    ("POST", "deletedsecrets", "recover"): "recover",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. An empty `version` asks for the latest, an empty `name` for the whole collection.

    `identity` is the token's, empty where it was refused. `status` is 0 until the answer is known (-1: cut off).
    `at` is when it came, in Unix seconds; two requests are equal whenever they came.
    """

    method: str
    operation: Operation
    kind: ObjectType
    name: str = ""
    version: str = ""
    identity: str = ""
    status: int = 0
    at: float = field(default=0.0, compare=False)

    @property
    def action(self) -> str:
        """The data action that a role has to allow."""
        if self.kind == "secret":
            return f"Microsoft.KeyVault/vaults/secrets/{_ACTIONS.get(self.operation, 'readMetadata/action')}"
        return f"Microsoft.KeyVault/vaults/{'keys' if self.kind == 'key' else 'certificates'}/read"


def parse(method: str, raw_path: str) -> Request:
    """Return what is asked for.

    Raises:
        Refusal: 501 for everything that is not served here.
    """
    # Split before decoding, or a quoted slash in a name would make a segment of its own.
    collection, *rest = [unquote(segment) for segment in raw_path.partition("?")[0].split("/")[1:]]
    if rest and rest[-1] == "":  # get_secret(name) asks for /secrets/NAME/
        rest.pop()
    operation = _ROUTES.get((method, collection, len(rest)))
    if rest[1:] in (["versions"], ["recover"]):
        operation = _VERBS.get((method, collection, rest[1]))
    if operation is None or _is_reserved(collection, rest):
        raise refusals.not_served(f"{method} /{collection}{'/...' if rest else ''}")
    return Request(
        method=method,
        operation=operation,
        kind=TYPES.get(collection, "secret"),
        name="".join(rest[:1]),
        version="".join(rest[1:]) if operation in {"get", "update"} else "",
    )


def _is_reserved(collection: str, rest: list[str]) -> bool:
    """Whether a path that looks like an object or a version names something else of the vault."""
    if collection == "certificates" and rest[:1] in (["contacts"], ["issuers"]):
        return True
    return collection != "secrets" and rest[1:] in (["policy"], ["pending"], ["rotationpolicy"])

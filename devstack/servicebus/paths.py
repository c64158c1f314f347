"""Names of entities on the wire: URLs, audiences of tokens and plain paths, all to one lower-case form."""

CBS = "$cbs"
DEAD_LETTERS = "$deadletterqueue"
MANAGEMENT = "/$management"


def normalize(address: str) -> str:
    """Return the path of an entity in lower case: `amqps://host:1/Topic/Subscriptions/A` -> `topic/subscriptions/a`."""
    _, found, rest = address.partition("://")
    if found:
        _, _, address = rest.partition("/")
    return address.strip("/").lower()


def contains(scope: str, path: str) -> bool:
    """Answer whether a path is a scope or lies below it. The empty scope is the whole namespace."""
    return not scope or path == scope or path.startswith(f"{scope}/")

"""What an application cares about: asked of every notice here, and of every message by the subscription. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keyvault_fanout.notice import Notice, NoticeType, checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Conditions that a notice meets all of. An empty one stands for no condition.

        Interest(vault="kv-shop", object="db-password")
        Interest(namespace="shop", types=[NoticeType.TARGET_FAILED])

    `object_type` is `secret`, `key` or `cert`, and another one raises `ValueError`; a certificate's value is the
    `secret` of its name. `vault`, `object_type` and `object` compare without case. Where `cluster`, `namespace` or
    `secret` is given, notices about an object itself do not meet the conditions: they name no place.
    """

    vault: str = ""
    object_type: str = ""
    object: str = ""
    cluster: str = ""
    namespace: str = ""
    secret: str = ""
    types: Sequence[NoticeType] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "vault", self.vault.lower())
        object.__setattr__(self, "object", self.object.lower())
        object.__setattr__(self, "object_type", checked(self.object_type.lower()) if self.object_type else "")
        object.__setattr__(self, "types", tuple(map(NoticeType, self.types)))

    def matches(self, notice: Notice) -> bool:
        """Answer whether a notice meets the conditions."""
        return (not self.types or notice.type in self.types) and all(
            wanted in {"", found}
            for wanted, found in (
                (self.vault, notice.vault),
                (self.object_type, notice.object_type),
                (self.object, notice.object),
                (self.cluster, notice.cluster),
                (self.namespace, notice.namespace),
                (self.secret, notice.secret),
            )
        )

    def rules(self) -> list[dict[str, str]]:
        """Return the correlation filters that let exactly these notices through: application properties by name.

        One for each type, since the rules of a subscription are joined by "or". A single empty one lets all through.
        """
        properties = {
            name: value
            for name, value in (
                ("vault", self.vault),
                ("objectType", self.object_type),
                ("object", self.object),
                ("cluster", self.cluster),
                ("namespace", self.namespace),
                ("secret", self.secret),
            )
            if value
        }
        return [properties | {"noticeType": str(type_)} for type_ in self.types] or [properties]


def rules(interests: Iterable[Interest]) -> list[dict[str, str]]:
    """Return the correlation filters for several interests, each once. None at all where one interest is in everything.

    An empty list stands for the rule that a new subscription has anyway: everything.
    """
    found: list[dict[str, str]] = []
    for interest in interests:
        found.extend(rule for rule in interest.rules() if rule not in found)
    return [] if {} in found else found

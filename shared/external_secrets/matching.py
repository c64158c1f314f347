"""Which ExternalSecrets concern a vault object.

Matched by vault and name, whatever the event's family: a new version of a certificate is a new version of the secret,
the key and the certificate of that name. A search goes through the vault's secrets only, those that certificates back
among them (providers/v1/azure/keyvault/keyvault.go, GetAllSecrets), and ignores `find.path`; a key event alone is no
news to it. Only an object that is pinned to a version stays as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from shared.delegate import Delegate, Resource
from shared.external_secrets import patterns
from shared.external_secrets.declaration import ExternalSecret
from shared.external_secrets.stores import Store, StoreRef
from shared.model import ObjectType, VaultObject
from shared.observed import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDelegate:
    """A Secret that an owner fills, perhaps from the vault object, and why it cannot be told or is not followed.

    `secret_name` is empty where there is no such Secret.
    """

    owner: Owner
    resource: Resource
    secret_name: str
    detail: str


Found = Delegate | RefusedDelegate


def find(
    secrets: Iterable[ExternalSecret], stores: Iterable[Store], about: VaultObject, vault_host: str
) -> Sequence[Found]:
    """Return what concerns the object, in the order of the list, at most one for each ExternalSecret.

    `vault_host` is the configured authority of the vault; stores have to name just that. Several ExternalSecrets may
    fill one Secret (creationPolicy Merge): each of them has to be asked.
    """
    vault = frozenset(store.ref for store in stores if store.authority == vault_host)
    mention = re.compile(rf"(?<![0-9a-z-]){re.escape(about.name)}(?![0-9a-z-])")
    found: list[Found] = []
    for secret in secrets:
        wanted, detail = _concern(secret, about, vault, mention)
        if wanted is not None and not secret.refusal:
            found.append(_delegate(secret, wanted))
        elif detail:
            found.append(_refuse(secret, detail))
    return found


def _concern(
    secret: ExternalSecret, about: VaultObject, vault: AbstractSet[StoreRef], mention: re.Pattern[str]
) -> tuple[Sequence[Mapping[str, str]] | None, str]:
    """Return the tags of which the object has to carry one set (none: it concerns it in any case), and a refusal.

    None in place of the tags where it does not concern the object.
    """
    for store, names in secret.named:
        if about.name in names and store in vault:
            return (), secret.refusal
    tags: list[Mapping[str, str]] = []
    refused = [
        use.detail
        for use in secret.refused
        if (use.store is None or use.store in vault) and about.name in use.words and mention.search(use.words)
    ]
    for search in secret.searches:
        if search.store not in vault or about.type is ObjectType.KEY:
            continue
        matches = patterns.search(search.pattern, about.name) if search.pattern else True
        if matches is None and mention.search(search.pattern.lower()):
            refused.append("its find.name.regexp cannot be evaluated: it is no regular expression, or too costly a one")
        elif matches and not search.tags:
            return (), secret.refusal
        elif matches and search.tags not in tags:
            tags.append(search.tags)
    return tuple(tags) or None, refused[0] if refused else ""


def _delegate(secret: ExternalSecret, tags: Sequence[Mapping[str, str]]) -> Delegate:
    return Delegate(
        owner=Owner.EXTERNAL_SECRETS,
        resource=secret.resource,
        secret_name=secret.secret_name,
        tags=tuple(tags),
        ignores=secret.ignores,
        asked=secret.asked,
        mark=secret.mark,
        parent=secret.parent,
    )


def _refuse(secret: ExternalSecret, detail: str) -> RefusedDelegate:
    return RefusedDelegate(
        owner=Owner.EXTERNAL_SECRETS, resource=secret.resource, secret_name=secret.secret_name, detail=detail
    )

"""A Key Vault on loopback for the unmodified azure-keyvault-secrets, -keys and -certificates clients.

    objects      one version of a secret, key or certificate; a request
    material     certificates and keys as Key Vault takes them apart (JWK, cer, thumbprint)
    refusals     why a request is refused, in the service's words as far as public examples show them
    store        the semantics: versions, soft delete; no transport
    wire         objects <-> the service's JSON
    operations   the paths, and a request carried out on the store
    server       TLS, challenge authentication, rights, faults, the log

Over the wire: secrets (set, get, list, list versions, update, delete, list and get deleted, recover, purge), keys and
certificates (get, list, list versions). Everything else that a vault can do answers 501, or 404 where its path looks
like an object's: creating, importing, rotating and using keys, creating and importing certificates
(`KeyVault.import_certificate` does it in process), their soft delete, issuers, contacts, policies, backup and
restore, `outContentType`.

Not as the service: wording and inner codes come from public examples; any well-formed api-version is served the same
answers; there are no rate limits (plan a fault), no access policies, no tenants; versions made in one second are told
apart by order, not by time; a deleted certificate takes its secret and key along and all come back together.
"""

from devstack.keyvault.objects import ObjectType, Request, VaultChange, Version
from devstack.keyvault.refusals import Denial, Refusal, throttle
from devstack.keyvault.server import KeyVault, Rights

__all__ = ["Denial", "KeyVault", "ObjectType", "Refusal", "Request", "Rights", "VaultChange", "Version", "throttle"]

"""Can each vault be reached, listed and read? Through the app's own client; no value is read."""

import secrets
from collections.abc import Sequence

from fanout.doctor.finding import Finding, Place
from shared.errors import ConfigurationError, FanoutError, PermanentError
from shared.model import ObjectType, VaultRead
from shared.ports import Vault
from shared.reason import Reason, remedy

_ROLES = {
    ObjectType.SECRET: "Key Vault Secrets User",
    ObjectType.KEY: "Key Vault Crypto User",
    ObjectType.CERT: "Key Vault Certificate User",
}


async def listed(place: Place, vault: Vault) -> Sequence[Finding]:
    """List the vault. Raises what the vault answers."""
    found = await vault.inventory()
    return [place.ok("list secrets", f"{len(found)} secrets and certificates")]


async def readable(place: Place, vault: Vault, type_: ObjectType) -> Sequence[Finding]:
    """Try to read an object that nobody has: a vault decides about rights before it looks for the object.

    Raises what the vault answers where that tells nothing of rights. Keys and certificates are for who declares them.
    """
    check = f"read {type_}s"
    try:
        await vault.read(VaultRead(type=type_, name=f"keyvault-fanout-doctor-{secrets.token_hex(8)}"))
    except PermanentError as error:
        if error.reason is not Reason.OBJECT_NOT_FOUND:
            raise
    except ConfigurationError as error:
        if type_ is ObjectType.SECRET or error.reason is not Reason.VAULT_FORBIDDEN:
            raise
        detail = f"it may not; needed only where classes or owned Secrets take {type_}s"
        return [place.note(check, detail, assignment(_ROLES[type_], place.subject, ""))]
    return [place.ok(check, "allowed")]


def assignment(role: str, vault: str, object_id: str) -> str:
    """Return the command that gives an identity a role on a vault."""
    return (
        f'az role assignment create --role "{role}" --assignee-object-id {object_id or "OBJECT_ID"} '
        f"--assignee-principal-type ServicePrincipal --scope $(az keyvault show --name {vault} --query id --output tsv)"
    )


def fix(error: FanoutError, vault: str, object_id: str) -> str:
    """Return what mends a refusal: rights and network are told apart by the vault's inner code."""
    if error.reason is Reason.VAULT_FORBIDDEN:
        return assignment(_ROLES[ObjectType.SECRET], vault, object_id)
    if error.reason is Reason.VAULT_FIREWALL:
        return f"az keyvault network-rule add --name {vault} --subnet SUBNET_ID, or a private endpoint for the vault"
    if error.reason is Reason.VAULT_UNREACHABLE:
        return "Does its name resolve from here, and does port 443 answer? Check KEY_VAULTS, DNS, private endpoints."
    return remedy(error.reason)

"""Where a writer finds the cluster and the vault, and as whom."""

from collections.abc import Callable
from dataclasses import dataclass, field

from devstack.certificates import Authority
from devstack.identity import VAULT, Issuer
from devstack.keyvault import KeyVault
from devstack.kubernetes import Identity, KubernetesApi, everything
from devstack.kubernetes.access import Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Two addresses, and the tokens of one user for both. The vault's is made anew for every request."""

    user: str
    cluster_url: str
    cluster_token: str = field(repr=False)
    vault_name: str
    vault_url: str
    vault_token: Callable[[], str] = field(repr=False)
    ca_pem: str = field(repr=False)


def give(
    user: str,
    *,
    cluster: KubernetesApi,
    vault: KeyVault,
    issuer: Issuer,
    authority: Authority,
    rights: Rights = everything,
) -> Access:
    """Make a user known to a running cluster, with a token that no one else has, and return its access.

    In the cluster the user may do what `rights` say, in the vault what the vault's `rights` say of that identity.
    """
    token = issuer.issue(f"devstack-{cluster.name}", identity=user)
    cluster.admit(Identity(token=token, user=user, allows=rights))
    return Access(
        user=user,
        cluster_url=cluster.url,
        cluster_token=token,
        vault_name=vault.name,
        vault_url=vault.url,
        vault_token=lambda: issuer.issue(VAULT, identity=user),
        ca_pem=authority.ca_pem,
    )

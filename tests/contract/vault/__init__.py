"""The vault's edge against the devstack's vault, and against Lowkey Vault where LOWKEY_VAULT_JAR names its jar."""

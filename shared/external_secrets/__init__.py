"""External Secrets, as pure functions: which of its resources concern a vault object, and what became of a request.

    stores        a SecretStore or ClusterSecretStore: which vault it reads
    declaration   an ExternalSecret, read once: its Secret, its uses of stores, whether it listens
    uses          what it takes from a vault, by name or by search
    listening     whether the operator looks when it is asked
    matching      which ExternalSecrets concern a vault object
    patterns      regular expressions that somebody else wrote
    status        what an ExternalSecret's status says
    fields        texts, bounded

Rules are those of external-secrets/external-secrets; each is given with the file that it was read from. Whoever may
edit a namespace wrote the manifests: nothing here raises on them, and what they ask for is bounded.
"""

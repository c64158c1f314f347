"""Why something was not done, as a word that machines may act on, and what a person can do about it."""

from enum import StrEnum


class Reason(StrEnum):
    """The closed list of reasons. Words are only ever added: subscribers and dashboards match on them."""

    # The event
    MALFORMED_EVENT = "malformed-event"
    UNLISTED_VAULT = "unlisted-vault"

    # The vault
    OBJECT_NOT_FOUND = "object-not-found"
    OBJECT_DISABLED = "object-disabled"
    VAULT_FORBIDDEN = "vault-forbidden"
    VAULT_FIREWALL = "vault-firewall"
    VAULT_UNAUTHENTICATED = "vault-unauthenticated"
    VAULT_REFUSED = "vault-refused"
    VAULT_THROTTLED = "vault-throttled"
    VAULT_UNREACHABLE = "vault-unreachable"
    VAULT_BEHIND = "vault-behind"

    # The cluster
    CLUSTER_FORBIDDEN = "cluster-forbidden"
    CLUSTER_UNAUTHENTICATED = "cluster-unauthenticated"
    CLUSTER_REFUSED = "cluster-refused"
    CLUSTER_THROTTLED = "cluster-throttled"
    CLUSTER_UNREACHABLE = "cluster-unreachable"
    SECRET_CONFLICT = "secret-conflict"  # noqa: S105 - a word, not a password

    # The topic
    TOPIC_FORBIDDEN = "topic-forbidden"
    TOPIC_NOT_FOUND = "topic-not-found"
    TOPIC_REFUSED = "topic-refused"
    TOPIC_UNREACHABLE = "topic-unreachable"

    WATCH_FORBIDDEN = "watch-forbidden"
    WATCH_NOT_FOUND = "watch-not-found"

    # The job queue
    QUEUE_FORBIDDEN = "queue-forbidden"
    QUEUE_NOT_FOUND = "queue-not-found"
    QUEUE_REFUSED = "queue-refused"
    QUEUE_UNREACHABLE = "queue-unreachable"
    MALFORMED_JOB = "malformed-job"

    # The plan
    PINNED = "pinned"
    NO_GRANT = "no-grant"
    SECRET_MISSING = "secret-missing"  # noqa: S105 - a word, not a password
    SECRET_NOT_MANAGED = "secret-not-managed"  # noqa: S105 - a word, not a password
    SECRET_IMMUTABLE = "secret-immutable"  # noqa: S105 - a word, not a password
    SECRET_OTHER_TYPE = "secret-other-type"  # noqa: S105 - a word, not a password
    DRIVER_WOULD_FAIL = "driver-would-fail"
    DRIVER_WOULD_REVERT = "driver-would-revert"
    MOUNT_ONLY = "mount-only"
    CONTESTED = "contested"
    TOO_MANY = "too-many"
    UNCONCERNED = "unconcerned"
    BAD_DECLARATION = "bad-declaration"
    BAD_HOLD = "bad-hold"
    OWNER_IGNORES = "owner-ignores"

    # What became of it
    OWNER_FAILING = "owner-failing"
    NOT_CONVERGED = "not-converged"
    KEEPS_REVERTING = "keeps-reverting"
    RETRIES_EXHAUSTED = "retries-exhausted"

    # Restarts
    WORKLOAD_PAUSED = "workload-paused"
    WORKLOAD_ON_DELETE = "workload-on-delete"
    RESTART_OVERDUE = "restart-overdue"

    # The event path
    EVENTS_SILENT = "events-silent"

    # The clock
    DEADLINE = "deadline"

    # This program
    UNEXPECTED = "unexpected"


REMEDIES: dict[Reason, str] = {
    Reason.UNLISTED_VAULT: "Add the vault to KEY_VAULTS, or remove its event subscription.",
    Reason.OBJECT_NOT_FOUND: "Recover the object in the vault, or remove it from the SecretProviderClass.",
    Reason.OBJECT_DISABLED: "Enable the newest version, or create a new one; the vault serves no older one instead.",
    Reason.VAULT_FORBIDDEN: (
        "Give the app's identity the role Key Vault Secrets User on the vault; Key Vault Certificate User or Key Vault "
        "Crypto User as well where classes mount certificates or keys."
    ),
    Reason.VAULT_FIREWALL: "Let the app's network through the vault's firewall, or give the vault a private endpoint.",
    Reason.VAULT_UNAUTHENTICATED: "Check the app's identity (AZURE_CLIENT_ID) and its tenant.",
    Reason.VAULT_REFUSED: "Read the object with the app's identity by hand: the vault refuses the request itself.",
    Reason.CLUSTER_FORBIDDEN: "Apply the RBAC of docs/kubernetes-rbac.md for the app's identity.",
    Reason.CLUSTER_UNAUTHENTICATED: "Check the credential of this cluster's entry in CLUSTERS.",
    Reason.CLUSTER_REFUSED: "Look for an admission policy or a damaged Secret: the cluster refuses the request itself.",
    Reason.TOPIC_FORBIDDEN: "Give the app's identity the role Azure Service Bus Data Sender on the topic.",
    Reason.TOPIC_NOT_FOUND: "Create the topic that NOTICE_TOPIC names.",
    Reason.TOPIC_REFUSED: "Make room in the topic (its quota), or raise the size of message that it takes.",
    Reason.NO_GRANT: (
        "Let a pod of this namespace mount the class with its own identity, or list cluster/namespace in the "
        "vault object's tag keyvault-fanout-allow."
    ),
    Reason.SECRET_MISSING: "Start a pod that mounts the class: the CSI driver creates the Secret, this app never does.",
    Reason.SECRET_NOT_MANAGED: "Remove the Secret so that the CSI driver creates it, or take it out of the class.",
    Reason.SECRET_IMMUTABLE: "Remove `immutable: true` by creating the Secret again.",
    Reason.SECRET_OTHER_TYPE: "Make the type in the SecretProviderClass and that of the Secret agree.",
    Reason.DRIVER_WOULD_FAIL: "Mend the SecretProviderClass or the vault object: the CSI driver fails on it as well.",
    Reason.DRIVER_WOULD_REVERT: "Switch on the driver's rotation (enableSecretRotation), or restart the pods.",
    Reason.MOUNT_ONLY: "Nothing to do: pods read the new version from their mount at the driver's next rotation.",
    Reason.TOO_MANY: "Let fewer classes, Secrets and versions of one namespace depend on one vault object.",
    Reason.CONTESTED: "Let one writer feed this Secret: several would overwrite each other.",
    Reason.BAD_DECLARATION: "Mend the annotation keyvault-fanout.dev/objects of the Secret (docs/owned-secrets.md).",
    Reason.BAD_HOLD: "Mend or remove the tag keyvault-fanout-hold of the vault object's newest version.",
    Reason.OWNER_IGNORES: (
        "Let the ExternalSecret refresh periodically (refreshPolicy Periodic with an interval above 0, or OnChange)."
    ),
    Reason.OWNER_FAILING: "Look at the status of the owner's resource: it reads the vault with an identity of its own.",
    Reason.NOT_CONVERGED: (
        "Look at the pods that still show another version: their kubelet or their identity may be the reason."
    ),
    Reason.KEEPS_REVERTING: "Look for another writer of the Secret (its managedFields); it puts old bytes back.",
    Reason.RETRIES_EXHAUSTED: "Mend what the detail names, then replay the job from the queue's dead letters.",
    Reason.EVENTS_SILENT: "Look at the vaults' Event Grid subscriptions: are they there, what do they filter?",
    Reason.WORKLOAD_PAUSED: "Resume the workload, then restart it by hand.",
    Reason.WORKLOAD_ON_DELETE: "Delete its pods by hand, or let its update strategy be RollingUpdate.",
    Reason.RESTART_OVERDUE: "Look at the workloads that are still rolling; they use up the cluster's restart budget.",
    Reason.WATCH_FORBIDDEN: "Give the app's identity the role Azure Service Bus Data Receiver on the subscription.",
    Reason.WATCH_NOT_FOUND: "Create the subscription that WATCH_SUBSCRIPTION names, or leave the setting empty.",
    Reason.QUEUE_FORBIDDEN: "Give the app's identity the role Azure Service Bus Data Sender on the queue.",
    Reason.QUEUE_NOT_FOUND: "Create the queue that JOB_QUEUE names.",
    Reason.QUEUE_REFUSED: "Make room in the queue (its quota).",
}
"""What a person can do. A reason without a line passes by itself or needs nothing."""


def remedy(reason: Reason) -> str:
    """Return what a person can do about `reason`, or an empty text."""
    return REMEDIES.get(reason, "")

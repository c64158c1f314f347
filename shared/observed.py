"""What was seen in a cluster and in a vault: plain values, read once, decided upon later. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.csi.classes import SecretProviderClass
from shared.errors import DriverWouldFail
from shared.model import Material, ObjectType, SecretValue, VaultObject


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretState:
    """What a Secret's metadata tells of its data: when it last changed, and whether that was us.

    `versions` is our annotation on an owned Secret.
    """

    resource_version: str
    changed: datetime | None
    by_us: bool
    versions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedClass:
    """A SecretProviderClass that the driver would refuse as a whole, and why.

    `vault` and `text` (its `objects`, in lower case) are kept to tell whose events it would have concerned;
    `secrets` are the names in its secretObjects.
    """

    namespace: str
    name: str
    vault: str
    text: str
    secrets: tuple[str, ...]
    error: DriverWouldFail


ClassView = SecretProviderClass | RefusedClass


class Driver(StrEnum):
    """The generation of the CSI driver in a cluster, by what it does to what others write (design 4)."""

    V1_5 = "csi-driver 1.5"
    V1_6_ROTATING = "csi-driver 1.6+ with rotation"
    V1_6_STATIC = "csi-driver 1.6+ without rotation"
    UNKNOWN = "csi-driver of unknown generation"


class Owner(StrEnum):
    """Who else writes a target, where it is not the CSI driver."""

    OWNED = "keyvault-fanout"
    """Nobody else: the Secret carries our label."""
    EXTERNAL_SECRETS = "external-secrets"
    SYNC_CONTROLLER = "secrets-store-sync-controller"
    NOBODY = "nobody"


Writer = Driver | Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesSecret:
    """A Secret as it was read.

    `managed` tells whether it carries the driver's label (csi-semantics 3.3), `owned` whether it carries ours, and
    `owner` who else marked it. `versions` is our annotation on an owned Secret. `changed` is when somebody last
    changed its data, as far as the API server tells, and `by_us` whether that was this app.
    """

    namespace: str
    name: str
    resource_version: str
    type: str
    managed: bool
    immutable: bool
    data: Mapping[str, SecretValue]
    owned: bool = False
    owner: Owner = Owner.NOBODY
    versions: str = ""
    uid: str = ""
    changed: datetime | None = None
    by_us: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStatus:
    """One SecretProviderClassPodStatus: which class a pod mounted, and the version of each object id in it.

    The driver wrote it, and namespace users may not: it shows that the pod's own identity could read an object of
    that type and name in the vault that the class named then (csi-semantics 4.1). It does not name the vault.
    """

    class_name: str
    versions: Mapping[str, str]
    pod: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The versions of a vault object that pod statuses speak of. Only a vault that holds one of them was mounted."""

    type: ObjectType
    name: str
    versions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedObject:
    """A vault object as the vault lists it, without its value.

    Its newest version: when it was made, from when on and until when it may be used, and whether it serves.
    """

    object: VaultObject
    created: datetime | None
    enabled: bool
    not_before: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultAnswer:
    """What the vault answered to one read: a version, or the newest first for a history.

    The tags and times are those of the newest in it: when it was made, and from when on it may be used.
    """

    materials: tuple[Material, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    not_before: datetime | None = None

    @property
    def version(self) -> str:
        """The newest version in the answer; empty where a history holds none."""
        return self.materials[0].version if self.materials else ""

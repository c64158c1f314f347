"""The SecretSync resource of kubernetes-sigs/secrets-store-sync-controller: what it reads, and what became of it. Pure.

Its controller calls the provider itself, over a SecretProviderClass of the same namespace, and writes a Secret of the
SecretSync's own name (server-side apply). It looks anew when the resource's generation changes; the generation and
`spec.forceSynchronization` are parts of the hash it compares, so each new value of that field ends in a write and in a
new `status.lastSuccessfulSyncTime` (api/secretsync/v1alpha1, pkg/controller at 60d04585; group secret-sync.x-k8s.io).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from shared import parts
from shared.binding import is_pinned, same_vault
from shared.csi import golang
from shared.csi.classes import SecretProviderClass
from shared.delegate import Delegate, Progress, Resource, Standing
from shared.model import VaultObject
from shared.observed import ClassView, Owner

GROUP_VERSION: Final = "secret-sync.x-k8s.io/v1alpha1"
PLURAL: Final = "secretsyncs"

_TYPES: Final = frozenset({"SecretCreated", "SecretUpdated", "Create", "Update"})
"""The conditions that tell of a write, the last two those of the older controller (internal/controller).

Of any other type, False need not mean failure.
"""

_FAILED_UNKNOWN: Final = frozenset({"UnknownError", "ControllerInternalError"})
"""Failures that the older controller reports with the status Unknown, which otherwise means not tried yet."""

_LONGEST_REASON: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSync:
    """A SecretSync as far as it could be read; what was missing or malformed is empty.

    `files` are its source paths: files that the class's provider would mount. `asked` is its forceSynchronization.

    `mark` is lastSuccessfulSyncTime. Nothing else in the status changes at every pass that was asked for, except
    syncHash, which derives from the values and therefore stays in the cluster: the controller sets no
    observedGeneration, and a condition's lastTransitionTime moves only with its status.
    """

    namespace: str
    name: str
    class_name: str
    files: tuple[str, ...]
    asked: str
    mark: str


def parse(manifest: object) -> SecretSync:
    """Read a SecretSync as the Kubernetes API gives it. Never raises."""
    metadata, spec = (
        parts.mapping(manifest, "metadata"),
        parts.mapping(manifest, "spec"),
    )
    entries = parts.entries(spec, "secretObject", "data")
    # Trimmed as the controller does (pkg/util/secretutil).
    files = (golang.trim_space(parts.text(entry, "sourcePath")) for entry in entries)
    return SecretSync(
        namespace=parts.legal_name(metadata, "namespace"),
        name=parts.legal_name(metadata, "name"),
        class_name=parts.text(spec, "secretProviderClassName"),
        files=tuple(dict.fromkeys(file for file in files if file)),
        asked=parts.text(spec, "forceSynchronization"),
        mark=_mark(_synced_at(manifest)),
    )


def find(
    syncs: Iterable[SecretSync], views: Iterable[ClassView], about: VaultObject, vault_host: str
) -> Sequence[Delegate]:
    """Return the Secrets that the sync controller fills from the newest version of the object, in the order of `syncs`.

    Matched as `binding.find` does: by vault and name, whatever the object's type, and not where a version is pinned.
    A class that was refused cannot be told to read the object, so its SecretSyncs are left out.
    """
    reading = {
        (view.namespace, view.name): view
        for view in views
        if isinstance(view, SecretProviderClass)
        and same_vault(view, about.vault, vault_host)
        and any(item.read.name == about.name for item in view.objects)
    }
    found: list[Delegate] = []
    for sync in syncs:
        cls = reading.get((sync.namespace, sync.class_name))
        if cls is not None and sync.namespace and sync.name and _follows(cls, sync.files, about.name):
            found.append(_delegate(sync))
    return found


def progress(manifest: object, *, mark: str, since: datetime) -> Progress:
    """Tell what became of a request, made at `since` when the SecretSync's mark was `mark`. Never raises.

    Synced once a pass succeeded after the mark was taken, without a mark since `since`. Its time has whole seconds: one
    that was made in the second of the request counts as well, for a controller that worked then has seen the request a
    moment later.

    Failing while a condition says so and no success is newer. The status does not move when the same failure repeats,
    so a failure from before the request is told as well: only time shows whether it lasts.
    """
    synced_at = _synced_at(manifest)
    conditions = [_condition(item) for item in parts.entries(manifest, "status", "conditions")]
    told = [item for item in conditions if item.type in _TYPES]
    failures = [item for item in told if item.failed and not item.is_before(synced_at)]
    if failures:
        return Progress(standing=Standing.FAILING, detail=_newest(failures))
    asked = since.replace(microsecond=0)
    if synced_at is not None and (_mark(synced_at) != mark or synced_at == asked if mark else synced_at >= asked):
        return Progress(standing=Standing.SYNCED, detail=_newest([item for item in told if item.good]))
    return Progress(standing=Standing.PENDING, detail=_newest([item for item in told if not item.good]))


def _follows(cls: SecretProviderClass, files: Iterable[str], name: str) -> bool:
    """Tell whether a new version of the object of that name would change one of these files."""
    return any(item.read.name == name and not is_pinned(item) for file in files for item in cls.producers(file))


def _delegate(sync: SecretSync) -> Delegate:
    return Delegate(
        owner=Owner.SYNC_CONTROLLER,
        resource=Resource(group_version=GROUP_VERSION, plural=PLURAL, namespace=sync.namespace, name=sync.name),
        secret_name=sync.name,
        asked=sync.asked,
        mark=sync.mark,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Condition:
    type: str
    status: str
    reason: str
    changed: datetime | None

    @property
    def good(self) -> bool:
        return self.status == "True"

    @property
    def failed(self) -> bool:
        return self.status == "False" or (self.status == "Unknown" and self.reason in _FAILED_UNKNOWN)

    def is_before(self, moment: datetime | None) -> bool:
        """Tell whether it was outlived: a retry that finds the hash unchanged writes the Secret and leaves it False."""
        return moment is not None and self.changed is not None and self.changed < moment


def _condition(entry: Mapping[str, Any]) -> _Condition:
    return _Condition(
        type=parts.text(entry, "type"),
        status=parts.text(entry, "status"),
        reason=parts.text(entry, "reason"),
        changed=parts.time(entry, "lastTransitionTime"),
    )


def _newest(conditions: Sequence[_Condition]) -> str:
    """Return the reason of the condition that changed last, as it may stand in a log line."""
    oldest = datetime.min.replace(tzinfo=UTC)
    newest = max(conditions, key=lambda item: item.changed or oldest, default=None)
    reason = newest.reason if newest else ""
    return "".join(letter for letter in reason[: 2 * _LONGEST_REASON] if letter.isprintable())[:_LONGEST_REASON]


def _synced_at(manifest: object) -> datetime | None:
    return parts.time(manifest, "status", "lastSuccessfulSyncTime")


def _mark(synced_at: datetime | None) -> str:
    return synced_at.isoformat() if synced_at else ""

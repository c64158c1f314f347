"""From what the vault answered to files and Secrets: the driver's bytes (csi-semantics 2, 3 and 9).

In: a parsed class and, for each of its reads, the material or the refusal. Out: masked values. Nothing is read here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shared.csi import classes, content, objects, tls
from shared.csi.classes import ClassObject, RefusedSecret, SecretObject, SecretProviderClass
from shared.errors import DriverWouldFail
from shared.model import Material, SecretValue, VaultRead

Answers = Mapping[VaultRead, tuple[Material, ...] | DriverWouldFail]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInfo:
    """One entry of a version list. `created` is in Unix seconds; None where the vault does not say."""

    version: str
    created: float | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedSecret:
    """A Secret as the driver writes it."""

    name: str
    type: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    data: Mapping[str, SecretValue]


def select_history(versions: Sequence[VersionInfo], read: VaultRead) -> tuple[str, ...]:
    """Return the ids of the versions that the driver fetches for a read with history, newest first.

    The first is the newest enabled one, or the one that the class pins; one more than the class asks for is taken.
    A pin that is not in the list (unknown, disabled, `Latest`) gives none, without an error (csi-semantics 2.8).
    """
    enabled = [item for item in versions if item.enabled is not False]
    ordered = [item.version for item in sorted(enabled, key=lambda item: -(item.created or 0))]
    if read.version in {"", "latest"}:
        start = 0
    elif read.version in ordered:
        start = ordered.index(read.version)
    else:
        return ()
    return tuple(ordered[start : start + read.history + 1])


def select_objects(cls: SecretProviderClass, only: str | None = None) -> tuple[ClassObject, ...]:
    """Return the objects whose reads `files` needs: all, or those of one vault object name.

    With `only` (compared without case) those come along that may mount a file of the same name: which of them wins is
    decided by what the vault holds.
    """
    if only is None:
        return cls.objects
    return cls.mounts.sharing([item for item in cls.objects if item.read.name == only.lower()])


def files(cls: SecretProviderClass, answers: Answers, *, only: str | None = None) -> dict[str, SecretValue]:
    """Return the mounted files by name, as one mount would write them; raise DriverWouldFail as the mount would.

    `only` is the name of a vault object: just the files of the objects of that name, of any type and version.
    """
    mounted: dict[str, SecretValue] = {}
    asked: set[str] = set()
    for item in select_objects(cls, only):
        answer = answers[item.read]
        if isinstance(answer, DriverWouldFail):
            raise DriverWouldFail(f"{cls}: {item.status_id}: {answer}")
        try:
            produced = content.produce(item, answer, cls.provider)
            objects.check_paths(produced)
        except (content.Refused, objects.Refused) as error:
            raise DriverWouldFail(f"{cls}: {item.status_id}: {error}") from None
        mounted |= {path: SecretValue(value) for path, value in produced.items()}
        if only is None or item.read.name == only.lower():
            asked |= produced.keys()
    _check_mount(cls, mounted, partial=only is not None)
    return {path: value for path, value in mounted.items() if path in asked}


def _check_mount(cls: SecretProviderClass, mounted: Mapping[str, SecretValue], *, partial: bool) -> None:
    if cls.refusal is not None:
        raise DriverWouldFail(cls.refusal)
    if not mounted and not partial:
        raise DriverWouldFail(f"{cls}: no object has a version, and the driver refuses a mount without any")
    try:
        objects.check_paths(mounted)
    except objects.Refused as error:
        raise DriverWouldFail(f"{cls}: {error}") from None


def secret_data(
    cls: SecretProviderClass,
    secret: SecretObject,
    mounted: Mapping[str, SecretValue],
    *,
    keys: Collection[str] | None = None,
) -> dict[str, SecretValue]:
    """Return a Secret's data from mounted files, or only the entries under `keys`.

    Raise DriverWouldFail for a file that is not mounted and for one that `kubernetes.io/tls` cannot split. With `keys`
    the files may be those of one object: an earlier entry for the same key is then judged only if its file is there.
    """
    winners = {entry.key: entry for entry in secret.data}
    data: dict[str, SecretValue] = {}
    for entry in secret.data:
        if keys is not None and entry.key not in keys:
            continue
        value = mounted.get(entry.file)
        if value is None:
            if keys is not None and entry is not winners[entry.key]:
                continue
            raise DriverWouldFail(f"{cls}: Secret {secret.name!r}: file {entry.file!r} is not mounted")
        if secret.type == classes.TLS_TYPE:
            try:
                value = SecretValue(tls.extract(value.reveal(), entry.key))
            except tls.Refused as error:
                where = f"{cls}: Secret {secret.name!r}: {entry.key} from file {entry.file!r}"
                raise DriverWouldFail(f"{where}: {error}") from None
        data[entry.key] = value
    return data


def keys_fed_by(cls: SecretProviderClass, secret: SecretObject, name: str) -> tuple[str, ...]:
    """Return the data keys whose file is one of the vault objects of this name, compared without case.

    Of several entries for one key the last counts; of several objects that mount one file, the last that surely does
    hides those before it. An object that only may mount the file (a version that may not exist) hides none.
    """
    winners = {entry.key: entry.file for entry in secret.data}
    return tuple(key for key, file in winners.items() if _feeds(cls, file, name.lower()))


def _feeds(cls: SecretProviderClass, file: str, name: str) -> bool:
    for item in reversed(cls.producers(file)):
        if item.read.name == name:
            return True
        if not item.many and item.base == file:
            return False
    return False


def evaluate(cls: SecretProviderClass, answers: Answers) -> dict[str, RenderedSecret | DriverWouldFail]:
    """Return what one pass over an empty namespace leaves behind, by Secret name; raise where the mount would fail.

    Two entries for one Secret are written one after the other: what succeeds last stays, what fails changes nothing.
    """
    mounted = files(cls, answers)
    rendered: dict[str, RenderedSecret | DriverWouldFail] = {}
    for secret in cls.secrets:
        outcome = secret.error if isinstance(secret, RefusedSecret) else _render(cls, secret, mounted)
        if isinstance(outcome, RenderedSecret) or not isinstance(rendered.get(secret.name), RenderedSecret):
            rendered[secret.name] = outcome
    return rendered


def _render(
    cls: SecretProviderClass, secret: SecretObject, mounted: Mapping[str, SecretValue]
) -> RenderedSecret | DriverWouldFail:
    try:
        data = secret_data(cls, secret, mounted)
    except DriverWouldFail as error:
        return error
    return RenderedSecret(
        name=secret.name, type=secret.type, labels=secret.labels, annotations=secret.annotations, data=data
    )

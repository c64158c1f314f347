"""The bytes that a target should hold, and the proof that its namespace may have them. Pure.

Nothing is computed for a namespace before its grant is proven (design 5). Every function raises a `FanoutError` where
a neighbour's answer, or its absence, stands in the way.
"""

from collections.abc import Mapping
from datetime import datetime

from shared import grant, hold
from shared.binding import Binding
from shared.csi import render
from shared.csi.classes import ClassObject
from shared.errors import FanoutError, PermanentError
from shared.model import SecretValue, VaultObject
from shared.observed import KubernetesSecret
from shared.outcome import ObjectVersion
from shared.owned import VERSIONS, versions_after
from shared.reason import Reason
from shared.view import TargetView, VaultView, Writable, claim


def data(about: VaultObject, view: TargetView, secret: KubernetesSecret, vault: VaultView) -> dict[str, SecretValue]:
    """Compute the data keys that the object feeds, over all declarations that name the Secret."""
    computed: dict[str, SecretValue] = {}
    for writable in view.writables:
        for item in writable.objects:
            _check_grant(view, writable, item, vault)
        for key, value in _render(about, writable, secret, vault).items():
            if computed.setdefault(key, value) != value:
                raise PermanentError(f"two classes feed {key} with different bytes", reason=Reason.CONTESTED)
    return computed


def holds(about: VaultObject, view: TargetView, vault: VaultView) -> tuple[ObjectVersion, ...]:
    """Name the objects that follow the newest version, each once, with the version that was rendered."""
    held: dict[VaultObject, str] = {}
    for writable in view.writables:
        for item in writable.feeding:
            fed = VaultObject(vault=about.vault, type=item.read.type, name=item.read.name)
            held.setdefault(fed, vault.answer(item.read).version)
    return tuple(ObjectVersion(object=fed, version=version) for fed, version in held.items())


def held(view: TargetView, vault: VaultView, now: datetime) -> datetime | None:
    """Return until when what feeds the target is held back by its owner."""
    answers = [vault.answer(item.read) for writable in view.writables for item in writable.feeding]
    ends = [end for answer in answers if (end := hold.until(answer, now))]
    return max(ends, default=None)


def annotations(view: TargetView, secret: KubernetesSecret, vault: VaultView) -> Mapping[str, str]:
    """Return the annotations that say which versions an owned Secret holds; none for a Secret that others write."""
    text = secret.versions
    for writable in view.writables:
        if isinstance(writable, Binding):
            return {}
        held = {item.read: vault.answer(item.read).version for item in writable.objects}
        text = versions_after(text, writable, held)
    return {} if text == secret.versions else {VERSIONS: text}


def _check_grant(view: TargetView, writable: Writable, item: ClassObject, vault: VaultView) -> None:
    """Raise unless an object is granted to the target's namespace."""
    claimed = claim(view, writable, item)
    confirmed = vault.confirmed[claimed] if claimed else False
    if confirmed is True:
        return
    answer = vault.answer(item.read)
    if grant.allows(answer.tags, cluster=view.target.cluster, namespace=view.target.namespace):
        return
    if isinstance(confirmed, FanoutError):
        raise confirmed
    place = f"{view.target.cluster}/{view.target.namespace}"
    mounted = (
        f"no pod of {view.target.namespace} mounted {item.status_id} of this vault through {writable.cls.name}, and "
        if isinstance(writable, Binding)
        else ""
    )
    raise PermanentError(f"{mounted}the object's tag {grant.TAG} does not list {place}", reason=Reason.NO_GRANT)


def _render(
    about: VaultObject, writable: Writable, secret: KubernetesSecret, vault: VaultView
) -> Mapping[str, SecretValue]:
    answers = {item.read: vault.answer(item.read).materials for item in writable.objects}
    if not isinstance(writable, Binding):
        return writable.render(answers, secret.type)
    mounted = render.files(writable.cls, answers, only=about.name)
    return render.secret_data(writable.cls, writable.secret, mounted, keys=writable.keys)

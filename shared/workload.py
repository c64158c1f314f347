"""Workloads that a changed Secret may restart: what one says of itself, and the patch that restarts it. Pure.

Nothing is restarted that did not ask for it: the annotation `OPT_IN` on the workload holds "true", for every Secret
that its containers read through environment variables, or names of Secrets, for these however they are read. What a
workload was restarted for is written in the annotation `RECORD`. Which are restarted when is decided in `restart`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared import parts, rollout
from shared.rollout import Kind, Progress

OPT_IN = "keyvault-fanout.dev/restart"
RECORD = "keyvault-fanout.dev/restarted-for"

_MOST_SECRETS = 50
"""Secrets kept in a record."""
_MOST_CHARACTERS = 4000
"""Of a record's entry; a longer one loses its versions. So a record stays within an object's 256 KiB of annotations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptIn:
    """For which Secrets a workload asks to be restarted: those in its environment variables, or the named ones."""

    environment: bool = False
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The state of one Secret that the pods of a workload have read: `versions` maps VAULT/TYPE/NAME to a version."""

    resource_version: str
    versions: Mapping[str, str]


Record = Mapping[str, Restarted]
"""By name of the Secret, the newest last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload that opted in, or that was restarted by us.

    `restarted` is empty where there was no restart. `on_delete`: a changed template leaves pods as they are (update
    strategy OnDelete, or a partition). `idle`: it is meant to have no pods, so there is nothing to wait for.
    """

    kind: Kind
    namespace: str
    name: str
    resource_version: str
    opt_in: OptIn = OptIn()
    env_secrets: frozenset[str] = frozenset()
    restarted: Record
    progress: Progress = Progress.DONE
    paused: bool = False
    on_delete: bool = False
    idle: bool = False

    @property
    def rolling(self) -> bool:
        """Whether `kubectl rollout status` would wait, or has given up after the progress deadline."""
        return self.progress is not Progress.DONE

    @property
    def wanted(self) -> frozenset[str]:
        """The Secrets for which it is restarted."""
        return self.env_secrets if self.opt_in.environment else self.opt_in.secrets

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def read(kind: Kind, manifest: Mapping[str, Any]) -> Workload | None:
    """Read a workload as the API gives it. None for one that neither opted in nor was restarted, or is being deleted.

    A Rollout with `workloadRef` has no template of its own, so "true" finds nothing in it: it has to name Secrets.
    """
    meta, spec, status = (parts.mapping(manifest, part) for part in ("metadata", "spec", "status"))
    namespace, name, resource_version = (parts.text(meta, key) for key in ("namespace", "name", "resourceVersion"))
    recorded_in = meta if kind is Kind.ROLLOUT else parts.at(spec, "template", "metadata")
    opt_in, restarted = (
        _opt_in(parts.at(meta, "annotations", OPT_IN)),
        _record(parts.at(recorded_in, "annotations", RECORD)),
    )
    if not (namespace and name and resource_version) or meta.get("deletionTimestamp"):
        return None
    if opt_in == OptIn() and not restarted:
        return None
    generation = parts.count(meta, "generation")
    on_delete = parts.at(spec, "updateStrategy", "type") == "OnDelete"
    idle = rollout.is_idle(kind, generation, spec, status)
    settled = idle or on_delete  # kubectl does not wait for OnDelete either
    return Workload(
        kind=kind,
        namespace=namespace,
        name=name,
        resource_version=resource_version,
        opt_in=opt_in,
        env_secrets=frozenset(_env_secrets(parts.at(spec, "template", "spec"))),
        restarted=restarted,
        progress=Progress.DONE if settled else rollout.progress(kind, generation, spec, status),
        paused=spec.get("paused") is True or bool(parts.listing(status, "pauseConditions")),
        on_delete=on_delete or rollout.partition(spec) > 0,
        idle=idle,
    )


def restart_patch(workload: Workload, record: Record, at: datetime) -> dict[str, Any]:
    """Return the merge patch that restarts it and records why; it conflicts (409) if the workload has changed since.

    The record in the pod template is what makes Kubernetes replace the pods, as `kubectl rollout restart` does. A
    Rollout is restarted by `spec.restartAt`: Argo evicts its pods and takes it through none of the strategy's steps
    (argoproj/argo-rollouts:docs/features/restart.md). `at` is aware of its zone.
    """
    note = {"annotations": {RECORD: render(record)}}
    guard = {"resourceVersion": workload.resource_version}
    if workload.kind is Kind.ROLLOUT:
        return {"metadata": guard | note, "spec": {"restartAt": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}}
    return {"metadata": guard, "spec": {"template": {"metadata": note}}}


def render(record: Record) -> str:
    """Return the annotation's text: compact JSON, the newest 50 Secrets."""
    newest = list(record.items())[-_MOST_SECRETS:]
    return "{" + ",".join(_entry(name, restarted) for name, restarted in newest) + "}"


def _entry(name: str, restarted: Restarted) -> str:
    for versions in (dict(restarted.versions), {}):
        value = {"resourceVersion": restarted.resource_version, "versions": versions}
        text = f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}"
        if len(text) <= _MOST_CHARACTERS:
            break
    return text


def _record(text: object) -> Record:
    """Read the annotation. What is not as we write it is left out."""
    try:
        entries = json.loads(parts.text(text) or "{}")
    except (ValueError, RecursionError):
        return {}
    return {
        name: Restarted(
            resource_version=parts.text(entry, "resourceVersion"),
            versions={key: held for key, held in parts.mapping(entry, "versions").items() if isinstance(held, str)},
        )
        for name, entry in parts.mapping(entries).items()
        if isinstance(entry, Mapping)
    }


def _opt_in(text: object) -> OptIn:
    words = parts.text(text).replace(",", " ").split()
    if [word.lower() for word in words] in (["true"], ["false"]):
        return OptIn(environment=words[0].lower() == "true")
    return OptIn(secrets=frozenset(words))


def _env_secrets(pod: object) -> Iterator[str]:
    """Yield what a pod's environment variables come from. A template has no ephemeral containers."""
    for container in (
        *parts.listing(pod, "containers"),
        *parts.listing(pod, "initContainers"),
    ):
        names = [parts.at(one, "valueFrom", "secretKeyRef", "name") for one in parts.listing(container, "env")]
        names += [parts.at(one, "secretRef", "name") for one in parts.listing(container, "envFrom")]
        yield from (name for name in map(parts.text, names) if name)

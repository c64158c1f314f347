"""The rights that deploy/kubernetes ships, as the stack's API server asks for them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from devstack import seed, stack
from devstack.kubernetes import Request
from tests.e2e.scene import Scene

FOLDER = stack.APP / "deploy" / "kubernetes"
FILES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One group, resource and verb of a rule: in one namespace if it has any, on the named objects if there are any."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    names: tuple[str, ...] = ()

    def covers(self, request: Request) -> bool:
        """Tell whether a request is allowed by this right."""
        return (
            (request.group, request.resource, request.verb) == (self.group, self.resource, self.verb)
            and self.namespace in {"", request.namespace}
            and (not self.names or request.name in self.names)
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{f' in {self.namespace}' if self.namespace else ''}"


class Guard:
    """Allows what its rights cover, and remembers what it refused and which rights were made use of."""

    def __init__(self, rights: Sequence[Right]) -> None:
        self.rights = tuple(rights)
        self.refused: list[Request] = []
        self._used: set[Right] = set()

    def __call__(self, request: Request) -> bool:
        """Decide about a request."""
        covering = [right for right in self.rights if right.covers(request)]
        self._used.update(covering)
        if not covering:
            self.refused.append(request)
        return bool(covering)

    @property
    def unused(self) -> list[str]:
        """The rights that no request has needed so far."""
        return [str(right) for right in self.rights if right not in self._used]


def documents(file: str) -> list[dict[str, Any]]:
    """Return the objects of a manifest."""
    return list(yaml.safe_load_all((FOLDER / f"{file}.yaml").read_text(encoding="utf-8")))


def shipped(*files: str) -> tuple[Right, ...]:
    """Return the rights of some manifests; one that stands in several of them once."""
    return tuple(dict.fromkeys(right for file in files for document in documents(file) for right in _rights(document)))


def grant(scene: Scene, rights: Sequence[Right]) -> Guard:
    """Let the app's identity do what the rights cover, and nothing else."""
    guard = Guard(rights)
    scene.stack.cluster.allow(stack.APP_USER, guard)
    return guard


def without(rights: Sequence[Right], missing: Right) -> list[Right]:
    """Return all rights but one."""
    return [right for right in rights if right != missing]


async def logged_about(scene: Scene, event_id: str, text: str) -> None:
    """Wait until a line of the function's log that is about one event holds a text."""
    about = f"event {event_id!r}: "
    await scene.eventually(
        lambda: any(about in line and text in line for line in scene.host.stderr_text().splitlines())
    )


async def assert_refreshed_without_proof(scene: Scene, secret: str) -> None:
    """Rotate; the owner refreshes the Secret, and the app, which may not see that, gives the proof up and says so."""
    event = scene.event(scene.rotate())

    status = await scene.deliver(event)

    assert status == 202
    await scene.eventually(lambda: scene.value(secret) == scene.stack.vault.get(seed.OBJECT).value)
    await logged_about(scene, event.id, "gave up")
    await scene.eventually(lambda: bool(scene.told("target.failed")))
    assert [told["secret"] for told in scene.told("target.failed")] == [secret]


def but_watches(rights: Iterable[Right]) -> tuple[Right, ...]:
    """Return all rights but those to watch, without which everything is listed for each event."""
    return tuple(right for right in rights if right.verb != "watch")


def _rights(document: dict[str, Any]) -> Iterator[Right]:
    for rule in document.get("rules", ()):
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield Right(
                        group=group,
                        resource=resource,
                        verb=verb,
                        namespace=document["metadata"].get("namespace", ""),
                        names=tuple(rule.get("resourceNames", ())),
                    )

"""The manifests that we ship, applied to the real server for one identity, whole or without one right."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from deploy import rights
from deploy.rights import Manifest
from devstack import stack
from tests.contract.cluster.hand import Hand
from tests.e2e.rights import Right
from tests.envtest.server import User

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_PATIENCE = 30


async def grant(hand: Hand, user: User, files: Sequence[str], *, missing: Right | None = None) -> None:
    """Apply manifests for a user and wait until they are in force; `missing` is taken out of every rule.

    Names end in the user's, because many identities live in one server.
    """
    await _apply(hand, user, [_but(one, missing) for file in files for one in _read(file)])


async def grant_in(hand: Hand, user: User, files: Sequence[str], namespaces: Sequence[str]) -> None:
    """Apply manifests for a user with all that can be limited to namespaces limited to these."""
    parts = [rights.split(_read(file)) for file in files]
    bound = [(one, namespace) for part in parts for one in part.binding for namespace in namespaces]
    placed = [{**one, "metadata": {**one["metadata"], "namespace": namespace}} for one, namespace in bound]
    await _apply(hand, user, [*[one for part in parts for one in part.cluster], *placed])


def _read(file: str) -> list[Manifest]:
    text = (stack.APP / "deploy" / "kubernetes" / f"{file}.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))


async def _apply(hand: Hand, user: User, manifests: Sequence[Manifest]) -> None:
    applied = [_for(user, one) for one in manifests]
    for manifest in applied:
        if manifest["kind"] == "Namespace":
            answer = await hand.call("POST", "/api/v1/namespaces", manifest)
            assert answer.status in {201, 409}
        else:
            await hand.make(manifest)
    roles = {(one["kind"], one["metadata"]["name"]): one for one in applied if "rules" in one}
    async with asyncio.timeout(_PATIENCE):
        for binding in applied:
            if "roleRef" in binding:
                role = roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]
                for rule in role["rules"][:1]:
                    await _until_allowed(hand, user, rule, binding["metadata"].get("namespace", ""))


def _for(user: User, manifest: Manifest) -> Manifest:
    """Return a manifest under names of the user's own, bound to the user."""
    if manifest["kind"] == "Namespace":
        return manifest
    made: Manifest = json.loads(json.dumps(manifest).replace(rights.PLACEHOLDER, user.name))
    made["metadata"]["name"] += f"-{user.name}"
    if "roleRef" in made:
        made["roleRef"]["name"] += f"-{user.name}"
    return made


def _but(manifest: Manifest, missing: Right | None) -> Manifest:
    """Return a manifest without one right."""
    if "rules" not in manifest or missing is None:
        return manifest
    namespace = manifest["metadata"].get("namespace", "")
    return {**manifest, "rules": [rule for old in manifest["rules"] for rule in _without(old, namespace, missing)]}


def _without(rule: dict[str, Any], namespace: str, missing: Right) -> Iterator[dict[str, Any]]:
    """Yield what a rule grants but for one right, a rule for each right."""
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                names = tuple(rule.get("resourceNames", ()))
                right = Right(group=group, resource=resource, verb=verb, namespace=namespace, names=names)
                if right != missing:
                    yield {**rule, "apiGroups": [group], "resources": [resource], "verbs": [verb]}


async def _until_allowed(hand: Hand, user: User, rule: dict[str, Any], namespace: str) -> None:
    """Ask as the user until the server has heard of the rule: its authorizer is fed by watches."""
    asked = {
        "group": rule["apiGroups"][0],
        "resource": rule["resources"][0],
        "verb": rule["verbs"][0],
        "namespace": namespace,
        "name": rule.get("resourceNames", [""])[0],
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    while True:
        answer = await hand.call("POST", _REVIEWS, review, token=user.token)
        if answer.body.get("status", {}).get("allowed"):
            return
        await asyncio.sleep(0.01)

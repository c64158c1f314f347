"""The manifests that we ship, applied to the real server for one identity, whole or without one right."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from devstack import stack
from tests.contract.cluster.hand import Hand
from tests.e2e.rights import Right
from tests.envtest.server import User

_PLACEHOLDER = "00000000-0000-0000-0000-000000000000"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_PATIENCE = 30


async def grant(hand: Hand, user: User, files: Sequence[str], *, missing: Right | None = None) -> None:
    """Apply manifests for a user and wait until they are in force; `missing` is taken out of every rule.

    Names end in the user's, because many identities live in one server.
    """
    applied = [manifest for file in files for manifest in _for(user, file, missing)]
    for manifest in applied:
        if manifest["kind"] == "Namespace":
            answer = await hand.call("POST", "/api/v1/namespaces", manifest)
            assert answer.status in {201, 409}
        else:
            await hand.make(manifest)
    async with asyncio.timeout(_PATIENCE):
        for manifest in applied:
            for rule in manifest.get("rules", ())[:1]:
                await _until_allowed(hand, user, rule, manifest["metadata"].get("namespace", ""))


def _for(user: User, file: str, missing: Right | None) -> Iterator[dict[str, Any]]:
    text = (stack.APP / "deploy" / "kubernetes" / f"{file}.yaml").read_text(encoding="utf-8")
    for manifest in yaml.safe_load_all(text.replace(_PLACEHOLDER, user.name)):
        if manifest["kind"] == "Namespace":
            yield manifest
            continue
        manifest["metadata"]["name"] += f"-{user.name}"
        if "roleRef" in manifest:
            manifest["roleRef"]["name"] += f"-{user.name}"
        if "rules" in manifest and missing is not None:
            namespace = manifest["metadata"].get("namespace", "")
            manifest["rules"] = [rule for old in manifest["rules"] for rule in _without(old, namespace, missing)]
        yield manifest


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

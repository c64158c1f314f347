"""The manifest that we ship is enough, and each of its rules is needed: docs/kubernetes-rbac.md, tried."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import yaml

from devstack import seed, stack
from devstack.kubernetes import Request
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene

MANIFEST = stack.APP / "deploy" / "kubernetes" / "rbac.yaml"
RULES = [
    (group, resource, verb, tuple(rule.get("resourceNames", ())))
    for document in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))
    if document["kind"] == "ClusterRole"
    for rule in document["rules"]
    for group in rule["apiGroups"]
    for resource in rule["resources"]
    for verb in rule["verbs"]
]


def _allowing(rules: list[tuple[str, str, str, tuple[str, ...]]]) -> Callable[[Request], bool]:
    def allows(request: Request) -> bool:
        return any(
            (request.group, request.resource, request.verb) == (group, resource, verb)
            and (not names or request.name in names)
            for group, resource, verb, names in rules
        )

    return allows


@pytest_asyncio.fixture
async def fresh() -> AsyncIterator[Scene]:
    """A host of its own: the driver's generation is remembered for minutes."""
    async with scenes.play() as scene:
        yield scene


async def test_the_shipped_rules_are_enough(fresh: Scene) -> None:
    fresh.stack.cluster.allow("keyvault-fanout", _allowing(RULES))

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    assert status == 202
    assert fresh.value() == fresh.stack.vault.get(seed.OBJECT).value


@pytest.mark.parametrize("missing", RULES, ids=lambda rule: f"{rule[2]} {rule[1]}")
async def test_without_a_rule_the_documented_outcome_is_seen(
    fresh: Scene, missing: tuple[str, str, str, tuple[str, ...]]
) -> None:
    fresh.stack.cluster.allow("keyvault-fanout", _allowing([rule for rule in RULES if rule != missing]))

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    if missing[1] == "csidrivers":
        assert status == 202
        assert fresh.told("target.refreshed")
        return
    assert status == 500
    assert len(fresh.values()) == 1
    await fresh.logged("403 Forbidden. Apply the RBAC of docs/kubernetes-rbac.md")

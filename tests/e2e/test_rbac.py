"""The manifest that we ship is enough, and each of its rules is needed: docs/kubernetes-rbac.md, tried."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import yaml

from devstack import seed, stack
from devstack.kubernetes import Request
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene

Rule = tuple[str, str, str, tuple[str, ...]]


def _rules(name: str) -> list[Rule]:
    """Return the rules of a shipped manifest, one for each group, resource and verb."""
    text = (stack.APP / "deploy" / "kubernetes" / name).read_text(encoding="utf-8")
    return [
        (group, resource, verb, tuple(rule.get("resourceNames", ())))
        for document in yaml.safe_load_all(text)
        if document["kind"] == "ClusterRole"
        for rule in document["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


RULES, NUDGE = _rules("rbac.yaml"), _rules("nudge.yaml")


def _allowing(rules: list[Rule]) -> Callable[[Request], bool]:
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


async def test_with_the_rules_for_nudging_the_app_asks_for_nothing_that_it_may_not(fresh: Scene) -> None:
    fresh.stack.cluster.allow("keyvault-fanout", _allowing(RULES + NUDGE))

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    assert status == 202
    assert "403 Forbidden" not in fresh.host.stderr_text()
    await fresh.logged("2 pods woken")


@pytest.mark.parametrize("missing", NUDGE, ids=lambda rule: f"{rule[2]} {rule[1]}")
async def test_without_a_rule_for_nudging_the_secret_is_refreshed_and_the_log_says_what_is_slower(
    fresh: Scene, missing: Rule
) -> None:
    fresh.stack.cluster.allow("keyvault-fanout", _allowing([rule for rule in RULES + NUDGE if rule != missing]))

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    assert status == 202
    assert fresh.value() == fresh.stack.vault.get(seed.OBJECT).value
    await fresh.logged("a pod is woken by its kubelet only")


@pytest.mark.parametrize("missing", RULES, ids=lambda rule: f"{rule[2]} {rule[1]}")
async def test_without_a_rule_the_documented_outcome_is_seen(fresh: Scene, missing: Rule) -> None:
    fresh.stack.cluster.allow("keyvault-fanout", _allowing([rule for rule in RULES if rule != missing]))

    status = await fresh.deliver(fresh.event(fresh.rotate()))

    if missing[1] == "csidrivers":
        assert status == 202
        assert fresh.told("target.refreshed")
        return
    assert status == 500
    assert len(fresh.values()) == 1
    await fresh.logged("403 Forbidden. Apply the RBAC of docs/kubernetes-rbac.md")

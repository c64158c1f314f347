"""The shipped manifests as a whole: they are well made, together they are enough, and all but one may be missing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from devstack import seed
from shared.cluster_setting import BindingKind
from tests.e2e import declarations, jobs
from tests.e2e import scene as scenes
from tests.e2e.rights import FILES, but_watches, documents, grant, shipped
from tests.e2e.scene import Scene

WATCHED = len({right.resource for right in shipped(*FILES) if right.verb == "watch"})
ZEROS = "00000000-0000-0000-0000-000000000000"


def _at(document: dict[str, Any]) -> tuple[str, str, str]:
    meta = document["metadata"]
    return document["kind"].removesuffix("Binding"), meta.get("namespace", ""), meta["name"]


@pytest.mark.parametrize("file", FILES)
def test_every_role_of_a_manifest_is_bound_to_the_identity_that_has_to_be_filled_in(file: str) -> None:
    roles = [document for document in documents(file) if "rules" in document]
    bindings = [document for document in documents(file) if "roleRef" in document]

    assert list(map(_at, roles)) == list(map(_at, bindings))
    for binding in bindings:
        kind, _, name = _at(binding)
        assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        assert binding["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ZEROS}]


def test_no_two_manifests_overwrite_each_other() -> None:
    places = [(document["kind"], _at(document)) for file in FILES for document in documents(file)]

    assert len(places) == len(set(places))


@pytest_asyncio.fixture
async def whole() -> AsyncIterator[Scene]:
    """An app that follows all there is, checks and restarts within seconds, and a cluster that declares all of it."""
    async with scenes.play(
        CHECK_DELAY_SECONDS="1", CHECK_LIMIT_SECONDS="1", RESTART_WINDOW_SECONDS="1", RESTART_BUDGET="10"
    ) as scene:
        cluster = scene.stack.cluster
        parent = cluster.apply(declarations.cluster_external_secret())
        for manifest in (
            declarations.lease_namespace(),
            declarations.owned_secret(),
            declarations.broken_secret(),
            declarations.store(scene),
            declarations.external_secret(parent=parent),
            declarations.secret_sync(),
            *map(declarations.workload, declarations.KINDS),
        ):
            cluster.apply(manifest)
        yield scene


async def test_with_all_manifests_nothing_is_asked_for_that_is_forbidden_and_no_rule_is_superfluous(
    whole: Scene,
) -> None:
    guard = grant(whole, shipped(*FILES))

    status = await whole.deliver(whole.event(whole.rotate(tags=declarations.GRANT)))
    await jobs.empty(whole)
    async with whole.session.post(f"{whole.host.url}/admin/functions/sweep") as swept:
        assert swept.status == 202
    await jobs.empty(whole)

    assert status == 202
    assert (guard.refused, guard.unused) == ([], [])


async def test_without_any_right_to_watch_everything_is_listed_and_refreshed_and_the_log_says_what_to_apply(
    whole: Scene,
) -> None:
    """Manifests that are older than the app go on working."""
    guard = grant(whole, but_watches(shipped(*FILES)))

    statuses = [await whole.deliver(whole.event(whole.rotate(tags=declarations.GRANT))) for _ in range(2)]

    assert statuses == [202, 202]
    assert {whole.value(name) for name in (seed.SECRET, declarations.OWNED)} == {
        whole.stack.vault.get(seed.OBJECT).value
    }
    await whole.logged("every event lists until deploy/kubernetes is applied anew, with the verb watch")
    await whole.eventually(lambda: len({request.resource for request in guard.refused}) == WATCHED)
    assert {request.verb for request in guard.refused} == {"watch"}


@pytest_asyncio.fixture
async def auto() -> AsyncIterator[Scene]:
    """An app that was not told what to follow."""
    async with scenes.play() as scene:
        yield scene


async def test_what_nobody_asked_for_and_may_not_be_listed_is_named_once_with_its_manifest(auto: Scene) -> None:
    guard = grant(auto, shipped("rbac", "driver", "nudge"))

    statuses = [await auto.deliver(auto.event(auto.rotate())) for _ in range(2)]

    assert statuses == [202, 202]
    assert auto.value() == auto.stack.vault.get(seed.OBJECT).value
    kinds = [kind for kind in BindingKind if kind is not BindingKind.CSI]
    for kind in kinds:
        await auto.logged(f"403 Forbidden; apply deploy/kubernetes/{kind}.yaml to follow them")
    assert {str(kind) for kind in kinds} <= set(FILES)
    assert len(guard.refused) == len(kinds)

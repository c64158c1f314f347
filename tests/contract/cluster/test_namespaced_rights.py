"""Rights limited to namespaces, on the real API server: enough there, and nowhere else. Every rendering is valid."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from deploy import documents
from tests.contract.cluster import test_rbac
from tests.contract.cluster.backends import ApiServer
from tests.contract.cluster.conftest import make_namespace
from tests.contract.cluster.features import FEATURES, SECRET, build_world, synced
from tests.contract.cluster.grants import grant_in
from tests.contract.cluster.hand import Answer, collection_of
from tests.deploy.rendering import KUBECTL, NO_KUBECTL, OBJECT_ID, charted, kustomized
from tests.e2e.rights import FILES
from tests.edges.clusters import Way
from tests.helm import build

needs_kubectl = pytest.mark.skipif(not KUBECTL, reason=NO_KUBECTL)
needs_helm = pytest.mark.skipif(not build.program().is_file() and not build.required(), reason=build.SKIPPED)


@pytest.mark.parametrize("file", FILES)
async def test_each_manifest_limited_to_a_namespace_is_enough_there(
    file: str, apiserver: ApiServer, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    playing = await test_rbac.play(file, apiserver, way, caplog, limited=True)

    await test_rbac.done(playing, file)
    assert not playing.says(test_rbac.FORBIDDEN)


async def test_a_namespace_without_the_rights_is_left_and_named_and_the_others_are_refreshed(
    apiserver: ApiServer, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    user, hand = apiserver.stranger(), apiserver.hand
    granted, other = await make_namespace(hand), await make_namespace(hand)
    await grant_in(hand, user, ["rbac"], [granted])
    for manifest in [*synced(granted), *synced(other)[1:]]:
        await hand.make(manifest)
    cluster = way.reach(apiserver.url, token=user.token, ca_pem=apiserver.ca_pem, bindings=FEATURES["rbac"].bindings)
    world = build_world(cluster, nudging=False)

    await world.deliver(world.rotate("after"))

    assert world.told() == [(f"aks-demo/{granted}/{SECRET}", world.newest())]
    refused = [record.getMessage() for record in caplog.records if "403 Forbidden" in record.getMessage()]
    assert refused
    assert [line for line in refused if f"namespaces/{other}" not in line] == []


@needs_kubectl
@pytest.mark.parametrize("example", ["example", "example-per-namespace"])
async def test_the_server_would_take_what_the_kustomize_examples_make(apiserver: ApiServer, example: str) -> None:
    built = await kustomized(documents.FOLDER / "kustomize" / example)

    await would_take(apiserver, built, ["shop", "billing"])


@needs_helm
@pytest.mark.parametrize("namespaces", [[], ["shop", "billing"]], ids=len)
async def test_the_server_would_take_what_the_chart_makes(apiserver: ApiServer, namespaces: Sequence[str]) -> None:
    features = dict.fromkeys(documents.FEATURES, True)

    rendered = await charted(objectId=OBJECT_ID, features=features, namespaces=namespaces)

    await would_take(apiserver, rendered, namespaces)


async def would_take(server: ApiServer, manifests: Sequence[dict[str, Any]], namespaces: Sequence[str]) -> None:
    """Create everything as a dry run, with every unknown field an error; namespaces have to be there for that."""
    for name in (*namespaces, "keyvault-fanout"):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        assert (await server.hand.call("POST", "/api/v1/namespaces", namespace)).status in {201, 409}
    for manifest in manifests:
        answer = await dry_run(server, manifest)
        assert answer.status in {201, 409}, json.dumps([manifest, answer.reason])
        assert answer.status == 201 or manifest["kind"] == "Namespace"


async def test_a_field_that_no_role_has_would_not_be_taken(apiserver: ApiServer) -> None:
    (role, *_) = documents.manifests("csi")

    assert (await dry_run(apiserver, role)).status == 201
    assert (await dry_run(apiserver, {**role, "rulez": []})).status == 400


async def dry_run(server: ApiServer, manifest: dict[str, Any]) -> Answer:
    """Create an object without keeping it; a field that is unknown is an error."""
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    return await server.hand.call("POST", collection_of(manifest), manifest, query=query)

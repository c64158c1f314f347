"""The Kustomize folders, built by kubectl: what comes out is what the manifests say."""

import os
from pathlib import Path

import pytest
import yaml

from deploy import documents, rights
from tests.deploy.rendering import KUBECTL, NO_KUBECTL, OBJECT_ID, expected, in_order, kustomized, placed

FOLDER = documents.FOLDER / "kustomize"
PATCH = yaml.safe_load((FOLDER / "example" / "kustomization.yaml").read_text(encoding="utf-8"))["patches"]

pytestmark = [pytest.mark.real, pytest.mark.skipif(not KUBECTL, reason=NO_KUBECTL)]


@pytest.mark.parametrize("feature", documents.FEATURES)
async def test_a_component_holds_its_features_manifest(feature: str, tmp_path: Path) -> None:
    built = await kustomized(_overlay(tmp_path, [FOLDER / "cluster-wide" / feature]))

    assert in_order(built) == in_order(expected([feature]))


@pytest.mark.parametrize("feature", documents.FEATURES)
async def test_a_component_for_namespaces_holds_what_stays_cluster_wide_and_a_role_to_bind(
    feature: str, tmp_path: Path
) -> None:
    split = rights.split(documents.manifests(feature))
    wide = expected([feature], ["none"])[: len(split.cluster)]

    built = await kustomized(_overlay(tmp_path, [FOLDER / "per-namespace" / feature]))

    assert in_order(built) == in_order(wide)


async def test_the_example_grants_in_the_whole_cluster() -> None:
    built = await kustomized(FOLDER / "example")

    assert in_order(built) == in_order(expected(["csi", "driver", "nudge"], object_id=rights.PLACEHOLDER))


async def test_the_example_per_namespace_binds_in_the_namespaces_it_lists_and_in_no_other() -> None:
    built = await kustomized(FOLDER / "example-per-namespace")

    wanted = expected(["csi", "driver", "nudge"], ["shop", "billing"], object_id=rights.PLACEHOLDER)
    assert in_order(built) == in_order(wanted)


def test_both_examples_say_the_object_id_in_one_place() -> None:
    for example in ("example", "example-per-namespace"):
        files = [path.read_text(encoding="utf-8") for path in (FOLDER / example).rglob("*.yaml")]
        assert sum(text.count(rights.PLACEHOLDER) for text in files) == 1, example


def test_placing_a_manifest_keeps_the_rest_of_it() -> None:
    binding = rights.split(documents.manifests("csi")).binding[0]

    assert placed(binding, "shop")["metadata"] == {"name": "keyvault-fanout", "namespace": "shop"}
    assert "namespace" not in binding["metadata"]


def _overlay(folder: Path, components: list[Path]) -> Path:
    """Write an overlay of components, with the patch of the example and an identity in it."""
    patched = [{**one, "patch": one["patch"].replace(rights.PLACEHOLDER, OBJECT_ID)} for one in PATCH]
    # Kustomize takes components by a path from the overlay's folder.
    places = [os.path.relpath(path, folder) for path in components]
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "components": places,
        "patches": patched,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return folder

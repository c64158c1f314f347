"""What stays cluster-wide, what holds in a namespace, and that the generated files say so."""

import json

import pytest
import yaml

from deploy import documents, rights
from deploy.rights import Manifest
from tests.e2e.rights import FILES
from tests.helm import build


def _verbs(manifests: list[Manifest], kind: str = "ClusterRole") -> set[tuple[str, str, str]]:
    return {
        (resource, verb, one["metadata"]["name"])
        for one in manifests
        if one["kind"] == kind
        for rule in one["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_every_manifest_is_a_feature() -> None:
    assert sorted(documents.FEATURES.values()) == sorted(FILES)


@pytest.mark.parametrize("feature", documents.FEATURES)
def test_split_or_whole_a_feature_has_the_same_rights(feature: str) -> None:
    whole = documents.manifests(feature)
    parts = rights.split(whole)

    assert {found[:2] for found in _verbs(list(parts.cluster))} == {found[:2] for found in _verbs(whole)}
    assert _verbs(list(parts.cluster), "Role") == _verbs(whole, "Role")


@pytest.mark.parametrize("feature", documents.FEATURES)
def test_what_reads_or_changes_one_object_of_a_namespace_is_granted_in_namespaces_only(feature: str) -> None:
    parts = rights.split(documents.manifests(feature))
    bound = {one["roleRef"]["name"] for one in parts.cluster if one["kind"] == "ClusterRoleBinding"}

    wide = {(resource, verb) for resource, verb, name in _verbs(list(parts.cluster)) if name in bound}

    assert {
        (resource, verb)
        for resource, verb in wide
        if verb not in {"list", "watch"} and resource not in {"csidrivers", "clusterexternalsecrets"}
    } == set()


def test_secrets_are_listed_cluster_wide_for_owned_secrets_and_nothing_else() -> None:
    listing = {
        feature
        for feature in documents.FEATURES
        for resource, verb, _ in _verbs(list(rights.split(documents.manifests(feature)).cluster))
        if (resource, verb) == ("secrets", "list")
    }

    assert listing == {"owned-secrets"}


def test_a_role_that_nothing_is_left_of_is_not_bound() -> None:
    parts = rights.split(documents.manifests("nudge"))

    assert [(one["kind"], one["metadata"]["name"]) for one in parts.cluster] == [
        ("ClusterRole", "keyvault-fanout-nudge-namespace")
    ]
    assert [one["roleRef"]["name"] for one in parts.binding] == ["keyvault-fanout-nudge-namespace"]


def test_names_of_objects_stay_with_their_rule() -> None:
    rule = {
        "apiGroups": [""],
        "resources": ["secrets", "csidrivers"],
        "resourceNames": ["one"],
        "verbs": ["list", "get"],
    }

    wide, narrow = rights.parted([rule])

    assert wide == [
        {**rule, "resources": ["secrets"], "verbs": ["list"]},
        {**rule, "resources": ["csidrivers"], "verbs": ["list", "get"]},
    ]
    assert narrow == [{**rule, "resources": ["secrets"], "verbs": ["get"]}]


def test_the_generated_files_are_what_make_manifests_would_write() -> None:
    assert sorted(documents.stale()) == [], "run make manifests"
    assert documents.superfluous() == [], "run make manifests"


def test_the_charts_values_name_every_feature() -> None:
    chart = documents.FOLDER / documents.CHART
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))

    assert set(values["features"]) == set(documents.FEATURES)
    assert set(schema["properties"]["features"]["properties"]) == set(documents.FEATURES)


def test_the_renderer_is_built_once_for_each_state_of_its_source() -> None:
    assert build.program({"XDG_CACHE_HOME": "/c"}).parent.name.startswith(f"{build.version()}-")
    assert build.program({"XDG_CACHE_HOME": "/c"}).is_relative_to("/c/keyvault-fanout/helm")

"""Who may have the bytes: what a pod mounted, or what the vault's owner wrote on the object (design 5)."""

import pytest

from shared import grant
from shared.csi.classes import ClassObject
from shared.model import ObjectType
from shared.observed import Claim, PodStatus
from tests.builders import build_mount

ITEM = ClassObject(type=ObjectType.SECRET, name="DB-Password")


def test_a_claim_gathers_the_versions_that_pods_mounted_through_the_class() -> None:
    statuses = [
        build_mount("v1", name="DB-Password"),
        build_mount("v2", name="DB-Password"),
        build_mount("v3", name="DB-Password", class_name="another"),
        build_mount("v4", name="DB-Password-2"),
        PodStatus(class_name="web", versions={"key/DB-Password": "v5"}),
    ]

    assert grant.claim(ITEM, "web", statuses) == Claim(
        type=ObjectType.SECRET, name="db-password", versions=frozenset({"v1", "v2"})
    )


def test_a_claim_counts_each_version_of_a_history() -> None:
    status = PodStatus(class_name="web", versions={"secret/DB-Password/0": "v2", "secret/DB-Password/1": "v1"})

    claim = grant.claim(ITEM, "web", [status])

    assert claim is not None
    assert claim.versions == {"v1", "v2"}


def test_without_a_mount_there_is_no_claim() -> None:
    assert grant.claim(ITEM, "web", []) is None
    assert grant.claim(ITEM, "web", [build_mount("v1", name="another")]) is None


@pytest.mark.parametrize(
    "value",
    [
        "aks-one/shop",
        "aks-one/*",
        "*/shop",
        "*/*",
        "aks-*/sh?p",
        "other/x, aks-one/shop",
        "other/x aks-one/shop",
        ",,*/*",
    ],
)
def test_the_tag_lists_cluster_and_namespace(value: str) -> None:
    assert grant.allows({grant.TAG: value}, cluster="aks-one", namespace="shop")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "shop",
        "aks-one",
        "*",
        "aks-one/",
        "/shop",
        "aks-one/shop-2",
        "aks-one/Shop",
        "aks-one/shop/web",
        "aks / shop",
    ],
)
def test_the_tag_allows_nothing_but_what_it_lists(value: str) -> None:
    assert not grant.allows({grant.TAG: value, "another": "*/*"}, cluster="aks-one", namespace="shop")

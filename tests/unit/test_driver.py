"""The driver's generation from its CSIDriver object (csi-semantics 0, design 4)."""

from typing import Any

import pytest

from shared import driver
from shared.observed import Driver


@pytest.mark.parametrize(
    ("manifest", "found"),
    [
        (None, Driver.UNKNOWN),
        ({}, Driver.UNKNOWN),
        ({"spec": {"requiresRepublish": True}}, Driver.V1_6_ROTATING),
        ({"spec": {"requiresRepublish": False}}, Driver.UNKNOWN),
        ({"spec": {"requiresRepublish": "true"}}, Driver.UNKNOWN),
        ({"spec": [], "metadata": {"labels": None}}, Driver.UNKNOWN),
        ({"spec": None, "metadata": "x"}, Driver.UNKNOWN),
    ],
)
def test_without_labels_only_rotation_tells(manifest: dict[str, Any] | None, found: Driver) -> None:
    assert driver.generation(manifest) is found


@pytest.mark.parametrize(
    ("label", "value", "found"),
    [
        ("app.kubernetes.io/version", "1.5.4", Driver.V1_5),
        ("app.kubernetes.io/version", "v1.4.1", Driver.V1_5),
        ("app.kubernetes.io/version", "1.6.0", Driver.V1_6_STATIC),
        ("app.kubernetes.io/version", "v1.10.0", Driver.V1_6_STATIC),
        ("app.kubernetes.io/version", "2.0.0-rc.1", Driver.V1_6_STATIC),
        ("app.kubernetes.io/version", "main", Driver.UNKNOWN),
        ("app.kubernetes.io/version", 16, Driver.UNKNOWN),
        ("helm.sh/chart", "secrets-store-csi-driver-1.5.4", Driver.V1_5),
        ("helm.sh/chart", "secrets-store-csi-driver-1.6.0", Driver.V1_6_STATIC),
        ("helm.sh/chart", "another-chart-1.6.0", Driver.UNKNOWN),
    ],
)
def test_without_rotation_the_charts_labels_tell_the_version(label: str, value: object, found: Driver) -> None:
    manifest = {"spec": {"requiresRepublish": False}, "metadata": {"labels": {label: value}}}

    assert driver.generation(manifest) is found


def test_rotation_says_more_than_a_label() -> None:
    labels = {"app.kubernetes.io/version": "1.5.4"}

    assert (
        driver.generation({"spec": {"requiresRepublish": True}, "metadata": {"labels": labels}}) is Driver.V1_6_ROTATING
    )

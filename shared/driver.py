"""Which generation of the CSI driver a cluster runs, from its CSIDriver object. Pure (csi-semantics 0; design 4)."""

import re
from collections.abc import Mapping
from typing import Any

from shared.observed import Driver

NAME = "secrets-store.csi.k8s.io"

_CHART = re.compile(r"(?:secrets-store-csi-driver-)?v?(\d+)\.(\d+)\.")
_FIRST_REPUBLISHING = (1, 6)


def generation(manifest: Mapping[str, Any] | None) -> Driver:
    """Tell the generation from `CSIDriver/secrets-store.csi.k8s.io`, or from its absence.

    `requiresRepublish: true` is only ever set by 1.6 and later with rotation on. Where it is not set, the version in
    the chart's labels tells 1.5 from a 1.6 whose rotation is off. The API server stores an absent flag as false, so
    without labels the two cannot be told apart here.
    """
    if manifest is None:
        return Driver.UNKNOWN
    if _mapping(manifest.get("spec")).get("requiresRepublish") is True:
        return Driver.V1_6_ROTATING
    labels = _mapping(_mapping(manifest.get("metadata")).get("labels"))
    for label in ("app.kubernetes.io/version", "helm.sh/chart"):
        match = _CHART.match(str(labels.get(label, "")))
        if match:
            version = (int(match[1]), int(match[2]))
            return Driver.V1_6_STATIC if version >= _FIRST_REPUBLISHING else Driver.V1_5
    return Driver.UNKNOWN


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

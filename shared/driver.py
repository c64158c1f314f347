"""Which generation of the CSI driver a cluster runs, and how it rotates. Pure (csi-semantics 0, 3.4, 4; design 4).

In: the CSIDriver object and the driver's DaemonSets as the Kubernetes API gives them, as far as they could be read, and
what the CLUSTERS setting says. Out: a frozen value that tells where it comes from. What is malformed counts as absent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from shared import parts
from shared.csi import golang
from shared.observed import Driver

NAME: Final = "secrets-store.csi.k8s.io"
"""The CSIDriver's name."""

SELECTOR: Final = "app in (secrets-store-csi-driver,csi-secrets-store)"
"""Finds the DaemonSets of the Helm charts (also as a part of the Azure provider's) and of the AKS add-on."""

UNLABELLED: Final = ("csi-secrets-store", "csi-secrets-store-windows")
"""The DaemonSets of the static manifests, in kube-system: only their pods are labelled, so they are read by name."""

NOTHING: Final = "nothing readable"
SETTING: Final = "CLUSTERS setting"

_CAREFUL: Final = (Driver.V1_6_STATIC, Driver.UNKNOWN, Driver.V1_6_ROTATING, Driver.V1_5)
"""What each lets us do, least first: not write; write and watch; write, nudge and check; write."""

_OVERRIDES: Final = {
    "1.5": Driver.V1_5,
    "1.6-with-rotation": Driver.V1_6_ROTATING,
    "1.6-without-rotation": Driver.V1_6_STATIC,
}

_CONTAINER: Final = "secrets-store"
_REPOSITORY: Final = re.compile(r"(?:.*/)?(?:csi-)?secrets-store/driver")
"""registry.k8s.io/csi-secrets-store/driver, mcr.microsoft.com/oss/[v2/]kubernetes-csi/secrets-store/driver, mirrors."""

_VERSION: Final = re.compile(r"v?(\d{1,2}\.\d{1,4}(?:\.\d{1,4})?)(?!\d)", re.ASCII)
_FIRST_REPUBLISHING: Final = (1, 6)

_ROTATION: Final = re.compile(r"--?enable-secret-rotation(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverFacts:
    """What is known of a cluster's driver. `source` is what it was read from."""

    generation: Driver
    version: str = ""
    source: str = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installed:
    """What one DaemonSet says.

    `genuine`: the version is the tag of an image of the driver's own name. `rotation` is None where the flag could not
    be read.
    """

    source: str
    version: str = ""
    genuine: bool = False
    rotation: bool | None = None
    idle: bool = False


def parse_override(text: str) -> Driver | None:
    """Read `driver` of a cluster's entry in CLUSTERS; None for a text that is none of the three."""
    return _OVERRIDES.get(text)


def detect(
    csidriver: Mapping[str, Any] | None, daemonsets: Sequence[Mapping[str, Any]], override: Driver | None = None
) -> DriverFacts:
    """Tell what a cluster runs; `csidriver` is None where there is none or it may not be read.

    Where DaemonSets disagree (Linux and Windows, two installations), the most careful answer counts: whatever the
    others do, the nodes of that one would put old bytes back. One that no node runs has no say beside one that is run.
    """
    republishes = None if csidriver is None else parts.mapping(csidriver, "spec").get("requiresRepublish") is True
    chart = _chart_version(csidriver)
    installed = [found for item in daemonsets if (found := _installed(item)) is not None]
    running = [item for item in installed if not item.idle] or installed
    if not running:
        running = [_Installed(source=NOTHING if csidriver is None else "CSIDriver")]
    judged = [_judge(item, republishes=republishes, chart=chart) for item in running]
    facts = min(judged, key=lambda item: _CAREFUL.index(item.generation))
    return facts if override is None else replace(facts, generation=override, source=SETTING)


def _judge(item: _Installed, *, republishes: bool | None, chart: str) -> DriverFacts:
    """Apply the rules of csi-semantics 0 to one DaemonSet, or to none.

    `requiresRepublish: true` is only ever set by manifests of 1.6 and later. The chart sets it where rotation is on,
    the static manifest always: there the flag decides. An image of the driver's own name that is older decides against
    both, since 1.5 does nothing when it is called again; a renamed image may be numbered in any way. In 1.6 the flag
    alone, without the kubelet's republishing, rotates nothing. The API server stores an absent `requiresRepublish` as
    false, so without a version 1.5 and a 1.6 without rotation look the same.
    """
    version = item.version or chart
    old = version != "" and tuple(map(int, version.split(".")[:2])) < _FIRST_REPUBLISHING
    if old and republishes and not item.genuine:
        old, version = False, ""
    found = Driver.UNKNOWN
    if old:
        found = Driver.V1_5
    elif version or republishes:
        if item.rotation is False or republishes is False:
            found = Driver.V1_6_STATIC
        elif item.rotation or republishes:
            found = Driver.V1_6_ROTATING
    return DriverFacts(generation=found, version=version, source=item.source)


def _installed(daemonset: object) -> _Installed | None:
    """Read a DaemonSet; None where it does not run the driver."""
    metadata = parts.mapping(daemonset, "metadata")
    container, repository, tag = _container(parts.mapping(daemonset, "spec", "template", "spec").get("containers"))
    if container is None:
        return None
    version = _version(tag)
    place = "/".join(parts.legal_name(metadata, key) or "?" for key in ("namespace", "name"))
    return _Installed(
        source=f"DaemonSet {place}",
        version=version or _chart_version(daemonset),
        genuine=version != "" and _REPOSITORY.fullmatch(repository) is not None,
        rotation=_rotation([*parts.texts(container, "command"), *parts.texts(container, "args")]),
        idle=parts.mapping(daemonset, "status").get("desiredNumberScheduled") == 0,
    )


def _container(containers: object) -> tuple[Mapping[str, Any] | None, str, str]:
    """Return the driver's container, its image's repository and tag: by the container's name, else by the image's."""
    by_image: tuple[Mapping[str, Any] | None, str, str] = (None, "", "")
    for item in containers if isinstance(containers, list | tuple) else ():
        container = parts.mapping(item)
        repository, tag = _image(container.get("image"))
        if container.get("name") == _CONTAINER:
            return container, repository, tag
        if by_image[0] is None and _REPOSITORY.fullmatch(repository):
            by_image = (container, repository, tag)
    return by_image


def _image(reference: object) -> tuple[str, str]:
    """Split `[host[:port]/]path[:tag][@digest]` into what stands before the tag, and the tag or nothing."""
    text = reference.partition("@")[0] if isinstance(reference, str) else ""
    folder, slash, last = text.rpartition("/")
    name, _, tag = last.partition(":")
    return folder + slash + name, tag


def _chart_version(manifest: object) -> str:
    """Return the driver's version from the chart's labels; the static manifest and the add-on have none."""
    labels = parts.mapping(manifest, "metadata", "labels")
    chart = labels.get("helm.sh/chart")
    named = chart.removeprefix("secrets-store-csi-driver-") if isinstance(chart, str) else ""
    return _version(labels.get("app.kubernetes.io/version")) or _version(named)


def _version(text: object) -> str:
    match = _VERSION.match(text) if isinstance(text, str) else None
    return match[1] if match else ""


def _rotation(words: Sequence[str]) -> bool | None:
    """Read the flag as Go's `flag` does: one dash or two, the last counts, bare it is true; None if it is no truth."""
    said = "false"
    for word in words:
        if word == "--":
            break
        match = _ROTATION.fullmatch(word)
        if match:
            said = "true" if match[1] is None else match[1]
    return golang.parse_bool(said)

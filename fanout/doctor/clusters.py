"""Can each cluster be reached, and what may the identity do there? Access reviews only; nothing is written."""

import asyncio
from collections.abc import Sequence

from fanout.doctor import rights
from fanout.doctor.finding import Finding, Place
from fanout.doctor.rights import Feature, Right
from shared import driver, parts
from shared.cluster_setting import BindingKind, ClusterSetting
from shared.edges import kube_driver
from shared.edges.kube_api import METADATA_LIST, KubeApi, path
from shared.errors import ConfigurationError, TransientError
from shared.observed import Driver
from shared.reason import Reason
from shared.record import plain
from shared.settings import Settings

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_CLASSES = path("secrets-store.csi.x-k8s.io/v1", "secretproviderclasses")
_LONGEST = 40


async def reached(place: Place, api: KubeApi) -> Sequence[Finding]:
    """Ask for the API server's version, and whether it knows who asks. Raises what it answers."""
    found = await api.get("/version")
    await review(api, Right(group="", resource="secrets", verb="get"))
    version = plain(str(parts.mapping(found or {}).get("gitVersion", "")))[:_LONGEST]
    return [place.ok("reachable", version or "it tells no version")]


async def review(api: KubeApi, right: Right) -> bool:
    """Ask the API server whether we have a right. Raises what it answers instead of yes or no."""
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": right.attributes},
    }
    answer = await api.evaluate(_REVIEWS, asked)
    if answer is None:
        raise ConfigurationError(f"{api.cluster}: it has no access reviews", reason=Reason.CLUSTER_REFUSED)
    allowed = parts.mapping(answer, "status").get("allowed")
    if not isinstance(allowed, bool):
        raise TransientError(f"{api.cluster}: an access review without an answer", reason=Reason.CLUSTER_UNREACHABLE)
    return allowed


async def permitted(
    place: Place, api: KubeApi, feature: Feature, *, settings: Settings, cluster: ClusterSetting, identity: str
) -> Sequence[Finding]:
    """Review every right of a feature, where the settings use it."""
    off = _off(feature, settings, cluster)
    if off:
        return [place.skipped(f"rights for {feature.file}", off)]
    try:
        wanted = rights.of(feature)
    except OSError:
        folder = "deploy/kubernetes is not there; run this in a checkout"
        return [place.skipped(f"rights for {feature.file}", folder)]
    allowed = await asyncio.gather(*[review(api, right) for right in wanted])
    denied = [right for right, may in zip(wanted, allowed, strict=True) if not may]
    required = cluster.bindings is not None or feature.kind is BindingKind.CSI
    return [rights.judge(place, feature, denied, required=required, identity=identity)]


def _off(feature: Feature, settings: Settings, cluster: ClusterSetting) -> str:
    if feature.kind is not None:
        followed = cluster.bindings is None or feature.kind in cluster.bindings
        return "" if followed else f"{feature.kind} is not in BINDINGS"
    if feature.file == "driver" and cluster.driver:
        return "CLUSTERS says which driver it is"
    switches = {"nudge": settings.nudging, "restart": settings.pace.restarting}
    return "" if switches.get(feature.file, True) else f"{feature.setting} is off"


async def generation(place: Place, api: KubeApi, cluster: ClusterSetting) -> Sequence[Finding]:
    """Tell the CSI driver's generation, and what that means for what the app writes."""
    check = "csi driver"
    if cluster.bindings is not None and BindingKind.CSI not in cluster.bindings:
        return [place.skipped(check, f"{BindingKind.CSI} is not in BINDINGS")]
    facts, known = await asyncio.gather(
        kube_driver.detect(api, driver.parse_override(cluster.driver)), _knows_classes(api)
    )
    told = f"{facts.generation}{f' ({facts.version})' if facts.version else ''}, from {facts.source}"
    if not known:
        return [place.note(check, "the cluster knows no SecretProviderClasses: no driver of this kind is installed")]
    if facts.generation is Driver.V1_6_STATIC:
        fix = "helm upgrade ... --set secrets-store-csi-driver.enableSecretRotation=true; az aks addon update for AKS"
        return [place.note(check, f"{told}: Secrets it syncs are left alone, every node would put old bytes back", fix)]
    if facts.generation is Driver.UNKNOWN:
        fix = "kubectl apply -f deploy/kubernetes/driver.yaml, or say it: driver in CLUSTERS"
        return [place.note(check, f"{told}: Secrets are written, and checked on", fix)]
    return [place.ok(check, told)]


async def _knows_classes(api: KubeApi) -> bool:
    """Tell whether the kind exists; where it may not be listed, the rights say so."""
    try:
        return await api.get(_CLASSES, {"limit": "1"}, accept=METADATA_LIST) is not None
    except ConfigurationError as error:
        if error.reason is not Reason.CLUSTER_FORBIDDEN:
            raise
        return True

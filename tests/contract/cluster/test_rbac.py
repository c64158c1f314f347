"""The shipped manifests on the real API server, RBAC on: each is enough, and each right in it is needed as documented.

Which rights there are is read from the manifests. One that has no outcome here fails its test, and so does one that
docs/kubernetes-rbac.md does not name.
"""

import base64
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from devstack import stack
from shared import nudge
from shared.edges import kube_lease
from shared.edges.cluster import KubernetesCluster
from shared.event import EventKind, VaultEvent
from shared.job import RefreshJob, RestartJob
from shared.notice import NoticeType
from shared.observed import Driver
from shared.restart import Wish
from tests.builders import ABOUT
from tests.contract.cluster.backends import ApiServer
from tests.contract.cluster.conftest import make_namespace
from tests.contract.cluster.features import BROKEN, FEATURES, OWNED, SECRET, Feature, ServedWorld, build_world
from tests.contract.cluster.grants import grant, grant_in
from tests.contract.cluster.manifests import Manifest
from tests.e2e import declarations
from tests.e2e.rights import FILES, Right, shipped
from tests.edges.clusters import Way

APPLY = "403 Forbidden. Apply the RBAC of docs/kubernetes-rbac.md"
APPLY_RESTART = "403 Forbidden. Apply deploy/kubernetes/restart.yaml, or set RESTART_WORKLOADS to off."
FORBIDDEN = "403 Forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One feature in a namespace of its own, with the app under an identity of its own."""

    server: ApiServer
    cluster: KubernetesCluster
    world: ServedWorld
    namespace: str
    manifests: Mapping[str, Manifest]
    log: pytest.LogCaptureFixture

    async def act(self, file: str) -> None:
        """Let happen what the manifest is for: a rotation, or a round of restarts."""
        if file == "restart":
            await self.restart()
            return
        tags = {"keyvault-fanout-allow": f"aks-demo/{self.namespace}"} if file == "owned-secrets" else None
        await self.world.deliver(self.world.rotate("after", tags=tags))

    async def restart(self) -> None:
        """Do a job that restarts whoever reads the Secret in its present state."""
        stored = await self.look(SECRET)
        version = stored["metadata"]["resourceVersion"]
        wish = Wish(namespace=self.namespace, secret=SECRET, resource_version=version, versions={})
        cause = VaultEvent(id=uuid.uuid4().hex, kind=EventKind.NEW_VERSION, object=ABOUT, version="v2")
        now = datetime.now(UTC)
        await self.world.queue.schedule(
            [RestartJob(cause=cause, cluster="aks-demo", began=now, due=now, wishes=(wish,))]
        )
        await self.world.work()

    async def look(self, name: str, kind: str = "Secret") -> Manifest:
        """Return an object as it is now."""
        return await self.server.hand.look(self.manifests[f"{kind}/{name}"])

    async def value(self, name: str = SECRET) -> str:
        """Return what a Secret holds."""
        return base64.b64decode((await self.look(name)).get("data", {}).get("password", "")).decode()

    async def restarted(self) -> set[str]:
        """Return the kinds whose workload carries the record of a restart."""
        found = {kind: await self.look(declarations.READER, kind) for _, kind in declarations.KINDS.values()}
        return {kind for kind, manifest in found.items() if "keyvault-fanout.dev/restarted-for" in str(manifest)}

    async def asked(self) -> tuple[bool, bool, bool]:
        """Tell whether the ExternalSecret, its parent and the SecretSync were asked."""
        child = self.manifests.get(f"ExternalSecret/{SECRET}")
        parent = self.manifests.get(f"ClusterExternalSecret/{self.namespace}")
        sync = self.manifests.get(f"SecretSync/{SECRET}")
        hand = self.server.hand
        return (
            child is not None and "force-sync" in (await hand.look(child))["metadata"]["annotations"],
            parent is not None and "external-secrets.io/force-sync" in str((await hand.look(parent))["metadata"]),
            sync is not None and "forceSynchronization" in (await hand.look(sync))["spec"],
        )

    def says(self, text: str) -> bool:
        """Tell whether a line of the log holds a text."""
        return any(text in record.getMessage() for record in self.log.records)


async def play(
    file: str,
    server: ApiServer,
    way: Way,
    log: pytest.LogCaptureFixture,
    missing: Right | None = None,
    *,
    limited: bool = False,
) -> Play:
    """Set the scene of a manifest, let it be applied but for one right, and let happen what it is for.

    `limited` applies it for the scene's namespace alone, as far as that can be.
    """
    log.set_level(logging.INFO)
    feature: Feature = FEATURES[file]
    hand, user, namespace = server.hand, server.stranger(), await make_namespace(server.hand)
    if limited:
        await grant_in(hand, user, feature.files, [namespace])
    else:
        await grant(hand, user, feature.files, missing=missing)
    manifests = feature.declare(namespace)
    for manifest in manifests:
        await hand.make(manifest)
    cluster = way.reach(server.url, token=user.token, ca_pem=server.ca_pem, bindings=feature.bindings)
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": kube_lease.NAME, "namespace": kube_lease.NAMESPACE},
    }
    if missing is not None and (missing.verb, missing.resource) == ("patch", "leases"):
        await hand.make(lease | {"spec": {"holderIdentity": ""}})
    hand.adopt(lease)
    playing = Play(
        server=server,
        cluster=cluster,
        world=build_world(cluster, nudging=file == "nudge"),
        namespace=namespace,
        manifests={f"{one['kind']}/{one['metadata']['name']}": one for one in manifests},
        log=log,
    )
    await playing.act(file)
    return playing


async def done(playing: Play, file: str) -> None:
    """What the manifest is for has happened."""
    if file == "restart":
        assert await playing.restarted() == {kind for _, kind in declarations.KINDS.values()}
    elif file == "driver":
        assert await playing.value() == "before"
        assert playing.says("left, driver-would-revert")
    elif file in {"external-secrets", "secret-sync"}:
        assert await playing.asked() == ((True, True, False) if file == "external-secrets" else (False, False, True))
    else:
        assert await playing.value(OWNED if file == "owned-secrets" else SECRET) == "after"
        assert playing.world.told() == [
            (f"aks-demo/{playing.namespace}/{OWNED if file == 'owned-secrets' else SECRET}", playing.world.newest())
        ]
    if file == "nudge":
        assert nudge.ANNOTATION in (await playing.look("web-0", "Pod"))["metadata"]["annotations"]
    if file == "owned-secrets":
        assert await events_about(playing) == [BROKEN]


async def events_about(playing: Play) -> list[str]:
    """Return the names of the Secrets to which Events are attached."""
    found = await playing.server.hand.call("GET", f"/api/v1/namespaces/{playing.namespace}/events")
    return [event["involvedObject"]["name"] for event in found.body["items"]]


async def fails(playing: Play, right: Right) -> None:
    """Nothing is written or asked for, the log says what to apply, and a job will try again."""
    del right
    name = OWNED if f"Secret/{OWNED}" in playing.manifests else SECRET
    assert await playing.value(name) == ("" if name == OWNED else "before")
    assert await playing.asked() == (False, False, False)
    assert playing.says(APPLY)
    assert [type(job) for job in playing.world.queue.waiting.values()] == [RefreshJob]


async def counts_as_unknown(playing: Play, right: Right) -> None:
    """The driver is not told: the Secret is written, and checked on."""
    del right
    assert await playing.value() == "after"
    assert playing.says(str(Driver.UNKNOWN))
    assert len(playing.world.queue.waiting) > 0


async def is_slower(playing: Play, right: Right) -> None:
    """The Secret is written, its pods are not woken, and the log warns."""
    del right
    assert await playing.value() == "after"
    assert playing.says("a pod is woken by its kubelet only")
    assert nudge.ANNOTATION not in str((await playing.look("web-0", "Pod"))["metadata"].get("annotations"))


async def has_no_event(playing: Play, right: Right) -> None:
    """A wrong annotation is told by the log and a notice; others are filled."""
    del right
    assert await playing.value(OWNED) == "after"
    assert await events_about(playing) == []
    assert playing.says(f"{BROKEN}: no Event on it: ")
    assert [subject for subject, _ in playing.world.told(NoticeType.TARGET_FAILED)] == [
        f"aks-demo/{playing.namespace}/{BROKEN}"
    ]


async def asks_the_child_alone(playing: Play, right: Right) -> None:
    """The ExternalSecret is asked, its parent is not, and the log warns."""
    del right
    assert await playing.asked() == (True, False, False)
    assert playing.says(f"{FORBIDDEN}; externalsecrets {playing.namespace}/{SECRET} was asked alone")


async def gives_the_proof_up(playing: Play, right: Right) -> None:
    """The owner is asked; that it looked cannot be seen, which is told in the end."""
    del right
    assert any(await playing.asked())
    await playing.world.work_all()
    assert playing.world.told() == []
    assert [subject for subject, _ in playing.world.told(NoticeType.TARGET_FAILED)] == [
        f"aks-demo/{playing.namespace}/{SECRET}"
    ]


async def restarts_other_kinds(playing: Play, right: Right) -> None:
    """The kind that may not be listed or patched is left as it is; the log says what to apply."""
    kinds = {resource: kind for resource, (_, kind) in declarations.KINDS.items()}
    assert await playing.restarted() == {kind for resource, kind in kinds.items() if resource != right.resource}
    advice = f"no {kinds[right.resource]} is restarted: apply deploy/kubernetes/restart.yaml"
    assert playing.says(advice if right.verb == "list" else APPLY_RESTART)


async def restarts_nothing(playing: Play, right: Right) -> None:
    """No workload is touched; the log says what to apply."""
    del right
    assert await playing.restarted() == set()
    assert playing.says(APPLY_RESTART)


Outcome = Callable[[Play, Right], Awaitable[None]]
_EVERY_KIND = ("deployments", "statefulsets", "daemonsets", "rollouts")
OUTCOMES: Mapping[tuple[str, str], Outcome] = {
    ("rbac", "list secretproviderclasses"): fails,
    ("rbac", "list secretproviderclasspodstatuses"): fails,
    ("rbac", "get secrets"): fails,
    ("rbac", "patch secrets"): fails,
    ("rbac", "get csidrivers"): counts_as_unknown,
    ("driver", "list daemonsets"): counts_as_unknown,
    ("driver", "get daemonsets in kube-system"): counts_as_unknown,
    ("owned-secrets", "list secrets"): fails,
    ("owned-secrets", "get secrets"): fails,
    ("owned-secrets", "patch secrets"): fails,
    ("owned-secrets", "create events"): has_no_event,
    ("external-secrets", "list externalsecrets"): fails,
    ("external-secrets", "get externalsecrets"): gives_the_proof_up,
    ("external-secrets", "patch externalsecrets"): fails,
    ("external-secrets", "list secretstores"): fails,
    ("external-secrets", "list clustersecretstores"): fails,
    ("external-secrets", "patch clusterexternalsecrets"): asks_the_child_alone,
    ("external-secrets", "get secrets"): fails,
    ("secret-sync", "list secretsyncs"): fails,
    ("secret-sync", "get secretsyncs"): gives_the_proof_up,
    ("secret-sync", "patch secretsyncs"): fails,
    ("secret-sync", "list secretproviderclasses"): fails,
    ("secret-sync", "get secrets"): fails,
    ("nudge", "list pods"): is_slower,
    ("nudge", "patch pods"): is_slower,
    **{("restart", f"list {kind}"): restarts_other_kinds for kind in _EVERY_KIND},
    **{("restart", f"get {kind}"): restarts_nothing for kind in _EVERY_KIND},
    **{("restart", f"patch {kind}"): restarts_other_kinds for kind in _EVERY_KIND},
    ("restart", "get secrets"): restarts_nothing,
    ("restart", "create leases in keyvault-fanout"): restarts_nothing,
    ("restart", "get leases in keyvault-fanout"): restarts_nothing,
    ("restart", "patch leases in keyvault-fanout"): restarts_nothing,
}
"""What becomes of a feature without one right of its manifest. A `watch` is done without: what it feeds is listed."""

RIGHTS = [(file, right) for file in FILES for right in shipped(file)]


@pytest.mark.parametrize("file", FILES)
async def test_a_manifest_is_enough_for_what_it_is_for(
    apiserver: ApiServer, way: Way, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    playing = await play(file, apiserver, way, caplog)

    await done(playing, file)
    assert not playing.says(FORBIDDEN)


@pytest.mark.parametrize(("file", "right"), RIGHTS, ids=[f"{file}-{right}" for file, right in RIGHTS])
async def test_without_one_right_the_documented_outcome_is_seen(
    apiserver: ApiServer, way: Way, caplog: pytest.LogCaptureFixture, file: str, right: Right
) -> None:
    playing = await play(file, apiserver, way, caplog, right)

    if right.verb == "watch":
        await done(playing, file)
    else:
        await OUTCOMES[file, str(right)](playing, right)


@pytest.mark.parametrize(("file", "right"), RIGHTS, ids=[f"{file}-{right}" for file, right in RIGHTS])
def test_every_right_has_an_outcome_and_stands_in_the_documents(file: str, right: Right) -> None:
    page = (stack.APP / "docs" / "kubernetes-rbac.md").read_text(encoding="utf-8")
    _, _, section = page.partition(f"\n## {file}.yaml\n")
    section, _, _ = section.partition("\n## ")

    assert right.verb == "watch" or (file, str(right)) in OUTCOMES
    assert right.resource in section
    assert re.search(rf"\b{right.verb}\b", section)

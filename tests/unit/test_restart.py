"""Which workloads are restarted now: once for what they have not read yet, few at a time, and never a paused one.

The last part plays weeks of a small cluster: manifests, patches and rollouts that end one by one. Not covered here:
that the caller keeps to one round at a time per cluster, on which the budget rests.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import restart, workload
from shared.reason import Reason
from shared.restart import Round, Wish
from shared.rollout import Kind, Progress
from shared.workload import OptIn, Restarted, Workload
from tests.generated import generated

DB = "kv/secret/db"


def wish(resource_version: str = "110", version: str | None = "v2", *, secret: str = "s", namespace: str = "n") -> Wish:
    versions = {} if version is None else {DB: version}
    return Wish(namespace=namespace, secret=secret, resource_version=resource_version, versions=versions)


def held(resource_version: str = "110", version: str = "v2") -> Restarted:
    return Restarted(resource_version=resource_version, versions={DB: version})


def reader(name: str = "web", *, secrets: str = "s", namespace: str = "n", **fields: Any) -> Workload:
    return Workload(
        **{
            "kind": Kind.DEPLOYMENT,
            "namespace": namespace,
            "name": name,
            "resource_version": "1",
            "opt_in": OptIn(secrets=frozenset(secrets.split())),
            "restarted": {},
            **fields,
        }
    )


def plan(workloads: Iterable[Workload], *wishes: Wish, now: str = "110", budget: int = 9) -> Round:
    """Plan a round in which every wished Secret has the resourceVersion `now`."""
    return restart.plan_round(workloads, wishes, {(one.namespace, one.secret): now for one in wishes}, budget=budget)


def names(workloads: Iterable[Workload]) -> list[str]:
    return [one.name for one in workloads]


def restarted(done: Round) -> list[str]:
    return names(one for one, _ in done.restart)


# Whom a wish concerns


def test_exactly_the_readers_of_the_secret_are_restarted() -> None:
    env = reader("env", secrets="", opt_in=OptIn(environment=True), env_secrets=frozenset({"s"}))
    cluster = [reader("names"), env, reader("other", secrets="t"), reader("same-name", namespace="elsewhere")]

    done = plan(cluster, wish())

    assert restarted(done) == ["env", "names"]
    assert (done.waiting, done.refused) == ((), ())


def test_a_wish_for_a_secret_that_is_gone_is_dropped() -> None:
    assert restart.plan_round([reader()], [wish()], {}, budget=9) == Round()


def test_the_record_says_what_the_secret_is_now_and_what_it_held() -> None:
    ((_, record),) = plan([reader(restarted={"t": held("7")})], wish("110"), now="115").restart

    assert record == {"t": held("7"), "s": held("115")}
    assert list(record) == ["t", "s"]


def test_the_newest_of_a_record_comes_last() -> None:
    ((_, record),) = plan([reader(restarted={"s": held("7", "v1"), "t": held("8")})], wish()).restart

    assert list(record) == ["t", "s"]


def test_a_record_never_stays_behind_the_wish() -> None:
    ((_, record),) = plan([reader()], wish("110"), now="99").restart

    assert record == {"s": held("110")}


def test_several_wishes_are_one_restart_with_the_newest_versions() -> None:
    wishes = [wish("111", "v3"), wish("110", "v2"), wish("90", "v1", secret="t"), wish("1000", None, secret="t")]

    ((_, record),) = plan([reader(secrets="s t")], *wishes, now="1200").restart

    assert record == {"s": held("1200", "v3"), "t": held("1200", "v1")}


def test_a_version_replaces_that_of_the_same_object_and_leaves_others() -> None:
    before = Restarted(resource_version="50", versions={DB: "v1", "kv/cert/web": "c1"})

    ((_, record),) = plan([reader(restarted={"s": before})], wish()).restart

    assert record["s"].versions == {DB: "v2", "kv/cert/web": "c1"}


def test_a_late_wish_does_not_put_an_older_version_into_the_record() -> None:
    before = {"s": held("110", "v3")}

    ((_, record),) = plan([reader(secrets="s t", restarted=before)], wish("100"), wish(secret="t"), now="120").restart

    assert record["s"] == held("120", "v3")


# Never twice


@pytest.mark.parametrize(
    ("record", "wished"),
    [
        pytest.param(held(), wish(), id="the same wish again"),
        pytest.param(held("110", "v3"), wish("99"), id="a wish of an earlier change"),
        pytest.param(held("110", "v3"), wish("99", None), id="an earlier change of no known version"),
        pytest.param(held("90"), wish("105"), id="a repair of the same version"),
        pytest.param(held("110", "v1"), wish("x"), id="the Secret is as the pods have read it"),
        pytest.param(held("999"), wish("105"), id="the same version, recorded in another cluster"),
    ],
)
def test_a_workload_that_has_read_it_is_not_restarted_again(record: Restarted, wished: Wish) -> None:
    assert plan([reader(restarted={"s": record})], wished) == Round()


@pytest.mark.parametrize(
    ("record", "wished"),
    [
        pytest.param(held("109", "v1"), wish(), id="a newer version"),
        pytest.param(held("99", "v1"), wish("110"), id="a number with more digits"),
        pytest.param(held("90", "v3"), wish(), id="back to an older version"),
        pytest.param(held("90"), wish("105", None), id="new bytes of no known version"),
        pytest.param(held("x", "v1"), wish(), id="a record that cannot be compared"),
        pytest.param(held("090", "v1"), wish("085"), id="numbers that are no resourceVersions"),
        pytest.param(held("105", "v1"), wish("x"), id="a wish that cannot be compared"),
        pytest.param(held("999", "v1"), wish("105"), id="a record of another cluster"),
        pytest.param(Restarted(resource_version="", versions={}), wish(), id="an empty record"),
    ],
)
def test_a_workload_that_has_not_read_it_is_restarted(record: Restarted, wished: Wish) -> None:
    assert restarted(plan([reader(restarted={"s": record})], wished)) == ["web"]


def test_what_is_read_beside_satisfies_a_wish_that_comes_a_moment_later() -> None:
    first, later = wish(), wish("120", secret="t")
    both = reader(secrets="s t")
    present = {("n", "s"): "110", ("n", "t"): "121", ("n", "u"): "1"}
    ((_, record),) = restart.plan_round([both], [first], present, budget=9).restart

    again = restart.plan_round([replace(both, restarted=record)], [later], present, budget=9)

    assert restart.read_beside([both, reader("other", secrets="u")], [first]) == {("n", "t")}
    assert record == {"t": Restarted(resource_version="121", versions={}), "s": held()}
    assert again == Round()


def test_resource_versions_are_compared_at_any_length() -> None:
    long = "1" + "0" * 9000

    assert plan([reader(restarted={"s": held(long, "v9")})], wish("9" * 9000), now=long + "1") == Round()


# Never in the wrong moment


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"paused": True}, Reason.WORKLOAD_PAUSED, id="paused"),
        pytest.param({"on_delete": True}, Reason.WORKLOAD_ON_DELETE, id="on delete"),
        pytest.param({"paused": True, "idle": True}, Reason.WORKLOAD_PAUSED, id="paused without pods"),
        pytest.param({"paused": True, "progress": Progress.ROLLING}, Reason.WORKLOAD_PAUSED, id="paused in a rollout"),
    ],
)
def test_a_workload_that_cannot_be_restarted_is_refused_with_the_reason(fields: Any, reason: Reason) -> None:
    blocked = reader("blocked", **fields)

    done = plan([blocked, reader("free")], wish(), budget=1)

    assert done.refused == ((blocked, reason),)
    assert restarted(done) == ["free"]


def test_a_paused_workload_that_has_read_it_is_not_refused() -> None:
    assert plan([reader(paused=True, restarted={"s": held()})], wish()).refused == ()


@pytest.mark.parametrize("record", [{}, {"t": held()}], ids=["by its owner", "by an earlier restart"])
def test_a_workload_in_the_midst_of_a_rollout_waits(record: Mapping[str, Restarted]) -> None:
    done = plan([reader(progress=Progress.ROLLING, restarted=record)], wish())

    assert names(done.waiting) == ["web"]
    assert done.restart == ()


# Few at a time


def test_no_more_are_restarted_than_the_budget_leaves() -> None:
    rolling = reader("rolling", secrets="", restarted={"t": held()}, progress=Progress.ROLLING)

    done = plan([reader("a"), reader("b"), reader("c"), rolling], wish(), budget=3)

    assert restarted(done) == ["a", "b"]
    assert names(done.waiting) == ["c"]


def test_a_rollout_of_somebody_else_takes_no_place() -> None:
    rolling = reader("rolling", secrets="t", progress=Progress.ROLLING)

    assert restarted(plan([rolling, reader()], wish(), budget=1)) == ["web"]


def test_restarts_that_do_not_become_well_stop_the_wave() -> None:
    broken = [reader(f"b{one}", restarted={"s": held()}, progress=Progress.STUCK) for one in range(3)]

    done = plan([*broken, reader()], wish(), budget=3)

    assert done.restart == ()
    assert names(done.waiting) == ["web"]


def test_what_is_stuck_on_old_bytes_is_restarted_in_the_place_that_it_has() -> None:
    broken = [reader(f"b{one}", restarted={"s": held("90", "v1")}, progress=Progress.STUCK) for one in range(3)]

    done = plan([*broken, reader()], wish(), budget=3)

    assert restarted(done) == ["b0", "b1", "b2"]
    assert names(done.waiting) == ["web"]


def test_what_was_stuck_before_any_restart_comes_after_those_that_are_well() -> None:
    done = plan([reader("a", progress=Progress.STUCK), reader("b")], wish(), budget=1)

    assert restarted(done) == ["b"]
    assert names(done.waiting) == ["a"]


@pytest.mark.parametrize("budget", [0, -1])
def test_a_workload_without_pods_is_restarted_at_no_cost(budget: int) -> None:
    done = plan([reader("idle", idle=True), reader("web")], wish(), budget=budget)

    assert restarted(done) == ["idle"]
    assert names(done.waiting) == ["web"]


def test_every_namespace_has_its_turn_before_any_has_its_second() -> None:
    cluster = [reader(f"web-{one}", namespace="big") for one in range(3)] + [reader("web", namespace="small")]
    wishes = [wish(namespace="small"), wish(namespace="big")]

    done = plan(cluster, *wishes, budget=2)

    assert [str(one) for one, _ in done.restart] == ["Deployment big/web-0", "Deployment small/web"]


@given(st.integers(), st.integers(0, 9))
@generated(50)
def test_the_order_of_the_lists_changes_nothing(seed: int, budget: int) -> None:
    chance = random.Random(seed)
    cluster = [
        reader(f"web-{one}", namespace=chance.choice("nm"), progress=chance.choice(list(Progress)), secrets="s t")
        for one in range(8)
    ]
    wishes = [wish(str(one), f"v{one}", secret=secret, namespace="n") for one in (8, 9, 10) for secret in "st"]
    shuffled = chance.sample(cluster, len(cluster)), chance.sample(wishes, len(wishes))

    assert plan(cluster, *wishes, budget=budget) == plan(shuffled[0], *shuffled[1], budget=budget)


# A small cluster


class Cluster:
    """Manifests of Deployments and Rollouts that change by merge patches and roll until they are told to finish."""

    def __init__(self, deployments: int, rollouts: int) -> None:
        self.clock = datetime(2026, 11, 23, tzinfo=UTC)
        self.revision = itertools.count(100)
        self.secrets = {("n", "s"): str(next(self.revision))}
        self.restarts: Counter[str] = Counter()
        self.manifests = {
            f"{kind}-{one}": (kind, self._manifest(f"{kind}-{one}"))
            for kind, count in ((Kind.DEPLOYMENT, deployments), (Kind.ROLLOUT, rollouts))
            for one in range(count)
        }

    def _manifest(self, name: str) -> dict[str, Any]:
        return {
            "metadata": {
                "namespace": "n",
                "name": name,
                "resourceVersion": str(next(self.revision)),
                "generation": 1,
                "annotations": {workload.OPT_IN: "true"},
            },
            "spec": {
                "replicas": 1,
                "template": {"spec": {"containers": [{"envFrom": [{"secretRef": {"name": "s"}}]}]}},
            },
            "status": {
                "observedGeneration": 1,
                "replicas": 1,
                "updatedReplicas": 1,
                "availableReplicas": 1,
                "phase": "Healthy",
            },
        }

    def change(self, version: str) -> Wish:
        """New bytes in the Secret."""
        self.secrets["n", "s"] = str(next(self.revision))
        return wish(self.secrets["n", "s"], version)

    def workloads(self) -> list[Workload]:
        """The list that a job makes."""
        found = [workload.read(kind, manifest) for kind, manifest in self.manifests.values()]
        return [one for one in found if one is not None]

    def rolling(self) -> list[str]:
        """The names of those that have not finished."""
        return [one.name for one in self.workloads() if one.rolling]

    def round(self, *wishes: Wish, budget: int) -> Round:
        """One job: plan, and carry the plan out."""
        self.clock += timedelta(seconds=30)
        done = restart.plan_round(self.workloads(), wishes, self.secrets, budget=budget)
        for one, record in done.restart:
            _, manifest = self.manifests[one.name]
            patch = workload.restart_patch(one, record, self.clock)
            assert patch["metadata"].pop("resourceVersion") == manifest["metadata"]["resourceVersion"]
            merge(manifest, patch)
            manifest["metadata"].update(resourceVersion=str(next(self.revision)))
            manifest["metadata"]["generation"] += 1
            self.restarts[one.name] += 1
        return done

    def finish(self, name: str) -> None:
        """A rollout ends well."""
        kind, manifest = self.manifests[name]
        generation = manifest["metadata"]["generation"]
        if kind is Kind.ROLLOUT:
            manifest["status"].update(observedGeneration=str(generation), restartedAt=manifest["spec"]["restartAt"])
        else:
            manifest["status"].update(observedGeneration=generation)


def merge(into: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, Mapping):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def test_several_changes_in_a_window_are_one_restart_of_each_workload() -> None:
    cluster = Cluster(deployments=3, rollouts=2)
    wishes = [cluster.change("v1"), cluster.change("v2"), cluster.change("v3")]

    for one in wishes:
        cluster.round(one, budget=9)
        for name in cluster.rolling():
            cluster.finish(name)

    assert set(cluster.restarts.values()) == {1}
    assert cluster.restarts.total() == 5


def test_a_wave_is_never_wider_than_the_budget_and_reaches_everybody_once() -> None:
    cluster, chance, widths = Cluster(deployments=20, rollouts=10), random.Random(7), []
    change = cluster.change("v1")

    while cluster.round(change, budget=4).waiting:
        widths.append(len(cluster.rolling()))
        cluster.finish(chance.choice(cluster.rolling()))

    assert max(widths) == 4
    assert cluster.restarts.total() == 30
    assert set(cluster.restarts.values()) == {1}


def test_a_wish_that_comes_again_restarts_nobody() -> None:
    cluster = Cluster(deployments=3, rollouts=3)
    change = cluster.change("v1")
    first = cluster.round(change, budget=9)
    during = cluster.round(change, budget=9)
    for name in cluster.rolling():
        cluster.finish(name)
    afterwards = cluster.round(change, budget=9)

    assert len(first.restart) == 6
    assert during == afterwards == Round()
    assert cluster.restarts.total() == 6


def test_a_change_during_a_wave_restarts_those_again_that_were_early_and_the_others_once() -> None:
    cluster = Cluster(deployments=6, rollouts=0)
    first = cluster.change("v1")
    early = restarted(cluster.round(first, budget=2))
    second = cluster.change("v2")

    while cluster.round(first, second, budget=2).waiting:
        cluster.finish(cluster.rolling()[0])

    assert {name for name, count in cluster.restarts.items() if count == 2} == set(early)
    assert cluster.restarts.total() == 8


def test_a_version_that_breaks_its_readers_goes_no_further_than_the_budget() -> None:
    cluster = Cluster(deployments=6, rollouts=0)
    change = cluster.change("broken")

    for _ in range(10):
        cluster.round(change, budget=2)

    assert cluster.restarts.total() == 2


@given(st.integers())
@generated(30)
def test_whatever_happens_the_budget_holds_and_everybody_ends_up_with_the_newest(seed: int) -> None:
    cluster, chance = Cluster(deployments=5, rollouts=3), random.Random(seed)
    wishes, budget = [cluster.change("v0")], chance.randint(1, 3)

    for step in range(40):
        match chance.choice(["change", "round", "round", "finish", "again"]):
            case "change":
                wishes.append(cluster.change(f"v{step}"))
            case "round":
                cluster.round(wishes[-1], budget=budget)
            case "again":
                cluster.round(*chance.sample(wishes, chance.randint(1, len(wishes))), budget=budget)
            case "finish" if cluster.rolling():
                cluster.finish(chance.choice(cluster.rolling()))
        assert len(cluster.rolling()) <= budget
    while cluster.round(*wishes, budget=budget).waiting:
        cluster.finish(cluster.rolling()[0])

    assert {one.restarted["s"].resource_version for one in cluster.workloads()} == {cluster.secrets["n", "s"]}

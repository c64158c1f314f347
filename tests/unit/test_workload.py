"""What a workload says of itself: for which Secrets it is restarted, whether it is rolling, and how it is restarted.

The manifests are those of the API. Not covered here: who is restarted when (test_restart), and that Kubernetes and
Argo replace the pods on these patches, which takes a cluster.
"""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import workload
from shared.rollout import KINDS, Kind, Progress
from shared.workload import OptIn, Restarted, Workload
from tests.generated import generated

AT = datetime(2026, 11, 23, 12, 30, 5, 999, tzinfo=UTC)


def manifest(
    *, opt_in: str | None = "true", record: str | None = None, pod: Any = None, spec: Any = None, status: Any = None
) -> dict[str, Any]:
    """A Deployment that has rolled out, with 2 pods."""
    template = {"metadata": {"annotations": {workload.RECORD: record}} if record else {}, "spec": pod or {}}
    return {
        "metadata": {
            "namespace": "shop",
            "name": "web",
            "resourceVersion": "7",
            "generation": 3,
            "annotations": {workload.OPT_IN: opt_in} if opt_in is not None else {},
        },
        "spec": {"replicas": 2, "template": template, **(spec or {})},
        "status": {
            "observedGeneration": 3,
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
            **(status or {}),
        },
    }


def read(kind: Kind = Kind.DEPLOYMENT, **parts: Any) -> Workload:
    found = workload.read(kind, manifest(**parts))
    assert found is not None
    return found


# Kinds


def test_each_kind_is_listed_at_its_own_path() -> None:
    assert [f"/apis/{kind.group_version}/{kind.plural}" for kind in KINDS] == [
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/statefulsets",
        "/apis/apps/v1/daemonsets",
        "/apis/argoproj.io/v1alpha1/rollouts",
    ]


@pytest.mark.parametrize("annotation", [workload.OPT_IN, workload.RECORD])
def test_the_annotations_are_legal_names(annotation: str) -> None:
    prefix, _, name = annotation.partition("/")

    assert len(prefix) <= 253
    assert len(name) <= 63


# Opting in

ENV = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "app-secret", "key": "a"}}}
ENV_FROM = {"secretRef": {"name": "app-secret"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("true", OptIn(environment=True), id="true"),
        pytest.param(" True ", OptIn(environment=True), id="true in capitals"),
        pytest.param("app-secret", OptIn(secrets=frozenset({"app-secret"})), id="one name"),
        pytest.param("a, b,c  d\ne", OptIn(secrets=frozenset("abcde")), id="commas, spaces and lines"),
        pytest.param("true, a", OptIn(secrets=frozenset({"true", "a"})), id="a Secret with the name true"),
    ],
)
def test_a_workload_opts_in_for_its_environment_or_for_names(text: str, expected: OptIn) -> None:
    assert read(opt_in=text).opt_in == expected


@pytest.mark.parametrize("text", [None, "", " ", ",", "false", "False", 1, True, ["true"]])
def test_a_workload_that_did_not_opt_in_is_left_out(text: Any) -> None:
    assert workload.read(Kind.DEPLOYMENT, manifest(opt_in=text, pod={"containers": [{"envFrom": [ENV_FROM]}]})) is None


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param({"containers": [{"env": [{"name": "PLAIN", "value": "x"}, ENV]}]}, id="one variable"),
        pytest.param({"containers": [{}, {"envFrom": [{"configMapRef": {"name": "c"}}, ENV_FROM]}]}, id="all keys"),
        pytest.param({"initContainers": [{"env": [ENV]}]}, id="a variable of an init container"),
        pytest.param({"initContainers": [{"envFrom": [ENV_FROM]}]}, id="all keys in an init container"),
    ],
)
def test_true_concerns_the_secrets_in_environment_variables(pod: dict[str, Any]) -> None:
    found = read(pod=pod)

    assert found.env_secrets == {"app-secret"}
    assert "app-secret" in found.wanted
    assert "other" not in found.wanted


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param({"volumes": [{"secret": {"secretName": "app-secret"}}]}, id="a volume"),
        pytest.param({"imagePullSecrets": [{"name": "app-secret"}]}, id="a pull secret"),
        pytest.param({"ephemeralContainers": [{"envFrom": [ENV_FROM]}]}, id="an ephemeral container"),
        pytest.param({"containers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "app-secret"}}}]}]}, id="map"),
    ],
)
def test_true_does_not_concern_what_is_read_otherwise(pod: dict[str, Any]) -> None:
    assert "app-secret" not in read(pod=pod).wanted


def test_names_concern_these_secrets_however_they_are_read_and_no_other() -> None:
    found = read(opt_in="mounted", pod={"containers": [{"envFrom": [ENV_FROM]}]})

    assert "mounted" in found.wanted
    assert "app-secret" not in found.wanted


def test_a_rollout_that_refers_to_a_template_elsewhere_is_restarted_for_names_only() -> None:
    reference: dict[str, Any] = {"workloadRef": {"kind": "Deployment", "name": "web"}, "template": None}

    assert read(Kind.ROLLOUT, spec=reference).wanted == set()
    assert "app-secret" in read(Kind.ROLLOUT, spec=reference, opt_in="app-secret").wanted


def test_a_workload_that_is_being_deleted_is_left_out() -> None:
    going = manifest()
    going["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z"

    assert workload.read(Kind.DEPLOYMENT, going) is None


# The record

HELD = {"app-secret": Restarted(resource_version="110", versions={"kv/secret/db": "v2"})}
HELD_TEXT = '{"app-secret":{"resourceVersion":"110","versions":{"kv/secret/db":"v2"}}}'


def test_what_was_restarted_is_read_though_its_opt_in_is_gone() -> None:
    found = read(opt_in=None, record=HELD_TEXT)

    assert found.restarted == HELD
    assert "app-secret" not in found.wanted


def test_a_rollout_keeps_its_record_on_itself() -> None:
    itself = manifest(opt_in=None)
    itself["metadata"]["annotations"][workload.RECORD] = HELD_TEXT

    found = workload.read(Kind.ROLLOUT, itself)

    assert found is not None
    assert found.restarted == HELD
    assert workload.read(Kind.ROLLOUT, manifest(opt_in=None, record=HELD_TEXT)) is None
    assert workload.read(Kind.DEPLOYMENT, itself) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="half a document"),
        pytest.param("[]", id="a list"),
        pytest.param('{"app-secret": "110"}', id="an entry of another shape"),
        pytest.param("[" * 100_000, id="depth"),
        pytest.param('{"a": ' + "9" * 10_000 + "}", id="a long number"),
        pytest.param("NaN", id="no number"),
    ],
)
def test_a_record_that_is_none_of_ours_says_nothing(text: str) -> None:
    assert read(record=text).restarted == {}


def test_entries_of_another_shape_leave_the_others_as_they_are() -> None:
    text = '{"a": {"resourceVersion": 5, "versions": {"x": 1, "y": "v"}}, "b": [], "c": {"resourceVersion": "9"}}'

    assert read(record=text).restarted == {
        "a": Restarted(resource_version="", versions={"y": "v"}),
        "c": Restarted(resource_version="9", versions={}),
    }


def test_a_record_is_compact_and_read_as_it_was_written() -> None:
    text = workload.render(HELD)

    assert text == HELD_TEXT
    assert read(record=text).restarted == HELD


def test_a_record_keeps_the_newest_fifty_secrets() -> None:
    many = {f"s{number}": Restarted(resource_version=str(number), versions={}) for number in range(60)}

    kept = json.loads(workload.render(many))

    assert list(kept) == [f"s{number}" for number in range(10, 60)]


def test_the_largest_record_leaves_room_among_the_annotations() -> None:
    versions = {f"vault/secret/{number:0120}": "0" * 32 for number in range(200)}
    many = {f"{number:0253}": Restarted(resource_version="9" * 20, versions=versions) for number in range(50)}

    text = workload.render(many)

    assert len(text) < 250_000
    assert {entry["resourceVersion"] for entry in json.loads(text).values()} == {"9" * 20}


# Rolling

COMPLETE = [{"type": "Available", "reason": "X"}, {"type": "Progressing", "reason": "NewReplicaSetAvailable"}]
UPDATING = [{"type": "Progressing", "reason": "ReplicaSetUpdated"}]
LATE = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
ROLLED_OUT = {"observedGeneration": 3, "desiredNumberScheduled": 4, "updatedNumberScheduled": 4, "numberAvailable": 4}
SAME = {"currentRevision": "web-1", "updateRevision": "web-1"}
MOVING = {"currentRevision": "web-1", "updateRevision": "web-2"}


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        pytest.param(Kind.DEPLOYMENT, {}, Progress.DONE, id="deployment: all available"),
        pytest.param(Kind.DEPLOYMENT, {"observedGeneration": 2}, Progress.ROLLING, id="deployment: not observed"),
        pytest.param(Kind.DEPLOYMENT, {"updatedReplicas": 1}, Progress.ROLLING, id="deployment: some not updated"),
        pytest.param(Kind.DEPLOYMENT, {"replicas": 3}, Progress.ROLLING, id="deployment: old ones remain"),
        pytest.param(
            Kind.DEPLOYMENT,
            {"replicas": 3, "updatedReplicas": 3, "conditions": UPDATING},
            Progress.ROLLING,
            id="deployment: scaled down in the midst",
        ),
        pytest.param(
            Kind.DEPLOYMENT,
            {"availableReplicas": 1, "conditions": UPDATING},
            Progress.ROLLING,
            id="deployment: the last one starts",
        ),
        pytest.param(
            Kind.DEPLOYMENT,
            {"availableReplicas": 1, "conditions": COMPLETE},
            Progress.STUCK,
            id="deployment: one became unavailable later",
        ),
        pytest.param(
            Kind.DEPLOYMENT,
            {"replicas": 3, "updatedReplicas": 1, "conditions": LATE},
            Progress.STUCK,
            id="deployment: over its deadline",
        ),
        pytest.param(Kind.STATEFUL_SET, {}, Progress.DONE, id="stateful set: all ready"),
        pytest.param(Kind.STATEFUL_SET, {"observedGeneration": 2}, Progress.ROLLING, id="stateful set: not observed"),
        pytest.param(Kind.STATEFUL_SET, {"observedGeneration": 0}, Progress.ROLLING, id="stateful set: never observed"),
        pytest.param(
            Kind.STATEFUL_SET, {"updatedReplicas": 1, **MOVING}, Progress.ROLLING, id="stateful set: some not updated"
        ),
        pytest.param(
            Kind.STATEFUL_SET, {"readyReplicas": 1, **MOVING}, Progress.ROLLING, id="stateful set: the last one starts"
        ),
        pytest.param(
            Kind.STATEFUL_SET, {"readyReplicas": 1, **SAME}, Progress.STUCK, id="stateful set: one became unready later"
        ),
        pytest.param(Kind.DAEMON_SET, ROLLED_OUT, Progress.DONE, id="daemon set: all available"),
        pytest.param(
            Kind.DAEMON_SET, ROLLED_OUT | {"observedGeneration": 2}, Progress.ROLLING, id="daemon set: not observed"
        ),
        pytest.param(
            Kind.DAEMON_SET, ROLLED_OUT | {"updatedNumberScheduled": 3}, Progress.ROLLING, id="daemon set: not updated"
        ),
        pytest.param(
            Kind.DAEMON_SET, ROLLED_OUT | {"numberAvailable": 3}, Progress.STUCK, id="daemon set: one is unavailable"
        ),
    ],
)
def test_it_rolls_as_long_as_rollout_status_would_wait_and_after_it_gave_up(
    kind: Kind, status: dict[str, Any], expected: Progress
) -> None:
    found = read(kind, status=status)

    assert found.progress is expected
    assert found.rolling is (expected is not Progress.DONE)


ASKED, RESTARTED = "2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("spec", "status", "rolling"),
    [
        pytest.param({}, {"phase": "Healthy"}, False, id="healthy"),
        pytest.param({}, {"phase": "Progressing"}, True, id="progressing"),
        pytest.param({}, {"phase": "Paused", "pauseConditions": [{"reason": "CanaryPauseStep"}]}, False, id="paused"),
        pytest.param({}, {"phase": "Healthy", "controllerPause": True}, True, id="being resumed"),
        pytest.param({}, {"phase": "Degraded", "conditions": LATE}, True, id="over its deadline"),
        pytest.param({}, {"phase": "Degraded", "abort": True}, False, id="an aborted canary"),
        pytest.param({}, {"phase": "Healthy", "observedGeneration": "2"}, True, id="not observed"),
        pytest.param({}, {"phase": "Healthy", "observedGeneration": "6f4b9c"}, False, id="a hash, before 0.10"),
        pytest.param({}, {"phase": "Healthy", "observedGeneration": "9" * 5000}, False, id="a hash of digits"),
        pytest.param({"restartAt": ASKED}, {"phase": "Healthy"}, True, id="never restarted"),
        pytest.param(
            {"restartAt": ASKED}, {"phase": "Healthy", "restartedAt": "2026-11-22T12:00:00Z"}, True, id="restarting"
        ),
        pytest.param({"restartAt": ASKED}, {"phase": "Healthy", "restartedAt": RESTARTED}, False, id="restarted"),
        pytest.param(
            {"restartAt": "2026-11-23T13:00:00.5+01:00"},
            {"phase": "Healthy", "restartedAt": RESTARTED},
            False,
            id="restarted, asked for in another zone",
        ),
        pytest.param({"restartAt": "soon"}, {"phase": "Healthy"}, False, id="asked for no time"),
    ],
)
def test_a_rollout_rolls_while_it_progresses_or_restarts(
    spec: dict[str, Any], status: dict[str, Any], *, rolling: bool
) -> None:
    found = read(Kind.ROLLOUT, spec=spec, status={"observedGeneration": "3", **status})

    assert found.rolling is rolling
    assert found.progress is not Progress.STUCK


@pytest.mark.parametrize(
    ("spec", "status", "paused"),
    [
        pytest.param({}, {}, False, id="running"),
        pytest.param({"paused": True}, {}, True, id="by a person"),
        pytest.param({}, {"pauseConditions": [{"reason": "BlueGreenPause"}]}, True, id="by its own steps"),
        pytest.param({}, {"pauseConditions": [], "controllerPause": True}, False, id="until just now"),
    ],
)
def test_a_workload_is_paused_by_a_person_or_by_its_own_steps(
    spec: dict[str, Any], status: dict[str, Any], *, paused: bool
) -> None:
    assert read(Kind.ROLLOUT, spec=spec, status=status).paused is paused


@pytest.mark.parametrize(
    ("strategy", "on_delete"),
    [
        pytest.param({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, False, id="rolling update"),
        pytest.param({"type": "OnDelete"}, True, id="on delete"),
        pytest.param({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}, True, id="a partition"),
    ],
)
def test_a_changed_template_may_leave_pods_as_they_are(strategy: dict[str, Any], *, on_delete: bool) -> None:
    assert read(Kind.STATEFUL_SET, spec={"updateStrategy": strategy}).on_delete is on_delete


def test_what_waits_for_its_pods_to_be_deleted_is_not_rolling() -> None:
    by_hand = {"updateStrategy": {"type": "OnDelete"}}

    assert not read(Kind.STATEFUL_SET, spec=by_hand, status={"updatedReplicas": 0, **MOVING}).rolling


def test_a_partition_is_rolled_out_when_the_pods_above_it_are() -> None:
    staged = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}

    assert read(Kind.STATEFUL_SET, spec=staged, status={"updatedReplicas": 1}).progress is Progress.DONE
    assert read(Kind.STATEFUL_SET, spec=staged, status={"updatedReplicas": 0}).progress is Progress.ROLLING


@pytest.mark.parametrize(
    ("kind", "spec", "status"),
    [
        pytest.param(Kind.DEPLOYMENT, {"replicas": 0}, {"observedGeneration": 2}, id="deployment scaled to nothing"),
        pytest.param(Kind.STATEFUL_SET, {"replicas": 0}, {}, id="stateful set scaled to nothing"),
        pytest.param(Kind.ROLLOUT, {"replicas": 0, "restartAt": ASKED}, {}, id="rollout scaled to nothing"),
        pytest.param(Kind.DAEMON_SET, {}, {"desiredNumberScheduled": 0}, id="daemon set without a node"),
    ],
)
def test_what_is_meant_to_have_no_pods_is_idle_and_never_rolling(
    kind: Kind, spec: dict[str, Any], status: dict[str, Any]
) -> None:
    found = read(kind, spec=spec, status=status)

    assert found.idle
    assert not found.rolling


def test_a_workload_without_a_number_of_replicas_has_one() -> None:
    unset = read(spec={"replicas": None}, status={"replicas": 0, "updatedReplicas": 0, "availableReplicas": 0})

    assert not unset.idle
    assert unset.rolling


def test_a_daemon_set_that_nobody_has_looked_at_is_not_idle() -> None:
    assert not read(Kind.DAEMON_SET, status={"observedGeneration": 0}).idle


# Restarting


@pytest.mark.parametrize("kind", [Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET])
def test_a_restart_changes_the_record_in_the_template_and_nothing_else(kind: Kind) -> None:
    assert workload.restart_patch(read(kind), HELD, AT) == {
        "metadata": {"resourceVersion": "7"},
        "spec": {"template": {"metadata": {"annotations": {workload.RECORD: HELD_TEXT}}}},
    }


@pytest.mark.parametrize("at", [AT, AT.astimezone(timezone(timedelta(hours=5, minutes=30)))], ids=["UTC", "elsewhere"])
def test_a_rollout_is_restarted_by_its_own_field(at: datetime) -> None:
    assert workload.restart_patch(read(Kind.ROLLOUT), HELD, at) == {
        "metadata": {"resourceVersion": "7", "annotations": {workload.RECORD: HELD_TEXT}},
        "spec": {"restartAt": "2026-11-23T12:30:05Z"},
    }


# Hostile manifests

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("2026-11-23T12:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A manifest of which one part, at any depth, is something else."""
    pod = {"containers": [{"env": [ENV], "envFrom": [ENV_FROM]}]}
    spec = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}, "restartAt": ASKED}
    status = {"conditions": LATE, "pauseConditions": [], "restartedAt": ASKED, **ROLLED_OUT}
    whole = json.loads(json.dumps(manifest(record=HELD_TEXT, pod=pod, spec=spec, status=status)))
    part: Any = whole
    for _ in range(draw(st.integers(0, 6))):
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        inside = [key for key in keys if isinstance(part[key], dict | list) and part[key]]
        if not inside:
            break
        part = part[draw(st.sampled_from(inside))]
    key = draw(st.sampled_from(list(part) if isinstance(part, dict) else list(range(len(part)))))
    part[key] = draw(JUNK)
    return dict(whole)


@pytest.mark.parametrize("kind", KINDS)
@given(manifest=damaged() | st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JUNK))
@generated(300)
def test_no_manifest_raises_and_what_is_read_can_be_restarted(kind: Kind, manifest: dict[str, Any]) -> None:
    found = workload.read(kind, manifest)

    if found is not None:
        assert all(isinstance(secret, str) for secret in found.wanted)
        assert json.dumps(workload.restart_patch(found, found.restarted, AT))


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.builds(
            Restarted, resource_version=st.text(max_size=5), versions=st.dictionaries(st.text(max_size=5), st.text())
        ),
        max_size=5,
    )
)
@generated()
def test_every_record_is_read_as_it_was_written(record: dict[str, Restarted]) -> None:
    assert read(record=workload.render(record)).restarted == record

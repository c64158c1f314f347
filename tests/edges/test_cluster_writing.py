"""The cluster's edge against the devstack's API: what a write does to a Secret, and what waking does to a pod.

Failures of a request are in test_kube_api; here are those that depend on the Secret: stale, gone, invalid, half done.
"""

import base64

import pytest

from devstack import seed
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared import nudge
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, ConflictError, PermanentError
from shared.model import SecretValue
from shared.nudge import Pod
from shared.observed import KubernetesSecret
from shared.reason import Reason
from tests.edges.clusters import BYTES, OUTSIDER, Way, only, other_secret, read_secret


async def test_a_write_changes_the_named_keys_and_nothing_else(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Other keys, labels, annotations, owners and the type stay as they are."""
    before = api.apply(other_secret())
    secret = await read_secret(cluster)

    version = await cluster.write(secret, {seed.KEY: SecretValue(b"new"), "added": SecretValue(BYTES)}, {})

    after = api.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert after is not None
    data = {name: base64.b64decode(text) for name, text in after["data"].items()}
    assert data == {seed.KEY: b"new", "other": BYTES, "added": BYTES}
    assert after["metadata"]["resourceVersion"] == version != secret.resource_version
    changed = {"data", "metadata"}
    assert {key: after[key] for key in after if key not in changed} == {
        key: before[key] for key in before if key not in changed
    }
    changing = {"resourceVersion", "managedFields"}
    assert {key: after["metadata"][key] for key in after["metadata"] if key not in changing} == {
        key: before["metadata"][key] for key in before["metadata"] if key not in changing
    }


async def test_a_write_is_recorded_as_this_apps(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The field manager is what stands before the slash of the user agent."""
    api.apply(other_secret())

    await cluster.write(await read_secret(cluster), {seed.KEY: SecretValue(b"new")}, {})

    after = api.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert after is not None
    assert "keyvault-fanout" in {entry["manager"] for entry in after["metadata"]["managedFields"]}


async def test_equal_bytes_leave_the_resource_version(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The API server sees that nothing differs."""
    api.apply(other_secret())
    secret = await read_secret(cluster)

    assert await cluster.write(secret, {seed.KEY: SecretValue(b"old")}, {}) == secret.resource_version


async def test_a_large_secret_is_read_and_written(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """One mebibyte is what a Secret holds at most; of what we write, a certificate's chain is the largest."""
    api.apply(other_secret(data={"big": base64.b64encode(b"a" * 1_048_576).decode("ascii")}))
    secret = await read_secret(cluster)

    await cluster.write(secret, {"big": SecretValue(b"b" * 700_000)}, {})

    assert secret.data["big"] == SecretValue(b"a" * 1_048_576)
    assert (await read_secret(cluster)).data["big"] == SecretValue(b"b" * 700_000)


async def test_a_stale_secret_is_not_overwritten(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Somebody wrote since it was read: look again, at once, without a retry in between."""
    api.apply(other_secret())
    stale = await read_secret(cluster)
    api.apply(other_secret(data={seed.KEY: base64.b64encode(b"newer").decode("ascii")}))
    api.clear_requests()

    with pytest.raises(ConflictError) as caught:
        await cluster.write(stale, {seed.KEY: SecretValue(b"planted")}, {})

    assert caught.value.reason is Reason.SECRET_CONFLICT
    assert "planted" not in str(caught.value)
    assert (await read_secret(cluster)).data == {seed.KEY: SecretValue(b"newer")}
    assert [seen.verb for seen in api.requests] == ["patch", "get"]


async def test_a_secret_that_is_gone_is_a_conflict_too(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Looking again finds that it is missing. It is not created."""
    api.apply(other_secret())
    secret = await read_secret(cluster)
    api.delete("secrets", seed.NAMESPACE, seed.SECRET)

    with pytest.raises(ConflictError) as caught:
        await cluster.write(secret, {seed.KEY: SecretValue(b"new")}, {})

    assert caught.value.reason is Reason.SECRET_CONFLICT
    assert api.get("secrets", seed.NAMESPACE, seed.SECRET) is None


async def test_a_secret_made_again_meanwhile_is_not_overwritten(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """It is another Secret under the same name."""
    api.apply(other_secret())
    secret = await read_secret(cluster)
    api.delete("secrets", seed.NAMESPACE, seed.SECRET)
    api.apply(other_secret())

    with pytest.raises(ConflictError):
        await cluster.write(secret, {seed.KEY: SecretValue(b"new")}, {})

    assert (await read_secret(cluster)).data[seed.KEY] == SecretValue(b"old")


async def test_a_write_that_the_api_finds_invalid_is_refused_for_good(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Data of an immutable Secret: 422, whose text may quote what it refuses."""
    api.apply(other_secret(immutable=True))
    secret = await read_secret(cluster)

    with pytest.raises(PermanentError) as caught:
        await cluster.write(secret, {seed.KEY: SecretValue(b"planted")}, {})

    assert caught.value.reason is Reason.CLUSTER_REFUSED
    assert str(caught.value).split(": ")[2].startswith("422 ")


async def test_a_write_without_the_right_is_a_configuration_fault(api: KubernetesApi, way: Way) -> None:
    """Reading may be allowed where writing is not."""
    api.apply(other_secret())
    secret = await read_secret(way.reach(api.url))

    with pytest.raises(ConfigurationError) as caught:
        await way.reach(api.url, token=OUTSIDER.token).write(secret, {seed.KEY: SecretValue(b"new")}, {})

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN


async def test_a_write_that_was_cut_off_before_it_took_effect_is_made_once(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """The second attempt meets the same resourceVersion."""
    api.apply(other_secret())
    secret = await read_secret(cluster)
    api.faults.plan(only("secrets", "patch"), Fault(drop=True))

    version = await cluster.write(secret, {seed.KEY: SecretValue(b"new")}, {})

    assert (await read_secret(cluster)).resource_version == version
    assert len(api.history_of("secrets", seed.NAMESPACE, seed.SECRET)) == 2


@pytest.mark.parametrize("fault", [Fault(drop=True, after=True), Fault(status=500, after=True)])
async def test_a_write_whose_answer_was_lost_is_a_conflict_and_made_once(
    api: KubernetesApi, cluster: KubernetesCluster, fault: Fault
) -> None:
    """The second attempt meets its own first one; looking again finds the Secret current."""
    api.apply(other_secret())
    secret = await read_secret(cluster)
    api.faults.plan(only("secrets", "patch"), fault)

    with pytest.raises(ConflictError):
        await cluster.write(secret, {seed.KEY: SecretValue(b"new")}, {})

    assert (await read_secret(cluster)).data[seed.KEY] == SecretValue(b"new")
    assert len(api.history_of("secrets", seed.NAMESPACE, seed.SECRET)) == 2


@pytest.mark.parametrize(
    ("namespace", "name"), [("..", "x"), (".", "x"), (seed.NAMESPACE, ".."), (seed.NAMESPACE, ".")]
)
async def test_a_name_that_climbs_out_of_its_path_is_not_asked_for(
    api: KubernetesApi, cluster: KubernetesCluster, namespace: str, name: str
) -> None:
    """A class may name any Secret; `..` is the namespace above it, and no quoting keeps a client from resolving it."""
    secret = KubernetesSecret(
        namespace=namespace, name=name, resource_version="1", type="", managed=True, immutable=False, data={}
    )

    for call in (cluster.secret(namespace, name), cluster.write(secret, {"key": SecretValue(b"v")}, {})):
        with pytest.raises(PermanentError) as caught:
            await call

        assert caught.value.reason is Reason.CLUSTER_REFUSED
    assert api.requests == ()


@pytest.mark.parametrize("name", ["../../pods/x", "a/b", "a?watch=true", "a#b", "%2e%2e", "a%2fb", "é", "a b", "A"])
async def test_a_name_that_no_secret_has_stays_in_its_place(
    api: KubernetesApi, cluster: KubernetesCluster, name: str
) -> None:
    """It arrives as the one name that it is, and no such Secret is there."""
    assert await cluster.secret(seed.NAMESPACE, name) is None
    assert [(seen.resource, seen.namespace, seen.name) for seen in api.requests] == [("secrets", seed.NAMESPACE, name)]


async def test_running_pods_are_found_with_what_they_mount(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Those of the namespace, and not those that have ended or have not begun."""
    for name, phase in (("one", "Running"), ("two", "Running"), ("ended", "Succeeded"), ("waiting", "Pending")):
        api.apply(seed.pod(name) | {"status": {"phase": phase}})
    elsewhere = seed.pod("elsewhere")
    elsewhere["metadata"]["namespace"] = "other"
    api.apply(elsewhere)

    found = await cluster.pods(seed.NAMESPACE)

    mounted = frozenset({seed.SECRET}), frozenset({seed.CLASS})
    assert sorted(found, key=lambda pod: pod.name) == [
        Pod(name=name, secrets=mounted[0], classes=mounted[1], woken_for="") for name in ("one", "two")
    ]
    assert [(seen.verb, seen.resource, seen.namespace) for seen in api.requests] == [("list", "pods", seed.NAMESPACE)]


async def test_more_pods_than_a_page_holds_are_all_found(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Every page asks for running ones."""
    for number in range(501):
        api.apply(seed.pod(f"pod-{number}") | {"status": {"phase": "Running" if number != 7 else "Failed"}})

    assert len(await cluster.pods(seed.NAMESPACE)) == 500


async def test_waking_a_pod_annotates_it_and_changes_nothing_else(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """The next look says what it was woken for."""
    manifest = seed.pod("one")
    manifest["metadata"]["annotations"] = {"team": "shop"}
    before = api.apply(manifest)

    await cluster.wake(seed.NAMESPACE, "one", "app-secret=7")

    after = api.get("pods", seed.NAMESPACE, "one")
    assert after is not None
    assert after["metadata"]["annotations"] == {"team": "shop", nudge.ANNOTATION: "app-secret=7"}
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert [pod.woken_for for pod in await cluster.pods(seed.NAMESPACE)] == ["app-secret=7"]


async def test_waking_a_pod_that_is_gone_is_no_failure(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Whatever replaced it reads the new bytes by itself."""
    await cluster.wake(seed.NAMESPACE, "gone", "app-secret=7")

    assert api.get("pods", seed.NAMESPACE, "gone") is None


async def test_waking_without_the_right_is_a_configuration_fault(api: KubernetesApi, way: Way) -> None:
    """Not everybody lets this app touch pods."""
    api.apply(seed.pod("one"))

    with pytest.raises(ConfigurationError) as caught:
        await way.reach(api.url, token=OUTSIDER.token).wake(seed.NAMESPACE, "one", "app-secret=7")

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN

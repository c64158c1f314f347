"""Who changed a Secret's data, and when, as both servers note it in managedFields.

The sweep and restarts rest on it.
"""

import pytest

from devstack import seed
from shared.edges import kube_secret
from shared.edges.cluster import KubernetesCluster
from shared.model import SecretValue
from shared.observed import KubernetesSecret
from tests.contract.cluster.backends import Backend
from tests.contract.cluster.hand import Hand, place_of
from tests.contract.cluster.manifests import Manifest, encoded, secret

NEW = {seed.KEY: SecretValue(b"new")}


async def read(cluster: KubernetesCluster, namespace: str) -> KubernetesSecret:
    """Read the test's Secret, which is there."""
    found = await cluster.secret(namespace, seed.SECRET)
    assert found is not None
    return found


async def test_who_changed_the_data_last_is_told(
    backend: Backend, hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    made = await hand.make(secret(namespace))
    first = await read(cluster, namespace)
    await backend.next_second()
    await cluster.write(first, NEW, {})
    ours = await read(cluster, namespace)
    await backend.next_second()
    await hand.by("somebody-else").change(made, {"data": {seed.KEY: encoded(b"theirs")}})

    theirs = await read(cluster, namespace)

    assert (first.by_us, ours.by_us, theirs.by_us) == (False, True, False)
    moments = [moment for moment in (first.changed, ours.changed, theirs.changed) if moment is not None]
    assert len(set(moments)) == 3
    assert moments == sorted(moments)
    state = await cluster.secret_state(namespace, seed.SECRET)
    assert state is not None
    assert (state.by_us, state.changed) == (False, theirs.changed)


async def test_of_two_writers_in_one_second_the_other_one_counts(
    backend: Backend, hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    """Times are whole seconds: what cannot be told is not claimed to be ours."""
    await backend.next_second()
    await hand.make(secret(namespace, data={seed.KEY: encoded(b"old"), "theirs": encoded(b"old")}))

    await cluster.write(await read(cluster, namespace), NEW, {})

    assert (await read(cluster, namespace)).by_us is False


async def test_a_replacement_by_the_same_leaves_no_trace(hand: Hand, namespace: str) -> None:
    """As the CSI driver of 1.6.0 puts every Secret at every reconcile (csi-semantics 0)."""
    await hand.make(secret(namespace))
    before = await hand.look(secret(namespace))

    answer = await hand.by("csi-secrets-store").call("PUT", place_of(before), before)

    assert answer.status == 200
    assert await hand.look(before) == before


async def test_who_has_written_none_of_what_is_there_counts_no_more(
    backend: Backend, hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    """Whoever made the data goes on owning the empty map, and may change the labels later."""
    made = await hand.make(secret(namespace))
    await cluster.write(await read(cluster, namespace), NEW, {})
    ours = await read(cluster, namespace)
    await backend.next_second()
    await hand.change(made, {"metadata": {"labels": {"team": "shop"}}})

    later = await read(cluster, namespace)

    assert (ours.by_us, later.by_us) == (True, True)
    assert later.changed == ours.changed
    assert later.resource_version != ours.resource_version


async def test_a_label_moves_the_time_of_a_writer_whose_data_is_there(
    backend: Backend, hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    """A writer has one time for all its fields. No change of data is missed; one may be seen where there is none."""
    made = await hand.make(secret(namespace))
    before = await read(cluster, namespace)
    await backend.next_second()
    await hand.change(made, {"metadata": {"labels": {"team": "shop"}}})

    after = await read(cluster, namespace)

    assert before.changed is not None
    assert after.changed is not None
    assert after.changed > before.changed


async def test_each_writer_is_noted_with_the_fields_that_it_wrote_last(hand: Hand, namespace: str) -> None:
    """A field belongs to whoever changed it last; what is removed belongs to nobody."""
    made = await hand.make(secret(namespace, data={"a": encoded(b"1"), "b": encoded(b"1"), "c": encoded(b"1")}))
    other = hand.by("other")
    await other.change(made, {"data": {"a": encoded(b"2"), "d": encoded(b"2")}, "metadata": {"labels": {"team": "x"}}})
    await other.change(made, {"data": {"b": encoded(b"1")}, "metadata": {"annotations": {"team": "x"}}})
    await hand.by("third").change(made, {"data": {"c": None}})

    noted = {
        entry["manager"]: (entry["operation"], entry["apiVersion"], entry["fieldsType"], entry["fieldsV1"])
        for entry in (await hand.look(made))["metadata"]["managedFields"]
    }

    managed: Manifest = {".": {}, "f:secrets-store.csi.k8s.io/managed": {}}
    assert noted == {
        "scene": (
            *("Update", "v1", "FieldsV1"),
            {"f:data": {".": {}, "f:b": {}}, "f:metadata": {"f:labels": managed}, "f:type": {}},
        ),
        "other": (
            *("Update", "v1", "FieldsV1"),
            {
                "f:data": {"f:a": {}, "f:d": {}},
                "f:metadata": {"f:annotations": {".": {}, "f:team": {}}, "f:labels": {"f:team": {}}},
            },
        ),
    }


async def test_a_write_is_noted_under_the_name_by_which_it_is_looked_for(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    """The user agent up to its slash."""
    made = await hand.make(secret(namespace))

    await cluster.write(await read(cluster, namespace), NEW, {})

    entries = (await hand.look(made))["metadata"]["managedFields"]
    assert {(entry["manager"], entry["operation"]) for entry in entries} == {
        ("scene", "Update"),
        (kube_secret.MANAGER, "Update"),
    }


@pytest.mark.parametrize("again", [NEW, {}])
async def test_a_write_that_changes_no_data_does_not_count_as_a_change_of_data(
    hand: Hand, cluster: KubernetesCluster, namespace: str, again: dict[str, SecretValue]
) -> None:
    """Equal bytes are no write at all."""
    made = await hand.make(secret(namespace))
    await cluster.write(await read(cluster, namespace), NEW, {})
    before = await hand.look(made)

    await cluster.write(await read(cluster, namespace), again, {})

    assert await hand.look(made) == before

"""What a write does to a Secret, and when it is refused, on both servers."""

import base64
from http import HTTPStatus
from typing import Any

import pytest

from devstack import seed
from shared import owned
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, ConflictError, FanoutError, PermanentError
from shared.model import SecretValue
from shared.observed import KubernetesSecret
from shared.reason import Reason
from tests.contract.cluster.backends import Backend
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import MARK, Manifest, encoded, full_secret, secret
from tests.edges.clusters import Way

NEW = {seed.KEY: SecretValue(b"new")}
PLANTED = {seed.KEY: SecretValue(MARK.encode())}


async def read(cluster: KubernetesCluster, namespace: str) -> KubernetesSecret:
    """Read the test's Secret, which is there."""
    found = await cluster.secret(namespace, seed.SECRET)
    assert found is not None
    return found


def values(manifest: Manifest) -> dict[str, bytes]:
    """Return a Secret's data, decoded."""
    return {key: base64.b64decode(text) for key, text in manifest["data"].items()}


async def test_a_write_changes_the_named_keys_and_nothing_else(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    before = await hand.make(full_secret(namespace))

    version = await cluster.write(await read(cluster, namespace), {**NEW, "added": SecretValue(b"\xff")}, {})

    after = await hand.look(before)
    assert values(after) == {seed.KEY: b"new", "other": bytes(range(256)), "added": b"\xff"}
    assert after["metadata"]["resourceVersion"] == version != before["metadata"]["resourceVersion"]
    changing = {"resourceVersion", "managedFields"}
    assert {key: after["metadata"][key] for key in after["metadata"].keys() - changing} == {
        key: before["metadata"][key] for key in before["metadata"].keys() - changing
    }
    assert {key: after[key] for key in after.keys() - {"data", "metadata"}} == {
        key: before[key] for key in before.keys() - {"data", "metadata"}
    }


async def test_equal_bytes_leave_the_resource_version(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    await hand.make(full_secret(namespace))
    found = await read(cluster, namespace)

    assert await cluster.write(found, {seed.KEY: SecretValue(b"old")}, {}) == found.resource_version


async def test_an_annotation_is_written_with_the_data(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    made = await hand.make(full_secret(namespace))

    await cluster.write(await read(cluster, namespace), NEW, {owned.VERSIONS: "v2"})

    after = await hand.look(made)
    assert after["metadata"]["annotations"] == {"team": "shop", owned.VERSIONS: "v2"}
    assert (await read(cluster, namespace)).versions == "v2"


async def test_a_large_secret_is_read_and_written(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    """One mebibyte is what a Secret holds at most."""
    await hand.make(secret(namespace, data={"big": encoded(b"a" * 1_048_576)}))
    found = await read(cluster, namespace)

    await cluster.write(found, {"big": SecretValue(b"b" * 700_000)}, {})

    assert found.data["big"] == SecretValue(b"a" * 1_048_576)
    assert (await read(cluster, namespace)).data["big"] == SecretValue(b"b" * 700_000)


async def test_a_stale_secret_is_not_overwritten(hand: Hand, cluster: KubernetesCluster, namespace: str) -> None:
    made = await hand.make(full_secret(namespace))
    stale = await read(cluster, namespace)
    await hand.change(made, {"data": {seed.KEY: encoded(b"newer")}})

    with pytest.raises(ConflictError) as caught:
        await cluster.write(stale, PLANTED, {})

    assert caught.value.reason is Reason.SECRET_CONFLICT
    assert MARK not in str(caught.value)
    assert values(await hand.look(made))[seed.KEY] == b"newer"


async def test_a_secret_that_is_gone_is_a_conflict_and_is_not_made(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    made = await hand.make(full_secret(namespace))
    found = await read(cluster, namespace)
    await hand.remove(made)

    with pytest.raises(ConflictError):
        await cluster.write(found, NEW, {})

    assert await cluster.secret(namespace, seed.SECRET) is None


async def test_a_secret_made_again_meanwhile_is_not_overwritten(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    made = await hand.make(secret(namespace))
    found = await read(cluster, namespace)
    await hand.remove(made)
    await hand.make(secret(namespace))

    with pytest.raises(ConflictError):
        await cluster.write(found, NEW, {})

    assert values(await hand.look(made)) == {seed.KEY: b"old"}


async def refused(cluster: KubernetesCluster, found: KubernetesSecret, data: dict[str, SecretValue]) -> FanoutError:
    """Write what is refused, and return the error: its text has neither the value nor the server's words."""
    with pytest.raises(FanoutError) as caught:
        await cluster.write(found, data, {})
    text = str(caught.value)
    assert MARK not in text
    assert encoded(MARK.encode()) not in text
    return caught.value


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, SecretValue]]] = {
    "immutable": ({"immutable": True}, PLANTED),
    "a key that is none": ({}, {"no key!": SecretValue(MARK.encode())}),
    "over a mebibyte": (
        {"data": {seed.KEY: encoded(b"old"), "half": encoded(b"a" * 600_000)}},
        {"other-half": SecretValue(MARK.encode() * 40_000)},
    ),
}


@pytest.mark.parametrize("why", REFUSALS)
async def test_a_write_that_the_server_finds_invalid_is_refused_for_good(
    hand: Hand, cluster: KubernetesCluster, namespace: str, why: str
) -> None:
    fields, data = REFUSALS[why]
    made = await hand.make(secret(namespace, **fields))

    error = await refused(cluster, await read(cluster, namespace), data)

    assert isinstance(error, PermanentError)
    assert error.reason is Reason.CLUSTER_REFUSED
    assert str(error).endswith(
        f"PATCH /api/v1/namespaces/{namespace}/secrets/{seed.SECRET}: 422 {HTTPStatus(422).phrase}"
    )
    assert await hand.look(made) == made


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({}, {"type": "kubernetes.io/tls"}),
        ({"immutable": True}, {"immutable": False}),
        ({"immutable": True}, {"data": {seed.KEY: encoded(b"new")}}),
    ],
)
async def test_type_and_immutable_secrets_cannot_be_changed(
    hand: Hand, namespace: str, before: dict[str, Any], change: dict[str, Any]
) -> None:
    """Whoever tries."""
    await hand.make(secret(namespace, **before))

    answer = await hand.call("PATCH", f"/api/v1/namespaces/{namespace}/secrets/{seed.SECRET}", change)

    assert (answer.status, answer.reason) == (422, "Invalid")


async def test_an_immutable_secret_still_takes_annotations(
    hand: Hand, cluster: KubernetesCluster, namespace: str
) -> None:
    await hand.make(secret(namespace, immutable=True))

    await cluster.write(await read(cluster, namespace), {}, {owned.VERSIONS: "v2"})

    assert (await read(cluster, namespace)).versions == "v2"


async def test_a_write_without_the_right_is_a_configuration_fault(
    backend: Backend, hand: Hand, cluster: KubernetesCluster, namespace: str, way: Way
) -> None:
    await hand.make(secret(namespace))
    found = await read(cluster, namespace)
    stranger = way.reach(backend.url, token=backend.stranger().token, ca_pem=backend.ca_pem)

    error = await refused(stranger, found, PLANTED)

    assert isinstance(error, ConfigurationError)
    assert error.reason is Reason.CLUSTER_FORBIDDEN


async def test_somebody_whom_the_server_does_not_know_is_a_configuration_fault(
    backend: Backend, way: Way, namespace: str
) -> None:
    unknown = way.reach(backend.url, token="nobody", ca_pem=backend.ca_pem)

    with pytest.raises(ConfigurationError) as caught:
        await unknown.secret(namespace, seed.SECRET)

    assert caught.value.reason is Reason.CLUSTER_UNAUTHENTICATED

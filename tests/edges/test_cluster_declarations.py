"""The cluster's edge against the devstack's API: owned Secrets, External Secrets, SecretSyncs, and which it asks for.

How lists are kept is in test_kube_listing. Not here: what a declaration means (tests of shared/owned,
shared/external_secrets and shared/secret_sync).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import pytest

from devstack import seed
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi
from shared.cluster_setting import BindingKind
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, TransientError
from shared.owned import Declaration, RefusedDeclaration
from shared.reason import Reason
from tests.edges.clusters import Way, forbid, only
from tests.edges.declared import MARKS, OBJECTS, external_secret, owned_secret, secret_sync, store
from tests.edges.relay import Relay

METADATA_ONLY = "application/json;as=PartialObjectMetadata"
EXTERNAL = "/apis/external-secrets.io"


async def external_secrets(cluster: KubernetesCluster) -> Sequence[object]:
    """List the ExternalSecrets without their stores."""
    return (await cluster.external())[0]


Call = Callable[[KubernetesCluster], Awaitable[Sequence[object]]]
KINDS: dict[BindingKind, tuple[str, Call]] = {
    BindingKind.CSI: ("secretproviderclasses", lambda cluster: cluster.classes()),
    BindingKind.OWNED: ("secrets", lambda cluster: cluster.owned()),
    BindingKind.EXTERNAL_SECRETS: ("externalsecrets", external_secrets),
    BindingKind.SECRET_SYNC: ("secretsyncs", lambda cluster: cluster.syncs()),
}
"""Of each kind: its resource, and how it is listed."""
BESIDE_CLASSES = [kind for kind in KINDS if kind is not BindingKind.CSI]


def holds_value(relay: Relay) -> bool:
    """Tell whether the marked value went over the wire, in any form."""
    return any(mark.encode() in answer for answer in relay.answers for mark in MARKS)


async def test_owned_secrets_are_found_by_our_label_in_every_namespace(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """With what they ask for; a bad declaration is found too, with its reason."""
    api.apply(owned_secret())
    api.apply(owned_secret("elsewhere", namespace="bank"))
    api.apply(owned_secret("bad", objects="- no"))
    api.apply(owned_secret("somebody-elses", labels={"app": "shop"}))
    api.apply(owned_secret("not-yet", labels={"keyvault-fanout.dev/owned": "false"}))

    found = await cluster.owned()

    good = [one for one in found if isinstance(one, Declaration)]
    bad = [one for one in found if isinstance(one, RefusedDeclaration)]
    assert sorted((one.namespace, one.name) for one in good) == [("bank", "elsewhere"), (seed.NAMESPACE, "filled")]
    assert {str(entry.object) for one in good for entry in one.entries} == {"kv-demo/secret/secret1"}
    assert [(one.namespace, one.name, one.error.reason) for one in bad] == [
        (seed.NAMESPACE, "bad", Reason.BAD_DECLARATION)
    ]


async def test_listing_owned_secrets_brings_no_value_over_the_wire(api: KubernetesApi, relay: Relay, way: Way) -> None:
    """Only metadata is accepted; this app's need to list Secrets is no need to read them."""
    for number in range(201):
        api.apply(owned_secret(f"filled-{number}"))

    found = await way.reach(relay.url).owned()

    assert len(found) == 201
    assert [seen.headers["Accept"].partition(";g=")[0] for seen in relay.requests] == [f"{METADATA_ONLY}List"] * 2
    assert all(b'"PartialObjectMetadataList"' in answer for answer in relay.answers)
    assert not holds_value(relay)


async def test_version_and_state_of_a_secret_are_read_without_a_value(
    api: KubernetesApi, relay: Relay, way: Way
) -> None:
    """Where another owner holds the bytes they are none of this app's business. Reading the whole Secret differs."""
    stored = api.apply(owned_secret())
    cluster = way.reach(relay.url)

    version = await cluster.secret_version(seed.NAMESPACE, "filled")
    state = await cluster.secret_state(seed.NAMESPACE, "filled")
    told = holds_value(relay)
    await cluster.secret(seed.NAMESPACE, "filled")

    assert state is not None
    assert version == state.resource_version == stored["metadata"]["resourceVersion"]
    assert [seen.headers["Accept"].partition(";g=")[0] for seen in relay.requests[:2]] == [METADATA_ONLY] * 2
    assert (told, holds_value(relay)) == (False, True)


@pytest.mark.parametrize("call", ["version", "state"])
async def test_an_absent_secret_has_neither_version_nor_state(cluster: KubernetesCluster, call: str) -> None:
    """Its owner has not made it yet."""
    asked = cluster.secret_version if call == "version" else cluster.secret_state

    assert await asked(seed.NAMESPACE, "absent") is None


async def test_a_changed_declaration_is_read_anew(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """The same value comes back until then, also when its data has changed, as with each write of ours."""
    api.apply(owned_secret())
    (first,) = await cluster.owned()
    api.apply({**owned_secret(), "data": {"password": "bmV3"}})
    (again,) = await cluster.owned()
    api.apply(owned_secret(objects=OBJECTS.replace("password", "key")))
    (changed,) = await cluster.owned()

    assert again is first
    assert isinstance(changed, Declaration)
    assert [entry.key for entry in changed.entries] == ["key"]


async def test_external_secrets_are_found_with_their_stores_in_the_newest_version(
    api: KubernetesApi, relay: Relay, way: Way
) -> None:
    """The older version serves the same objects, so it is not asked."""
    for manifest in (external_secret(), store(), store("SecretStore", "own")):
        api.apply(manifest)

    secrets, stores = await way.reach(relay.url).external()

    assert [str(one.resource) for one in secrets] == [f"externalsecrets {seed.NAMESPACE}/external"]
    assert [one.resource.group_version for one in secrets] == ["external-secrets.io/v1"]
    assert sorted(one.ref for one in stores) == [
        ("ClusterSecretStore", "", "vault"),
        ("SecretStore", seed.NAMESPACE, "own"),
    ]
    assert {one.authority for one in stores} == {"kv-demo.vault.azure.net"}
    assert relay.asked[0] == f"GET {EXTERNAL}/v1/externalsecrets"
    assert sorted(relay.asked[1:]) == [f"GET {EXTERNAL}/v1/{kind}" for kind in ("clustersecretstores", "secretstores")]


async def test_an_older_operator_is_asked_in_its_own_version_from_then_on(
    api: KubernetesApi, relay: Relay, way: Way
) -> None:
    """Stores too, and what is asked of the ExternalSecret later."""
    for manifest in (external_secret(), store()):
        api.apply(manifest)
    api.faults.plan(only("externalsecrets"), Fault(status=404))
    cluster = way.reach(relay.url)

    secrets, stores = await cluster.external()
    first = relay.asked
    relay.forget()
    await cluster.external()

    assert [one.resource.group_version for one in secrets] == ["external-secrets.io/v1beta1"]
    assert len(stores) == 1
    assert first[:2] == [f"GET {EXTERNAL}/v1/externalsecrets", f"GET {EXTERNAL}/v1beta1/externalsecrets"]
    assert sorted([*first[2:], first[1]]) == sorted(relay.asked)
    assert {asked.split("/")[3] for asked in relay.asked} == {"v1beta1"}


async def test_stores_are_not_asked_for_where_there_are_no_external_secrets(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """An operator that nobody uses costs one request."""
    api.apply(store())

    assert await cluster.external() == ([], [])
    assert [seen.resource for seen in api.requests] == ["externalsecrets"]


async def test_a_cluster_without_external_secrets_is_not_asked_for_it_again(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """Neither version is there."""
    api.faults.plan(only("externalsecrets"), Fault(status=404), times=None)

    assert [await cluster.external() for _ in range(2)] == [((), ())] * 2
    assert [seen.resource for seen in api.requests] == ["externalsecrets"] * 2


async def test_stores_that_may_not_be_listed_are_warned_of(
    api: KubernetesApi, cluster: KubernetesCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The ExternalSecrets are found; whose vault they read is not."""
    for manifest in (external_secret(), store(), store("SecretStore", "own")):
        api.apply(manifest)
    forbid(api, "clustersecretstores")

    secrets, stores = await cluster.external()

    assert (len(secrets), [one.ref.kind for one in stores]) == (1, ["SecretStore"])
    assert "clustersecretstores: 403 Forbidden; apply deploy/kubernetes/external-secrets.yaml" in caplog.text


@pytest.mark.parametrize("resource", ["externalsecrets", "secretstores", "clustersecretstores"])
async def test_external_secrets_that_the_settings_ask_for_and_that_are_forbidden_are_a_configuration_fault(
    api: KubernetesApi, way: Way, resource: str
) -> None:
    """With any of the three missing, nobody could tell whom an event concerns."""
    for manifest in (external_secret(), store()):
        api.apply(manifest)
    forbid(api, resource)
    cluster = way.reach(api.url, bindings=frozenset({BindingKind.EXTERNAL_SECRETS}))

    with pytest.raises(ConfigurationError) as caught:
        await cluster.external()

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN
    assert f"/{resource}: 403" in str(caught.value)


async def test_external_secrets_that_could_not_be_listed_are_a_passing_fault(
    api: KubernetesApi, cluster: KubernetesCluster
) -> None:
    """The older version is no way round."""
    api.apply(external_secret())
    api.faults.plan(only("externalsecrets"), Fault(status=503), times=3)

    with pytest.raises(TransientError):
        await cluster.external()

    assert len((await cluster.external())[0]) == 1


async def test_secret_syncs_are_found(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """With the class that each of them reads."""
    api.apply(secret_sync())

    assert [(one.namespace, one.name, one.class_name) for one in await cluster.syncs()] == [
        (seed.NAMESPACE, "synced", seed.CLASS)
    ]


NOTHING: dict[BindingKind, object] = {
    BindingKind.OWNED: [],
    BindingKind.EXTERNAL_SECRETS: [],
    BindingKind.SECRET_SYNC: [],
}


@pytest.mark.parametrize("kind", BESIDE_CLASSES)
async def test_a_kind_that_nobody_asked_for_is_passed_over_where_it_is_forbidden(
    api: KubernetesApi, cluster: KubernetesCluster, caplog: pytest.LogCaptureFixture, kind: BindingKind
) -> None:
    """One request and one warning, which names the manifest that would allow it."""
    resource, call = KINDS[kind]
    forbid(api, resource)

    assert [await call(cluster) for _ in range(2)] == [NOTHING[kind]] * 2

    assert [seen.resource for seen in api.requests] == [resource]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"/{resource}: 403 Forbidden; apply deploy/kubernetes/{kind}.yaml" in warning
    assert "BINDINGS" in warning


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_that_the_settings_ask_for_and_that_is_forbidden_is_a_configuration_fault(
    api: KubernetesApi, way: Way, caplog: pytest.LogCaptureFixture, kind: BindingKind
) -> None:
    """Whoever lists it wants to be told. Classes are asked for anyhow."""
    resource, call = KINDS[kind]
    forbid(api, resource)
    cluster = way.reach(api.url, bindings=frozenset({kind}))

    with pytest.raises(ConfigurationError) as caught:
        await call(cluster)

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_classes_are_not_optional(api: KubernetesApi, cluster: KubernetesCluster) -> None:
    """Without a word about bindings, too."""
    forbid(api, "secretproviderclasses")

    with pytest.raises(ConfigurationError) as caught:
        await cluster.classes()

    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (BindingKind.CSI, ["secretproviderclasses"]),
        (BindingKind.OWNED, ["secrets"]),
        (BindingKind.EXTERNAL_SECRETS, ["externalsecrets"]),
        (BindingKind.SECRET_SYNC, ["secretproviderclasses", "secretsyncs"]),
    ],
)
async def test_only_the_kinds_that_the_settings_list_are_asked_for(
    api: KubernetesApi, way: Way, kind: BindingKind, asked: list[str]
) -> None:
    """SecretSyncs read their objects through classes."""
    cluster = way.reach(api.url, bindings=frozenset({kind}))

    await asyncio.gather(*[call(cluster) for _, call in KINDS.values()])

    assert sorted(seen.resource for seen in api.requests) == asked

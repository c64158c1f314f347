"""Create, replace, patch and delete on the registry: versions, identity, conflicts, validation. No sockets."""

import pytest

from devstack.clock import ManualClock
from devstack.kubernetes import ApiError
from devstack.kubernetes.registry import Registry, Write
from devstack.kubernetes.resources import Address, of_plural
from devstack.kubernetes.store import Store
from tests.devstack.kubernetes.conftest import Manifest

BY_TEST = Write(manager="test")


class Cluster:
    """A registry and its store, with the namespace `shop`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = Store(history=100)
        self.registry = Registry(self.store, self.clock)
        self.registry.ensure_namespace("shop", BY_TEST)

    def create(self, plural: str, document: Manifest, write: Write = BY_TEST) -> Manifest:
        """Create in the namespace `shop`."""
        return self.registry.create(at(plural), document, write)


def at(plural: str, name: str = "", version: str = "") -> Address:
    """Return an address in the namespace `shop`, or in none where the resource has none."""
    resource = of_plural(plural)
    namespace = "shop" if resource.namespaced else ""
    return Address(resource=resource, version=version or resource.versions[0], namespace=namespace, name=name)


def named(name: str, **rest: object) -> Manifest:
    """Return the smallest manifest with that name."""
    return {"metadata": {"name": name}, **rest}


@pytest.fixture
def cluster() -> Cluster:
    """An empty cluster."""
    return Cluster()


def test_a_new_object_gets_uid_time_version_and_writer(cluster: Cluster) -> None:
    """What a client sends without them and reads back with them."""
    stored = cluster.create("secrets", named("db"))
    metadata = stored["metadata"]
    assert (stored["apiVersion"], stored["kind"]) == ("v1", "Secret")
    assert (metadata["name"], metadata["namespace"]) == ("db", "shop")
    assert metadata["creationTimestamp"] == "2026-09-21T14:13:20Z"
    assert metadata["resourceVersion"] == str(cluster.store.version)
    assert len(metadata["uid"]) == 36
    assert [(entry["manager"], entry["operation"]) for entry in metadata["managedFields"]] == [("test", "Update")]


def test_every_write_raises_the_one_counter(cluster: Cluster) -> None:
    """One counter over all kinds, so that a list's version says where a watch goes on."""
    first = cluster.create("secrets", named("a"))
    second = cluster.create("pods", named("b"))
    third = cluster.registry.patch(at("secrets", "a"), {"data": {"k": "dg=="}}, BY_TEST)
    versions = [int(stored["metadata"]["resourceVersion"]) for stored in (first, second, third)]
    assert versions == [versions[0], versions[0] + 1, versions[0] + 2]


def test_an_unchanged_patch_or_replacement_keeps_the_version_and_the_writers(cluster: Cluster) -> None:
    """The no-op that makes redelivered events harmless."""
    stored = cluster.create("secrets", named("db", data={"k": "dg=="}))
    cluster.clock.advance(60)
    other = Write(manager="other")
    assert cluster.registry.patch(at("secrets", "db"), {"data": {"k": "dg=="}}, other) == stored
    assert cluster.registry.replace(at("secrets", "db"), stored, other) == stored
    assert cluster.store.version == int(stored["metadata"]["resourceVersion"])


def test_what_the_server_owns_is_not_taken_from_a_client(cluster: Cluster) -> None:
    """Passed over without an error, as the real server does."""
    stored = cluster.create("pods", named("web"))
    planted = {"creationTimestamp": "2001-01-01T00:00:00Z", "managedFields": [], "generation": 7, "selfLink": "x"}
    changed = cluster.registry.patch(at("pods", "web"), {"metadata": planted, "spec": {"a": 1}}, BY_TEST)
    assert changed["metadata"]["creationTimestamp"] == stored["metadata"]["creationTimestamp"]
    assert changed["metadata"]["managedFields"] != []
    assert "selfLink" not in changed["metadata"]
    assert "generation" not in changed["metadata"]


@pytest.mark.parametrize("verb", ["patch", "replace"])
def test_a_stale_resource_version_is_refused_with_409(cluster: Cluster, verb: str) -> None:
    """In a patch's body as in a replacement: the whole Status of local-stack 2.3."""
    stale = cluster.create("secrets", named("db"))
    cluster.registry.patch(at("secrets", "db"), {"data": {"k": "dg=="}}, BY_TEST)
    with pytest.raises(ApiError) as caught:
        getattr(cluster.registry, verb)(at("secrets", "db"), stale, BY_TEST)
    assert caught.value.body() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Operation cannot be fulfilled on secrets "db": the object has been modified; please apply your '
        "changes to the latest version and try again",
        "reason": "Conflict",
        "details": {"name": "db", "kind": "secrets"},
        "code": 409,
    }


def test_a_replacement_without_a_version_is_unconditional(cluster: Cluster) -> None:
    """As AllowUnconditionalUpdate says for the built-in kinds."""
    cluster.create("pods", named("web"))
    assert cluster.registry.replace(at("pods", "web"), named("web", spec={"a": 1}), BY_TEST)["spec"] == {"a": 1}


def test_another_uid_is_a_conflict_in_a_replacement_and_invalid_in_a_patch(cluster: Cluster) -> None:
    """An object deleted and made again under the same name is another object."""
    cluster.create("pods", named("web"))
    wrong = {"metadata": {"name": "web", "uid": "0"}}
    with pytest.raises(ApiError, match="Precondition failed: UID") as replaced:
        cluster.registry.replace(at("pods", "web"), wrong, BY_TEST)
    with pytest.raises(ApiError, match=r"metadata\.uid: Invalid value.*field is immutable") as patched:
        cluster.registry.patch(at("pods", "web"), wrong, BY_TEST)
    assert (replaced.value.code, patched.value.code) == (409, 422)


def test_generations_count_changes_outside_metadata_and_status(cluster: Cluster) -> None:
    """Controllers compare it with observedGeneration."""
    deployment = cluster.create("deployments", named("web", spec={"replicas": 1}))
    address = at("deployments", "web")
    annotated = cluster.registry.patch(address, {"metadata": {"annotations": {"a": "b"}}, "status": {"x": 1}}, BY_TEST)
    scaled = cluster.registry.patch(address, {"spec": {"replicas": 2}}, BY_TEST)
    assert [stored["metadata"]["generation"] for stored in (deployment, annotated, scaled)] == [1, 1, 2]


def test_every_writer_is_named_once_with_its_last_time(cluster: Cluster) -> None:
    """This is how a test sees who wrote."""
    cluster.create("secrets", named("db"))
    cluster.clock.advance(5)
    cluster.registry.patch(at("secrets", "db"), {"data": {"k": "dg=="}}, Write(manager="other"))
    cluster.clock.advance(5)
    stored = cluster.registry.patch(at("secrets", "db"), {"data": {"k": "dw=="}}, BY_TEST)
    assert [(entry["manager"], entry["time"][-3:-1]) for entry in stored["metadata"]["managedFields"]] == [
        ("other", "25"),
        ("test", "30"),
    ]


def test_a_dry_run_validates_and_stores_nothing(cluster: Cluster) -> None:
    """For all four writing verbs."""
    dry = Write(manager="test", dry_run=True)
    tried = cluster.create("secrets", named("db"), dry)
    assert tried["metadata"]["uid"]
    assert "resourceVersion" not in tried["metadata"]
    stored = cluster.create("secrets", named("db"))
    patched = cluster.registry.patch(at("secrets", "db"), {"data": {"k": "dg=="}}, dry)
    assert patched["data"] == {"k": "dg=="}
    assert patched["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]
    cluster.registry.delete(at("secrets", "db"), dry)
    with pytest.raises(ApiError):
        cluster.create("secrets", named("db", data={"k": "!"}), dry)
    assert cluster.registry.get(at("secrets", "db")) == stored


def test_an_object_in_a_missing_namespace_is_refused_with_404(cluster: Cluster) -> None:
    """The 404 names the namespace, not the object."""
    address = Address(resource=of_plural("secrets"), version="v1", namespace="nowhere")
    with pytest.raises(ApiError, match='namespaces "nowhere" not found') as caught:
        cluster.registry.create(address, named("db"), BY_TEST)
    assert caught.value.code == 404


def test_a_name_can_be_generated(cluster: Cluster) -> None:
    """Events are usually named this way."""
    made = [cluster.create("events", {"metadata": {"generateName": "web."}})["metadata"]["name"] for _ in range(2)]
    assert made[0] != made[1]
    assert all(name.startswith("web.") and len(name) == 9 for name in made)


@pytest.mark.parametrize(
    ("document", "code", "text"),
    [
        ({"metadata": {}}, 422, "metadata.name: Required value: name or generateName is required"),
        (named("No_Good"), 422, "not a lowercase RFC 1123 subdomain"),
        (named("a" * 254), 422, "must be no more than 253 bytes"),
        ({"metadata": {"name": "a", "labels": {"a b": "c"}}}, 422, 'metadata.labels: Invalid value: "a b"'),
        ({"metadata": {"name": "a", "labels": {"a": "c d"}}}, 422, 'metadata.labels: Invalid value: "c d"'),
        ({"metadata": {"name": "a", "labels": {"a": 1}}}, 400, "cannot unmarshal int"),
        ({"metadata": {"name": "a", "labels": []}}, 400, "cannot unmarshal list"),
        ({"metadata": {"name": 1}}, 400, "cannot unmarshal int"),
        ({"metadata": {"name": "a", "ownerReferences": "x"}}, 400, "cannot unmarshal str"),
        ({"metadata": []}, 400, "cannot unmarshal list"),
        ({"metadata": {"name": "a", "annotations": {"a": "x" * 2**18}}}, 422, "Too long: may not be more than 262144"),
        ({"metadata": {"name": "a", "namespace": "other"}}, 400, "the namespace of the provided object does not match"),
        ({"metadata": {"name": "a", "resourceVersion": "1"}}, 400, "resourceVersion should not be set"),
        (named("a", kind="Secret"), 400, "cannot be handled as a Pod"),
        (named("a", apiVersion="v2"), 400, "does not match the expected API version"),
    ],
)
def test_an_object_that_no_cluster_would_take_is_refused(
    cluster: Cluster, document: Manifest, code: int, text: str
) -> None:
    """400 for a shape that cannot be read, 422 for a value that is not allowed."""
    with pytest.raises(ApiError) as caught:
        cluster.create("pods", document)
    assert caught.value.code == code
    assert text in caught.value.message


def test_a_custom_resource_must_say_what_it_is(cluster: Cluster) -> None:
    """Built-in kinds are defaulted from the path; CustomObjectsApi's are not."""
    with pytest.raises(ApiError, match="Object 'Kind' is missing") as caught:
        cluster.create("secretproviderclasses", named("azure"))
    assert caught.value.code == 400


def test_a_patch_that_makes_no_object_is_refused_with_422_and_the_whole_object_in_the_message(cluster: Cluster) -> None:
    """As apiserver's patch.go does."""
    cluster.create("secrets", named("db", data={"password": "aHVudGVyMg=="}))
    with pytest.raises(ApiError) as caught:
        cluster.registry.patch(at("secrets", "db"), {"data": {"other": "!"}}, BY_TEST)
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")
    assert caught.value.message.startswith(' "" is invalid: patch: Invalid value: "{')
    assert caught.value.message.endswith("illegal base64 data")
    # The real server leaks here, and so a client must not repeat the message.
    assert "aHVudGVyMg==" in caught.value.message


def test_an_object_of_two_versions_is_one_object(cluster: Cluster) -> None:
    """External Secrets serves v1 and v1beta1 of the same objects."""
    old = at("externalsecrets", "db", version="v1beta1")
    manifest = {"apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret", **named("db", spec={"a": 1})}
    cluster.registry.create(at("externalsecrets", version="v1beta1"), manifest, BY_TEST)
    assert cluster.registry.get(at("externalsecrets", "db"))["apiVersion"] == "external-secrets.io/v1"
    changed = cluster.registry.patch(old, {"apiVersion": "external-secrets.io/v1beta1", "spec": {"a": 2}}, BY_TEST)
    assert cluster.registry.get(at("externalsecrets", "db")) == changed
    assert changed["spec"] == {"a": 2}


def test_deleting_a_namespace_removes_what_is_in_it(cluster: Cluster) -> None:
    """At once here; the real server takes its time."""
    cluster.create("secrets", named("db"))
    cluster.registry.delete(Address(resource=of_plural("namespaces"), version="v1", name="shop"), BY_TEST)
    assert cluster.store.collection("secrets") == {}


def test_an_object_with_finalizers_is_not_deleted(cluster: Cluster) -> None:
    """What would need a controller is refused, not pretended."""
    stored = cluster.create("secrets", {"metadata": {"name": "db", "finalizers": ["example.com/keep"]}})
    with pytest.raises(ApiError) as finalizers:
        cluster.registry.delete(at("secrets", "db"), BY_TEST)
    assert finalizers.value.code == 501
    assert cluster.registry.get(at("secrets", "db")) == stored


def test_a_namespace_carries_the_label_by_which_it_is_selected(cluster: Cluster) -> None:
    """ClusterExternalSecrets select namespaces by labels."""
    namespace = cluster.registry.get(Address(resource=of_plural("namespaces"), version="v1", name="shop"))
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "shop"}

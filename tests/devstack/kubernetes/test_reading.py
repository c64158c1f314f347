"""Lists in pages and watches, on the store, without sockets."""

from collections.abc import Mapping

import pytest

from devstack.kubernetes import ApiError
from devstack.kubernetes.reading import Watch, make_list
from devstack.kubernetes.registry import Registry, Write
from devstack.kubernetes.resources import Address, of_plural
from devstack.kubernetes.store import Store
from tests.devstack.kubernetes.conftest import Manifest

BY_TEST = Write(manager="test")
PODS = Address(resource=of_plural("pods"), version="v1")
IN_SHOP = Address(resource=of_plural("pods"), version="v1", namespace="shop")


class Pods:
    """Pods in the namespaces `shop` and `bank`, over a log of ten changes."""

    def __init__(self) -> None:
        self.store = Store(history=10)
        self.registry = Registry(self.store, lambda: 0.0)
        for name in ("shop", "bank"):
            self.registry.ensure_namespace(name, BY_TEST)

    def put(self, name: str, *, namespace: str = "shop", app: str = "web") -> Manifest:
        """Create a pod, or give it another label."""
        address = Address(resource=PODS.resource, version="v1", namespace=namespace, name=name)
        manifest = {"metadata": {"name": name, "labels": {"app": app}}}
        if self.store.collection("pods").keys() & {("pods", namespace, name)}:
            return self.registry.replace(address, manifest, BY_TEST)
        return self.registry.create(address, manifest, BY_TEST)

    def remove(self, name: str) -> None:
        """Delete a pod of the namespace `shop`."""
        self.registry.remove(Address(resource=PODS.resource, version="v1", namespace="shop", name=name))

    def list(self, address: Address = PODS, query: Mapping[str, str] | None = None, **more: str) -> Manifest:
        """List with the query's options."""
        return make_list(self.store, address, {**(query or {}), **more})

    def watch(self, *, after: int = 0, labels: str = "", address: Address = PODS) -> Watch:
        """Watch from a version."""
        return Watch(self.store, address, {"resourceVersion": str(after), "labelSelector": labels})


@pytest.fixture
def pods() -> Pods:
    """No pods yet."""
    return Pods()


def names(listed: Manifest) -> list[str]:
    """Return the names in a list."""
    return [item["metadata"]["name"] for item in listed["items"]]


def seen(watch: Watch) -> list[tuple[str, str]]:
    """Return what a watcher sees next: types and names."""
    return [(event["type"], event["object"]["metadata"]["name"]) for event in watch.poll()]


def test_a_list_is_sorted_by_namespace_and_name_and_says_its_version(pods: Pods) -> None:
    """Built-in kinds come without kind and apiVersion in each item, a trap for code that expects them."""
    pods.put("b")
    pods.put("a")
    pods.put("c", namespace="bank")
    listed = pods.list()
    assert names(listed) == ["c", "a", "b"]
    assert (listed["kind"], listed["apiVersion"]) == ("PodList", "v1")
    assert listed["metadata"] == {"resourceVersion": str(pods.store.version)}
    assert all("kind" not in item and "apiVersion" not in item for item in listed["items"])
    assert names(pods.list(IN_SHOP)) == ["a", "b"]


def test_pages_show_one_moment_whatever_is_written_between_them(pods: Pods) -> None:
    """Pods made, changed and deleted after the first page do not show in the second."""
    for name in "abcde":
        pods.put(name)
    first = pods.list(limit="2")
    pods.remove("c")
    pods.put("d", app="other")
    pods.put("f")
    second = pods.list(limit="2", query={"continue": first["metadata"]["continue"]})
    third = pods.list(limit="2", query={"continue": second["metadata"]["continue"]})
    assert [names(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert second["items"][1]["metadata"]["labels"] == {"app": "web"}
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {
        first["metadata"]["resourceVersion"]
    }
    assert [page["metadata"].get("remainingItemCount") for page in (first, second, third)] == [3, 1, None]
    assert "continue" not in third["metadata"]


def test_the_remaining_count_is_left_out_when_a_selector_is_given(pods: Pods) -> None:
    """The real server would have to read everything to know it."""
    for name in "abc":
        pods.put(name)
    metadata = pods.list(labelSelector="app=web", limit="1")["metadata"]
    assert "continue" in metadata
    assert "remainingItemCount" not in metadata


def test_a_page_of_a_moment_that_is_forgotten_is_refused_with_410(pods: Pods) -> None:
    """A reader slower than the log must start again."""
    for name in "abc":
        pods.put(name)
    token = pods.list(limit="1")["metadata"]["continue"]
    for number in range(11):
        pods.put("a", app=f"v{number}")
    with pytest.raises(ApiError, match="continue parameter is too old") as caught:
        pods.list(limit="1", query={"continue": token})
    assert (caught.value.code, caught.value.reason) == (410, "Expired")


def test_a_version_is_a_lower_bound_of_a_list_and_no_other_kind_of_match_is_built(pods: Pods) -> None:
    """What is there now is always new enough."""
    version = pods.put("a")["metadata"]["resourceVersion"]
    pods.put("b")
    assert names(pods.list(resourceVersion=version)) == names(pods.list(resourceVersion="0")) == ["a", "b"]
    with pytest.raises(ApiError) as caught:
        pods.list(resourceVersion=version, resourceVersionMatch="Exact")
    assert caught.value.code == 501


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": "1" * 30},
        {"limit": "\u0661"},
        {"resourceVersion": "x"},
        {"continue": "x"},
        {"continue": "e30"},
        {"continue": "\u00fc"},
    ],
)
def test_options_that_cannot_be_read_are_refused_with_400(pods: Pods, query: dict[str, str]) -> None:
    """A limit that is passed over would be a quiet success."""
    with pytest.raises(ApiError) as caught:
        pods.list(query=query)
    assert caught.value.code == 400


def test_a_watch_without_a_version_begins_with_what_is_there(pods: Pods) -> None:
    """Then it goes on with the changes."""
    pods.put("a")
    watch = pods.watch()
    assert seen(watch) == [("ADDED", "a")]
    assert seen(watch) == []
    pods.put("a", app="api")
    pods.put("b")
    pods.remove("a")
    assert seen(watch) == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]


def test_a_watch_from_a_version_shows_every_later_change(pods: Pods) -> None:
    """The version is that of a list, or of the last event seen."""
    version = int(pods.put("a")["metadata"]["resourceVersion"])
    pods.put("b")
    pods.put("b", app="api")
    assert seen(pods.watch(after=version)) == [("ADDED", "b"), ("MODIFIED", "b")]


def test_an_object_that_leaves_the_selection_is_deleted_and_one_that_enters_is_added(pods: Pods) -> None:
    """The deleted object is shown as it was selected, with the version of the change."""
    pods.put("a")
    pods.put("b", app="api")
    watch = pods.watch(labels="app=web")
    watch.poll()
    changed = pods.put("a", app="api")
    pods.put("b", app="web")
    pods.put("a", app="worker")
    deleted, added = watch.poll()
    assert (deleted["type"], added["type"]) == ("DELETED", "ADDED")
    assert deleted["object"]["metadata"]["labels"] == {"app": "web"}
    assert deleted["object"]["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]


def test_a_watch_of_one_namespace_sees_no_other(pods: Pods) -> None:
    """Neither in what is there nor in what comes."""
    pods.put("a", namespace="bank")
    watch = pods.watch(address=IN_SHOP)
    pods.put("b", namespace="bank")
    pods.put("c")
    assert seen(watch) == [("ADDED", "c")]


def test_a_watch_from_a_forgotten_version_is_refused_with_410(pods: Pods) -> None:
    """The oldest version that the log still holds is served."""
    version = int(pods.put("a")["metadata"]["resourceVersion"])
    for number in range(11):
        pods.put("a", app=f"v{number}")
    with pytest.raises(ApiError, match=rf"too old resource version: {version} \({version + 1}\)") as caught:
        pods.watch(after=version).poll()
    assert (caught.value.code, caught.value.reason) == (410, "Expired")
    assert len(pods.watch(after=version + 1).poll()) == 10


def test_a_bookmark_names_the_last_change_of_any_kind(pods: Pods) -> None:
    """So that a quiet watcher can go on from there although the log has moved."""
    watch = pods.watch()
    pods.registry.ensure_namespace("later", BY_TEST)
    assert watch.poll() == []
    bookmark = watch.bookmark()
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(pods.store.version), "creationTimestamp": None},
    }


def test_versions_soon_gain_a_digit() -> None:
    """Code that compares them as text is to fail in tests, not in its second year."""
    pods = Pods()
    texts = [pods.put("a", app=f"v{number}")["metadata"]["resourceVersion"] for number in range(12)]
    assert sorted(texts) != texts
    assert sorted(texts, key=int) == texts

"""Histories, mounts of one object, and which keys an event may change (csi-semantics 2.8, 3.1; vectors 6.4)."""

import pytest

from shared.csi import render
from shared.csi.classes import Provider, SecretObject, SecretProviderClass
from shared.csi.render import VersionInfo
from shared.errors import DriverWouldFail
from tests.unit.csi import build, material

LETTERS = [VersionInfo(version=name, created=1000.0 - at) for at, name in enumerate("abcdefgh")]


def select(versions: list[VersionInfo], history: int, start: str = "") -> str:
    return "".join(render.select_history(versions, build.read("a", version=start, history=history)))


def test_a_history_is_the_newest_versions_in_any_order_of_the_list() -> None:
    shuffled = [LETTERS[at] for at in (3, 0, 4, 2, 1)]
    assert select(shuffled, 5, "latest") == "abcde"
    assert select(LETTERS[:2], 2) == "ab"
    assert select(LETTERS[:2], 200) == "ab"


@pytest.mark.parametrize(("history", "taken"), [(2, "abc"), (3, "abcd"), (5, "abcdef")])
def test_one_version_more_than_asked_for_is_taken(history: int, taken: str) -> None:
    assert select(LETTERS, history) == taken


def test_a_history_starts_at_the_pinned_version() -> None:
    assert select(LETTERS[:5], 5, "c") == "cde"
    assert select(LETTERS, 2, "c") == "cde"


@pytest.mark.parametrize("start", ["nope", "Latest"])
def test_an_unknown_start_gives_no_version(start: str) -> None:
    assert select(LETTERS, 3, start) == ""


def test_disabled_versions_are_not_in_a_history() -> None:
    versions = [
        VersionInfo(version="off", created=9, enabled=False),
        VersionInfo(version="old"),
        VersionInfo(version="on", created=5, enabled=True),
        VersionInfo(version="unsaid", created=7),
    ]
    assert render.select_history(versions, build.read("a", history=9)) == ("unsaid", "on", "old")
    assert render.select_history(versions, build.read("a", version="off", history=9)) == ()


def secret_of(cls: SecretProviderClass) -> SecretObject:
    (found,) = cls.secrets
    assert isinstance(found, SecretObject)
    return found


def fed(cls: SecretProviderClass, name: str) -> tuple[str, ...]:
    return render.keys_fed_by(cls, secret_of(cls), name)


def test_a_key_is_fed_by_every_type_of_its_objects_name() -> None:
    data = (("a", "k"), ("c", "l"), ("b", "m"))
    cls = build.parse(
        build.item("Cert", objectAlias="a"),
        build.item("cert", "cert", objectAlias="c", objectVersion="pinned"),
        build.item("b"),
        secrets=[build.secret("s", *data)],
    )
    assert fed(cls, "CERT") == ("k", "l")
    assert fed(cls, "b") == ("m",)
    assert fed(cls, "z") == ()


def test_the_last_object_with_a_file_name_feeds_its_keys() -> None:
    cls = build.parse(
        build.item("a", objectAlias="f"), build.item("b", objectAlias="f"), secrets=[build.secret("s", ("f", "k"))]
    )
    assert fed(cls, "a") == ()
    assert fed(cls, "b") == ("k",)


def test_the_last_entry_for_a_key_decides_what_feeds_it() -> None:
    cls = build.parse(build.item("a"), build.item("b"), secrets=[build.secret("s", ("a", "k"), ("b", "k"))])
    assert fed(cls, "a") == ()
    assert fed(cls, "b") == ("k",)


def test_every_index_of_a_history_is_fed_by_its_object() -> None:
    data = (("a/0", "now"), ("a/1", "before"), ("b", "k"))
    cls = build.parse(build.item("a", objectVersionHistory=2), build.item("b"), secrets=[build.secret("s", *data)])
    assert fed(cls, "a") == ("now", "before")


def test_a_file_that_may_not_exist_hides_none_before_it() -> None:
    cls = build.parse(
        build.item("b", objectAlias="a/1"),
        build.item("a", objectVersionHistory=2),
        secrets=[build.secret("s", ("a/1", "k"))],
    )
    assert fed(cls, "a") == ("k",)
    assert fed(cls, "b") == ("k",)
    assert [item.name for item in render.select_objects(cls, "b")] == ["b", "a"]
    long, short = (build.text("now"), build.text("before")), (build.text("now"),)
    for versions, value in ((long, b"before"), (short, b"pinned")):
        answers = {build.read("b"): (build.text("pinned"),), build.read("a", history=2): versions}
        mounted = render.files(cls, answers, only="b")
        assert render.secret_data(cls, secret_of(cls), mounted, keys=["k"])["k"].reveal() == value


def test_separate_files_feed_keys_too() -> None:
    cls = build.parse(
        build.item("a"),
        secrets=[build.secret("s", ("a.crt", "c"), ("a.key", "k"))],
        provider=Provider(separate_files=True),
    )
    assert fed(cls, "a") == ("c", "k")


def test_one_objects_files_need_only_its_own_reads() -> None:
    cls = build.parse(build.item("a"), build.item("b"), secrets=[build.secret("s", ("a", "k"), ("b", "l"))])
    assert [item.name for item in render.select_objects(cls, "A")] == ["a"]
    mounted = render.files(cls, {build.read("a"): (build.text("new"),)}, only="A")
    assert {path: value.reveal() for path, value in mounted.items()} == {"a": b"new"}
    data = render.secret_data(cls, secret_of(cls), mounted, keys=["k"])
    assert {key: value.reveal() for key, value in data.items()} == {"k": b"new"}


def test_an_earlier_entry_for_a_key_is_judged_if_its_file_is_there() -> None:
    cls = build.parse(
        build.item("a"),
        build.item("b"),
        secrets=[build.secret("s", ("a", "tls.crt"), ("b", "tls.crt"), kind="kubernetes.io/tls")],
    )
    good, bad = (build.text(material.V2),), (build.text("junk"),)
    mounted = render.files(cls, {build.read("b"): good}, only="b")
    data = render.secret_data(cls, secret_of(cls), mounted, keys=["tls.crt"])
    assert data["tls.crt"].reveal() == material.V2.encode()
    everything = render.files(cls, {build.read("a"): bad, build.read("b"): good})
    with pytest.raises(DriverWouldFail, match=r"Secret 's': tls.crt from file 'a'"):
        render.secret_data(cls, secret_of(cls), everything)


def test_a_version_that_does_not_exist_fails_its_secret() -> None:
    cls = build.parse(build.item("a", objectVersionHistory=2), secrets=[build.secret("s", ("a/1", "k"))])
    mounted = render.files(cls, {build.read("a", history=2): (build.text("now"),)})
    with pytest.raises(DriverWouldFail, match="Secret 's': file 'a/1' is not mounted"):
        render.secret_data(cls, secret_of(cls), mounted, keys=["k"])


def test_the_first_refused_read_fails_the_mount() -> None:
    cls = build.parse(build.item("a"), build.item("b"), build.item("c", "Secret"))
    refused = {name: DriverWouldFail(f"no {name}") for name in "ab"}
    with pytest.raises(DriverWouldFail, match="team/orders: secret/a: no a"):
        render.files(cls, {build.read("a"): refused["a"], build.read("b"): refused["b"]})
    with pytest.raises(DriverWouldFail, match="objects item 2: objectType"):
        render.files(cls, {build.read("a"): (build.text("x"),), build.read("b"): (build.text("y"),)})


def test_a_mount_without_any_file_fails() -> None:
    cls = build.parse(build.item("a", objectVersionHistory=2))
    with pytest.raises(DriverWouldFail, match="no object has a version"):
        render.files(cls, {build.read("a", history=2): ()})


def test_one_object_without_a_version_leaves_the_others_alone() -> None:
    cls = build.parse(build.item("a", objectVersionHistory=2), build.item("b"))
    mounted = render.files(cls, {build.read("a", history=2): (), build.read("b"): (build.text("x"),)})
    assert set(mounted) == {"b"}
    assert render.files(cls, {build.read("a", history=2): ()}, only="a") == {}


def test_a_file_inside_another_fails_the_mount() -> None:
    cls = build.parse(build.item("a", objectVersionHistory=2), build.item("b", objectAlias="a"))
    answers = {build.read("a", history=2): (build.text("x"),), build.read("b"): (build.text("y"),)}
    with pytest.raises(DriverWouldFail, match="inside a directory that is also a file"):
        render.files(cls, answers)


def test_an_evaluation_holds_good_and_failing_secrets() -> None:
    cls = build.parse(
        build.item("a"),
        secrets=[build.secret("bad", ("zz", "k")), build.secret("good", ("a", "k")), build.secret("good", ("q", "k"))],
    )
    rendered = render.evaluate(cls, {build.read("a"): (build.text("x"),)})
    assert isinstance(rendered["bad"], DriverWouldFail)
    good = rendered["good"]
    assert isinstance(good, render.RenderedSecret)
    assert (good.name, good.type, good.data["k"].reveal()) == ("good", "Opaque", b"x")

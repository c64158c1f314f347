"""Which declarations concern a vault object: by vault and name, whatever the event's family."""

import pytest

from shared import binding
from shared.binding import Binding, Found, MountOnly, Pinned, Refused
from shared.model import ObjectType, VaultObject
from shared.observed import ClassView
from tests.builders import ABOUT, HOST, NAME, build_class, build_refused_class, build_secret_object


def find(*views: ClassView, about: VaultObject = ABOUT, host: str = HOST) -> list[Found]:
    """Find what concerns the default object."""
    return list(binding.find(views, about, host))


def test_a_synced_secret_is_a_binding() -> None:
    cls = build_class()

    (found,) = find(cls)

    assert isinstance(found, Binding)
    assert (found.cls, found.secret_name, found.keys) == (cls, "web-secret", ("password",))
    assert [item.name for item in found.feeding] == [NAME]


@pytest.mark.parametrize("type_", ObjectType)
def test_the_family_of_the_event_does_not_matter(type_: ObjectType) -> None:
    (found,) = find(build_class(), about=VaultObject(vault="kv-shop", type=type_, name=NAME))

    assert isinstance(found, Binding)


def test_names_are_compared_without_case() -> None:
    cls = build_class(objects=[{"objectName": "DB-Password"}], secrets=[build_secret_object(password="DB-Password")])

    assert isinstance(find(cls)[0], Binding)


def test_only_the_keys_that_the_object_feeds_are_bound() -> None:
    cls = build_class(
        objects=[{"objectName": NAME, "objectAlias": "pw"}, {"objectName": "user"}],
        secrets=[build_secret_object(first="pw", second="user", third="pw")],
    )

    (found,) = find(cls)

    assert isinstance(found, Binding)
    assert found.keys == ("first", "third")
    assert [item.name for item in found.objects] == [NAME]


def test_each_secret_of_a_class_is_a_binding_of_its_own() -> None:
    cls = build_class(secrets=[build_secret_object("one"), build_secret_object("two")])

    assert [item.secret_name for item in find(cls) if isinstance(item, Binding)] == ["one", "two"]


def test_another_object_or_vault_is_no_concern() -> None:
    assert find(build_class(objects=[{"objectName": "other"}], secrets=[])) == []
    assert find(build_class(keyvaultName="kv-other")) == []


def test_a_class_of_another_cloud_is_no_concern() -> None:
    cls = build_class(cloudName="AzureChinaCloud")

    assert find(cls) == []
    assert len(find(cls, host="kv-shop.vault.azure.cn")) == 1


def test_under_a_host_of_its_own_the_vaults_name_decides() -> None:
    assert len(find(build_class(), host="127.0.0.1:8443")) == 1


def test_a_class_without_a_secret_of_the_object_only_mounts_it() -> None:
    alone = build_class(secrets=[])
    beside = build_class(
        objects=[{"objectName": NAME}, {"objectName": "user"}], secrets=[build_secret_object(user="user")]
    )

    assert find(alone) == [MountOnly(cls=alone)]
    assert find(beside) == [MountOnly(cls=beside)]


def test_a_pinned_version_is_not_stale() -> None:
    cls = build_class(objects=[{"objectName": NAME, "objectVersion": "v1"}])

    assert find(cls) == [Pinned(cls=cls, secret_name="web-secret")]


def test_beside_a_pinned_version_only_the_key_of_the_newest_is_bound() -> None:
    cls = build_class(
        objects=[
            {"objectName": NAME, "objectAlias": "old", "objectVersion": "v1"},
            {"objectName": NAME, "objectAlias": "new"},
        ],
        secrets=[build_secret_object(old="old", new="new")],
    )

    (found,) = find(cls)

    assert isinstance(found, Binding)
    assert found.keys == ("new",)
    assert [item.alias for item in found.feeding] == ["new"]


def test_latest_is_a_version_like_any_other_unless_a_history_is_asked_for() -> None:
    pinned = build_class(objects=[{"objectName": NAME, "objectVersion": "latest"}])
    history = {"objectName": NAME, "objectVersion": "latest", "objectVersionHistory": 2}
    moving = build_class(objects=[history], secrets=[build_secret_object(password=f"{NAME}/0")])

    assert isinstance(find(pinned)[0], Pinned)
    assert isinstance(find(moving)[0], Binding)


def test_a_refused_class_concerns_the_objects_that_its_text_names() -> None:
    view = build_refused_class(secrets=("one", "two"))

    assert find(view) == [
        Refused(namespace="shop", secret_name="one", error=view.error),
        Refused(namespace="shop", secret_name="two", error=view.error),
    ]


def test_a_refused_class_without_secrets_is_still_told() -> None:
    view = build_refused_class(secrets=())

    assert find(view) == [Refused(namespace="shop", secret_name="", error=view.error)]


@pytest.mark.parametrize("text", ["", "objectname: db-password-2", "objectname: my-db-password", "db-passwords"])
def test_a_refused_class_that_names_only_similar_objects_is_no_concern(text: str) -> None:
    assert find(build_refused_class(text)) == []


def test_a_refused_class_of_another_vault_is_no_concern() -> None:
    assert find(build_refused_class(vault="kv-other")) == []


def test_a_refused_secret_does_not_hide_the_others_of_its_class() -> None:
    cls = build_class(secrets=[build_secret_object("bad", password="no-such-file"), build_secret_object("good")])

    bad, good = find(cls)

    assert isinstance(bad, Refused)
    assert bad.secret_name == "bad"
    assert isinstance(good, Binding)


ILLEGAL = pytest.mark.parametrize("name", ["Web", "..", "a/b", "../../x", "a?b", "-a", "a" * 254])


@ILLEGAL
def test_an_illegal_secret_name_never_becomes_a_path(name: str) -> None:
    (found,) = find(build_class(secrets=[build_secret_object(name)]))

    assert isinstance(found, Refused)
    assert found.secret_name == ""
    assert "no legal name" in str(found.error)


@ILLEGAL
def test_nor_does_one_that_is_refused_for_another_reason(name: str) -> None:
    entry = build_class(secrets=[build_secret_object(name, password="no-such-file")])

    found = [item for item in find(build_refused_class(secrets=(name,)), entry) if isinstance(item, Refused)]

    assert [item.secret_name for item in found] == ["", ""]

"""The nouns: values mask themselves, names compare as Key Vault compares them."""

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

from shared.model import ObjectType, SecretMaterial, SecretValue, Target, VaultObject, VaultRead

PLANTED = "hunter2-7f3e"
VALUE = SecretValue(PLANTED.encode())
MASK = "SecretValue(***)"


@dataclasses.dataclass(frozen=True)
class Holder:
    """A dataclass of anybody's with a value in it."""

    value: SecretValue


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        lambda value: f"{value}",
        lambda value: f"{value!r}",
        lambda value: f"{value!s:>30}",
        lambda value: f"{value:>30}",
        lambda value: format(value, "x"),
        "{:s}".format,
        lambda value: "%s %r" % (value, value),  # noqa: UP031 - this way of formatting is the point
        lambda value: str([value]),
        lambda value: str({"key": value}),
        lambda value: repr(Holder(value)),
        lambda value: repr(SecretMaterial(version="1", value=value)),
        lambda value: json.dumps({"value": value}, default=str),
    ],
)
def test_showing_a_value_shows_a_mask(show: Callable[[SecretValue], str]) -> None:
    shown = show(VALUE)

    assert MASK in shown
    assert PLANTED not in shown


@pytest.mark.parametrize(
    "carry",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        hash,
        bytes,
        lambda value: value + b"",
        lambda value: dataclasses.asdict(Holder(value)),
        lambda value: pickle.dumps(SecretMaterial(version="1", value=value)),
    ],
)
def test_a_value_cannot_be_carried_away(carry: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as refused:
        carry(VALUE)

    assert PLANTED not in str(refused.value)


def test_a_logged_value_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    logging.getLogger("anyone").debug("%s %r", VALUE, {"value": VALUE}, extra={"held": VALUE})

    assert MASK in caplog.text
    assert PLANTED not in caplog.text


def test_a_traceback_with_its_locals_is_masked() -> None:
    def fail(value: SecretValue) -> None:
        raise ValueError(value)

    with pytest.raises(ValueError) as failed:  # noqa: PT011 - its text is what the test is about
        fail(VALUE)
    text = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())

    assert f"value = {MASK}" in text
    assert PLANTED not in text


def test_only_reveal_gives_the_bytes() -> None:
    assert VALUE.reveal() == PLANTED.encode()
    assert not [name for name in dir(VALUE) if not name.startswith("_") and name != "reveal"]


def test_values_are_equal_by_their_bytes() -> None:
    assert SecretValue(b"a") == SecretValue(b"a")
    assert SecretValue(b"a") != SecretValue(b"b")
    assert SecretValue(b"a") != SecretValue(b"longer")
    assert SecretValue(b"a") != b"a"


def test_vault_objects_are_equal_without_case() -> None:
    one = VaultObject(vault="KV-Shop", type=ObjectType.CERT, name="Web-TLS")

    assert one == VaultObject(vault="kv-shop", type=ObjectType.CERT, name="web-tls")
    assert str(one) == "kv-shop/cert/web-tls"


def test_reads_of_one_object_are_one_read_without_case() -> None:
    assert len({VaultRead(type=ObjectType.KEY, name="A"), VaultRead(type=ObjectType.KEY, name="a")}) == 1


@pytest.mark.parametrize(("history", "many"), [(0, False), (1, False), (2, True)])
def test_a_history_begins_at_two(history: int, *, many: bool) -> None:
    assert VaultRead(type=ObjectType.KEY, name="a", history=history).many is many


def test_a_target_reads_as_a_path() -> None:
    assert str(Target(cluster="aks-one", namespace="shop", secret="web")) == "aks-one/shop/web"

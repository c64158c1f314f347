"""The rules for Secrets: what is folded, defaulted, frozen and refused. No sockets."""

import base64

import pytest

from devstack.kubernetes import ApiError, KubernetesApi
from devstack.kubernetes.objects import MAX_SECRET
from tests.devstack.kubernetes.conftest import Manifest


def manifest(**fields: object) -> Manifest:
    """Return a Secret with these fields."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}, **fields}


def encoded(value: bytes) -> str:
    """Return base64 text."""
    return base64.b64encode(value).decode()


def refusal(api: KubernetesApi, **fields: object) -> tuple[int, str]:
    """Apply a Secret that must be refused; return the code and the message."""
    with pytest.raises(ApiError) as caught:
        api.apply(manifest(**fields))
    return caught.value.code, caught.value.message


def test_string_data_is_folded_over_data_and_the_type_defaults_to_opaque(offline: KubernetesApi) -> None:
    """What stringData says wins and is never given back."""
    stored = offline.apply(manifest(data={"a": "YQ==", "b": "Yg=="}, stringData={"b": "ü"}))
    assert stored["data"] == {"a": "YQ==", "b": encoded("ü".encode())}
    assert stored["type"] == "Opaque"
    assert "stringData" not in stored


def test_a_lone_surrogate_in_string_data_is_replaced(offline: KubernetesApi) -> None:
    """Legal in JSON, not in UTF-8."""
    assert offline.apply(manifest(stringData={"a": "\ud800"}))["data"] == {"a": encoded(b"?")}


def test_base64_is_stored_in_its_standard_form(offline: KubernetesApi) -> None:
    """Go skips line ends and encodes anew, so what is read may differ from what was sent."""
    assert offline.apply(manifest(data={"a": "aGVs\r\nbG8=\n", "b": "YR=="}))["data"] == {"a": "aGVsbG8=", "b": "YQ=="}


@pytest.mark.parametrize("value", ["!!", "YWJj-", "YQ", "YQ==YQ==", "é"])
def test_what_is_not_base64_is_refused_with_400(offline: KubernetesApi, value: str) -> None:
    """The value itself is not quoted."""
    message = 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data'
    assert refusal(offline, data={"a": value}) == (400, message)


@pytest.mark.parametrize(
    "fields",
    [
        {"data": []},
        {"data": {"a": 1}},
        {"stringData": "x"},
        {"stringData": {"a": {}}},
        {"type": 1},
        {"immutable": "yes"},
    ],
)
def test_fields_of_another_type_are_refused_with_400(offline: KubernetesApi, fields: Manifest) -> None:
    """They cannot be read as a Secret at all."""
    code, message = refusal(offline, **fields)
    assert code == 400
    assert message.startswith('Secret in version "v1" cannot be handled as a Secret: json: cannot unmarshal')


@pytest.mark.parametrize("key", ["", "a b", "a/b", "ü", "x" * 254])
def test_a_key_that_no_file_could_have_is_refused_with_422(offline: KubernetesApi, key: str) -> None:
    """Keys become file names in a mount."""
    code, message = refusal(offline, data={key: ""})
    assert code == 422
    assert message.startswith(f'Secret "db" is invalid: data[{key}]: Invalid value: ')


def test_a_secret_of_exactly_one_mebibyte_is_stored_and_one_byte_more_is_not(offline: KubernetesApi) -> None:
    """All values count together, decoded."""
    assert offline.apply(manifest(data={"a": encoded(b"x" * MAX_SECRET)}))
    assert refusal(offline, data={"a": encoded(b"x" * MAX_SECRET), "b": "eA=="}) == (
        422,
        'Secret "db" is invalid: data: Too long: may not be more than 1048576 bytes',
    )


def test_a_tls_secret_needs_both_keys(offline: KubernetesApi) -> None:
    """Present, even if empty."""
    tls = "kubernetes.io/tls"
    assert refusal(offline, type=tls) == (
        422,
        'Secret "db" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]',
    )
    assert offline.apply(manifest(type=tls, data={"tls.crt": "", "tls.key": ""}))["type"] == tls


def test_the_type_of_a_secret_never_changes(offline: KubernetesApi) -> None:
    """Not even in a whole replacement."""
    offline.apply(manifest())
    assert refusal(offline, type="example.com/other") == (
        422,
        'Secret "db" is invalid: type: Invalid value: "example.com/other": field is immutable',
    )


def test_an_immutable_secret_keeps_its_data_and_stays_immutable(offline: KubernetesApi) -> None:
    """Its metadata may still change."""
    offline.apply(manifest(immutable=True, data={"a": "YQ=="}))
    text = "Forbidden: field is immutable when `immutable` is set"
    assert refusal(offline, immutable=True, data={"a": "Yg=="}) == (422, f'Secret "db" is invalid: data: {text}')
    assert refusal(offline, data={"a": "YQ=="}) == (422, f'Secret "db" is invalid: immutable: {text}')
    labelled = manifest(immutable=True, data={"a": "YQ=="})
    labelled["metadata"]["labels"] = {"a": "b"}
    assert offline.apply(labelled)["metadata"]["labels"] == {"a": "b"}

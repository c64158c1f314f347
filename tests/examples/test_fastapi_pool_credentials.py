"""examples/fastapi_pool: what a secret has to hold."""

import pytest

from fastapi_pool.credentials import read
from keyvault_fanout import SecretValue


def test_user_and_password_are_one_value() -> None:
    credentials = read(SecretValue(b'{"username": "shop_a", "password": "hidden", "host": "ignored"}'))

    assert (credentials.user, credentials.password.text()) == ("shop_a", "hidden")
    assert "hidden" not in repr(credentials)


@pytest.mark.parametrize(
    "content",
    [b"", b"hidden", b"\xff", b"[1]", b'{"username": "a"}', b'{"username": "", "password": "hidden"}'],
    ids=["empty", "text", "bytes", "a-list", "no-password", "no-user"],
)
def test_a_secret_that_holds_no_credentials_is_an_error_that_repeats_nothing(content: bytes) -> None:
    with pytest.raises(ValueError, match="the secret is no JSON object with username and password") as raised:
        read(SecretValue(content))

    assert raised.value.__context__ is None

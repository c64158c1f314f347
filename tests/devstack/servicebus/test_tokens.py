"""Who is let in: signatures with the configured key, and JWTs that somebody vouches for."""

import pytest

from devstack.amqp.errors import AmqpError
from devstack.servicebus.tokens import Verifier

from .builders import KEY, sign

AUDIENCE = "sb://127.0.0.1:5672/jobs"


def build_verifier() -> Verifier:
    """Build one that knows the key and takes one JWT."""
    return Verifier(key_name="root", key=KEY, verify_token=lambda token: token == "head.claims.signature")


@pytest.mark.parametrize("resource", [AUDIENCE, "sb://127.0.0.1:5672/JOBS", "sb://127.0.0.1:5672/", "sb://other/jobs"])
def test_a_signature_with_the_key_is_good_for_its_resource_and_what_is_below(resource: str) -> None:
    build_verifier().verify(sign(resource), AUDIENCE)


@pytest.mark.parametrize(
    "token",
    [
        sign(key="another"),
        sign(name="another"),
        sign(lifetime=-1),
        sign("sb://127.0.0.1:5672/other"),
        sign("sb://127.0.0.1:5672/job"),
        sign().replace("sig=", "sig=x"),
        "SharedAccessSignature ",
        "SharedAccessSignature sr=a&sig=b&se=c&skn=root",
        "",
    ],
    ids=["key", "name", "expired", "resource", "prefix", "signature", "empty", "nonsense", "nothing"],
)
def test_other_signatures_are_refused(token: str) -> None:
    with pytest.raises(AmqpError, match="unauthorized-access"):
        build_verifier().verify(token, AUDIENCE)


def test_a_jwt_is_good_when_somebody_vouches_for_it() -> None:
    build_verifier().verify("head.claims.signature", AUDIENCE)


@pytest.mark.parametrize("token", ["head.claims.other", "password"])
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(AmqpError, match="unauthorized-access"):
        build_verifier().verify(token, AUDIENCE)

"""The vault's edge against answers that no vault would give: garbage, redirects, foreign challenges, foreign pages.

Two promises: what comes out is an error of ours without a word of the answer in it, and no token leaves for a host
that is not configured (design 5 and 6).
"""

import contextlib
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web
from azure.core.pipeline import PipelineContext, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.rest import HttpRequest

from shared.edges.vault import KeyVault
from shared.edges.vault_policy import OneHost
from shared.errors import ConfigurationError, FanoutError, PermanentError, TransientError
from shared.model import ObjectType, VaultRead
from shared.reason import Reason
from tests.edges.credentials import GivenCredential
from tests.edges.scripted import Answer, ScriptedServer, always, behind_a_challenge, challenge

SECRET = VaultRead(type=ObjectType.SECRET, name="db")
HISTORY = VaultRead(type=ObjectType.SECRET, name="db", history=2)
GOOD = b'{"value": "v", "id": "https://127.0.0.1/secrets/db/0123", "attributes": {"enabled": true}}'
PLANTED = "planted-4711"

UNREADABLE = {
    "nothing": "",
    "text": PLANTED,
    "markup": f"<html>{PLANTED}</html>",
    "a list": f'["{PLANTED}"]',
    "a string": f'"{PLANTED}"',
    "a number": "4711",
    "null": "null",
    "cut short": f'{{"value": "{PLANTED}',
    "nested too deep": "[" * 100_000,
    "an id that is none": f'{{"value": "{PLANTED}", "id": "{PLANTED}"}}',
    "attributes that are none": f'{{"value": "{PLANTED}", "id": "https://h/secrets/s/1", "attributes": "{PLANTED}"}}',
    "tags that are none": f'{{"value": "{PLANTED}", "id": "https://h/secrets/s/1", "tags": ["{PLANTED}"]}}',
    "half a character": f'{{"value": "{PLANTED}\\ud800", "id": "https://h/secrets/s/1"}}',
    "no text at all": f"\udcff\udcfe{PLANTED}",
}


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is logged, by the SDKs too, holds nothing of an answer."""
    caplog.set_level(logging.DEBUG)
    yield
    assert PLANTED not in caplog.text


@pytest.fixture
async def server(tls: ssl.SSLContext) -> AsyncIterator[ScriptedServer]:
    """What stands where the vault is configured."""
    async with ScriptedServer(always(b""), tls=tls) as served:
        yield served


@pytest.fixture
async def stranger(tls: ssl.SSLContext) -> AsyncIterator[ScriptedServer]:
    """A host that is not configured. It would take a token, and its certificate is trusted."""
    async with ScriptedServer(behind_a_challenge(always(GOOD)), tls=tls) as served:
        yield served


@pytest.fixture
async def vault(server: ScriptedServer, credential: GivenCredential) -> AsyncIterator[KeyVault]:
    """The edge, pointed at that server."""
    edge = KeyVault(name="kv-demo", url=server.url, credential=credential, timeout=8)
    yield edge
    await edge.close()


async def failure_of(vault: KeyVault, read: VaultRead = SECRET) -> FanoutError:
    """Return the error that a read ends with, after a look for planted text in all of it."""
    with pytest.raises(FanoutError) as caught:
        await vault.read(read)
    assert PLANTED not in "".join(traceback.format_exception(caught.value))
    return caught.value


def as_json(text: str) -> Answer:
    """Answer with this text as JSON; a lone surrogate stands for a byte that is no UTF-8."""
    return behind_a_challenge(always(text.encode(errors="surrogateescape")))


@pytest.mark.parametrize("kind", list(ObjectType))
@pytest.mark.parametrize("history", [0, 2])
@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_that_makes_no_sense_is_a_failure_without_its_text(
    server: ScriptedServer, vault: KeyVault, kind: ObjectType, history: int, text: str
) -> None:
    """A proxy's page or half an answer may be gone the next time; the value in it must not reach a log."""
    server.answer = as_json(text)

    error = await failure_of(vault, VaultRead(type=kind, name="db", history=history))

    assert error.reason in {Reason.VAULT_UNREACHABLE, Reason.VAULT_REFUSED}


@pytest.mark.parametrize("text", ["", PLANTED, f'["{PLANTED}"]', f'{{"value": "{PLANTED}'])
async def test_half_an_answer_is_tried_again_later(server: ScriptedServer, vault: KeyVault, text: str) -> None:
    """Whatever cut it off is not the object's fault, so the event must not end here."""
    server.answer = as_json(text)

    error = await failure_of(vault)

    assert (type(error), error.reason) == (TransientError, Reason.VAULT_UNREACHABLE)


async def test_an_answer_shorter_than_it_said_is_tried_again_later(server: ScriptedServer, vault: KeyVault) -> None:
    """The connection ended in the middle of the body."""

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(PLANTED.encode())
        if request.transport:
            request.transport.abort()
        return response

    server.answer = behind_a_challenge(half)

    error = await failure_of(vault)

    assert (type(error), error.reason) == (TransientError, Reason.VAULT_UNREACHABLE)


@pytest.mark.parametrize(
    "text",
    [
        PLANTED,
        f'"{PLANTED}"',
        f'{{"error": "{PLANTED}"}}',
        f'{{"error": {{"code": "{PLANTED}", "innererror": "{PLANTED}"}}}}',
        f'{{"error": {{"code": ["{PLANTED}"], "innererror": {{"code": {{"a": "{PLANTED}"}}}}}}}}',
        f'{{"error": {{"code": "{"A" * 61}", "message": "{PLANTED}"}}}}',
    ],
)
async def test_only_a_plain_word_of_a_refusal_is_passed_on(server: ScriptedServer, vault: KeyVault, text: str) -> None:
    """The service's codes are words of letters; nothing else gets into our text."""
    server.answer = behind_a_challenge(always(text.encode(), status=403))

    error = await failure_of(vault)

    assert (type(error), error.reason) == (ConfigurationError, Reason.VAULT_FORBIDDEN)
    assert str(error) == "kv-demo/secret/db: 403"


async def test_a_secret_without_a_value_is_refused_for_good(server: ScriptedServer, vault: KeyVault) -> None:
    """A bundle without a value is whole, and asking again would bring the same."""
    server.answer = behind_a_challenge(always(b'{"id": "https://127.0.0.1/secrets/db/0123"}'))

    error = await failure_of(vault)

    assert (type(error), error.reason) == (PermanentError, Reason.VAULT_REFUSED)


async def test_a_certificate_without_its_der_is_refused_for_good(server: ScriptedServer, vault: KeyVault) -> None:
    """One that is still being issued looks like this."""
    server.answer = behind_a_challenge(always(b'{"id": "https://127.0.0.1/certificates/db/0123"}'))

    error = await failure_of(vault, VaultRead(type=ObjectType.CERT, name="db"))

    assert (type(error), error.reason) == (PermanentError, Reason.VAULT_REFUSED)


@pytest.mark.parametrize("created", ['"planted"', "1e400", "99999999999999999", "[1]", "null"])
async def test_a_time_that_is_none_is_passed_over(server: ScriptedServer, vault: KeyVault, created: str) -> None:
    """The SDK hands through what it cannot read; the value itself is good."""
    text = f'{{"value": "v", "id": "https://127.0.0.1/secrets/db/0123", "attributes": {{"created": {created}}}}}'
    server.answer = as_json(text)

    answer = await vault.read(SECRET)

    assert (answer.version, answer.created) == ("0123", None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(
    server: ScriptedServer, stranger: ScriptedServer, vault: KeyVault, status: int
) -> None:
    """Neither elsewhere, nor within the vault."""
    places = iter([stranger.url + "/secrets/db/", "/secrets/other/"])

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": next(places)})

    server.answer = behind_a_challenge(elsewhere)

    errors = [await failure_of(vault), await failure_of(vault)]

    assert [(type(error), error.reason) for error in errors] == [(PermanentError, Reason.VAULT_REFUSED)] * 2
    assert stranger.requests == []
    assert {seen.path.partition("?")[0] for seen in server.requests} == {"/secrets/db/"}


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_a_page_at_another_address_is_not_fetched(
    server: ScriptedServer, stranger: ScriptedServer, vault: KeyVault, credential: GivenCredential, scheme: str
) -> None:
    """The SDK follows nextLink wherever it points, with a token for whatever resource that host names."""
    link = f"{scheme}{stranger.url.removeprefix('https')}/secrets/db/versions?planted=1"
    server.answer = as_json(f'{{"value": [], "nextLink": "{link}"}}')

    error = await failure_of(vault, HISTORY)

    assert (type(error), error.reason) == (PermanentError, Reason.VAULT_REFUSED)
    assert stranger.requests == []
    assert credential.scopes == [f"https://0.0.1:{server.port}/.default"]


async def test_a_page_of_the_vault_itself_is_fetched(server: ScriptedServer, vault: KeyVault) -> None:
    """However its host is written."""
    pages = iter([f'"{server.url}/secrets/db/versions?page=2"', f'"{server.url.upper()}/secrets/?page=3"', "null"])

    async def page(_: web.Request) -> web.StreamResponse:
        return web.json_response(text=f'{{"value": [], "nextLink": {next(pages)}}}')

    server.answer = behind_a_challenge(page)

    answer = await vault.read(HISTORY)

    assert answer.materials == ()
    assert len(server.requests) == 4


class Destination(AsyncHTTPPolicy[Any, Any]):
    """Stands behind the policy and takes down where a request would go."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Go nowhere."""
        self.urls.append(request.http_request.url)
        return PipelineResponse(request.http_request, None, request.context)


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("https://kv.vault.azure.net/secrets", True),
        ("https://kv.vault.azure.net:443/secrets?$skiptoken=1", True),
        ("https://KV.vault.azure.net/secrets", True),
        ("https://kv.vault.azure.net:444/secrets", False),
        ("http://kv.vault.azure.net:443/secrets", False),
        ("https://kv.vault.azure.net.evil.example/secrets", False),
        ("https://evil.example/?kv.vault.azure.net", False),
        ("https://kv.vault.azure.net@evil.example/secrets", False),
        ("https:///secrets", False),
    ],
)
async def test_only_the_configured_host_and_port_is_the_vault(url: str, passes: bool) -> None:  # noqa: FBT001 - a column
    """The service writes :443 into its page links. Without a socket, because nobody may listen on that port here."""
    policy, destination = OneHost("kv", "https://kv.vault.azure.net"), Destination()
    policy.next = destination

    with contextlib.nullcontext() if passes else pytest.raises(PermanentError):
        await policy.send(PipelineRequest(HttpRequest("GET", url), PipelineContext(None)))

    assert destination.urls == ([url] if passes else [])


@pytest.mark.parametrize("resource", ["vault.azure.net", "evil.example", "127.0.0.1", "0.0.1:1", ""])
async def test_a_challenge_that_names_another_resource_is_refused_before_a_token_is_asked_for(
    server: ScriptedServer, vault: KeyVault, credential: GivenCredential, resource: str
) -> None:
    """Somebody who stands where the vault should be could use a token for the real one."""

    async def foreign(_: web.Request) -> web.StreamResponse:
        return challenge(resource)

    server.answer = foreign

    error = await failure_of(vault)

    assert (type(error), error.reason) == (ConfigurationError, Reason.VAULT_UNAUTHENTICATED)
    assert credential.scopes == []
    assert [seen.headers.get("Authorization") for seen in server.requests] == [None]


@pytest.mark.parametrize("header", [{}, {"WWW-Authenticate": PLANTED}, {"WWW-Authenticate": "Basic realm=planted"}])
async def test_a_refusal_without_a_challenge_is_a_configuration_fault(
    server: ScriptedServer, vault: KeyVault, credential: GivenCredential, header: dict[str, str]
) -> None:
    """There is nobody to ask for a token."""
    server.answer = always(b"", status=401, headers=header)

    error = await failure_of(vault)

    assert (type(error), error.reason) == (ConfigurationError, Reason.VAULT_UNAUTHENTICATED)
    assert credential.scopes == []


async def test_a_server_with_a_certificate_of_somebody_else_gets_no_request(
    credential: GivenCredential, stray_tls: ssl.SSLContext
) -> None:
    """Not even one without a token."""
    async with ScriptedServer(behind_a_challenge(always(GOOD)), tls=stray_tls) as impostor:
        edge = KeyVault(name="kv-demo", url=impostor.url, credential=credential, timeout=8)
        error = await failure_of(edge)
        await edge.close()

    assert error.reason is Reason.VAULT_UNREACHABLE
    assert impostor.requests == []
    assert credential.scopes == []


async def test_one_connection_serves_one_read_after_another_of_every_type(
    server: ScriptedServer, vault: KeyVault
) -> None:
    """A path to a CA file would open one for each request (local-stack 3.4)."""
    server.answer = behind_a_challenge(always(GOOD))
    await vault.read(SECRET)
    for _ in range(20):
        await vault.read(SECRET)
    await failure_of(vault, VaultRead(type=ObjectType.KEY, name="db"))
    await failure_of(vault, VaultRead(type=ObjectType.CERT, name="db"))

    assert server.connections == 1
    assert len(server.requests) >= 23


async def test_nothing_stays_open_after_close(server: ScriptedServer, credential: GivenCredential) -> None:
    """And a read after it is an error of ours, not a new session that nobody closes."""
    server.answer = behind_a_challenge(always(GOOD))
    edge = KeyVault(name="kv-demo", url=server.url, credential=credential, timeout=8)
    await edge.read(SECRET)
    peers = server.open_connections

    await edge.close()
    await server.wait_until_left()

    assert peers == 1
    assert server.open_connections == 0
    assert not credential.closed

"""What the doctor reads of Azure's own management: an Event Grid subscription, and how topic and queue are made."""

import copy
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken

from devstack import stack
from fanout.doctor import arm, clocks, delivery
from fanout.doctor.finding import Place
from fanout.errors import OperatorError
from tests.operator.standing import Standing

PLACE = Place("event grid", "fanout")
SUBSCRIPTION = (
    "/subscriptions/0/resourceGroups/rg/providers/Microsoft.EventGrid/systemTopics/kv/eventSubscriptions/fanout"
)
GOOD: dict[str, Any] = {
    "properties": {
        "provisioningState": "Succeeded",
        "destination": {
            "endpointType": "AzureFunction",
            "properties": {"resourceId": "/subscriptions/0/x/sites/app/functions/on_key_vault_event"},
        },
        "filter": {"subjectBeginsWith": "", "includedEventTypes": list(delivery.WANTED)},
        "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
        "deadLetterWithResourceIdentity": {"deadLetterDestination": {"endpointType": "StorageBlob"}},
    }
}


def states(document: Any) -> dict[str, str]:
    """Return how each check of a document ends."""
    return {one.check: str(one.state) for one in delivery.judge(PLACE, document)}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, str]:
    """Return how each check of the good document ends after a change."""
    document = copy.deepcopy(GOOD)
    change(document["properties"])
    return states(document)


def test_a_subscription_as_documented_is_ok() -> None:
    assert set(states(GOOD).values()) == {"ok"}


@pytest.mark.parametrize(
    ("change", "check", "state"),
    [
        (lambda one: one["filter"]["includedEventTypes"].pop(), "event types", "failed"),
        (lambda one: one["filter"].pop("includedEventTypes"), "event types", "ok"),
        (lambda one: one["filter"].update(subjectBeginsWith="db-"), "filter", "note"),
        (lambda one: one["filter"].update(advancedFilters=[{}]), "filter", "note"),
        (lambda one: one["destination"].update(endpointType="WebHook"), "destination", "failed"),
        (lambda one: one["destination"]["properties"].update(resourceId="/functions/x"), "destination", "failed"),
        (lambda one: one["destination"].update(endpointType="ServiceBusQueue"), "destination", "note"),
        (lambda one: one.pop("deadLetterWithResourceIdentity"), "dead letters", "failed"),
        (lambda one: one.update(deadLetterDestination={"endpointType": "StorageBlob"}), "dead letters", "ok"),
        (lambda one: one["retryPolicy"].update(maxDeliveryAttempts=3), "retries", "note"),
        (lambda one: one.update(provisioningState="Failed"), "provisioned", "failed"),
    ],
)
def test_one_thing_that_is_wrong_is_one_finding(
    change: Callable[[dict[str, Any]], object], check: str, state: str
) -> None:
    assert changed(change)[check] == state
    others = {name: one for name, one in changed(change).items() if name != check}
    assert set(others.values()) == {"ok"}


@pytest.mark.parametrize("document", [{}, {"properties": 7}, {"properties": {"filter": [], "destination": "x"}}])
def test_a_document_of_another_shape_is_judged_all_the_same(document: Any) -> None:
    assert states(document)["destination"] == "failed"


class Signed:
    """Gives one token."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Return the token."""
        return AccessToken("TOKEN", 2_000_000_000)

    async def close(self) -> None:
        """Close nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End nothing."""


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], web.Response], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Answer every request over HTTP, or HTTPS, on a free port of loopback."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_subscription_is_asked_for_by_its_id_with_a_token() -> None:
    asked: list[tuple[str, str, str]] = []

    def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.query["api-version"], request.headers["Authorization"]))
        return web.json_response(GOOD)

    async with serving(answer) as port:
        found = await arm.read(SUBSCRIPTION, Signed(), proxies=False, base=f"http://127.0.0.1:{port}")

    assert found == GOOD
    assert asked == [(SUBSCRIPTION, "2022-06-15", "Bearer TOKEN")]


@pytest.mark.parametrize(
    ("status", "told"),
    [(403, "EventGrid EventSubscription Reader"), (404, "there is no such subscription"), (500, "answered 500")],
)
async def test_what_resource_manager_refuses_is_told_with_what_it_takes(status: int, told: str) -> None:
    async with serving(lambda _: web.Response(status=status, text="BODY")) as port:
        with pytest.raises(OperatorError, match=told) as caught:
            await arm.read(SUBSCRIPTION, Signed(), proxies=False, base=f"http://127.0.0.1:{port}")

    assert "BODY" not in str(caught.value)


async def test_resource_manager_is_not_followed_elsewhere() -> None:
    async with serving(lambda _: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"})) as port:
        with pytest.raises(OperatorError, match="answered 302"):
            await arm.read(SUBSCRIPTION, Signed(), proxies=False, base=f"http://127.0.0.1:{port}")


ENTRY = """<entry xmlns="http://www.w3.org/2005/Atom"><title type="text">{name}</title><content type="application/xml">
<{kind}Description xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
  xmlns:i="http://www.w3.org/2001/XMLSchema-instance">{fields}</{kind}Description></content></entry>"""


def described(*, session: bool = False, duplicates: bool = True, window: str = "P2D") -> Callable[..., web.Response]:
    """Answer as a namespace's management does about a topic and a queue."""

    def answer(request: web.Request) -> web.Response:
        name = request.path.strip("/")
        kind = "Queue" if name == stack.QUEUE else "Topic"
        sessions = f"<RequiresSession>{str(session).lower()}</RequiresSession>" if kind == "Queue" else ""
        fields = (
            f"<RequiresDuplicateDetection>{str(duplicates).lower()}</RequiresDuplicateDetection>{sessions}"
            f"<DuplicateDetectionHistoryTimeWindow>{window}</DuplicateDetectionHistoryTimeWindow>"
        )
        return web.Response(text=ENTRY.format(name=name, kind=kind, fields=fields), content_type="application/atom+xml")

    return answer


async def made(standing: Standing, answer: Callable[[web.Request], web.Response]) -> list[tuple[str, str, str]]:
    """Return what is found of a namespace whose management answers so. It speaks no AMQP, and the rest fails."""
    async with serving(answer, tls=standing.stack.authority.server_context()) as port:
        string = (
            f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=a;SharedAccessKey=a2V5;UseDevelopmentEmulator=true"
        )
        said = await standing.run("doctor", "--json", "--timeout", "6", ServiceBusConnection=string)
    wanted = {"duplicate detection", "sessions"}
    return [
        (f"{one['area']}: {one['check']}", one["state"], one["detail"])
        for one in said.document["findings"]
        if one["check"] in wanted
    ]


async def test_duplicate_detection_over_two_days_is_ok(standing: Standing) -> None:
    found = await made(standing, described())

    assert [(check, state) for check, state, _ in found] == [
        ("topic: duplicate detection", "ok"),
        ("queue: duplicate detection", "ok"),
    ]


async def test_duplicates_that_are_not_dropped_and_sessions_are_found(standing: Standing) -> None:
    found = await made(standing, described(duplicates=False, session=True))

    assert [(check, state) for check, state, _ in found] == [
        ("topic: duplicate detection", "failed"),
        ("queue: duplicate detection", "failed"),
        ("queue: sessions", "failed"),
    ]
    assert "cannot be switched on later" in found[0][2]


async def test_a_window_shorter_than_event_grids_patience_is_worth_knowing(standing: Standing) -> None:
    found = await made(standing, described(window="PT10M"))

    assert {state for _, state, _ in found} == {"note"}
    assert all("less than Event Grid delivers" in detail for _, _, detail in found)


@pytest.mark.parametrize("status", [401, 404])
async def test_who_may_not_manage_the_namespace_is_told_and_has_not_failed(standing: Standing, status: int) -> None:
    found = await made(standing, lambda _: web.Response(status=status, text=json.dumps({"a": "BODY"})))

    assert {state for _, state, _ in found} == {"not looked at"}
    assert not any("BODY" in detail for _, _, detail in found)


def test_clocks_that_are_too_far_apart_fail_whatever_this_machine_says() -> None:
    places = [Place("clocks", "kv"), Place("clocks", "aks")]

    together = clocks.judge(places, [600.0, 602.0])
    apart = clocks.judge(places, [-5.0, 5.0])

    assert [str(one.state) for one in together] == ["ok", "ok"]
    assert together[0].detail == "600 s ahead of this machine's"
    assert [str(one.state) for one in apart] == ["ok", "ok", "failed"]


def test_a_clock_that_cannot_be_read_is_not_looked_at() -> None:
    places = [Place("clocks", "kv"), Place("clocks", "aks")]

    found = clocks.judge(places, [None, OSError("BODY")])

    assert [str(one.state) for one in found] == ["not looked at", "not looked at"]
    assert not any("BODY" in one.detail for one in found)

"""Lists of declarations: what is parsed when, and kinds that are unknown to the server or forbidden.

What each kind's objects say is tested with their parsers; which kinds a cluster asks for is in
test_cluster_declarations.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from devstack import seed
from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi, everything
from shared import parts
from shared.edges.kube_api import KubeApi, path
from shared.edges.kube_listing import ABSENCE, Listing
from shared.errors import ConfigurationError, TransientError
from shared.reason import Reason
from tests.edges.clusters import OWNER, Way, forbid, only
from tests.edges.scripted import ScriptedServer, always

PLURAL = "secretproviderclasses"
PLACE = path("secrets-store.csi.x-k8s.io/v1", PLURAL)
REMEDY = "apply some.yaml"


class Parser:
    """Takes the name out of a manifest, None for `passed-over`, and remembers what it was given."""

    def __init__(self) -> None:
        self.parsed: list[str] = []

    def __call__(self, manifest: dict[str, Any]) -> str | None:
        """Parse."""
        name = parts.text(manifest, "metadata", "name")
        self.parsed.append(name)
        return None if name == "passed-over" else name


@pytest.fixture
def parser() -> Parser:
    """What the listing parses with."""
    return Parser()


@pytest.fixture
def time() -> ManualClock:
    """The time as the listing sees it."""
    return ManualClock(1000.0)


@pytest.fixture
def kube(api: KubernetesApi, way: Way) -> KubeApi:
    """The calls to the devstack's API."""
    return way.open(api.url)


@pytest.fixture
def listing(kube: KubeApi, parser: Parser, time: ManualClock) -> Listing[str]:
    """A listing of classes, forbidden to nobody so far."""
    return Listing(kube, PLACE, parser, optional=REMEDY, clock=time)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """What stands where the API server is configured, in the tests that need to be exact about states."""
    async with ScriptedServer(always(b"")) as served:
        yield served


def put(api: KubernetesApi, name: str, vault: str = "kv-demo") -> None:
    """Store a class."""
    manifest = seed.provider_class(vault=vault)
    manifest["metadata"]["name"] = name
    api.apply(manifest)


def state(name: str, uid: str, version: str) -> dict[str, Any]:
    """Return an object in some state."""
    return {"metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": version}}


def a_list(*items: dict[str, Any], following: str = "") -> bytes:
    """Return a list's page."""
    return json.dumps({"metadata": {"continue": following}, "items": items}).encode()


async def found_by(listing: Listing[str]) -> list[str]:
    """List them anew and return what is ours."""
    return [one for one in (await listing.read()).found.values() if one is not None]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


async def test_an_object_is_parsed_once_until_it_changes(
    api: KubernetesApi, listing: Listing[str], parser: Parser
) -> None:
    """One that is none of ours is not looked at again either."""
    for name in ("same", "changing", "passed-over"):
        put(api, name)
    first = [await found_by(listing) for _ in range(3)]
    once = sorted(parser.parsed)
    put(api, "changing", vault="another")
    after = await found_by(listing)

    assert [sorted(found) for found in first] == [["changing", "same"]] * 3
    assert once == ["changing", "passed-over", "same"]
    assert sorted(after) == ["changing", "same"]
    assert parser.parsed[3:] == ["changing"]


@pytest.mark.parametrize(("uid", "version"), [("2", "7"), ("1", "8")])
async def test_both_the_uid_and_the_version_tell_a_state(
    server: ScriptedServer, way: Way, parser: Parser, uid: str, version: str
) -> None:
    """An object that was made again, or a cluster restored from a backup, may repeat one of them."""
    listing = Listing(way.open(server.url), PLACE, parser)
    for states in (("1", "7"), ("1", "7"), (uid, version)):
        server.answer = always(a_list(state("web", *states)))
        await found_by(listing)

    assert parser.parsed == ["web"] * 2


async def test_objects_of_one_name_in_two_namespaces_are_two(server: ScriptedServer, way: Way, parser: Parser) -> None:
    """Each has a state of its own."""
    other = state("web", "2", "8")
    other["metadata"]["namespace"] = "bank"
    server.answer = always(a_list(state("web", "1", "7"), other))
    listing = Listing(way.open(server.url), PLACE, parser)

    assert [await found_by(listing) for _ in range(2)] == [["web", "web"]] * 2
    assert parser.parsed == ["web", "web"]


async def test_a_deleted_object_is_forgotten(server: ScriptedServer, way: Way, parser: Parser) -> None:
    """Nothing of it stays in memory: the very same state would be parsed anew."""
    listing = Listing(way.open(server.url), PLACE, parser)
    found = []
    for items in ([state("web", "1", "7")], [], [state("web", "1", "7")]):
        server.answer = always(a_list(*items))
        found.append(list(await found_by(listing)))

    assert found == [["web"], [], ["web"]]
    assert parser.parsed == ["web", "web"]


async def test_what_was_parsed_before_a_list_broke_off_is_not_parsed_again(
    server: ScriptedServer, way: Way, parser: Parser
) -> None:
    """A look that runs out of time would otherwise never come to an end."""
    pages = iter([(200, a_list(state("one", "1", "7"), following="more")), (410, b"")])

    async def answer(_: web.Request) -> web.StreamResponse:
        status, body = next(pages)
        return web.Response(body=body, status=status)

    server.answer = answer
    listing = Listing(way.open(server.url), PLACE, parser)
    with pytest.raises(TransientError):
        await found_by(listing)
    server.answer = always(a_list(state("one", "1", "7"), state("two", "2", "8")))

    assert await found_by(listing) == ["one", "two"]
    assert parser.parsed == ["one", "two"]


async def test_a_forbidden_optional_kind_is_empty_and_left_alone_for_five_minutes(
    api: KubernetesApi, listing: Listing[str], time: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning says what to apply, once, however often it is found again."""
    put(api, "web")
    forbid(api, PLURAL)
    found = [await found_by(listing) for _ in range(3)]
    time.advance(ABSENCE - 1)
    found.append(await found_by(listing))
    before = len(api.requests)
    time.advance(1)
    found.append(await found_by(listing))

    assert found == [[]] * 5
    assert (before, len(api.requests)) == (1, 2)
    assert warnings(caplog) == [f"aks-demo: GET {PLACE}: 403 Forbidden; {REMEDY}"]


async def test_many_who_find_it_forbidden_at_once_warn_once(
    api: KubernetesApi, listing: Listing[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A burst of events is a process's first work."""
    forbid(api, PLURAL)

    assert await asyncio.gather(*[found_by(listing) for _ in range(8)]) == [[]] * 8
    assert len(warnings(caplog)) == 1


async def test_a_right_that_is_given_is_found_and_one_that_is_taken_again_is_warned_of(
    api: KubernetesApi, listing: Listing[str], time: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Within five minutes, without a restart."""
    put(api, "web")
    forbid(api, PLURAL)
    found = [await found_by(listing)]
    api.allow(OWNER.user, everything)
    time.advance(ABSENCE)
    found.append(await found_by(listing))
    forbid(api, PLURAL)
    found.append(await found_by(listing))

    assert found == [[], ["web"], []]
    assert len(warnings(caplog)) == 2


async def test_a_forbidden_kind_that_somebody_asked_for_is_a_configuration_fault(
    api: KubernetesApi, kube: KubeApi, parser: Parser
) -> None:
    """Every time: nothing may be done half and called done."""
    forbid(api, PLURAL)
    listing = Listing(kube, PLACE, parser)

    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            await found_by(listing)
        assert caught.value.reason is Reason.CLUSTER_FORBIDDEN
    assert len(api.requests) == 2
    assert not listing.absent


@pytest.mark.parametrize("optional", ["", REMEDY])
async def test_a_kind_that_the_server_does_not_know_is_empty_and_left_alone_for_five_minutes(
    api: KubernetesApi, kube: KubeApi, parser: Parser, time: ManualClock, optional: str
) -> None:
    """404, as where its definition was never applied; also where somebody asked for it."""
    listing = Listing(kube, path("nowhere.example/v1", "things"), parser, optional=optional, clock=time)
    found = [await found_by(listing) for _ in range(3)]
    told = listing.absent, listing.unknown
    time.advance(ABSENCE)
    late = listing.absent, listing.unknown
    found.append(await found_by(listing))

    assert [len(one) for one in found] == [0] * 4
    assert (told, late) == ((True, True), (False, False))
    assert len(api.requests) == 2


async def test_a_kind_that_is_forbidden_is_not_called_unknown(api: KubernetesApi, listing: Listing[str]) -> None:
    """Who is not let in cannot tell what is there."""
    forbid(api, PLURAL)
    await found_by(listing)

    assert (listing.absent, listing.unknown) == (True, False)


async def test_a_kind_without_objects_is_asked_for_every_time(api: KubernetesApi, listing: Listing[str]) -> None:
    """The first one may be made at any moment."""
    assert [await found_by(listing) for _ in range(2)] == [[], []]
    put(api, "web")

    assert await found_by(listing) == ["web"]
    assert len(api.requests) == 3


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=401), Fault(status=429), Fault(drop=True)],
    ids=repr,
)
async def test_a_failure_is_raised_and_not_remembered_as_absence(
    api: KubernetesApi, listing: Listing[str], fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """The next event asks again, and finds what is there."""
    put(api, "web")
    api.faults.plan(only(PLURAL), fault, times=None)
    with pytest.raises((TransientError, ConfigurationError)):
        await found_by(listing)
    told = listing.absent
    api.faults.clear()

    assert await found_by(listing) == ["web"]
    assert not told
    assert warnings(caplog) == []


async def test_a_long_list_holds_nobody_else_up(server: ScriptedServer, way: Way, parser: Parser) -> None:
    """Between two new objects others have their turn."""
    server.answer = always(a_list(*[state(f"web-{number}", str(number), "7") for number in range(50)]))
    listing = Listing(way.open(server.url), PLACE, parser)
    turns: set[int] = set()
    listed = asyncio.create_task(found_by(listing))
    while not listed.done():
        turns.add(len(parser.parsed))
        await asyncio.sleep(0)

    assert len(await listed) == 50
    assert len(turns) > 25

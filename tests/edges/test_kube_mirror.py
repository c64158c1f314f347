"""A copy of one kind of declaration: kept by a watch, verified each time, rebuilt when it cannot be trusted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from aiohttp import web

from devstack import seed
from devstack.clock import ManualClock
from devstack.faults import Fault
from devstack.kubernetes import KubernetesApi, Request
from shared.edges.kube_api import Json
from shared.edges.kube_listing import Listing
from shared.edges.kube_mirror import Mirror
from shared.errors import ConfigurationError, FanoutError, TransientError
from tests.edges.clusters import OUTSIDER, OWNER, Way
from tests.edges.relay import Relay

PLURAL = "secretproviderclasses"
PLACE = f"/apis/secrets-store.csi.x-k8s.io/v1/{PLURAL}"


def vault_of(manifest: Json) -> str | None:
    """Parse a class to NAME=VAULT; those of the vault "foreign" are none of ours."""
    vault = str(manifest["spec"]["parameters"]["keyvaultName"])
    return None if vault == "foreign" else f"{manifest['metadata']['name']}={vault}"


def names(item: str) -> Sequence[str] | None:
    """Index a class by its vault; of "any" nobody knows."""
    vault = item.partition("=")[2]
    return None if vault == "any" else [vault]


@pytest.fixture
def time() -> ManualClock:
    """The mirror's time."""
    return ManualClock()


@pytest.fixture
async def mirror(relay: Relay, way: Way, time: ManualClock) -> AsyncIterator[Mirror[str]]:
    """A mirror of classes, with the wire in sight."""
    listing = Listing[str](way.open(relay.url), PLACE, vault_of)
    made = Mirror[str](listing, names, clock=time, settling=2)
    yield made
    await made.close()


def put(api: KubernetesApi, name: str, vault: str) -> None:
    """Make a class, or change it."""
    manifest = seed.provider_class(vault=vault)
    manifest["metadata"]["name"] = name
    api.apply(manifest)


def lists(relay: Relay) -> list[str]:
    """Return the queries of the lists so far."""
    return [seen.path.partition("?")[2] for seen in relay.requests if "watch=1" not in seen.path]


async def until(true: Callable[[], object]) -> None:
    """Wait for what another task does."""
    while not true():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)


def over(mirror: Mirror[str]) -> bool:
    """Tell whether the mirror knows what became of its watch."""
    return mirror._follower is None or mirror._follower.done()  # noqa: SLF001 - the 403 is handled after it was sent


async def followed(relay: Relay, mirror: Mirror[str]) -> None:
    """Use the mirror once, and let its watch be open; nothing that went through so far is of interest."""
    await mirror.fresh()
    await until(lambda: relay.watched)
    await mirror.fresh()
    relay.forget()


async def test_what_changes_is_found_without_a_list(api: KubernetesApi, relay: Relay, mirror: Mirror[str]) -> None:
    """Made, changed so that it mentions another object, changed back, gone."""
    put(api, "one", "kv-a")
    put(api, "whatever", "any")
    put(api, "other", "foreign")
    await followed(relay, mirror)
    found = [await mirror.fresh_about(["kv-a"])]
    put(api, "two", "kv-a")
    found.append(await mirror.fresh_about(["kv-a"]))
    put(api, "one", "kv-b")
    await until(lambda: mirror.about(["kv-b"])[0] == "one=kv-b")
    found += [await mirror.fresh_about(["kv-a"]), await mirror.fresh_about(["kv-b"])]
    api.delete(PLURAL, seed.NAMESPACE, "two")
    found.append(await mirror.fresh_about(["kv-a"]))
    put(api, "whatever", "foreign")
    await until(lambda: not mirror.about(["kv-a"]))

    assert found == [
        ["one=kv-a", "whatever=any"],
        ["one=kv-a", "two=kv-a", "whatever=any"],
        ["two=kv-a", "whatever=any"],
        ["one=kv-b", "whatever=any"],
        ["whatever=any"],
    ]
    assert lists(relay) == ["limit=1"] * 5


async def test_an_event_brings_one_declaration_over_the_wire_however_many_there_are(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str]
) -> None:
    for number in range(450):
        put(api, f"other-{number:03}", f"kv-{number}")
    put(api, "web", "kv-demo")
    await followed(relay, mirror)

    assert await mirror.fresh_about(["kv-demo"]) == ["web=kv-demo"]
    assert [answer.count(b'"SecretProviderClass"') for answer in relay.answers] == [1]


async def test_many_events_at_once_share_one_look(api: KubernetesApi, relay: Relay, mirror: Mirror[str]) -> None:
    """Also the very first ones, which list."""
    put(api, "web", "kv-demo")
    first = await asyncio.gather(*[mirror.fresh_about(["kv-demo"]) for _ in range(50)])
    listed = lists(relay)
    await followed(relay, mirror)
    again = await asyncio.gather(*[mirror.fresh_about(["kv-demo"]) for _ in range(50)])

    assert first == again == [["web=kv-demo"]] * 50
    assert (listed, lists(relay)) == (["limit=200"], ["limit=1"])


async def test_a_watch_that_was_cut_goes_on_where_it_stopped(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str]
) -> None:
    """What changed meanwhile comes as it would have come."""
    put(api, "web", "kv-a")
    api.faults.plan(_watches, Fault(drop=True, after=True))
    await followed(relay, mirror)
    put(api, "web", "kv-b")
    await until(lambda: mirror.about(["kv-b"]))

    assert await mirror.fresh_about(["kv-b"]) == ["web=kv-b"]


async def test_where_the_server_does_not_reach_back_everything_is_listed_anew(
    relay: Relay, way: Way, time: ManualClock
) -> None:
    """410 Gone: the watch was away for more changes than the server remembers."""
    async with KubernetesApi(name="forgetful", identities=[OWNER, OUTSIDER], history=3) as api:
        relay.server = api.url
        put(api, "web", "kv-a")
        gone = _hold_watches(relay)
        mirror = Mirror[str](Listing[str](way.open(relay.url), PLACE, vault_of), names, clock=time)
        await mirror.fresh()
        await until(lambda: relay.watched)
        for number in range(5):
            put(api, "web", f"kv-{number}")
        gone.set()
        await until(lambda: b'"code": 410' in b"".join(relay.answers))
        relay.forget()

        assert await mirror.fresh_about(["kv-4"]) == ["web=kv-4"]
        assert lists(relay) == ["limit=200"]
        await mirror.close()


@pytest.mark.parametrize("change", ["made", "gone"])
async def test_a_change_that_the_watch_did_not_bring_is_noticed_by_the_number(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str], change: str
) -> None:
    """A connection that is dead and does not say so: the server counts differently."""
    put(api, "web", "kv-a")
    await _deafened(relay, mirror)
    if change == "made":
        put(api, "two", "kv-a")
    else:
        api.delete(PLURAL, seed.NAMESPACE, "web")

    assert await mirror.fresh_about(["kv-a"]) == (["two=kv-a", "web=kv-a"] if change == "made" else [])
    assert lists(relay) == ["limit=1", "limit=200"]


async def test_where_declarations_come_and_go_all_the_time_a_copy_that_is_ahead_is_trusted(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str]
) -> None:
    """The number that the server told is old when it arrives, and may never be met."""
    put(api, "web", "kv-a")
    await followed(relay, mirror)
    held = relay.hold_up("GET", answers=True)
    asked = asyncio.create_task(mirror.fresh_about(["kv-a"]))
    await held.arrived.wait()
    put(api, "two", "kv-a")
    await until(lambda: len(mirror.about(["kv-a"])) == 2)
    held.goes_on.set()

    assert await asked == ["two=kv-a", "web=kv-a"]
    assert lists(relay) == ["limit=1"]


async def test_a_watch_that_was_not_heard_of_lately_is_not_trusted(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str], time: ManualClock
) -> None:
    """Nor is one of a process that was frozen: a change leaves the number as it is."""
    put(api, "web", "kv-a")
    await _deafened(relay, mirror)
    put(api, "web", "kv-b")
    time.advance(46)

    assert await mirror.fresh_about(["kv-b"]) == ["web=kv-b"]
    assert lists(relay) == ["limit=200"]


async def test_the_sweep_lists_anew_and_the_watch_goes_on_from_there(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str]
) -> None:
    """Whatever a watch may have missed is found by then."""
    put(api, "web", "kv-a")
    await _deafened(relay, mirror)
    put(api, "web", "kv-b")
    relay.deaf = False
    swept = await mirror.all()
    await until(lambda: relay.watched)
    put(api, "web", "kv-c")
    await until(lambda: mirror.about(["kv-c"]))

    assert swept == ["web=kv-b"]
    assert lists(relay) == ["limit=200"]


async def test_a_list_of_everything_opens_no_watch_where_no_event_has_asked(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str]
) -> None:
    """A process that only sweeps keeps no connections."""
    put(api, "web", "kv-a")

    assert [await mirror.all() for _ in range(2)] == [["web=kv-a"]] * 2
    assert relay.watched == []


async def test_where_watching_is_forbidden_every_event_lists_and_it_is_said_once(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str], time: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A cluster whose manifests are older than the app works as before; five minutes later it is tried again."""
    caplog.set_level(logging.INFO)
    put(api, "web", "kv-a")
    api.faults.plan(_watches, Fault(status=403), times=2)
    found = []
    for _ in range(3):
        found.append(await mirror.fresh_about(["kv-a"]))
        await until(lambda: relay.watched)
    await until(lambda: over(mirror))
    time.advance(301)
    found.append(await mirror.fresh_about(["kv-a"]))
    await until(lambda: len(relay.watched) == 2 and over(mirror))
    time.advance(301)
    found.append(await mirror.fresh_about(["kv-a"]))
    await until(lambda: len(relay.watched) == 3)
    found.append(await mirror.fresh_about(["kv-a"]))

    assert found == [["web=kv-a"]] * 6
    assert lists(relay) == ["limit=200"] * 5 + ["limit=1"]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith(f"aks-demo: GET {PLACE}: 403 Forbidden; every event lists until deploy/kubernetes is")


async def test_a_kind_that_vanishes_is_empty_and_comes_back_five_minutes_after(
    api: KubernetesApi, relay: Relay, way: Way, time: ManualClock
) -> None:
    """Its CustomResourceDefinition was removed, and installed again."""
    mirror = Mirror[str](Listing[str](way.open(relay.url), PLACE, vault_of, clock=time), names, clock=time)
    put(api, "web", "kv-a")
    await followed(relay, mirror)
    api.faults.plan(lambda request: request.resource == PLURAL, Fault(status=404), times=None)
    found = [await mirror.fresh_about(["kv-a"])]
    api.faults.clear()
    found.append(await mirror.fresh_about(["kv-a"]))
    time.advance(301)
    found.append(await mirror.fresh_about(["kv-a"]))
    await mirror.close()

    assert found == [[], [], ["web=kv-a"]]


@pytest.mark.parametrize(
    ("status", "kind"), [(503, TransientError), (403, ConfigurationError)], ids=["down", "forbidden"]
)
async def test_an_event_hears_why_the_copy_cannot_be_verified_and_the_next_one_finds_it_well(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str], status: int, kind: type[FanoutError]
) -> None:
    """An old copy is never used for lack of a new one."""
    put(api, "web", "kv-a")
    await followed(relay, mirror)
    api.faults.plan(lambda request: request.resource == PLURAL, Fault(status=status), times=None)
    with pytest.raises(kind):
        await mirror.fresh_about(["kv-a"])
    api.faults.clear()

    assert await mirror.fresh_about(["kv-a"]) == ["web=kv-a"]


async def test_a_watch_that_nobody_uses_for_an_hour_ends(
    api: KubernetesApi, relay: Relay, mirror: Mirror[str], time: ManualClock
) -> None:
    """The server ends each watch after half a minute; it is opened again while events come."""
    put(api, "web", "kv-a")
    relay.seconds = "1"
    await mirror.fresh()
    await until(lambda: len(relay.watched) == 2)
    time.advance(3601)
    await until(lambda: relay.ended == 2)
    await asyncio.sleep(0.1)
    watched = len(relay.watched)

    assert watched == 2
    assert await mirror.fresh_about(["kv-a"]) == ["web=kv-a"]
    assert lists(relay) == ["limit=200"] * 2


async def test_a_closed_mirror_leaves_no_connection(relay: Relay, way: Way, api: KubernetesApi) -> None:
    """Its watch would be one."""
    put(api, "web", "kv-a")
    kube = way.open(relay.url)
    mirror = Mirror[str](Listing[str](kube, PLACE, vault_of), names)
    await followed(relay, mirror)
    await mirror.close()
    await kube.close()

    await relay.wait_until_left()


def _watches(request: Request) -> bool:
    return request.verb == "watch"


def _hold_watches(relay: Relay) -> asyncio.Event:
    """Let watches wait on the wire until they are let go."""
    go = asyncio.Event()
    hand_on = relay.answer

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch=1" in request.raw_path:
            await go.wait()
        return await hand_on(request)

    relay.answer = answer
    return go


async def _deafened(relay: Relay, mirror: Mirror[str]) -> None:
    """Have a watch that is open and brings nothing."""
    relay.deaf = True
    await followed(relay, mirror)

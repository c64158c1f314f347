"""A marked value in the vault, in the Secrets and in the settings must not come out anywhere but in the Secrets.

Searched are every log record down to DEBUG with its arguments and traceback, every exception that is raised, every
notice, and the representations of outcomes, plans and what they were made of.
"""

import asyncio
import base64
import logging
import traceback
from collections.abc import Callable, Iterator

import pytest

from shared import observe, plan, reading, refresh
from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.observed import Driver
from shared.reading import SharedReads
from shared.reason import Reason
from shared.settings import Settings
from tests.builders import ABOUT, HOST, NAME, PLACE, World, build_class, build_secret, build_world
from tests.fakes import NOW, FakeBus, FakeCluster, FakeQueue, FakeVault, ProcessDied

MARK = "h7nt3r2-Planted"
OLD, NEW = f"old-{MARK}-value", f"new-{MARK}-value"
ENCODED = base64.b64encode(NEW.encode()).decode()
TRACES = [
    MARK,
    MARK.encode().hex(),
    *[base64.b64encode(f"{pad}{MARK}".encode()).decode()[4:-4] for pad in ("", "x", "xx")],
]
"""The mark as it is, in hex, and the middle of its base64 at each of the three offsets."""

Change = Callable[[World], None]


class Recorder(logging.Handler):
    """Keeps everything that a record could ever show."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Render the record whole."""
        self.texts += [self.format(record), repr(record.args), repr(record.__dict__)]


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Listen to the root logger at DEBUG."""
    root, recorder = logging.getLogger(), Recorder()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(recorder)
    yield recorder.texts
    root.removeHandler(recorder)
    root.setLevel(level)


def plant() -> World:
    """Build a world whose Secret holds the old value and whose vault serves the new one."""
    world = build_world()
    world.cluster.generation = Driver.V1_6_ROTATING
    world.cluster.put(build_secret(data={"password": OLD, "foreign": OLD}))
    world.vault.put(NAME, NEW)
    return world


def show(error: BaseException) -> str:
    """Show an error with all its causes, contexts and members."""
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + repr(vars(error))
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    # A context that `from None` hides from the traceback is still there.
    return text + "".join(map(show, [*inside, *([error.__context__] if error.__context__ else [])]))


def assert_clean(texts: list[str]) -> None:
    """Find no trace of the mark; and find something at all, or the search was in vain."""
    assert texts
    for text in texts:
        assert not [trace for trace in TRACES if trace in text], text


def fail(call: str, error: Exception, *, after: bool = False) -> Change:
    """Let a call of whichever neighbour has it fail."""

    def change(world: World) -> None:
        for neighbour, kind in (
            (world.vault, FakeVault),
            (world.cluster, FakeCluster),
            (world.bus, FakeBus),
            (world.queue, FakeQueue),
        ):
            if hasattr(kind, call):
                neighbour.script.fail(call, error, after=after)

    return change


def declare(**fields: str) -> Change:
    """Let the class ask for the object in another way."""

    def change(world: World) -> None:
        world.cluster.views[:] = [build_class(objects=[{"objectName": NAME, **fields}])]

    return change


def back(content_type: str) -> Change:
    """Let a certificate back the secret."""

    def change(world: World) -> None:
        world.vault.put(NAME, NEW, content_type=content_type, key_id="k")

    return change


def hold(**fields: object) -> Change:
    """Let the Secret be another one."""

    def change(world: World) -> None:
        world.cluster.put(build_secret(data={"password": OLD}, **fields))  # type: ignore[arg-type]  # fields of any type

    return change


def contest(world: World) -> None:
    """Let two classes differ about a key."""
    world.cluster.views.append(build_class(objects=[{"objectName": NAME, "objectEncoding": "base64"}]))
    world.vault.put(NAME, ENCODED)


def ungrant(world: World) -> None:
    """Let no pod have mounted the class."""
    world.cluster.mounts.clear()


def conflict(world: World) -> None:
    """Let somebody write the Secret before each of our writes."""

    async def edit() -> None:
        world.cluster.put(build_secret(data={"password": OLD}))

    world.cluster.script.at("write", edit, times=None)


def stall(world: World) -> None:
    """Let the write never end."""
    world.cluster.timeout = 0.1
    world.cluster.script.stall("write")


def die(world: World) -> None:
    """Let the process die in the middle of the write."""

    async def end() -> None:
        raise ProcessDied

    world.cluster.script.at("write", end, after=True)


CALLS = [
    *("read", "confirms", "classes", "owned", "external", "syncs", "driver", "pod_statuses", "secret", "write"),
    *("publish", "schedule", "secret_version", "pods"),
]
ERRORS = [
    TransientError("fails", reason=Reason.VAULT_UNREACHABLE),
    ConfigurationError("fails", reason=Reason.VAULT_FORBIDDEN),
    PermanentError("fails", reason=Reason.VAULT_REFUSED),
]
SCENARIOS: dict[str, Change] = {
    "all is well": lambda _: None,
    "no grant": ungrant,
    "no base64": declare(objectEncoding="base64"),
    "no hex": declare(objectEncoding="hex"),
    "no PFX": back("application/x-pkcs12"),
    "no PEM": back("application/x-pem-file"),
    "no certificate": back("text/plain"),
    "immutable": hold(immutable=True),
    "not managed": hold(managed=False),
    "other type": hold(type="kubernetes.io/tls"),
    "disabled": lambda world: world.vault.enable(NAME, enabled=False),
    "deleted": lambda world: world.vault.deleted.add(NAME),
    "contested": contest,
    "conflicts": conflict,
    "stalled": stall,
    "dead": die,
    **{f"{call}: {type(error).__name__}": fail(call, error) for call in CALLS for error in ERRORS},
    # What a library says of what it was given, as pydantic, json and the codecs do.
    **{f"{call} quotes a value": fail(call, ValueError(f"bad input {NEW!r} and {OLD!r}")) for call in CALLS},
    **{f"{call} quotes it too late": fail(call, ValueError(f"bad answer {NEW!r}"), after=True) for call in CALLS},
    **{f"{call} is no text": fail(call, UnicodeDecodeError("utf-8", NEW.encode(), 0, 1, "bad")) for call in CALLS},
}


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_whatever_happens_no_value_is_logged_raised_or_told(scenario: str, logged: list[str]) -> None:
    world = plant()
    SCENARIOS[scenario](world)
    texts = []

    for value in (NEW, ENCODED):
        try:
            await world.deliver(world.rotate(value))
        except (ExceptionGroup, ProcessDied) as error:
            texts.append(show(error))

    # A stale node puts the old bytes back, so that the checks have something to compare.
    world.cluster.put(build_secret(data={"password": OLD, "foreign": OLD}))
    for _ in range(len(world.queue.waiting)):
        try:
            await world.work()
        except (ExceptionGroup, ProcessDied) as error:
            texts.append(show(error))
    await asyncio.sleep(0)  # asyncio reports forgotten errors when their tasks are collected
    texts += [body.decode() for body in world.queue.bodies] + [repr(job) for job in world.queue.waiting.values()]
    for notice in [*world.bus.kept.values(), *world.bus.dropped]:
        texts += [notice.body.decode(), repr(notice), str(notice)]
    assert_clean([*texts, *logged])


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_no_representation_of_a_plan_or_an_outcome_shows_a_value(scenario: str, logged: list[str]) -> None:
    world = plant()
    SCENARIOS[scenario](world)
    texts: list[str] = []
    ends = asyncio.get_running_loop().time() + 5
    errand = refresh.Errand(about=ABOUT, version="v", vault=world.vault, vault_host=HOST, ends=ends, now=lambda: NOW)
    shared = SharedReads(world.vault, observers=1, own=None, announced="v")

    try:
        sight = await observe.look(world.cluster, ABOUT, HOST, ends=ends)
        reads, claims = plan.reads(ABOUT, sight.views), plan.claims(ABOUT, sight.views)
        vault = await reading.read_now(world.vault, reads, claims, announced="v")
        steps = plan.plan_refresh(ABOUT, "v", sight.views, vault, NOW)
        texts += [repr(sight), repr(vault), repr(steps), str(steps)]
        outcomes = await refresh.refresh_cluster(errand, world.cluster, shared)
        texts += [repr(outcomes), *[show(one.error) for one in outcomes if one.error]]
    except (TransientError, ConfigurationError, PermanentError, ProcessDied) as error:
        texts.append(show(error))
    except ValueError:
        texts.append("a fault of the fake, which quotes a value: the pipeline's to hide")
    finally:
        await shared.close()

    assert_clean([*texts, *logged])


async def test_the_value_is_where_it_belongs() -> None:
    """The search above finds nothing because there is nothing, not because the value never moved."""
    world = plant()

    await world.deliver(world.rotate(NEW))

    assert world.cluster.values(PLACE)["password"] == NEW
    assert any(
        trace in repr({key: value.reveal() for key, value in world.cluster.secrets[PLACE].data.items()})
        for trace in TRACES
    )


@pytest.mark.parametrize(
    "text", [NEW, NEW.encode().hex(), *[base64.b64encode((pad + NEW).encode()).decode() for pad in ("", "x", "xx")]]
)
def test_the_search_finds_a_value_in_each_of_its_encodings(text: str) -> None:
    with pytest.raises(AssertionError):
        assert_clean([f"said {text}!"])


def test_no_setting_shows_the_key_of_the_topic() -> None:
    settings = Settings.from_mapping(
        {
            "KEY_VAULTS": "kv-shop",
            "CLUSTERS": "[]",
            "JOB_QUEUE": "jobs",
            "SWEEP_SCHEDULE": "0 */15 * * * *",
            "ServiceBusConnection": f"Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey={NEW}",
        }
    )

    assert_clean([repr(settings), str(settings), repr(settings.bus), f"{settings.bus.connection_string}"])

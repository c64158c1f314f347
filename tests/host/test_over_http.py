"""What an operator may ask the app over HTTP: who may, what the answers are, and what becomes of bad questions."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from devstack import seed, stack
from devstack.faults import Fault
from fanout.over_http import LARGEST
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene
from tests.operator import cli

KEY = "KEY9f3a"
OBJECT = f"secret/{seed.OBJECT}"


@pytest_asyncio.fixture(scope="module")
async def playing() -> AsyncIterator[Scene]:
    """The scene of this module: an app that may be asked, by who has the key."""
    async with scenes.play(options=["--function-key", KEY], OPERATOR_HTTP="on") as scene:
        yield scene


@pytest.fixture
def scene(playing: Scene) -> Scene:
    """The scene, as good as new."""
    playing.reset()
    return playing


class Answer:
    """An HTTP answer."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str) -> None:
        self.status, self.headers, self.text = status, headers, text

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


async def ask(scene: Scene, route: str, *, key: str = KEY, method: str = "GET", **options: Any) -> Answer:
    """Ask, and keep the answer for the hunt after values."""
    headers = {"x-functions-key": key, **options.pop("headers", {})}
    async with scene.session.request(
        method,
        f"{scene.host.url}/api/{route}",
        headers={name: value for name, value in headers.items() if value},
        **options,
    ) as response:
        answer = Answer(response.status, dict(response.headers), await response.text())
    scene.answers.append(answer.text)
    return answer


def rotate(scene: Scene) -> str:
    """Rotate, a minute later: the vault counts in seconds, and says which version is the newest."""
    scene.clock.ahead += 60
    return scene.rotate()


async def refresh(scene: Scene, **given: object) -> Answer:
    """Ask for a refresh."""
    return await ask(scene, "refresh", method="POST", json=given)


async def test_the_functions_are_there_where_they_are_switched_on(scene: Scene) -> None:
    assert scene.host.functions == (
        "on_key_vault_event",
        "on_job",
        "sweep",
        "operator_plan",
        "operator_status",
        "operator_doctor",
        "operator_refresh",
    )


@pytest.mark.parametrize("key", ["", "wrong"])
@pytest.mark.parametrize(
    ("method", "route"), [("GET", "plan"), ("GET", "status"), ("GET", "doctor"), ("POST", "refresh")]
)
async def test_nobody_is_answered_without_the_key(scene: Scene, method: str, route: str, key: str) -> None:
    answer = await ask(scene, route, method=method, key=key, params={"object": OBJECT})

    assert (answer.status, answer.text) == (401, "")
    assert scene.asked() == {}


@pytest.mark.parametrize(("method", "route"), [("POST", "plan"), ("DELETE", "status"), ("GET", "refresh")])
async def test_another_method_finds_nothing(scene: Scene, method: str, route: str) -> None:
    assert (await ask(scene, route, method=method)).status in {404, 405}


async def test_a_plan_is_the_document_of_the_command_and_changes_nothing(scene: Scene) -> None:
    rotate(scene)

    answer = await ask(scene, "plan", params={"object": OBJECT, "cluster": stack.CLUSTER})
    said = await cli.run("plan", "--object", OBJECT, "--json", environment=scene.stack.environment)

    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Fanout-Exit-Code"] == str(said.code)
    assert answer.document == said.document
    assert len(scene.values()) == 1


async def test_a_refresh_writes_the_secret_tells_the_topic_and_says_what_became_of_each_target(scene: Scene) -> None:
    version = rotate(scene)

    answer = await refresh(scene, object=OBJECT)

    assert (answer.status, answer.headers["Fanout-Exit-Code"]) == (200, "0")
    assert answer.document["version"] == version
    assert [one["secret"] for one in answer.document["targets"]] == [seed.SECRET]
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    assert {told["version"] for told in scene.told("target.refreshed")} == {version}


async def test_asking_twice_for_a_refresh_writes_once(scene: Scene) -> None:
    rotate(scene)

    await refresh(scene, object=OBJECT)
    await refresh(scene, object=OBJECT)

    assert len(scene.values()) == 2


async def test_one_secret_alone_may_be_refreshed(scene: Scene) -> None:
    rotate(scene)

    answer = await refresh(scene, object=OBJECT, namespace=seed.NAMESPACE, secret=seed.SECRET)

    assert (answer.status, answer.headers["Fanout-Exit-Code"]) == (200, "0")
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value


async def test_the_status_says_who_holds_the_newest_version(scene: Scene) -> None:
    version = rotate(scene)

    answer = await ask(scene, "status", params={"object": OBJECT})

    (found,) = answer.document["objects"]
    assert (answer.status, answer.headers["Fanout-Exit-Code"]) == (200, "1")
    assert (found["version"], found["targets"][0]["state"]) == (version, "stale")


async def test_the_doctor_looks_with_the_apps_identity(scene: Scene) -> None:
    answer = await ask(scene, "doctor")

    assert answer.status == 200
    assert {one["area"] for one in answer.document["findings"]} >= {"vault", "cluster", "topic", "queue"}
    assert scene.asked().keys() & {"create selfsubjectaccessreviews"}


async def test_a_neighbour_that_is_down_is_named_in_the_document(scene: Scene) -> None:
    scene.stack.bus.faults.plan(
        lambda one: one.kind == "attach" and one.entity.startswith(stack.QUEUE),
        Fault(condition="amqp:unauthorized-access"),
        times=None,
    )

    answer = await ask(scene, "status", params={"object": OBJECT})

    assert (answer.status, answer.headers["Fanout-Exit-Code"]) == (200, "1")
    assert any(stack.QUEUE in error for error in answer.document["errors"])


@pytest.mark.parametrize(
    ("route", "parameters", "told"),
    [
        ("plan", {}, "object"),
        ("plan", {"object": "secret/.."}, "expected secret/NAME"),
        ("plan", {"object": OBJECT, "all": "true"}, "not allowed with"),
        ("plan", {"all": "perhaps"}, "all is wrong; expected true or false"),
        ("plan", {"object": OBJECT, "event": "/etc/passwd"}, "'event' is no parameter here"),
        ("plan", {"object": OBJECT, "vault": "kv-\x1b[31mother"}, "not one of KEY_VAULTS"),
        ("plan", {"object": OBJECT, "cluster": "--json"}, "not one of CLUSTERS"),
        ("status", {"object": "s" * 3000}, "object is wrong; expected a text of up to 2048 characters"),
        ("status", {"subscription": "a/b"}, "subscription: expected the name"),
        ("doctor", {"event-subscription": "https://example.com/"}, "event-subscription: expected /subscriptions/ID"),
        ("doctor", {"timeout": "1"}, "'timeout' is no parameter here"),
    ],
)
async def test_a_wrong_question_is_a_problem_that_names_the_parameter(
    scene: Scene, route: str, parameters: dict[str, str], told: str
) -> None:
    answer = await ask(scene, route, params=parameters)

    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (400, "application/problem+json")
    assert told in answer.document["detail"]
    assert "\x1b" not in answer.document["detail"]
    assert scene.asked() == {}


@pytest.mark.parametrize(
    ("kind", "body", "status", "told"),
    [
        ("text/plain", b'{"object": "secret/a"}', 415, "application/json"),
        ("", b'{"object": "secret/a"}', 415, "application/json"),
        ("application/json", b"open sesame", 400, "expected a JSON object"),
        ("application/json", b'["secret/a"]', 400, "expected a JSON object"),
        ("application/json", b"[" * 8000, 400, "expected a JSON object"),
        ("application/json", b'{"object": ' + b" " * LARGEST + b'"secret/a"}', 413, f"{LARGEST} bytes"),
        ("application/json", b'{"object": {"secret": "a"}}', 400, "object is wrong; expected a text"),
        ("application/json", b'{"object": "secret/a", "namespace": "shop"}', 400, "belong together"),
        ("application/json", b'{"object": "secret/a", "limit": "1"}', 400, "'limit' is no parameter here"),
    ],
)
async def test_a_body_that_asks_for_no_refresh_is_a_problem(
    scene: Scene, kind: str, body: bytes, status: int, told: str
) -> None:
    answer = await ask(scene, "refresh", method="POST", data=body, headers={"content-type": kind})

    assert (answer.status, answer.document["status"]) == (status, status)
    assert told in answer.document["detail"]
    assert "sesame" not in answer.text
    assert scene.told() == []

"""The host: an app's functions behind one port, its timers and its Service Bus listeners."""

import asyncio
import functools
import json
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

from aiohttp import web

from devstack.host import listeners, webhooks
from devstack.host.engine import Engine, HttpAnswer, HttpCall, Outcome, Payload
from devstack.host.functions import AppError, Function
from devstack.host.loading import load_engine
from devstack.host.routes import Route, read_route

_log = logging.getLogger(__name__)

_DRIVEN: Final = frozenset({"eventGridTrigger", "httpTrigger", "timerTrigger", "serviceBusTrigger"})
# Long enough for an invocation under way to end, as when Azure stops an instance.
_DRAIN_SECONDS: Final = 3.0
# Functions' own limit for a request body is 210 MB; no caller of a key vault app comes near a tenth of this.
_MAX_BODY: Final = 16 * 1024 * 1024


class FunctionsHost:
    """Hosts the app in `directory`: an async context manager, and one app per process.

    `settings` are what %NAME% and connections in triggers refer to. The app itself reads the process's environment,
    as it does in Azure. Entering raises AppError for an app that cannot be hosted.
    """

    def __init__(
        self, directory: Path, *, settings: Mapping[str, str] | None = None, port: int = 0, direct: bool = False
    ) -> None:
        self._directory = directory
        self._settings = settings or {}
        self._port = port
        self._direct = direct
        self._engine: Engine | None = None
        self._routes: list[Route] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self._engine = await load_engine(self._directory, direct=self._direct)
        try:
            await self._start(self._engine.functions)
        except BaseException:
            await self._engine.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()
        if self._engine:
            await self._engine.close()

    @property
    def url(self) -> str:
        """The host's address, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the app's functions."""
        return tuple(function.name for function in self._running.functions)

    @property
    def engine(self) -> str:
        """What runs the functions, with its version."""
        return self._running.name

    async def invoke(
        self, function: Function, payload: Payload | HttpCall, metadata: Mapping[str, object] | None = None
    ) -> Outcome:
        """Run a function once and log how it ended."""
        identifier, began = uuid.uuid4(), time.perf_counter()
        _log.info("Executing 'Functions.%s' (Id=%s)", function.name, identifier)
        outcome = await self._running.invoke(function, payload, metadata or {})
        duration = (time.perf_counter() - began) * 1000
        ending = "Failed" if outcome.error else "Succeeded"
        _log.info("Executed 'Functions.%s' (%s, Id=%s, Duration=%.0fms)", function.name, ending, identifier, duration)
        if outcome.error:
            _log.error("%s\n%s", outcome.error, outcome.trace)
        return outcome

    async def _start(self, functions: tuple[Function, ...]) -> None:
        for function in functions:
            if function.kind not in _DRIVEN:
                _log.warning("function %s: nothing here drives a %s", function.name, function.kind)
        # What may refuse the app comes before anything that has to be undone.
        self._routes = self._read_routes()
        work = [each for function in functions for each in self._background(function)]
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_DRAIN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self._tasks = [asyncio.create_task(run()) for run in work]

    @property
    def _running(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the host has not been started")
        return self._engine

    def _application(self) -> web.Application:
        functions = self._running.functions
        listening = {function.name: function for function in functions if function.kind == "eventGridTrigger"}
        webhook = webhooks.EventGridWebhook(listening, self.invoke)
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post(webhooks.PATH, webhook.handle)
        app.router.add_options(webhooks.PATH, webhook.handle)
        app.router.add_post("/admin/functions/{name}", self._administer)
        app.router.add_route("*", "/{path:.*}", self._route)
        return app

    def _read_routes(self) -> list[Route]:
        prefix = _read_prefix(self._directory / "host.json")
        http = [function for function in self._running.functions if function.kind == "httpTrigger"]
        # A literal segment wins over a parameter.
        return sorted((read_route(function, prefix) for function in http), key=lambda route: route.parameters)

    def _background(self, function: Function) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        if function.kind == "timerTrigger":
            schedule = listeners.read_timer(function, self._settings)
            return [functools.partial(listeners.run_timer, function, schedule, self.invoke)]
        if function.kind == "serviceBusTrigger":
            return [listeners.MessageListener(function, self._settings, self.invoke).run]
        return []

    async def _route(self, request: web.Request) -> web.Response:
        for route in self._routes:
            params = route.match(request.method, request.path)
            if params is not None:
                return await self._call(route.function, request, params)
        return web.Response(status=HTTPStatus.NOT_FOUND)

    async def _call(self, function: Function, request: web.Request, params: Mapping[str, str]) -> web.Response:
        call = HttpCall(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            query={name: ",".join(request.query.getall(name)) for name in request.query},
            params=params,
            body=await request.read(),
        )
        outcome = await self.invoke(function, call)
        return webhooks.failure(function, outcome) if outcome.error else _render(outcome.answer)

    async def _administer(self, request: web.Request) -> web.Response:
        """Call any function by name with the text of `{"input": "..."}`."""
        wanted = request.match_info["name"].lower()
        function = next((each for each in self._running.functions if each.name.lower() == wanted), None)
        if function is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        try:
            posted = json.loads(await request.read() or b"{}")
            text = posted.get("input", "")
        except (ValueError, AttributeError, RecursionError):
            return web.Response(status=HTTPStatus.BAD_REQUEST, text='the body is {"input": "..."}')
        outcome = await self._administer_one(function, text if isinstance(text, str) else json.dumps(text))
        return webhooks.failure(function, outcome) if outcome.error else web.Response(status=HTTPStatus.ACCEPTED)

    async def _administer_one(self, function: Function, text: str) -> Outcome:
        if function.kind == "timerTrigger":
            return await self.invoke(function, listeners.timer_payload())
        if function.kind == "httpTrigger":
            url = f"{self.url}/admin/functions/{function.name}"
            call = HttpCall(method="POST", url=url, headers={}, query={}, params={}, body=text.encode(errors="replace"))
            return await self.invoke(function, call)
        if function.kind == "serviceBusTrigger":
            metadata = {"MessageId": uuid.uuid4().hex, "DeliveryCount": 1, "UserProperties": {}}
            return await self.invoke(function, Payload(kind="string", content=text), metadata)
        return await self.invoke(function, Payload(kind="json", content=text))


def _render(answer: HttpAnswer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _read_prefix(path: Path) -> str:
    """Return the route prefix that host.json sets, or the default."""
    if not path.is_file():
        return "api"
    try:
        http = json.loads(path.read_text(encoding="utf-8")).get("extensions", {}).get("http", {})
        return str(http.get("routePrefix", "api"))
    except (ValueError, AttributeError) as error:
        raise AppError(f"{path} is not the JSON it has to be: {error}") from error

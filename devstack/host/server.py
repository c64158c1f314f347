"""The host: an app's functions behind one port, its timers and its Service Bus listeners."""

import asyncio
import functools
import importlib.util
import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from devstack.host import keys, listeners, webhooks
from devstack.host.direct import DirectEngine
from devstack.host.functions import AppError, Function, HttpCall, Outcome, Payload
from devstack.host.worker import WorkerEngine
from devstack.loopback import LoopbackServer

_log = logging.getLogger(__name__)

Engine = DirectEngine | WorkerEngine

_ROUTE: Final = re.compile(r"(?:[\w.~-]+|\{\w+\})(?:/(?:[\w.~-]+|\{\w+\}))*")


class FunctionsHost(LoopbackServer):
    """Hosts the app in `directory`: an async context manager, and one app per process.

    `settings` are what %NAME% and connections in triggers refer to. The app itself reads the process's environment,
    as it does in Azure. HTTP triggers ask for `function_key`, if there is one. Entering raises AppError for an app that
    cannot be hosted.
    """

    # Functions' own limit for a request body is 210 MB; no caller of a key vault app comes near a tenth of this.
    max_body = 16 * 1024 * 1024
    # Long enough for an invocation under way to end, as when Azure stops an instance.
    grace = 3.0

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        port: int = 0,
        direct: bool = False,
        function_key: str = "",
    ) -> None:
        super().__init__(port=port)
        self._directory = directory
        self._settings = settings or {}
        self._direct = direct
        self._function_key = function_key
        self._engine: Engine | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Import and index the app, listen, and start what wakes functions from inside."""
        self._engine = await _load_engine(self._directory, direct=self._direct)
        try:
            # What may refuse the app comes before anything that has to be undone.
            work = [each for function in self._engine.functions for each in self._background(function)]
            await super().start()
        except BaseException:
            await self._engine.close()
            raise
        self._tasks = [asyncio.create_task(run()) for run in work]

    async def stop(self) -> None:
        """End the listeners, then the invocations under way, then the engine."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().stop()
        await self._running.close()

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the app's functions."""
        return tuple(function.name for function in self._running.functions)

    @property
    def engine(self) -> str:
        """What runs the functions, with its version."""
        return self._running.name

    @property
    def _running(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the host has not been started")
        return self._engine

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

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return Event Grid's webhook, the start of timers by hand, and the app's own routes."""
        yield web.post(webhooks.PATH, self._receive_events)
        yield web.options(webhooks.PATH, self._receive_events)
        yield web.post("/admin/functions/{name}", self._start_timer)
        prefix = _read_prefix(self._directory / "host.json")
        for function in self._running.functions:
            if function.kind == "httpTrigger":
                path = prefix + read_route(function)
                for method in function.properties.get("methods") or ("*",):
                    yield web.route(str(method), path, functools.partial(self._call, function))

    def _background(self, function: Function) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        if function.kind == "timerTrigger":
            schedule = listeners.read_timer(function, self._settings)
            return [functools.partial(listeners.run_timer, function, schedule, self.invoke)]
        if function.kind == "serviceBusTrigger":
            return [listeners.MessageListener(function, self._settings, self.invoke).run]
        return []

    def _find(self, name: str, kind: str) -> Function | None:
        return next((each for each in self._running.functions if (each.name, each.kind) == (name, kind)), None)

    async def _receive_events(self, request: web.Request) -> web.Response:
        name = request.query.get("functionName", "")
        function = self._find(name, "eventGridTrigger")
        if function is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text=f"cannot find function: '{name}'")
        return await webhooks.answer(request, function, self.invoke)

    async def _start_timer(self, request: web.Request) -> web.Response:
        function = self._find(request.match_info["name"], "timerTrigger")
        if function is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        outcome = await self.invoke(function, listeners.TIMER)
        return webhooks.failure(function, outcome) if outcome.error else web.Response(status=HTTPStatus.ACCEPTED)

    async def _call(self, function: Function, request: web.Request) -> web.Response:
        if not keys.may_call(function, key=self._function_key, headers=request.headers, query=request.query):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        call = HttpCall(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            query={name: ",".join(request.query.getall(name)) for name in request.query},
            params=dict(request.match_info),
            body=await request.read(),
        )
        outcome = await self.invoke(function, call)
        if outcome.error:
            return webhooks.failure(function, outcome)
        return web.Response(status=outcome.answer.status, headers=outcome.answer.headers, body=outcome.answer.body)


async def _load_engine(directory: Path, *, direct: bool) -> Engine:
    """Import and index the app in `directory`, which stays first on sys.path.

    Microsoft's worker library runs it where it is installed, which is from Python 3.13 on; else, or with `direct`, the
    functions are called directly.
    """
    _make_importable(directory)
    if direct or importlib.util.find_spec("azure_functions_runtime") is None:
        return await DirectEngine.load()
    return await WorkerEngine.load(directory)


def _make_importable(directory: Path) -> None:
    if not (directory / "function_app.py").is_file():
        raise AppError(f"there is no function_app.py in {directory}")
    sys.path.insert(0, str(directory.resolve()))


def read_route(function: Function) -> str:
    """Return an HTTP trigger's route; aiohttp and Functions both write a parameter as {name}.

    Raises:
        AppError: The route has anything else in braces.
    """
    route = str(function.properties.get("route") or function.name).strip("/")
    if not _ROUTE.fullmatch(route):
        raise AppError(f"function {function.name}: the devstack's host does not know the route {route!r}")
    return route


def _read_prefix(path: Path) -> str:
    """Return what comes before routes: what host.json sets, or /api/."""
    try:
        host = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        prefix = str(host.get("extensions", {}).get("http", {}).get("routePrefix", "api")).strip("/")
    except (ValueError, AttributeError) as error:
        raise AppError(f"{path} is not the JSON it has to be: {error}") from error
    return f"/{prefix}/" if prefix else "/"

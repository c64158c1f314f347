"""The servers of a figure, in a process of their own: `python -m benchmarks.servers CLUSTERS`.

The devstack with that many API servers, and a door for the measuring process (`backstage`). Its first line on standard
output is a JSON object: where the door is, the app's settings and its environment. It ends when standard input ends.
"""

import asyncio
import contextlib
import inspect
import json
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import yaml
from aiohttp import web

from benchmarks.backstage import Backstage
from devstack import stack
from devstack.kubernetes import Identity, KubernetesApi, everything
from devstack.servicebus import Subscription

_MOST = 256 * 1024 * 1024
_SUBSCRIPTIONS = (Subscription(name="all"),)


async def main(count: int) -> None:
    """Serve until nobody listens any more."""
    async with stack.start(subscriptions=_SUBSCRIPTIONS) as running, _more(running, count - 1) as more:
        settings = running.settings | {"CLUSTERS": json.dumps(_listed(running, more))}
        del settings["WATCH_SUBSCRIPTION"]
        async with _door(Backstage(running, [running.cluster, *more])) as url:
            about = {"door": url, "settings": settings, "environment": running.environment | settings}
            print(json.dumps(about), flush=True)  # noqa: T201 - it talks to the process that started it
            await asyncio.to_thread(sys.stdin.read)


@contextlib.asynccontextmanager
async def _more(running: stack.Stack, count: int) -> AsyncIterator[Sequence[KubernetesApi]]:
    """Start further clusters, with a kubeconfig each."""
    async with contextlib.AsyncExitStack() as held:
        tls = running.authority.server_context()
        started = []
        for number in range(1, count + 1):
            owner = Identity(token=f"bench-{number}", user=stack.APP_USER, allows=everything)
            api = KubernetesApi(name=f"aks-{number}", identities=[owner], tls=tls)
            started.append(await held.enter_async_context(api))
            kubeconfig = api.kubeconfig(owner.token, ca_pem=running.authority.ca_pem)
            (running.folder / f"{api.name}.yaml").write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
        yield started


def _listed(running: stack.Stack, more: Sequence[KubernetesApi]) -> list[dict[str, str]]:
    listed = [{"name": stack.CLUSTER, "kubeconfig": str(running.kubeconfig)}]
    return listed + [{"name": api.name, "kubeconfig": str(running.folder / f"{api.name}.yaml")} for api in more]


@contextlib.asynccontextmanager
async def _door(backstage: Backstage) -> AsyncIterator[str]:
    async def perform(request: web.Request) -> web.Response:
        arguments: dict[str, Any] = await request.json()
        answer = getattr(backstage, request.match_info["verb"])(**arguments)
        return web.json_response(await answer if inspect.isawaitable(answer) else answer)

    app = web.Application(client_max_size=_MOST)
    app.router.add_post("/{verb:[a-z]+}", perform)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

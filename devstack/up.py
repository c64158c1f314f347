"""`make up`: keep the stack running, deliver an event for every rotation, print commands to paste.

Files for other programs go to `.devstack/` in the checkout: the CA bundle, a kubeconfig, settings for `func`, an
environment for the examples, two events, a mounted Secret. Ports are fixed, so that pasted commands outlive a restart;
`--free-ports` takes any. Ends with Ctrl-C.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from devstack import eventgrid, examples, kubelet, livepage, seed, stack
from devstack.eventgrid import Schema, Subscription
from devstack.host import HostFailedError, HostProcess, start_process
from devstack.identity import VAULT
from devstack.keyvault import VaultChange
from devstack.livepage import LivePageFailedError
from devstack.rotation import Rotation

_PORTS = stack.Ports(vault=8443, cluster=6443, bus=5672, identity=8081)
_HOST_PORT = 7072
"""Beside `func start`, whose port is 7071."""
_PAGE_PORT = 7073


async def main(folder: Path, ports: stack.Ports, host_port: int, page_port: int) -> None:
    """Run until interrupted. Files for other programs go to `folder`."""
    stop = _on_interrupt()
    async with contextlib.AsyncExitStack() as held:
        subscriptions = [*stack.SUBSCRIPTIONS, *examples.subscriptions()]
        running = await held.enter_async_context(stack.start(ports=ports, folder=folder, subscriptions=subscriptions))
        running.seed()
        await held.enter_async_context(
            kubelet.mount(
                server=running.cluster.url,
                token=running.kubelet_token,
                ca_pem=running.authority.ca_pem,
                namespace=seed.NAMESPACE,
                pod=seed.PODS[0],
                secret=seed.SECRET,
                folder=examples.mount(running),
            )
        )
        host = await held.enter_async_context(
            start_process(stack.APP, stack.inherited() | running.environment, options=("--port", str(host_port)))
        )
        session = await held.enter_async_context(aiohttp.ClientSession())
        deliverer = Subscription(session, stack.endpoint(host.url))
        running.vault.subscribe(deliver_with(deliverer, running))
        rotation = await held.enter_async_context(Rotation(running.vault))
        page = await held.enter_async_context(
            livepage.serve(stack.inherited() | running.environment, rotate=rotation.address, port=page_port)
        )
        _write_files(running)
        print(_guide(running, host, folder, page), flush=True)
        await stop.wait()


def deliver_with(deliverer: Subscription, running: stack.Stack) -> Callable[[VaultChange], Awaitable[None]]:
    """Return what delivers the event of each rotation, and says so."""

    async def deliver(change: VaultChange) -> None:
        event = _event(running, change.name, change.version, "SecretNewVersionCreated")
        print(f"{time.strftime('%H:%M:%S')}  {change.name} rotated, version {change.version}; delivering its event")
        attempts = await deliverer.deliver(event)
        print(f"{time.strftime('%H:%M:%S')}  event accepted after {attempts} attempt(s)" if attempts else "dead letter")

    return deliver


def _event(running: stack.Stack, name: str, version: str, kind: str) -> eventgrid.Event:
    return eventgrid.key_vault_event(
        kind,
        vault_name=running.vault.name,
        vault_url=running.vault.url,
        name=name,
        version=version,
        time=time.time(),
    )


def _write_files(running: stack.Stack) -> None:
    version = running.vault.get(seed.OBJECT).version
    for name, kind in {"event": "SecretNewVersionCreated", "near-expiry": "SecretNearExpiry"}.items():
        event = _event(running, seed.OBJECT, version, kind)
        (running.folder / f"{name}.json").write_bytes(eventgrid.body([event], Schema.CLOUD_EVENTS))
    values = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    settings = {"IsEncrypted": False, "Values": values | running.environment}
    (running.folder / "local.settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    examples.write(running, running.folder / "environment")


def _guide(running: stack.Stack, host: HostProcess, folder: Path, page: str) -> str:
    token = running.identity.issuer.issue(VAULT)
    media = "content-type: application/cloudevents+json"
    return f"""\
The local stack is running: Key Vault, Kubernetes API, Service Bus and {host.engine} on 127.0.0.1.
It is for trying and for tests. Nothing here is Azure, and nothing is kept. Ctrl-C ends it.

See it live, with a button to rotate:
  {page}

Rotate a secret (its event is delivered by itself):
  curl --cacert {running.bundle} -X PUT '{running.vault.url}/secrets/{seed.OBJECT}?api-version=2025-07-01' \\
    -H 'content-type: application/json' -H 'authorization: Bearer {token}' -d '{{"value": "another value"}}'

Post an event yourself (the current version again: nothing happens twice):
  curl -i '{stack.endpoint(host.url)}' \\
    -H 'aeg-event-type: Notification' -H '{media}' --data @{folder / "event.json"}

Tell that the secret expires soon:
  curl -i '{stack.endpoint(host.url)}' \
    -H 'aeg-event-type: Notification' -H '{media}' --data @{folder / "near-expiry.json"}

Watch the notices:
  .venv/bin/python -m devstack.notices '{running.bus.connection_string}'

Start an example (examples/README.md), then rotate:
{examples.commands(folder / "environment")}

Look into the cluster:
  KUBECONFIG={running.kubeconfig} kubectl get secret {seed.SECRET} -n {seed.NAMESPACE} -o yaml --watch

Host the app with func instead (needs Azure Functions Core Tools and Azurite; then post to port 7071):
  npx azurite --silent --inMemoryPersistence --skipApiVersionCheck --disableTelemetry &
  cp {folder / "local.settings.json"} local.settings.json
  SSL_CERT_FILE={running.bundle} func start
"""


def _on_interrupt() -> asyncio.Event:
    """Return what is set when somebody wants this to end."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


def _run() -> None:
    parser = argparse.ArgumentParser(prog="python -m devstack.up", description=__doc__)
    parser.add_argument("--free-ports", action="store_true", help="take any free ports instead of the fixed ones")
    parser.add_argument("--folder", type=Path, default=stack.APP / ".devstack", help="where files for others go")
    arguments = parser.parse_args()
    fixed = (_PORTS, _HOST_PORT, _PAGE_PORT)
    ports, host_port, page_port = (stack.Ports(), 0, 0) if arguments.free_ports else fixed
    arguments.folder.mkdir(exist_ok=True)
    try:
        asyncio.run(main(arguments.folder, ports, host_port, page_port))
    except OSError as error:
        raise SystemExit(f"make up: {error.strerror}; python -m devstack.up --free-ports takes other ports") from None
    except HostFailedError as error:
        raise SystemExit(f"make up: the function app did not start: {error}") from None
    except LivePageFailedError as error:
        raise SystemExit(f"make up: the live page was not served: {error}") from None


if __name__ == "__main__":
    _run()

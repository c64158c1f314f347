"""The last chapter of the demonstration: a stale node puts the old bytes back, and the app proves its write.

A CSI driver of 1.6 rewrites a Secret from what each of its nodes has mounted (csi-semantics 4.5). One node is held back
here; the simulated driver (`writers.csi`) does the rest by itself.
"""

import asyncio
import base64
import secrets
import time
from collections.abc import Sequence

from devstack import eventgrid, seed, stack
from devstack.demonstration import Chapter, StepFailedError
from devstack.eventgrid import Subscription
from devstack.servicebus import StoredMessage
from devstack.subscriber import Heard, Subscriber
from devstack.timeline import Moment
from devstack.writers import csi

DRIVER_USER = "csi-driver"
_PATIENCE = 30.0
_SHORT = 8


def hold_back(driver: csi.Driver) -> None:
    """Let no node look at the vault until this chapter begins: in production each looks every two minutes."""
    for pod in seed.PODS:
        driver.hold(pod)


async def play(
    title: str, running: stack.Stack, driver: csi.Driver, *, grid: Subscription, listening: Subscriber
) -> Chapter:
    """Rotate while one node is held back; return what happened until every pod shows the version."""
    for pod in seed.PODS:
        driver.release(pod)
    await _quiet(running)
    stale = seed.PODS[1]
    driver.hold(stale)
    value = secrets.token_urlsafe(24)
    requests, began = len(running.cluster.requests), time.time()
    version = running.vault.set_secret(seed.OBJECT, value)
    moments = [Moment(began, "vault", f"{seed.OBJECT} rotated: version {version[:_SHORT]}")]
    await grid.deliver(_event(running, version))
    await _heard(listening, "target.refreshed", version)
    await _put_back(running, driver, version, value)
    driver.release(stale)
    converged = await _heard(listening, "target.converged", version)
    if _value(running) != value:
        raise StepFailedError("the Secret does not hold the newest bytes although the app says so")
    moments += _writes(running, requests)
    told = [one for one in listening.heard if one.at >= began and one.notice["data"]["version"] == version]
    moments += [Moment(one.at, "subscriber", _said(one)) for one in told]
    pods, seconds = converged.notice["data"]["pods"], converged.at - began
    return Chapter(title, tuple(moments), f"all {pods} pods show the version {seconds:.1f} s after the rotation")


async def _quiet(running: stack.Stack) -> None:
    """Wait until the checks of earlier chapters are proven, so that this one shows its own."""
    ends = time.monotonic() + _PATIENCE
    while any(message.subject == "CheckJob" for message in _waiting(running)):
        if time.monotonic() > ends:
            raise StepFailedError("the checks of earlier chapters do not end")
        await asyncio.sleep(0.05)


def _waiting(running: stack.Stack) -> Sequence[StoredMessage]:
    return [*running.bus.scheduled(stack.QUEUE), *running.bus.messages(stack.QUEUE)]


async def _put_back(running: stack.Stack, driver: csi.Driver, version: str, value: str) -> None:
    """Let every node write from its mount, once the fresh one has mounted anew, until the stale one is the last."""
    ends = time.monotonic() + _PATIENCE
    while version not in driver.versions(seed.PODS[0]).values() or not await _holds_old(running, value):
        if time.monotonic() > ends:
            raise StepFailedError("the stale node did not put the old bytes back")
        await driver.replay()


async def _holds_old(running: stack.Stack, value: str) -> bool:
    """Tell whether the Secret holds old bytes for good: the fresh node may be about to write as well."""
    for _ in range(10):
        if _value(running) == value:
            return False
        await asyncio.sleep(0.02)
    return True


def _event(running: stack.Stack, version: str) -> eventgrid.Event:
    return eventgrid.key_vault_event(
        "SecretNewVersionCreated",
        vault_name=running.vault.name,
        vault_url=running.vault.url,
        name=seed.OBJECT,
        version=version,
        time=time.time(),
    )


async def _heard(listening: Subscriber, notice_type: str, version: str) -> Heard:
    try:
        return await listening.wait_for(notice_type, version, seconds=_PATIENCE)
    except TimeoutError:
        raise StepFailedError(f"no {notice_type} about version {version} came within {_PATIENCE:g} s") from None


def _value(running: stack.Stack) -> str:
    manifest = running.cluster.get("secrets", seed.NAMESPACE, seed.SECRET)
    return base64.b64decode(manifest["data"][seed.KEY]).decode() if manifest else ""


def _writes(running: stack.Stack, since: int) -> list[Moment]:
    """Return who wrote the Secret and which pods were woken, as the API server saw it."""
    moments: list[Moment] = []
    ours = 0
    for request in running.cluster.requests[since:]:
        if request.verb != "patch" or request.resource not in {"secrets", "pods"}:
            continue
        if request.user == DRIVER_USER:
            moments.append(Moment(request.at, "csi driver", f"Secret {request.name} written from the files of a node"))
        elif request.resource == "pods":
            moments.append(Moment(request.at, "cluster", f"pod {request.name} woken"))
        else:
            ours += 1
            what = "written" if ours == 1 else "found reverted, written again"
            moments.append(Moment(request.at, "cluster", f"Secret {request.name} {what}"))
    return moments


def _said(heard: Heard) -> str:
    data = heard.notice["data"]
    kind = str(heard.notice["type"]).removeprefix("dev.keyvault-fanout.").removesuffix(".v1")
    return f"notice received: {kind}" + (f", {data['pods']} pods" if "pods" in data else "")

"""Ways to break a neighbour for a while. Each is a context: broken inside, healed after it."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from devstack import seed, stack
from devstack.certificates import Authority
from devstack.faults import Fault
from devstack.keyvault.objects import Request as VaultRequest
from devstack.kubernetes import KubernetesApi
from devstack.kubernetes import Request as ClusterRequest
from devstack.servicebus import Operation

from .estate import Estate

SLOW = Fault(delay=30)
CUT = Fault(drop=True)
BUSY = "com.microsoft:server-busy"
FULL = "amqp:resource-limit-exceeded"

_LOCK_LOST = "com.microsoft:message-lock-lost"
_STATUSES = "secretproviderclasspodstatuses"


@dataclass(slots=True)
class Meter:
    """How often the call was asked for that fails."""

    count: int = 0


Break = Callable[[Estate], AbstractAsyncContextManager[Meter]]


def answer(status: int, *, code: str = "", inner: str = "", body: object = None, wait: int = 0) -> Fault:
    """Return a failure by status; `code` and `inner` as Key Vault words them, `wait` is Retry-After."""
    error = {
        "code": code or "Planned",
        "message": "planned by a test",
        **({"innererror": {"code": inner}} if inner else {}),
    }
    headers = {"Retry-After": str(wait)} if wait else {}
    return Fault(status=status, body={"error": error} if body is None else body, headers=headers)


def redirect(to: str) -> Fault:
    """Return an answer that points somewhere else."""
    return Fault(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": to}, body="")


def vault(fault: Fault, *, times: int | None = None) -> Break:
    """Let the vault fail when it is asked for the value."""

    @contextlib.asynccontextmanager
    async def broken(estate: Estate) -> AsyncIterator[Meter]:
        meter = Meter()

        def asked(request: VaultRequest) -> bool:
            hit = (request.operation, request.name) == ("get", seed.OBJECT)
            meter.count += hit
            return hit

        estate.scene.stack.vault.faults.plan(asked, fault, times=times)
        yield meter
        estate.scene.stack.vault.faults.clear()

    return broken


def cluster(verb: str, resource: str, fault: Fault, *, times: int | None = None, every: int = 1) -> Break:
    """Let the API server fail at a verb on a resource, at `every` so manieth of its requests."""

    @contextlib.asynccontextmanager
    async def broken(estate: Estate) -> AsyncIterator[Meter]:
        meter = Meter()

        def asked(request: ClusterRequest) -> bool:
            hit = (request.verb, request.resource, request.user) == (verb, resource, stack.APP_USER)
            meter.count += hit
            return hit and meter.count % every == 0

        estate.scene.stack.cluster.faults.plan(asked, fault, times=times)
        yield meter
        estate.scene.stack.cluster.faults.clear()

    return broken


def sends(conditions: Mapping[str, Fault], *, times: int | None = None) -> Break:
    """Let the broker fail at sends to entities."""

    @contextlib.asynccontextmanager
    async def broken(estate: Estate) -> AsyncIterator[Meter]:
        meter = Meter()

        def to(entity: str) -> Callable[[Operation], bool]:
            def asked(operation: Operation) -> bool:
                hit = (operation.kind, operation.entity) == ("send", entity)
                meter.count += hit
                return hit

            return asked

        for entity, fault in conditions.items():
            estate.scene.stack.bus.faults.plan(to(entity), fault, times=times)
        yield meter
        estate.scene.stack.bus.faults.clear()

    return broken


@contextlib.asynccontextmanager
async def vault_down(estate: Estate) -> AsyncIterator[Meter]:
    """Let nobody listen at the vault's address."""
    await estate.scene.stack.vault.stop()
    yield Meter()
    await estate.scene.stack.vault.start()


@contextlib.asynccontextmanager
async def cluster_down(estate: Estate) -> AsyncIterator[Meter]:
    """Let nobody listen at the API server's address."""
    await estate.scene.stack.cluster.stop()
    yield Meter()
    await estate.scene.stack.cluster.start()


@contextlib.asynccontextmanager
async def broker_down(estate: Estate) -> AsyncIterator[Meter]:
    """Let nobody listen at the broker's address."""
    await estate.scene.stack.bus.stop()
    yield Meter()
    await estate.scene.stack.bus.start()


@contextlib.asynccontextmanager
async def impostor(estate: Estate) -> AsyncIterator[Meter]:
    """Let another server listen at the API server's address, whose certificate no authority of ours has signed."""
    genuine = estate.scene.stack.cluster
    port = urlsplit(genuine.url).port
    assert port is not None
    await genuine.stop()
    other = KubernetesApi(name="impostor", tls=Authority.create().server_context(), port=port)
    async with other:
        yield Meter()
        assert other.requests == (), "a request, and the token with it, went to a server that nobody vouches for"
    await genuine.start()


@contextlib.asynccontextmanager
async def expired_list(estate: Estate) -> AsyncIterator[Meter]:
    """Let a list of mounts have two pages, and the second one be asked for too late."""
    running = estate.scene.stack
    version = running.cluster.list(_STATUSES)[0]["status"]["objects"][0]["version"]
    for number in range(250):
        running.cluster.apply(seed.pod_status(f"many-{number}", version=version))
    async with cluster("list", _STATUSES, answer(HTTPStatus.GONE), every=2)(estate) as meter:
        yield meter


@contextlib.asynccontextmanager
async def lost_lock(estate: Estate) -> AsyncIterator[Meter]:
    """Let the event leave a job, and the lock of that job be gone when it is to be settled."""

    def settles(operation: Operation) -> bool:
        hit = (operation.kind, operation.entity) == ("settle", stack.QUEUE)
        if hit:
            estate.after_a_moment(estate.end_locks)
        return hit

    async with cluster("patch", "secrets", answer(500))(estate) as meter:
        yield meter
    estate.scene.stack.bus.faults.plan(settles, Fault(condition=_LOCK_LOST))


def together(*breaks: Break) -> Break:
    """Break several at once; the first one's meter counts."""

    @contextlib.asynccontextmanager
    async def broken(estate: Estate) -> AsyncIterator[Meter]:
        async with contextlib.AsyncExitStack() as held:
            meters = [await held.enter_async_context(one(estate)) for one in breaks]
            yield meters[0]

    return broken

"""The routes, and what lives as long as the service."""

import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient
from fastapi import FastAPI

from fastapi_pool.database import Pool, close_pool, open_pool
from keyvault_fanout import Acknowledger, Bus, Listener, Renewed, VaultSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told. `bus` is a connection string, or else `namespace` a host, reached by identity.

    `look_every` and `jitter` are in seconds. `acks` is a queue on which the service says which version it uses, if any.
    """

    database: str
    vault: str
    vault_url: str
    secret: str
    topic: str
    subscription: str
    look_every: float
    jitter: float
    acks: str = ""
    bus: str = ""
    namespace: str = ""


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings. Raises `KeyError` with the name of a variable that is missing."""
    name, _, url = environ["KEY_VAULTS"].partition("=")
    connection_string = environ.get("SERVICE_BUS", "")
    return Settings(
        database=environ["DATABASE_URL"],
        vault=name,
        vault_url=url or f"https://{name}.vault.azure.net",
        secret=environ["DATABASE_SECRET"],
        topic=environ["TOPIC"],
        subscription=environ["SUBSCRIPTION"],
        look_every=float(environ.get("LOOK_EVERY", "900")),
        acks=environ.get("ACKS", ""),
        jitter=float(environ.get("JITTER", "5")),
        bus=connection_string,
        namespace="" if connection_string else environ["SERVICE_BUS_NAMESPACE"],
    )


def build(settings: Settings) -> FastAPI:
    """Return the service. It starts once the database took the credentials that the vault holds."""
    state: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as held:
            credential = await held.enter_async_context(DefaultAzureCredential())
            client = await held.enter_async_context(SecretClient(settings.vault_url, credential))
            bus = (
                Bus(connection_string=settings.bus)
                if settings.bus
                else Bus(namespace=settings.namespace, credential=credential)
            )
            listener = Listener(bus, topic=settings.topic, subscription=settings.subscription)
            login = VaultSecret(
                client,
                settings.secret,
                vault=settings.vault,
                listener=listener,
                jitter=settings.jitter,
                poll=settings.look_every,
            )
            await held.enter_async_context(login)
            pools = Renewed(login, make=functools.partial(open_pool, settings.database), close=close_pool)
            await held.enter_async_context(pools)
            await held.enter_async_context(listener)  # last, so that the secret misses no notice
            if settings.acks:
                acknowledger = Acknowledger(bus, application="fastapi-pool", queue=settings.acks)
                acknowledger.follow(pools)
                await held.enter_async_context(acknowledger)
            state.update(login=login, pools=pools, listener=listener)
            yield

    app = FastAPI(title="A shop", lifespan=lifespan)

    @app.get("/")
    async def whoami() -> dict[str, Any]:
        """Do some work in the database, and say over which connection."""
        pools: Renewed[Pool] = state["pools"]
        async with pools.use() as pool, pool.connection() as connection:
            cursor = await connection.execute("SELECT current_user, pg_backend_pid()")
            row = await cursor.fetchone()
        return {"user": row[0], "connection": row[1]} if row else {}

    @app.get("/healthz")
    async def health() -> dict[str, Any]:
        """Tell how fresh the credentials are.

        Where the vault cannot be read they are `stale`, and where the database refuses them something is `failing` and
        the former ones are used. Both are for an alert: no probe should take away what works.
        """
        login: VaultSecret = state["login"]
        listener: Listener = state["listener"]
        pools: Renewed[Pool] = state["pools"]
        fresh, connection = login.health(), listener.health()
        return {
            "version": pools.version,
            "stale": fresh.stale,
            "reason": fresh.reason,
            "failing": pools.problem or fresh.failing,
            "listening": connection.connected,
            "listening_problem": connection.error,
        }

    return app

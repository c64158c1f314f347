"""The routes, and what lives as long as the service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient
from fastapi import FastAPI

from fastapi_pool.database import Database
from fastapi_pool.following import Follower
from keyvault_fanout import Bus, Interest, Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told. `bus` is a connection string, or else `namespace` a host, reached by identity.

    `look_every` is in seconds.
    """

    database: str
    vault: str
    vault_url: str
    secret: str
    topic: str
    subscription: str
    look_every: float
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
        bus=connection_string,
        namespace="" if connection_string else environ["SERVICE_BUS_NAMESPACE"],
    )


def build(settings: Settings) -> FastAPI:
    """Return the service. It starts once the database took the credentials that the vault holds."""
    database = Database(settings.database)
    state: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as held:
            credential = await held.enter_async_context(DefaultAzureCredential())
            client = await held.enter_async_context(SecretClient(settings.vault_url, credential))
            await held.enter_async_context(database)
            follower = Follower(client, settings.secret, database.renew)
            bus = (
                Bus(connection_string=settings.bus)
                if settings.bus
                else Bus(namespace=settings.namespace, credential=credential)
            )
            listener = Listener(bus, topic=settings.topic, subscription=settings.subscription)
            listener.on(Interest(vault=settings.vault, object=settings.secret), follower.told)
            listener.on_connected(follower.look_again)
            await follower.look()
            await held.enter_async_context(listener)
            state.update(follower=follower, listener=listener)
            watching = asyncio.create_task(follower.watch(settings.look_every))
            yield
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    app = FastAPI(title="A shop", lifespan=lifespan)

    @app.get("/")
    async def whoami() -> dict[str, Any]:
        """Do some work in the database, and say over which connection."""
        async with database.connection() as connection:
            cursor = await connection.execute("SELECT current_user, pg_backend_pid()")
            row = await cursor.fetchone()
        return {"user": row[0], "connection": row[1]} if row else {}

    @app.get("/healthz")
    async def health() -> dict[str, Any]:
        """Tell how fresh the credentials are.

        A newer version that cannot be used is a `problem` for an alert: no probe should take away what works.
        """
        follower: Follower = state["follower"]
        listener: Listener = state["listener"]
        connection = listener.health()
        return {
            "version": database.version,
            "problem": follower.problem,
            "listening": connection.connected,
            "listening_problem": connection.error,
        }

    return app

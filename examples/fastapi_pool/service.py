"""The routes, and what lives as long as the service."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient
from fastapi import FastAPI, Response

from fastapi_pool.database import Database
from fastapi_pool.following import Follower
from keyvault_fanout import Bus, Interest, Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told. `bus` is a connection string, or else `namespace` a host, reached by identity."""

    database: str
    vault: str
    vault_url: str
    secret: str
    topic: str
    subscription: str
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
            yield

    app = FastAPI(title="A shop", lifespan=lifespan)

    @app.get("/")
    async def whoami() -> dict[str, Any]:
        """Do some work in the database, and say over which connection."""
        async with database.connection() as connection:
            cursor = await connection.execute("SELECT current_user, pg_backend_pid()")
            row = await cursor.fetchone()
        return {"user": row[0], "connection": row[1]} if row else {}

    @app.get("/healthz")
    async def health(response: Response) -> dict[str, Any]:
        """Tell how fresh the credentials are. 503 where a newer version is there and cannot be used."""
        follower: Follower = state["follower"]
        listener: Listener = state["listener"]
        response.status_code = 503 if follower.problem else 200
        connection = listener.health()
        return {
            "version": database.version,
            "problem": follower.problem,
            "listening": connection.connected,
            "listening_problem": connection.error,
        }

    return app

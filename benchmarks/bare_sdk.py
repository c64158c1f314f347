"""The floor of "our own overhead": the calls of one refresh with the same SDKs, back to back, in a bare loop.

As a competent person would write it for one known Secret: no checks, no retries, no time-outs, no other outcomes. The
clients are set up as the app's edges set them up. That matters: both SDKs look for proxies and a netrc file on every
request by default, which costs half a millisecond each, and a floor that does so would flatter the app.
"""

import asyncio
import base64
import json
import uuid
from types import TracebackType
from typing import Any, Self

from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ManagedIdentityCredential
from azure.keyvault.secrets import KeyVaultSecret
from azure.keyvault.secrets.aio import SecretClient
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from kubernetes.aio import client, config

from benchmarks import scenes
from benchmarks.world import World
from devstack import stack


class BareSdk:
    """The SDKs' clients, opened once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._credential = ManagedIdentityCredential()
        url = world.settings["KEY_VAULTS"].partition("=")[2]
        self._vault = SecretClient(url, self._credential, transport=AioHttpTransport(use_env_settings=False))
        self._bus = ServiceBusClient.from_connection_string(world.settings["ServiceBusConnection"])
        self._topic = self._bus.get_topic_sender(stack.TOPIC)

    async def __aenter__(self) -> Self:
        configuration = client.Configuration()
        configuration.connection_pool_maxsize = 16
        configuration.client_session_kwargs = {"trust_env": False}
        await config.load_kube_config(
            self._world.kubeconfigs()[0], client_configuration=configuration, persist_config=False
        )
        self._api = client.ApiClient(configuration)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._topic.close()
        await self._bus.close()
        await self._vault.close()
        await self._credential.close()
        await self._api.close()

    async def refresh(self, name: str, namespace: str, secret: str, key: str) -> None:
        """Bring one secret's newest value into one Secret, and tell of it: every call after the other."""
        for path in scenes.BINDINGS:
            await self._call("GET", path)
        await self._call("GET", scenes.POD_STATUSES.format(namespace=namespace))
        where = _path(namespace, secret)
        found = await self._call("GET", where)
        bundle = await self._vault.get_secret(name)
        await self._write(where, key, found, bundle)
        for about in ("object", "target"):
            await self._tell(about, bundle)

    async def refresh_at_once(self, name: str, namespace: str, secret: str, key: str) -> None:
        """Do the same with all at once that may be: bindings; Secret and pod statuses; write and object's notice."""
        await asyncio.gather(*[self._call("GET", path) for path in scenes.BINDINGS])
        where = _path(namespace, secret)
        statuses = scenes.POD_STATUSES.format(namespace=namespace)
        found, _ = await asyncio.gather(self._call("GET", where), self._call("GET", statuses))
        bundle = await self._vault.get_secret(name)
        await asyncio.gather(self._write(where, key, found, bundle), self._tell("object", bundle))
        await self._tell("target", bundle)

    async def _write(self, where: str, key: str, found: Any, bundle: KeyVaultSecret) -> None:
        data = {key: base64.b64encode((bundle.value or "").encode()).decode("ascii")}
        guard = {"resourceVersion": found["metadata"]["resourceVersion"]}
        await self._call("PATCH", where, {"metadata": guard, "data": data})

    async def _tell(self, about: str, bundle: KeyVaultSecret) -> None:
        await self._topic.send_messages(_notice(about, bundle.properties.version or ""))

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = await self._api.param_serialize(
            method,
            path,
            header_params={
                "Accept": "application/json",
                **({"Content-Type": "application/merge-patch+json"} if body else {}),
            },
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self._api.call_api(*request)
        return json.loads(await response.read())


def _path(namespace: str, secret: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/{secret}"


def _notice(about: str, version: str) -> ServiceBusMessage:
    return ServiceBusMessage(
        json.dumps({"type": about, "version": version, "text": "x" * 600}),
        content_type="application/cloudevents+json",
        message_id=str(uuid.uuid4()),
        application_properties={"noticeType": f"bare.{about}", "version": version},
    )

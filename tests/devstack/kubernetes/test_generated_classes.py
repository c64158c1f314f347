"""The generated classes of the synchronous client, over TLS: models, typed exceptions, a kubeconfig."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest
from kubernetes import client, config

from devstack.certificates import Authority
from devstack.kubernetes import KubernetesApi
from tests.devstack.kubernetes.conftest import ADMIN, READER, secret

T = TypeVar("T")
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the API's certificate."""
    return Authority.create()


@pytest.fixture
async def served(authority: Authority) -> AsyncIterator[KubernetesApi]:
    """An API behind TLS, with one Secret."""
    async with KubernetesApi(name="aks-tls", identities=[ADMIN, READER], tls=authority.server_context()) as api:
        api.apply(secret(password="one"))
        yield api


async def run(api: KubernetesApi, ca_pem: str, work: Callable[[Any], T], token: str = ADMIN.token) -> T:
    """Do something with a synchronous client, in a thread because the server shares this loop."""

    def connected() -> T:
        with config.new_client_from_config_dict(api.kubeconfig(token, ca_pem=ca_pem)) as api_client:
            return work(api_client)

    return await asyncio.to_thread(connected)


async def test_models_are_written_and_read(served: KubernetesApi, authority: Authority) -> None:
    """The client sends no Content-Type with POST; for a dict it has to be told to send a merge patch."""

    def work(api_client: Any) -> tuple[Any, ...]:
        core = client.CoreV1Api(api_client)
        body = client.V1Secret(metadata=client.V1ObjectMeta(name="new"), string_data={"a": "1"})
        created = core.create_namespaced_secret("shop", body)
        patched = core.patch_namespaced_secret("new", "shop", {"data": {"b": "Mg=="}}, _content_type=MERGE)
        listed = core.list_namespaced_secret("shop", limit=1)
        deleted = core.delete_namespaced_secret("new", "shop")
        return created, patched, listed, deleted

    created, patched, listed, deleted = await run(served, authority.ca_pem, work)
    assert created.data == {"a": "MQ=="}
    assert patched.data == {"a": "MQ==", "b": "Mg=="}
    assert (listed.items[0].metadata.name, listed.metadata.remaining_item_count) == ("db", 1)
    assert served.get("secrets", "shop", "new") is None
    assert deleted is not None


async def test_refusals_are_the_clients_own_exceptions(served: KubernetesApi, authority: Authority) -> None:
    """Chosen by the HTTP status; the body is the Status."""

    def work(api_client: Any) -> None:
        core = client.CoreV1Api(api_client)
        with pytest.raises(client.exceptions.NotFoundException):
            core.read_namespaced_secret("nope", "shop")
        with pytest.raises(client.exceptions.ConflictException):
            core.patch_namespaced_secret("db", "shop", {"metadata": {"resourceVersion": "1"}}, _content_type=MERGE)
        with pytest.raises(client.exceptions.UnprocessableEntityException):
            core.patch_namespaced_secret("db", "shop", {"type": "example.com/x"}, _content_type=MERGE)

    def forbidden(api_client: Any) -> None:
        with pytest.raises(client.exceptions.ForbiddenException, match="cannot delete resource"):
            client.CoreV1Api(api_client).delete_namespaced_secret("db", "shop")

    def unauthorized(api_client: Any) -> None:
        with pytest.raises(client.exceptions.UnauthorizedException):
            client.CoreV1Api(api_client).read_namespaced_secret("db", "shop")

    await run(served, authority.ca_pem, work)
    await run(served, authority.ca_pem, forbidden, token=READER.token)
    await run(served, authority.ca_pem, unauthorized, token="wrong")
    assert len(served.history_of("secrets", "shop", "db")) == 1


async def test_custom_objects_workloads_and_reviews_have_their_classes(
    served: KubernetesApi, authority: Authority
) -> None:
    """CustomObjectsApi sends a merge patch for a dict, which is what a custom resource takes."""
    served.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
                  "spec": {"selector": {}, "template": {}}})  # fmt: skip
    group = ("secrets-store.csi.x-k8s.io", "v1", "shop", "secretproviderclasses")

    def work(api_client: Any) -> tuple[Any, ...]:
        custom = client.CustomObjectsApi(api_client)
        manifest = {"apiVersion": "secrets-store.csi.x-k8s.io/v1", "kind": "SecretProviderClass"}
        custom.create_namespaced_custom_object(*group, {**manifest, "metadata": {"name": "azure"}})
        patched = custom.patch_namespaced_custom_object(*group, "azure", {"spec": {"provider": "azure"}})
        deployment = client.AppsV1Api(api_client).read_namespaced_deployment("web", "shop")
        attributes = client.V1ResourceAttributes(verb="get", resource="secrets", namespace="shop")
        spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
        review = client.V1SelfSubjectAccessReview(spec=spec)
        answer = client.AuthorizationV1Api(api_client).create_self_subject_access_review(review)
        return patched, deployment, answer

    patched, deployment, answer = await run(served, authority.ca_pem, work)
    assert patched["metadata"]["generation"] == 2
    assert deployment.metadata.generation == 1
    assert answer.status.allowed is True

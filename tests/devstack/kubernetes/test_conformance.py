"""The wire, as kubernetes.aio's ApiClient sees it: the scenarios of local-stack 2.3 and azure-platform 5.1."""

import pytest

from devstack.clock import ManualClock
from devstack.kubernetes import KubernetesApi, Request
from devstack.kubernetes.resources import RESOURCES
from tests.devstack.kubernetes.conftest import READER, Caller, names, secret

SECRETS = "/api/v1/namespaces/shop/secrets"
SECRET = f"{SECRETS}/db"
EXTERNAL = "/apis/external-secrets.io/v1/namespaces/shop/externalsecrets"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


async def test_an_object_is_created_read_replaced_and_deleted(api: KubernetesApi, call: Caller) -> None:
    """201 for the creation, 200 for the rest, and a Status for the deletion."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    created = await call("POST", SECRETS, secret(password="one"))
    read = await call("GET", SECRET)
    replaced = await call("PUT", SECRET, created.body | {"data": {"password": "dHdv"}})
    deleted = await call("DELETE", SECRET)
    assert [reply.status for reply in (created, read, replaced, deleted)] == [201, 200, 200, 200]
    assert read.body == created.body
    assert replaced.body["data"] == {"password": "dHdv"}
    assert deleted.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "db", "kind": "secrets", "uid": created.body["metadata"]["uid"]},
    }
    assert api.get("secrets", "shop", "db") is None


async def test_a_merge_patch_changes_what_it_names_and_removes_what_it_nulls(api: KubernetesApi, call: Caller) -> None:
    """Other keys stay: the Secret may hold more than ours."""
    api.apply(secret(a="1", b="2", c="3"))
    reply = await call.merge(SECRET, {"data": {"a": "OQ==", "b": None}})
    assert reply.status == 200
    assert reply.body["data"] == {"a": "OQ==", "c": "Mw=="}
    assert "Warning" not in reply.headers


async def test_an_unchanged_patch_keeps_the_version(api: KubernetesApi, call: Caller) -> None:
    """And adds nothing to the history."""
    stored = api.apply(secret(a="1"))
    reply = await call.merge(SECRET, {"data": {"a": "MQ=="}})
    assert reply.body == stored
    assert len(api.history_of("secrets", "shop", "db")) == 1


async def test_a_patch_of_a_read_version_conflicts_after_another_write(api: KubernetesApi, call: Caller) -> None:
    """The rule that keeps an older value from overwriting a newer one."""
    version = api.apply(secret(a="1"))["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "data": {"a": "OQ=="}}
    api.apply(secret(a="2"), manager="csi-secrets-store")
    reply = await call.merge(SECRET, patch)
    assert reply.error[:2] == (409, "Conflict")
    assert [state["data"]["a"] for state in api.history_of("secrets", "shop", "db")] == ["MQ==", "Mg=="]


async def test_the_writer_is_the_field_manager_or_the_user_agents_first_part(api: KubernetesApi, call: Caller) -> None:
    """As the real server names a writer that does not apply."""
    api.apply(secret(a="1"))
    await call.merge(SECRET, {"data": {"a": "OQ=="}})
    reply = await call.merge(SECRET, {"data": {"b": "OA=="}}, query={"fieldManager": "keyvault-fanout"})
    managers = [entry["manager"] for entry in reply.body["metadata"]["managedFields"]]
    assert managers == ["devstack", "OpenAPI-Generator", "keyvault-fanout"]


async def test_a_dry_run_answers_and_stores_nothing(api: KubernetesApi, call: Caller) -> None:
    """Asked for in the query; anything but All is refused, and so are the options of a deletion."""
    stored = api.apply(secret(a="1"))
    patched = await call.merge(SECRET, {"data": {"a": "OQ=="}}, query={"dryRun": "All"})
    deleted = await call("DELETE", SECRET, query={"dryRun": "All"})
    refused = await call("DELETE", SECRET, query={"dryRun": "Some"})
    options = await call("DELETE", SECRET, {"dryRun": ["All"]})
    assert [reply.status for reply in (patched, deleted, refused, options)] == [200, 200, 422, 501]
    assert patched.body["data"] == {"a": "OQ=="}
    assert api.get("secrets", "shop", "db") == stored


@pytest.mark.parametrize("media_type", [JSON_PATCH, APPLY, STRATEGIC, "application/json"])
async def test_a_patch_in_another_form_is_refused_with_415(api: KubernetesApi, call: Caller, media_type: str) -> None:
    """The first three exist on a real cluster; here they are not built."""
    stored = api.apply(secret(a="1"))
    body = [{"op": "remove", "path": "/data/a"}] if media_type == JSON_PATCH else "{}"
    reply = await call("PATCH", SECRET, body, content_type=media_type)
    assert reply.error[:2] == (415, "UnsupportedMediaType")
    assert api.get("secrets", "shop", "db") == stored


async def test_a_custom_resource_is_patched_in_the_version_that_the_path_names(
    api: KubernetesApi, call: Caller
) -> None:
    """External Secrets serves two."""
    manifest = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret"}
    api.apply({**manifest, "metadata": {"name": "db", "namespace": "shop"}})
    patch = {"metadata": {"annotations": {"force-sync": "1"}}}
    merged = await call.merge(f"{EXTERNAL.replace('/v1/', '/v1beta1/')}/db", patch)
    assert merged.body["apiVersion"] == "external-secrets.io/v1beta1"
    assert merged.body["metadata"]["annotations"] == {"force-sync": "1"}


async def test_errors_read_as_the_real_servers(api: KubernetesApi, call: Caller) -> None:
    """The table of local-stack 2.3; groups show in the names."""
    api.apply(secret())
    missing = await call("GET", f"{SECRETS}/nope")
    grouped = await call("GET", "/apis/apps/v1/namespaces/shop/deployments/web")
    unknown = await call("GET", "/api/v1/namespaces/shop/secretz")
    twice = await call("POST", SECRETS, secret())
    base64 = await call("POST", SECRETS, {"metadata": {"name": "x"}, "data": {"a": "!"}})
    changed = await call.merge(SECRET, {"type": "kubernetes.io/tls"})
    assert missing.error == (404, "NotFound", 'secrets "nope" not found')
    assert missing.body["details"] == {"name": "nope", "kind": "secrets"}
    assert grouped.error == (404, "NotFound", 'deployments.apps "web" not found')
    assert grouped.body["details"] == {"name": "web", "group": "apps", "kind": "deployments"}
    assert unknown.error == (404, "NotFound", "the server could not find the requested resource")
    assert twice.error == (409, "AlreadyExists", 'secrets "db" already exists')
    assert base64.error[:2] == (400, "BadRequest")
    assert base64.error[2].endswith("illegal base64 data")
    assert changed.error[:2] == (422, "Invalid")
    assert 'type: Invalid value: "kubernetes.io/tls": field is immutable' in changed.error[2]
    assert "data[tls.crt]: Required value" in changed.error[2]


async def test_without_a_known_token_everything_is_refused_with_401(api: KubernetesApi, call: Caller) -> None:
    """Except health and the version, which need none."""
    api.apply(secret())
    for token in (None, "wrong"):
        reply = await call("GET", SECRET, token=token)
        assert reply.error == (401, "Unauthorized", "Unauthorized")
    assert [(await call("GET", path, token=None)).status for path in ("/healthz", "/readyz", "/version")] == [200] * 3
    assert (await call("GET", "/version", token="wrong")).status == 401


async def test_what_is_not_allowed_is_refused_with_403_and_the_real_message(api: KubernetesApi, call: Caller) -> None:
    """The namespace, the resource's group and the name are in it, as far as the request has them."""
    api.apply(secret())
    api.apply(secret(namespace="bank"))
    reader = READER.token
    assert (await call("GET", SECRET, token=reader)).status == 200
    patched = await call.merge(SECRET, {"data": {}}, token=reader)
    created = await call("POST", SECRETS, secret("new"), token=reader)
    listed = await call("GET", "/apis/apps/v1/deployments", token=reader)
    unknown = await call("GET", "/apis/example.com/v1/namespaces/bank/things", token=reader)
    assert patched.error[2] == (
        'secrets "db" is forbidden: User "reader" cannot patch resource "secrets" in API group "" in the namespace '
        '"shop"'
    )
    assert created.error[2] == (
        'secrets is forbidden: User "reader" cannot create resource "secrets" in API group "" in the namespace "shop"'
    )
    assert listed.error[2] == (
        'deployments.apps is forbidden: User "reader" cannot list resource "deployments" in API group "apps" at the '
        "cluster scope"
    )
    assert {reply.error[:2] for reply in (patched, created, listed, unknown)} == {(403, "Forbidden")}
    assert [state["metadata"]["name"] for state in api.list("secrets")] == ["db", "db"]


async def test_an_access_review_answers_for_the_one_who_asks(api: KubernetesApi, call: Caller) -> None:
    """By the same predicate that decides the request itself, and without changing anything."""
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    async def allowed(token: str, **attributes: str) -> bool:
        reply = await call("POST", path, {"spec": {"resourceAttributes": attributes}}, token=token)
        assert (reply.status, reply.body["spec"]["resourceAttributes"]) == (201, attributes)
        return bool(reply.body["status"]["allowed"])

    assert await allowed(READER.token, verb="get", resource="secrets", namespace="shop", name="db")
    assert not await allowed(READER.token, verb="patch", resource="secrets", namespace="shop", name="db")
    assert not await allowed(READER.token, verb="list", resource="secrets")
    assert await allowed("admin-token", verb="list", resource="secrets")
    wrong: list[object] = [None, [], {}, {"resourceAttributes": []}, {"resourceAttributes": {"verb": 1}}]
    for spec in wrong:
        assert (await call("POST", path, {"spec": spec})).error[0] == 400
    assert api.list("secrets") == []


async def test_lists_are_selected_and_paged_over_the_wire(api: KubernetesApi, call: Caller) -> None:
    """All namespaces or one, labels, fields, and a continue token that survives a query string."""
    for name, namespace, app in (("a", "shop", "web"), ("b", "shop", "api"), ("c", "bank", "web")):
        manifest = secret(name, namespace)
        manifest["metadata"]["labels"] = {"app": app}
        api.apply(manifest)
    everywhere = await call("GET", "/api/v1/secrets")
    assert everywhere.body["kind"] == "SecretList"
    assert everywhere.body["metadata"]["resourceVersion"] == api.list("secrets")[0]["metadata"]["resourceVersion"]
    assert names(everywhere) == ["c", "a", "b"]
    assert names(await call("GET", SECRETS)) == ["a", "b"]
    assert names(await call("GET", "/api/v1/secrets", query={"labelSelector": "app=web"})) == ["c", "a"]
    assert names(await call("GET", SECRETS, query={"fieldSelector": "metadata.name=b,type=Opaque"})) == ["b"]
    first = await call("GET", "/api/v1/secrets", query={"limit": 2})
    second = await call("GET", "/api/v1/secrets", query={"limit": 2, "continue": first.body["metadata"]["continue"]})
    assert (names(first), first.body["metadata"]["remainingItemCount"], names(second)) == (["c", "a"], 1, ["b"])
    assert names(await call("GET", "/api/v1/namespaces", query={"fieldSelector": "metadata.name=bank"})) == ["bank"]


async def test_only_custom_resources_are_listed_with_their_kind(api: KubernetesApi, call: Caller) -> None:
    """And in the version that was asked for."""
    api.apply(secret())
    api.apply(
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": "a", "namespace": "shop"},
        }
    )
    built_in = (await call("GET", SECRETS)).body["items"][0]
    custom = (await call("GET", "/apis/external-secrets.io/v1beta1/externalsecrets")).body["items"][0]
    assert "kind" not in built_in
    assert (custom["kind"], custom["apiVersion"]) == ("ExternalSecret", "external-secrets.io/v1beta1")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("DELETE", SECRETS, 405),
        ("GET", "/api/v1/namespaces/shop/pods/web/log", 501),
        ("PATCH", "/api/v1/namespaces/shop/pods/web/status", 501),
        ("PUT", "/api/v1/namespaces/shop/finalize", 404),
        ("POST", SECRET, 405),
        ("PUT", SECRETS, 405),
        ("POST", "/api/v1/secrets", 405),
        ("OPTIONS", SECRET, 405),
        ("POST", "/version", 405),
        ("GET", "/api/v1/secrets/db", 404),
        ("GET", "/api/v1/namespaces//secrets", 404),
        ("GET", "/apis/storage.k8s.io/v1/namespaces/shop/csidrivers", 404),
        ("GET", "/apis/apps/v1beta1/deployments", 404),
        ("GET", "/api/v1/configmaps", 404),
        ("GET", "/openapi/v3", 404),
        ("GET", "/", 404),
        ("GET", "/apis/nope", 404),
        ("GET", "/apis/apps/v2", 404),
        ("GET", "/api/v2", 404),
        ("GET", "/api/v1/watch/secrets", 404),
    ],
)
async def test_what_is_not_served_is_refused_with_a_status(
    api: KubernetesApi, call: Caller, method: str, path: str, code: int
) -> None:
    """Never a quiet success, never a bare page."""
    api.apply(secret())
    body = {"metadata": {"name": "x"}} if method in ("POST", "PUT", "PATCH") else None
    assert (await call(method, path, body)).error[0] == code


async def test_every_resource_in_the_table_is_discovered_and_listed(api: KubernetesApi, call: Caller) -> None:
    """Discovery leads to each of them, as kubectl follows it."""
    groups = (await call("GET", "/apis")).body["groups"]
    found = {f"/apis/{version['groupVersion']}" for group in groups for version in group["versions"]} | {"/api/v1"}
    for resource in RESOURCES:
        for version in resource.versions:
            path = f"/{'apis' if resource.group else 'api'}/{resource.api_version(version)}"
            assert path in found
            listed = {entry["name"]: entry for entry in (await call("GET", path)).body["resources"]}
            assert listed[resource.plural]["kind"] == resource.kind
            assert listed[resource.plural]["namespaced"] is resource.namespaced
            empty = await call("GET", f"{path}/{resource.plural}")
            assert (empty.body["kind"], empty.body["apiVersion"]) == (
                f"{resource.kind}List",
                resource.api_version(version),
            )
    assert (await call("GET", "/api")).body["versions"] == ["v1"]
    assert api.requests


async def test_every_request_is_logged_with_its_attributes(api: KubernetesApi, call: Caller) -> None:
    """The refused ones too; this is what call counts are asserted on."""
    api.apply(secret())
    await call("GET", SECRET)
    await call("GET", "/apis/apps/v1/deployments", token=READER.token)
    await call("GET", SECRETS, query={"fieldSelector": "metadata.name=db"}, token="wrong")
    await call.merge(SECRET, {})
    assert list(api.requests) == [
        Request(method="GET", verb="get", resource="secrets", namespace="shop", name="db", user="admin"),
        Request(method="GET", verb="list", group="apps", resource="deployments", user="reader"),
        Request(method="GET", verb="list", resource="secrets", namespace="shop", name="db"),
        Request(method="PATCH", verb="patch", resource="secrets", namespace="shop", name="db", user="admin"),
    ]
    api.clear_requests()
    assert not api.requests


async def test_a_logged_request_says_when_it_came_and_is_equal_whenever_it_came(
    api: KubernetesApi, call: Caller, clock: ManualClock
) -> None:
    """In the API's time, also after the clock has been changed."""
    await call("GET", SECRET)
    clock.advance(5)
    await call("GET", SECRET)
    api.set_clock(ManualClock(0))
    await call("GET", SECRET)
    first, second, third = api.requests
    assert (second.at - first.at, third.at) == (5, 0)
    assert first == second == third

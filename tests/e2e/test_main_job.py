"""The main job through the host: every kind of event, in both schemas, told and written."""

import json

import pytest

from devstack import eventgrid, seed, stack
from devstack.eventgrid import Schema
from tests.e2e.scene import Scene

SCHEMAS = pytest.mark.parametrize("schema", list(Schema), ids=lambda schema: schema.value)


@SCHEMAS
async def test_a_new_version_is_written_and_told(scene: Scene, schema: Schema) -> None:
    version = scene.rotate()

    status = await scene.deliver(scene.event(version), schema)

    assert status == 202
    assert scene.value() == scene.values()[-1] == scene.stack.vault.get(seed.OBJECT).value
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version", "target.refreshed"]
    assert {told["version"] for told in scene.told()} == {version}


@SCHEMAS
@pytest.mark.parametrize("family", ["Secret", "Certificate", "Key"])
@pytest.mark.parametrize(("suffix", "notice"), [("NearExpiry", "object.near-expiry"), ("Expired", "object.expired")])
async def test_expiry_is_told_without_asking_anybody(
    scene: Scene, schema: Schema, family: str, suffix: str, notice: str
) -> None:
    event = scene.event("0" * 32, type_=f"{family}{suffix}")

    status = await scene.deliver(event, schema)

    assert status == 202
    assert [told["noticeType"] for told in scene.told()] == [notice]
    assert scene.stack.vault.reads == ()
    assert scene.stack.cluster.requests == ()


@SCHEMAS
async def test_a_certificates_new_version_refreshes_the_secret_of_its_name(scene: Scene, schema: Schema) -> None:
    version = scene.rotate()

    status = await scene.deliver(scene.event(version, type_="CertificateNewVersionCreated"), schema)

    assert status == 202
    assert scene.value() == scene.stack.vault.get(seed.OBJECT).value
    assert [told["objectType"] for told in scene.told("target.refreshed")] == ["secret"]


@SCHEMAS
async def test_a_keys_new_version_is_told_as_the_event_says(scene: Scene, schema: Schema) -> None:
    status = await scene.deliver(scene.event("a" * 32, type_="KeyNewVersionCreated", name="signing"), schema)

    assert status == 202
    assert [(told["object"], told["version"]) for told in scene.told()] == [("signing", "a" * 32)]


@SCHEMAS
@pytest.mark.parametrize("type_", ["VaultAccessPolicyChanged", "SecretVanished"])
async def test_what_asks_for_nothing_is_recorded_and_ended(scene: Scene, schema: Schema, type_: str) -> None:
    event = scene.event("0" * 32)
    body = eventgrid.body([event], schema).replace(b"SecretNewVersionCreated", type_.encode())

    status = await scene.post(body, schema)

    assert status == 202
    assert scene.told() == []
    assert scene.stack.cluster.requests == ()
    await scene.logged(type_)


async def test_the_handshakes_of_both_schemas_are_answered(scene: Scene) -> None:
    for schema in Schema:
        grid = eventgrid.Subscription(scene.session, stack.endpoint(scene.host.url), schema=schema)

        assert await grid.validate()


async def test_a_secret_that_nobody_binds_is_told_and_nothing_is_written(scene: Scene) -> None:
    version = scene.rotate("unbound")

    status = await scene.deliver(scene.event(version, name="unbound"))

    assert status == 202
    assert [told["noticeType"] for told in scene.told()] == ["object.new-version"]
    assert len(scene.values()) == 1


async def test_the_notice_is_a_structured_cloudevent_with_plain_properties(scene: Scene) -> None:
    version = scene.rotate()
    await scene.deliver(scene.event(version))

    (message,) = (
        message
        for message in scene.stack.bus.messages(f"{stack.TOPIC}/subscriptions/app")
        if message.subject == "target.refreshed"
    )
    notice = json.loads(message.body)

    assert message.content_type == "application/cloudevents+json; charset=utf-8"
    assert message.session_id == notice["subject"] == "aks-demo/secrets-app/app-secret"
    assert message.message_id == notice["id"]
    assert (notice["specversion"], notice["type"]) == ("1.0", "dev.keyvault-fanout.target.refreshed.v1")
    assert notice["data"]["keys"] == ["mysecret1"]
    assert all(isinstance(value, str) for value in message.application_properties.values())


async def test_only_data_of_the_secret_changes(scene: Scene) -> None:
    before = scene.stack.cluster.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert before is not None
    before["metadata"]["annotations"] = {"team": "payments"}
    before["data"]["other"] = "b3RoZXI="
    scene.stack.cluster.apply(before)

    await scene.deliver(scene.event(scene.rotate()))

    after = scene.stack.cluster.get("secrets", seed.NAMESPACE, seed.SECRET)
    assert after is not None
    assert after["metadata"]["annotations"] == {"team": "payments"}
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["data"]["other"] == "b3RoZXI="
    assert after["data"][seed.KEY] != before["data"][seed.KEY]

"""Bicep and Terraform make the same: parameters, the app's settings, entities of Service Bus, roles, events."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from devstack import stack
from fanout.doctor import delivery
from fanout.doctor.finding import Place, State
from shared import settings
from shared.settings import Settings
from tests.infra import bicep, hcl

MAIN = bicep.read(bicep.FOLDER / "main.bicep")
EVENTS = bicep.read(bicep.FOLDER / "events.bicep")
SAMPLE = json.loads((stack.APP / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
TABLE = (stack.APP / "docs" / "configuration.md").read_text(encoding="utf-8").partition("## Clusters")[0]

TYPES = {"string": "string", "int": "number", "bool": "bool", "array": "list", "object": "map"}
TERRAFORMS_OWN = {"subscription_id", "subscribe", "subscription_name"}
"""Where it deploys to; and what the second template of the other, events.bicep, is there for."""

HOSTS = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "ServiceBusConnection__credential",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
}
"""Settings that the host, its worker and the OpenTelemetry distribution read."""

ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "090c5cfd-751d-490a-894a-3ce6f1109419": "Azure Service Bus Data Owner",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "12338af0-0e69-4776-bea7-57ae8d297424": "Key Vault Crypto User",
    "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba": "Key Vault Certificate User",
    "4abbcc35-e782-43d8-92c5-2d3f1bd2253f": "Azure Kubernetes Service Cluster User Role",
}


def snake(name: str) -> str:
    """Return a name of Bicep's as Terraform writes it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def test_both_have_the_same_parameters_of_the_same_types() -> None:
    mine = {snake(name): TYPES[one["type"]] for name, one in MAIN.parameters.items()}
    theirs = {name: _family(str(one["type"])) for name, one in hcl.variables().items() if name not in TERRAFORMS_OWN}

    assert theirs.keys() == mine.keys()
    assert {name: kind for name, kind in theirs.items() if kind not in {mine[name], "any"}} == {}
    assert set(EVENTS.parameters) & {"subscriptionName"}


def test_both_have_the_same_defaults() -> None:
    theirs = hcl.variables()
    for name, one in MAIN.parameters.items():
        other = theirs[snake(name)]
        if name == "resourceGroupName":
            continue  # one default is made from another parameter, which Terraform's cannot be
        assert other.get("default") == one["default"], name


def mine() -> Mapping[str, Any]:
    """Return the settings that the Bicep template gives the app."""
    found: Mapping[str, Any] = MAIN.tree["variables"]["settings"]["value"]
    return found


def theirs() -> Mapping[str, Any]:
    """Return the settings that Terraform gives the app."""
    found: Mapping[str, Any] = hcl.local_values()["settings"]
    return found


def test_both_give_the_app_the_same_settings() -> None:
    assert list(mine()) == list(theirs())
    for name, value in mine().items():
        if isinstance(value, str) and "${" not in value and not value.isidentifier():
            assert theirs()[name] == value, name


def test_every_setting_that_is_given_is_one_that_somebody_reads() -> None:
    assert set(mine()) - HOSTS <= set(settings.NAMES)


def test_every_setting_that_is_required_is_given_and_every_other_has_a_default_that_is_documented() -> None:
    defaults = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TABLE, re.MULTILINE))
    left = set(settings.NAMES) - set(mine())

    assert set(defaults) == set(settings.NAMES)
    assert [name for name in sorted(left) if defaults[name].strip() == "required"] == []


@pytest.mark.parametrize("given", [mine, theirs], ids=["bicep", "terraform"])
@pytest.mark.parametrize("events", ["", "keyvault-events"], ids=["called", "by queue"])
def test_the_app_starts_with_what_the_templates_give_it(given: Any, events: str) -> None:
    """Names of entities are the templates'; what only Azure knows is the sample's, or any text."""
    local = hcl.local_values()
    own = {
        "NOTICE_TOPIC": local["notice_topic"],
        "JOB_QUEUE": local["job_queue"],
        "WATCH_SUBSCRIPTION": local["watch_subscription"],
        "LIVE_SUBSCRIPTION": local["live_subscription"],
        "EVENT_QUEUE": events,
    }
    found = {name: own.get(name, SAMPLE.get(name) or "id") for name in given() if name not in HOSTS}

    parsed = Settings.from_mapping(found)

    assert (parsed.bus.topic, parsed.bus.queue, parsed.bus.events) == ("keyvault-changes", "keyvault-jobs", events)
    assert (parsed.bus.watch, parsed.live_subscription) == ("fanout-watch", "fanout-live")
    assert parsed.bus.connection_string is None


def test_both_call_topic_and_queues_by_the_names_of_the_local_stack() -> None:
    variables = MAIN.tree["variables"]
    for name, wanted in (
        ("noticeTopic", stack.TOPIC),
        ("jobQueue", stack.QUEUE),
        ("eventQueue", stack.EVENTS),
        ("watchSubscription", stack.WATCH),
        ("liveSubscription", stack.LIVE),
    ):
        assert variables[name]["value"] == wanted
        assert hcl.local_values()[snake(name)] == wanted


ENTITIES = {
    "topic": ("topics", "azurerm_servicebus_topic", "notices"),
    "watch": ("topics/subscriptions", "azurerm_servicebus_subscription", "watch"),
    "live": ("topics/subscriptions", "azurerm_servicebus_subscription", "live"),
    "listening": ("topics/subscriptions", "azurerm_servicebus_subscription", "listening"),
    "jobs": ("queues", "azurerm_servicebus_queue", "jobs"),
    "acks": ("queues", "azurerm_servicebus_queue", "acks"),
    "events": ("queues", "azurerm_servicebus_queue", "events"),
}
RENAMED = {"default_message_time_to_live": "default_message_ttl", "supports_ordering": "support_ordering"}


@pytest.mark.parametrize("symbol", ENTITIES)
def test_both_make_the_same_entities_of_service_bus(symbol: str) -> None:
    kind, type_, name = ENTITIES[symbol]
    template = bicep.read(bicep.FOLDER / "modules" / "service-bus.bicep")
    found = template.resources(f"Microsoft.ServiceBus/namespaces/{kind}")[symbol]["properties"]
    (other,) = [block.body for block in hcl.blocks() if (block.type, block.name) == (type_, name)]

    for key, value in found.items():
        if isinstance(value, bool | int | str):
            assert other[RENAMED.get(snake(key), snake(key))] == value, key


def test_both_let_the_same_notices_through_and_terraform_creates_nothing_that_azure_has_made_already() -> None:
    """The rule $Default comes with its subscription, publishing policies with the app: create them, and it fails."""
    mine = bicep.read(bicep.FOLDER / "modules" / "service-bus.bicep").resources(
        "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules"
    )
    (watched,) = [one for name, one in mine.items() if name == "watched"]
    theirs = {block.name: block for block in hcl.blocks()}

    assert watched["properties"]["correlationFilter"]["properties"] == {"noticeType": "object.new-version"}
    assert '{ noticeType = "object.new-version" }' in hcl.code()
    for name in ("filters", "everything"):
        assert theirs[name].type == "azapi_resource_action"
        assert theirs[name].body["method"] == "PUT"
        assert theirs[name].body["resource_id"].endswith("/rules/$Default")
    assert theirs["publishing"].type == "azapi_update_resource"
    assert "azurerm_servicebus_subscription_rule" not in hcl.code()


def test_what_is_deduplicated_is_so_for_two_days_and_jobs_end_in_the_dead_letters() -> None:
    template = bicep.read(bicep.FOLDER / "modules" / "service-bus.bicep")
    queues = template.resources("Microsoft.ServiceBus/namespaces/queues")
    topics = template.resources("Microsoft.ServiceBus/namespaces/topics")

    for one in [*queues.values(), *topics.values()]:
        assert one["properties"]["requiresDuplicateDetection"] is True
        assert one["properties"]["duplicateDetectionHistoryTimeWindow"] == "P2D"
    assert [name for name, one in queues.items() if one["properties"]["requiresSession"]] == []
    assert {name for name, one in queues.items() if one["properties"]["deadLetteringOnMessageExpiration"]} == {
        "jobs",
        "events",
    }


def test_both_assign_the_same_roles_and_no_other() -> None:
    text = "".join(bicep.read(path).text for path in bicep.FILES)
    pattern = r"'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'"

    assert set(re.findall(pattern, text)) == set(ROLES)
    assert {name for name in ROLES.values() if f'"{name}"' in hcl.code()} == set(ROLES.values())


def test_both_subscribe_to_the_same_events_with_the_same_patience() -> None:
    text = bicep.read(bicep.FOLDER / "modules" / "event-subscription.bicep").text
    pattern = r"Microsoft\.KeyVault\.\w+|(?:maxDeliveryAttempts|eventTimeToLiveInMinutes)\W+\d+|CloudEventSchemaV1_0"
    (subscription,) = [block for block in hcl.blocks() if block.name == "event_subscription"]

    def said(text: str) -> list[str]:
        return sorted(re.sub(r"\W+(?=\d+$)", " ", found) for found in re.findall(pattern, text))

    assert said(text)
    assert said(text) == said(json.dumps(subscription.body))


@pytest.mark.parametrize("way", ["toFunction", "toQueue"])
def test_the_doctor_finds_nothing_wrong_with_the_event_subscription(way: str) -> None:
    variables = bicep.read(bicep.FOLDER / "modules" / "event-subscription.bicep").tree["variables"]
    properties = {**variables["common"]["value"], **variables[way]["value"], "provisioningState": "Succeeded"}

    found = list(delivery.judge(Place("Event Grid", "made"), {"properties": properties}))

    assert {one.state for one in found} <= {State.OK, State.NOTE}
    assert [one.check for one in found if one.state is State.NOTE] == ([] if way == "toFunction" else ["destination"])
    assert len(found) > 4


def test_the_page_names_every_parameter_and_no_other() -> None:
    page = (stack.APP / "docs" / "deploying.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (`.*?) \|", page.partition("## Parameters")[2].partition("Nothing has a key")[0], re.MULTILINE
    )
    private = set(re.findall(r"`(\w+)`", page.partition("## The private variant")[2].partition("## What it costs")[0]))

    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert named <= set(MAIN.parameters)
    assert set(MAIN.parameters) <= named | private


def test_both_set_the_same_properties_of_the_app_and_its_topics() -> None:
    function = bicep.read(bicep.FOLDER / "modules" / "function.bicep")
    (site,) = function.resources("Microsoft.Web/sites").values()
    (app,) = [block.body["body"] for block in hcl.blocks() if block.name == "app" and block.type == "azapi_resource"]

    assert set(_paths(site["properties"])) == set(_paths(app["properties"]))


def test_the_placeholders_of_the_alerts_are_replaced_in_both() -> None:
    text = (bicep.FOLDER / "telemetry" / "alerts.json").read_text(encoding="utf-8")
    placeholders = set(re.findall(r"\{(\w+)\}", text))

    assert placeholders == {"expiryDays", "refreshSeconds", "silenceSeconds"}
    for code in (bicep.read(bicep.FOLDER / "telemetry" / "alerts.bicep").text, hcl.code()):
        assert [name for name in placeholders if f"{{{name}}}" not in code] == []


def _paths(tree: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Return the path of each property; what is made by an expression is not looked into."""
    for name, value in tree.items():
        path = f"{before}.{name}"
        yield path
        if isinstance(value, Mapping) and not {"operator", "function", "loop_type"} & set(value):
            yield from _paths(value, path)


def _family(type_: str) -> str:
    (found,) = re.findall(r"^\$?\{?(string|number|bool|list|map|any)\b", type_)
    return str(found)

"""The Bicep files: they parse, they fit together, and no key is in them. `az bicep build` was not within reach."""

import json
import re
from pathlib import Path

import pytest
import yaml

from devstack import eventgrid, stack
from tests.infra import bicep

MAIN = bicep.read(bicep.FOLDER / "main.bicep")
EVENTS = bicep.read(bicep.FOLDER / "events.bicep")
IDS = [str(path.relative_to(bicep.FOLDER)) for path in bicep.FILES]

every_file = pytest.mark.parametrize("path", bicep.FILES, ids=IDS)


@every_file
def test_a_file_parses_and_every_parameter_has_a_type_and_a_description(path: Path) -> None:
    template = bicep.read(path)

    assert [name for name in template.parameters if len(template.describes(name)) < len("Its tier.")] == []
    assert {declared["type"] for declared in template.parameters.values()} <= {
        "array",
        "bool",
        "int",
        "object",
        "string",
    }


@every_file
def test_every_parameter_and_variable_is_used(path: Path) -> None:
    template = bicep.read(path)
    names = [*template.parameters, *template.tree.get("variables", {})]

    code = bicep.code(template.text)

    assert [name for name in names if len(re.findall(rf"\b{name}\b", code)) < 2] == []


@every_file
def test_a_module_is_given_what_it_asks_for_and_nothing_else(path: Path) -> None:
    for call in bicep.read(path).calls:
        asked = bicep.read(call.path)

        assert call.given <= set(asked.parameters), call.name
        assert asked.required <= call.given, call.name


@every_file
def test_only_outputs_that_a_module_has_are_read(path: Path) -> None:
    template = bicep.read(path)
    modules = {call.name: bicep.read(call.path) for call in template.calls}

    read = re.findall(r"\b(\w+)(?:\[\w+\])?\.outputs\.(\w+)", template.text)

    assert [f"{name}.{output}" for name, output in read if output not in modules[name].outputs] == []


def test_every_module_is_used() -> None:
    used = {call.path for path in bicep.FILES for call in bicep.read(path).calls}

    assert set(bicep.FILES) - {MAIN.path, EVENTS.path} == used


def test_every_symbol_of_a_resource_is_followed_by_properties_that_exist() -> None:
    """A symbol that is used is declared: the commonest slip that a parser does not see."""
    for path in bicep.FILES:
        template = bicep.read(path)
        known = {
            *template.parameters,
            *template.tree.get("variables", {}),
            *template.tree.get("resources", {}),
            *template.tree.get("modules", {}),
        }
        parents = re.findall(r"^\s+(?:parent|scope): (\w+)(?:\[\w+\])?$", template.text, re.MULTILINE)

        assert set(parents) <= known, path.name


KEYS = (
    "listkeys",
    "listaccountsas",
    "listservicesas",
    "primary_access_key",
    "secondary_access_key",
    "primary_connection_string",
    "instrumentation_key",
    "instrumentationkey",
    "storage_account_access_key",
    "sharedaccesskey",
    "accountkey",
    "storageaccountconnectionstring",
)
SWITCHES = {
    "allowSharedKeyAccess: false": "modules/storage.bicep",
    "allowBlobPublicAccess: false": "modules/storage.bicep",
    "disableLocalAuth: true": "modules/service-bus.bicep",
    "DisableLocalAuth: true": "modules/monitoring.bicep",
    "httpsOnly: true": "modules/function.bicep",
    "name: 'ftp'": "modules/function.bicep",
    "name: 'scm'": "modules/function.bicep",
    "type: 'UserAssignedIdentity'": "modules/function.bicep",
    "type: 'SystemAssigned'": "modules/new-system-topic.bicep",
}


def test_no_file_reads_or_holds_a_key() -> None:
    files = [path for path in bicep.FOLDER.rglob("*") if path.is_file() and ".terraform" not in path.parts]
    texts = {path.name: path.read_text(encoding="utf-8").lower() for path in files}

    assert len(files) > 20
    assert [(name, key) for name, text in texts.items() for key in KEYS if key in text] == []


@pytest.mark.parametrize("switch", SWITCHES)
def test_what_would_take_keys_is_switched_off(switch: str) -> None:
    assert switch in (bicep.FOLDER / SWITCHES[switch]).read_text(encoding="utf-8")


def test_every_event_type_that_is_about_a_version_is_subscribed_to() -> None:
    text = (bicep.FOLDER / "modules" / "event-subscription.bicep").read_text(encoding="utf-8")

    subscribed = re.findall(r"'Microsoft\.KeyVault\.(\w+)'", text)

    assert sorted(subscribed) == sorted(set(eventgrid.EVENT_TYPES) - {"VaultAccessPolicyChanged"})


def test_the_function_that_event_grid_calls_is_the_apps() -> None:
    text = (bicep.FOLDER / "modules" / "event-subscription.bicep").read_text(encoding="utf-8")

    assert f"/functions/{stack.FUNCTION}'" in text
    assert f"'{stack.FUNCTION}'" in MAIN.text
    assert "'on_key_vault_event_message'" in MAIN.text


def test_azd_gives_parameters_that_exist_and_runs_hooks_that_are_there() -> None:
    given = json.loads((bicep.FOLDER / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    azd = yaml.safe_load((stack.APP / "azure.yaml").read_text(encoding="utf-8"))

    assert MAIN.required <= set(given) <= set(MAIN.parameters)
    assert [name for name, one in given.items() if set(one) != {"value"}] == []
    assert azd["services"]["app"] == {"project": ".", "language": "python", "host": "function"}
    assert f"'azd-service-name': '{next(iter(azd['services']))}'" in (
        bicep.FOLDER / "modules" / "function.bicep"
    ).read_text(encoding="utf-8")
    for hook in azd["hooks"]["postdeploy"].values():
        assert (stack.APP / hook["run"]).is_file()


def test_the_hooks_read_outputs_that_the_template_has() -> None:
    azds_own = {
        "AZURE_ENV_NAME",
        "AZURE_LOCATION",
        "AZURE_SUBSCRIPTION_ID",
        "SUBSCRIBE_TRIES",
        "SUBSCRIBE_PAUSE",
        "LASTEXITCODE",
        "PSS",
    }
    for name, pattern in (("subscribe.sh", r"\$\{?([A-Z_]{3,})"), ("subscribe.ps1", r"\$env:([A-Z_]+)")):
        text = (bicep.FOLDER / "hooks" / name).read_text(encoding="utf-8")

        assert set(re.findall(pattern, text)) <= MAIN.outputs | azds_own, name
        assert set(EVENTS.parameters) - set(re.findall(r"\b(\w+) *=", text)) == {"subscriptionName"}, name


def test_a_symbol_is_no_word_of_the_language() -> None:
    """`subscription` and the like would hide the function of that name."""
    hidden = {"subscription", "resourceGroup", "tenant", "deployment", "environment", "union", "items"}
    for path in bicep.FILES:
        tree = bicep.read(path).tree
        assert not hidden & {*tree.get("resources", {}), *tree.get("modules", {}), *tree.get("variables", {})}

"""The hook that subscribes the app: run for real, against an `az` that notes what it is asked."""

import asyncio
import json
import os
from pathlib import Path

from devstack import stack
from tests.infra import bicep

HOOK = bicep.FOLDER / "hooks" / "subscribe.sh"
AZ = """#!/usr/bin/env python3
import json, pathlib, sys
place = pathlib.Path(__file__).parent
asked = sys.argv[1:]
with (place / "asked").open("a") as file:
    file.write(json.dumps(asked) + "\\n")
if asked[:3] == ["functionapp", "function", "show"]:
    left = int((place / "missing").read_text())
    (place / "missing").write_text(str(left - 1))
    if left > 0:
        sys.exit("Please run 'az login'")
    sys.exit(0)
sys.exit(int((place / "code").read_text()))
"""
OUTPUTS = {
    "AZURE_ENV_NAME": "prod",
    "AZURE_LOCATION": "westeurope",
    "AZURE_RESOURCE_GROUP": "rg-prod",
    "AZURE_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
    "FUNCTION_APP_NAME": "func-1",
    "FUNCTION_APP_ID": "/subscriptions/s/resourceGroups/rg-prod/providers/Microsoft.Web/sites/func-1",
    "STORAGE_ACCOUNT_ID": "/subscriptions/s/resourceGroups/rg-prod/providers/Microsoft.Storage/storageAccounts/st",
    "SYSTEM_TOPIC_IDS": '["/subscriptions/s/resourceGroups/kv/providers/Microsoft.EventGrid/systemTopics/evgt-kv-1"]',
    "EVENT_QUEUE_ID": "",
    "SUBSCRIBE_PAUSE": "0",
}


async def subscribe(folder: Path, *, missing: int = 0, code: int = 0, **given: str) -> tuple[int, list[list[str]], str]:
    """Run the hook; the function is missing so many times. Returns the exit code, what was asked and what was said."""
    az = folder / "az"
    az.write_text(AZ, encoding="utf-8")
    az.chmod(0o755)
    (folder / "missing").write_text(str(missing), encoding="utf-8")
    (folder / "code").write_text(str(code), encoding="utf-8")
    (folder / "asked").touch()
    environment = {"PATH": f"{folder}:{stack.inherited()['PATH']}", **OUTPUTS, **given}
    process = await asyncio.create_subprocess_exec(
        str(HOOK), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    asked = [json.loads(line) for line in (folder / "asked").read_text(encoding="utf-8").splitlines()]
    return process.returncode or 0, asked, said.decode()


async def test_the_subscription_is_made_as_soon_as_the_function_is_there(tmp_path: Path) -> None:
    code, asked, _ = await subscribe(tmp_path, missing=2)

    assert code == 0
    assert [one[:3] for one in asked] == [["functionapp", "function", "show"]] * 3 + [["deployment", "sub", "create"]]
    subscriptions = [one[one.index("--subscription") + 1] for one in asked]
    assert set(subscriptions) == {OUTPUTS["AZURE_SUBSCRIPTION_ID"]}, "az may have another one for its own"
    deployment = asked[-1]
    template = deployment[deployment.index("--template-file") + 1]
    assert template == f"{HOOK.parent}/../events.bicep"
    parameters = dict(one.split("=", 1) for one in deployment if "=" in one)
    assert set(parameters) == set(bicep.read(bicep.FOLDER / "events.bicep").parameters) - {"subscriptionName"}
    assert json.loads(parameters["systemTopicIds"]) == json.loads(OUTPUTS["SYSTEM_TOPIC_IDS"])
    assert parameters["eventQueueId"] == ""


async def test_where_the_function_never_appears_nothing_is_made_and_the_hook_says_so(tmp_path: Path) -> None:
    code, asked, said = await subscribe(tmp_path, missing=99, SUBSCRIBE_TRIES="3")

    assert code == 1
    assert len(asked) == 3
    assert "func-1 has no function on_key_vault_event yet" in said
    assert "az login" in said


async def test_events_that_go_to_a_queue_need_no_function(tmp_path: Path) -> None:
    code, asked, _ = await subscribe(tmp_path, missing=99, EVENT_QUEUE_ID="/subscriptions/s/queues/q")

    assert code == 0
    assert [one[:3] for one in asked] == [["deployment", "sub", "create"]]
    assert "eventQueueId=/subscriptions/s/queues/q" in asked[0]


async def test_a_deployment_that_fails_fails_the_hook(tmp_path: Path) -> None:
    code, _, _ = await subscribe(tmp_path, code=7)

    assert code == 7


async def test_without_a_provisioned_environment_nothing_is_asked(tmp_path: Path) -> None:
    code, asked, said = await subscribe(tmp_path, AZURE_RESOURCE_GROUP="")

    assert code != 0
    assert asked == []
    assert "run azd provision first" in said


def test_the_hook_may_be_run() -> None:
    assert os.access(HOOK, os.X_OK)

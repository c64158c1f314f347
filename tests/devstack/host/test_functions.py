"""What an app declares, read or refused."""

import pytest

from devstack.host.functions import AppError, Function, read_function
from devstack.host.server import read_route


def http_function(**properties: object) -> Function:
    """Return an HTTP-triggered function."""
    return Function(name="Orders", identifier="1", kind="httpTrigger", argument="req", properties=properties)


@pytest.mark.parametrize("template", ["{id:int}", "{id?}", "{*path}", "a{id}b", "a//b"])
def test_a_route_that_the_host_does_not_know_is_refused(template: str) -> None:
    """Refused at start, not answered 404 for ever."""
    with pytest.raises(AppError):
        read_route(http_function(route=template))


@pytest.mark.parametrize(
    "bindings",
    [
        [],
        ['{"type": "http", "name": "$return"}'],
        ['{"type": "timerTrigger", "name": "a"}', '{"type": "httpTrigger", "name": "b"}'],
        ['{"type": "timerTrigger", "name": "a"}', '{"type": "blob", "name": "b"}'],
        ['{"type": "blobTrigger", "name": "a"}'],
    ],
)
def test_a_function_has_one_trigger_and_no_binding_that_nobody_serves(bindings: list[str]) -> None:
    """An output that goes nowhere would look like success."""
    with pytest.raises(AppError):
        read_function("f", "1", bindings)


def test_settings_in_a_trigger_are_replaced_or_named_as_missing() -> None:
    """%NAME% as in the real host."""
    function = http_function(queueName="%Prefix%-%Queue%")

    assert function.setting("queueName", {"Prefix": "dev", "Queue": "jobs"}) == "dev-jobs"
    with pytest.raises(AppError, match="Queue"):
        function.setting("queueName", {"Prefix": "dev"})
    with pytest.raises(AppError, match="topicName"):
        function.setting("topicName", {})

"""Route templates of HTTP triggers."""

from collections.abc import Mapping

import pytest

from devstack.host.functions import AppError, Function, read_function
from devstack.host.routes import read_route


def http_function(**properties: object) -> Function:
    """Return an HTTP-triggered function."""
    return Function(name="Orders", identifier="1", kind="httpTrigger", argument="req", properties=properties)


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("orders/{id}", "/api/orders/a-1", {"id": "a-1"}),
        ("orders/{id}", "/api/Orders/7", {"id": "7"}),
        ("orders/{id}", "/api/orders", None),
        ("orders/{id}", "/api/orders/7/x", None),
        ("orders/{id:int?}", "/api/orders", {}),
        ("orders/{id:int?}", "/api/orders/7", {"id": "7"}),
        ("orders/{id:int?}", "/api/orders/seven", None),
        ("files/{*path}", "/api/files/a/b", {"path": "a/b"}),
        ("files.v1", "/api/files-v1", None),
        (None, "/api/orders", {}),
    ],
)
def test_a_path_matches_its_template(template: str | None, path: str, expected: Mapping[str, str] | None) -> None:
    """Without a template the function's name is the route."""
    assert read_route(http_function(route=template), "api").match("GET", path) == expected


def test_a_route_answers_only_its_methods() -> None:
    """No methods means all of them."""
    assert read_route(http_function(methods=["GET"]), "api").match("POST", "/api/Orders") is None
    assert read_route(http_function(), "").match("PATCH", "/orders") == {}


@pytest.mark.parametrize("template", ["{id:range(1,2)}", "{id:long}", "a{id}b", "{a}/{a}"])
def test_an_unknown_template_is_refused(template: str) -> None:
    """Refused at start, not answered 404 for ever."""
    with pytest.raises(AppError):
        read_route(http_function(route=template), "api")


@pytest.mark.parametrize(
    "bindings",
    [
        [],
        ['{"type": "http", "name": "$return"}'],
        ['{"type": "timerTrigger", "name": "a"}', '{"type": "httpTrigger", "name": "b"}'],
        ['{"type": "timerTrigger", "name": "a"}', '{"type": "blob", "name": "b"}'],
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

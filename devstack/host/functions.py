"""What an app declares, what wakes a function and what comes back, as values. Nothing here runs anything."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

TRIGGERS: Final = ("eventGridTrigger", "httpTrigger", "timerTrigger", "serviceBusTrigger")

_SETTING: Final = re.compile(r"%([^%]+)%")


class AppError(Exception):
    """The app cannot be hosted; the message says what to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function: its worker's id, the type of its trigger, and the trigger's own properties."""

    name: str
    identifier: str
    kind: str
    argument: str
    properties: Mapping[str, Any]

    def setting(self, key: str, settings: Mapping[str, str]) -> str:
        """Return a property of the trigger with every %NAME% replaced by the setting of that name.

        Raises:
            AppError: The property or a setting is missing.
        """

        def expand(match: re.Match[str]) -> str:
            if match[1] not in settings:
                raise AppError(f"function {self.name}: its {key} needs the setting {match[1]}, which is not set")
            return settings[match[1]]

        value = self.properties.get(key)
        if not isinstance(value, str):
            raise AppError(f"function {self.name}: its trigger has no {key}")
        return _SETTING.sub(expand, value)


def read_function(name: str, identifier: str, raw_bindings: Sequence[str]) -> Function:
    """Return the function that the worker's metadata describes; `raw_bindings` are JSON objects.

    Raises:
        AppError: There is not exactly one trigger, or a trigger or another binding that the host does not serve.
    """
    bindings = [json.loads(raw) for raw in raw_bindings]
    triggers = [binding for binding in bindings if str(binding["type"]).endswith("Trigger")]
    if len(triggers) != 1:
        raise AppError(f"function {name}: it has {len(triggers)} triggers, not one")
    for binding in bindings:
        if binding["type"] not in (*TRIGGERS, "http"):
            raise AppError(f"function {name}: the devstack's host has no {binding['type']} binding")
    trigger = triggers[0]
    return Function(
        name=name, identifier=identifier, kind=trigger["type"], argument=trigger["name"], properties=trigger
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a trigger hands over: JSON text, text or bytes, in the worker protocol's words."""

    kind: Literal["json", "string", "bytes"]
    content: str | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """An HTTP trigger's request. `params` come from the route."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    params: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What an HTTP-triggered function returned."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an invocation ended: `error` is empty on success, else the exception as "Type: message"."""

    error: str = ""
    trace: str = ""
    answer: HttpAnswer = field(default_factory=HttpAnswer)

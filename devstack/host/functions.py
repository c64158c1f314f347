"""What an app declares: its functions and their triggers, as values. Nothing here runs anything."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
        AppError: There is not exactly one trigger, or a binding that the host does not serve.
    """
    bindings = [json.loads(raw) for raw in raw_bindings]
    triggers = [binding for binding in bindings if str(binding["type"]).endswith("Trigger")]
    others = [binding for binding in bindings if binding not in triggers and binding["type"] != "http"]
    if len(triggers) != 1:
        raise AppError(f"function {name}: it has {len(triggers)} triggers, not one")
    if others:
        raise AppError(f"function {name}: the devstack's host has no {others[0]['type']} binding")
    trigger = triggers[0]
    return Function(
        name=name, identifier=identifier, kind=trigger["type"], argument=trigger["name"], properties=trigger
    )

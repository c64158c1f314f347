"""Route templates of HTTP triggers: `orders/{id:int?}`, `files/{*path}`. No I/O.

Paths compare without case, as in ASP.NET. Constraints: int, bool, guid, alpha, length-free; another is an AppError.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from devstack.host.functions import AppError, Function

_CONSTRAINTS: Final = {
    "": r"[^/]+",
    "int": r"-?\d+",
    "bool": r"true|false",
    "guid": r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}",
    "alpha": r"[a-z]+",
}
_PARAMETER: Final = re.compile(r"\{(?P<rest>\*?)(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\??)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One HTTP trigger's template, ready to match. Empty `methods` means every method."""

    function: Function
    pattern: re.Pattern[str]
    methods: frozenset[str]
    parameters: int

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """Return the route's parameters, or None where the request is another function's."""
        found = self.pattern.fullmatch(path)
        if found is None or (self.methods and method not in self.methods):
            return None
        return {name: value for name, value in found.groupdict().items() if value is not None}


def read_route(function: Function, prefix: str) -> Route:
    """Return the route of an HTTP trigger below `prefix`, which host.json sets to `api` by default.

    Raises:
        AppError: The template has a constraint that is not known here, or is no template.
    """
    template = str(function.properties.get("route") or function.name).strip("/")
    segments = [*(part for part in prefix.strip("/").split("/") if part), *template.split("/")]
    pattern = "".join(_segment_pattern(function, segment) for segment in segments)
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise AppError(f"function {function.name}: its route {template!r} is no template: {error}") from error
    methods = frozenset(str(method).upper() for method in function.properties.get("methods") or ())
    return Route(function=function, pattern=compiled, methods=methods, parameters=compiled.groups)


def _segment_pattern(function: Function, segment: str) -> str:
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is None:
        if "{" in segment:
            raise AppError(f"function {function.name}: the devstack's host does not know the route segment {segment!r}")
        return "/" + re.escape(segment)
    if parameter["rest"]:
        return f"(?:/(?P<{parameter['name']}>.*))?"
    if (parameter["constraint"] or "") not in _CONSTRAINTS:
        raise AppError(f"function {function.name}: the devstack's host does not know the constraint {segment!r}")
    group = f"/(?P<{parameter['name']}>{_CONSTRAINTS[parameter['constraint'] or '']})"
    return f"(?:{group})?" if parameter["optional"] else group

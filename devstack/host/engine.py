"""How an invocation goes in and what comes out, whatever runs the function. Nothing here runs one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from devstack.host.functions import Function


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


class Engine(Protocol):
    """Runs the functions of one app."""

    name: str
    functions: tuple[Function, ...]

    async def invoke(self, function: Function, payload: Payload | HttpCall, metadata: Mapping[str, object]) -> Outcome:
        """Run a function once. `metadata` are the trigger's, JSON-serialisable. Never raises for the app's errors."""
        ...

    async def close(self) -> None:
        """Give back what the engine holds."""
        ...

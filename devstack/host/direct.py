"""Without the worker library: function_app's functions called directly, through azure-functions' own converters.

The converters are what the worker uses, so a function sees the same objects. Not as in the worker: no check of
annotations at start, no `context` argument, no trace context.
"""

import asyncio
import importlib
import inspect
import json
import sys
import traceback
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import azure.functions as func  # noqa: TID251 the host is the other side of this door
from azure.functions.meta import Datum  # noqa: TID251 as above

from devstack.host.functions import AppError, Function, HttpAnswer, HttpCall, Outcome, Payload, read_function


class DirectEngine:
    """Runs one app in this interpreter without a worker."""

    name = "direct call"

    def __init__(self, functions: Sequence[tuple[Function, Callable[..., Any]]]) -> None:
        self.functions = tuple(function for function, _ in functions)
        self._callables = {function.name: call for function, call in functions}
        self._converters: Any = func.get_binding_registry()  # type: ignore[no-untyped-call]  # the library's own gap

    @classmethod
    async def load(cls) -> Self:
        """Import function_app, which has to be importable already, and index it.

        Raises:
            AppError: It does not import, or has not exactly one FunctionApp.
        """
        try:
            indexed = _index()
        except Exception as error:  # whatever the app raises while it is imported
            raise AppError(f"{type(error).__name__}: {error}\n{traceback.format_exc()}".rstrip()) from error
        return cls(
            [
                (read_function(each.get_function_name(), "", each.get_raw_bindings()), each.get_user_function())
                for each in indexed
            ]
        )

    async def invoke(self, function: Function, payload: Payload | HttpCall, metadata: Mapping[str, object]) -> Outcome:
        """Call the function; a synchronous one in a thread, where it cannot stop the loop."""
        call = self._callables[function.name]
        try:
            arguments = {function.argument: self._decode(function, call, payload, metadata)}
            if inspect.iscoroutinefunction(call):
                returned = await call(**arguments)
            else:
                returned = await asyncio.to_thread(call, **arguments)
            answer = self._encode(returned) if function.kind == "httpTrigger" else HttpAnswer()
        except Exception as error:  # noqa: BLE001 whatever the app raises is the outcome
            return Outcome(error=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
        finally:
            sys.stdout.flush()
        return Outcome(answer=answer)

    async def close(self) -> None:
        """Hold nothing."""

    def _decode(
        self,
        function: Function,
        call: Callable[..., Any],
        payload: Payload | HttpCall,
        metadata: Mapping[str, object],
    ) -> object:
        if isinstance(payload, Payload) and typing.get_type_hints(call).get(function.argument) in (str, bytes):
            return payload.content
        converter = self._converters.get(function.kind)
        trigger_metadata = {name: Datum(json.dumps(value), "json") for name, value in metadata.items()}
        decoded: object = converter.decode(_datum(payload), trigger_metadata=trigger_metadata)
        return decoded

    def _encode(self, returned: object) -> HttpAnswer:
        try:
            encoded = self._converters.get("http").encode(returned, expected_type=None)
        except NotImplementedError:
            raise TypeError(f"an HTTP function returned {type(returned).__name__}") from None
        if encoded.type == "string":
            return HttpAnswer(headers={"Content-Type": "text/plain; charset=utf-8"}, body=encoded.value.encode())
        headers = {name: value.value for name, value in encoded.value["headers"].items()}
        return HttpAnswer(
            status=int(encoded.value["status_code"].value), headers=headers, body=encoded.value["body"].value
        )


def _index() -> list[Any]:
    module = importlib.import_module("function_app")
    apps = {id(each): each for each in vars(module).values() if isinstance(each, func.FunctionRegister)}
    if len(apps) != 1:
        raise LookupError(f"function_app.py has {len(apps)} FunctionApp objects at the top level, not one")
    functions: list[Any] = next(iter(apps.values())).get_functions()
    return functions


def _datum(payload: Payload | HttpCall) -> Datum:
    if isinstance(payload, Payload):
        return Datum(payload.content, payload.kind)
    values = {
        "method": Datum(payload.method, "string"),
        "url": Datum(payload.url, "string"),
        "headers": {name: Datum(value, "string") for name, value in payload.headers.items()},
        "query": {name: Datum(value, "string") for name, value in payload.query.items()},
        "params": {name: Datum(value, "string") for name, value in payload.params.items()},
        "body": Datum(payload.body, "bytes"),
    }
    return Datum(values, "http")

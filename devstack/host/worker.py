"""Microsoft's worker library, driven without gRPC (azure-platform 2.9, recipe A).

The library speaks in protobuf messages but brings none: it takes their classes from the request. `_Protocol` stands
in for them with keyword-argument classes. Two details are needed (local-stack 4.1): a message must not answer to
capitalised names (the library probes `.TypedData`), and trigger metadata may only be string or json.
"""

import asyncio
import importlib
import importlib.metadata
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from devstack.host.functions import AppError, Function, HttpAnswer, HttpCall, Outcome, Payload, read_function

_SUCCESS: Final = 1
_FAILURE: Final = 0


class _Message:
    """Any protobuf message: the fields it was made with."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)
        self._fields = tuple(fields)

    def WhichOneof(self, oneof: str) -> str | None:  # noqa: N802 protobuf's name
        """Return which field of a oneof is set: ours carry one each, beside a parameter's name."""
        if oneof == "rpc_data":
            return "data"
        return self._fields[0] if self._fields else None


class _StatusResult(_Message):
    Success = _SUCCESS
    Failure = _FAILURE


class _BindingInfo(_Message):
    # BindingInfo.Direction and .DataType of the worker protocol, as azure.functions numbers them.
    out = 1
    inout = 2
    undefined = 0


class _Protocol:
    """The module of message classes that the library expects."""

    StatusResult = _StatusResult
    BindingInfo = _BindingInfo

    def __getattr__(self, name: str) -> type[_Message]:
        return _Message


class WorkerEngine:
    """Runs one app as Azure's Python worker does."""

    def __init__(self, runtime: Any, functions: tuple[Function, ...]) -> None:
        self.name = f"azure-functions-runtime {importlib.metadata.version('azure-functions-runtime')}"
        self.functions = functions
        self._runtime = runtime

    @classmethod
    async def load(cls, directory: Path) -> Self:
        """Index function_app.py, which has to be importable already.

        Raises:
            AppError: The library refused the app; the message is its own.
        """
        # Untyped, and not installed below 3.13: a plain import would need a different excuse for mypy on each.
        runtime = importlib.import_module("azure_functions_runtime")
        message = _Message(capabilities={}, function_app_directory=str(directory))
        answer = await runtime.worker_init_request(_request(worker_init_request=message))
        if answer.result.status != _SUCCESS:
            raise AppError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}".rstrip())
        metadata = await runtime.functions_metadata_request(_request())
        functions = tuple(
            read_function(each.name, each.function_id, each.raw_bindings)
            for each in metadata.function_metadata_results or ()
        )
        runtime.start_threadpool_executor()
        return cls(runtime, functions)

    async def invoke(self, function: Function, payload: Payload | HttpCall, metadata: Mapping[str, object]) -> Outcome:
        """Send one InvocationRequest."""
        message = _Message(
            invocation_id=str(uuid.uuid4()),
            function_id=function.identifier,
            input_data=[_Message(name=function.argument, data=_typed(payload))],
            trigger_metadata={name: _Message(json=json.dumps(value)) for name, value in metadata.items()},
            trace_context=_Message(trace_parent="", trace_state="", attributes={}),
            retry_context=_Message(retry_count=0, max_retry_count=0, exception=None),
        )
        answer = await self._runtime.invocation_request(_request(invocation_request=message))
        if answer.result.status != _SUCCESS:
            return Outcome(error=answer.result.exception.message, trace=answer.result.exception.stack_trace)
        return Outcome(answer=_read_answer(answer.return_value))

    async def close(self) -> None:
        """Stop the threads of synchronous functions; it waits for them, so not on the loop."""
        await asyncio.to_thread(self._runtime.stop_threadpool_executor)


def _request(**fields: Any) -> _Message:
    return _Message(request=_Message(**fields), properties={"protos": _Protocol(), "host": "127.0.0.1"})


def _typed(payload: Payload | HttpCall) -> _Message:
    if isinstance(payload, Payload):
        return _Message(**{payload.kind: payload.content})
    http = _Message(
        method=payload.method,
        url=payload.url,
        headers=payload.headers,
        query=payload.query,
        params=payload.params,
        body=_Message(bytes=payload.body),
    )
    return _Message(http=http)


def _read_answer(returned: Any) -> HttpAnswer:
    if returned is None:
        return HttpAnswer(status=204)
    if returned.WhichOneof("data") != "http":
        return HttpAnswer(headers={"Content-Type": "text/plain; charset=utf-8"}, body=_read_body(returned))
    http = returned.http
    return HttpAnswer(status=int(http.status_code), headers=dict(http.headers), body=_read_body(http.body))


def _read_body(data: Any) -> bytes:
    kind = data.WhichOneof("data")
    content = getattr(data, kind)
    return content if isinstance(content, bytes) else str(content).encode()

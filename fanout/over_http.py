"""The operator's questions over HTTP: the same commands, arguments and documents, asked of the deployed app.

    GET  plan      object= or all=true, vault=, cluster=
    GET  status    object=, vault=, cluster=, subscription=
    GET  doctor    cluster=, event-subscription=
    POST refresh   {"object": ..., "vault": ..., "cluster": ..., "namespace": ..., "secret": ...}

Several clusters or subscriptions are separated by commas. An answer is the command's `--json` document, and the header
`Fanout-Exit-Code` says what the command's exit code would be. A question that is wrong, too much or too long gets
`application/problem+json` (RFC 9457), which names what and where. What asks here is whoever holds the function's key;
what looks and acts is the app's identity. Who may call is the host's business.
"""

import argparse
import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

from fanout.doctor.command import COMMAND as DOCTOR
from fanout.errors import UsageError
from fanout.plan.command import COMMAND as PLAN
from fanout.refresh.command import COMMAND as REFRESH
from fanout.reply import Reply, problem, reply
from fanout.status.command import COMMAND as STATUS
from fanout.subcommand import Command, Run
from shared.errors import describe_fault
from shared.record import plain

_log = logging.getLogger("fanout.over_http")

SECONDS = 200.0
"""How long one question may take. Azure's load balancer gives up a request after 230 (azure-functions scale limits)."""

AT_ONCE = 2
"""Questions that one process works on: each lists what vaults and clusters hold, and events come first."""

LARGEST = 8 * 1024
"""Bytes of a body. The longest names there are fit in many times."""

_LONGEST_VALUE = 2048
_EXIT_CODE = "Fanout-Exit-Code"
_HOSTS_OWN = frozenset({"code", "clientId"})
"""Parameters that the host takes for itself: the function's key, and that key's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A command, and which of its options may be given: with a value, with several, or with none (`true`)."""

    command: Command
    single: frozenset[str] = frozenset()
    several: frozenset[str] = frozenset()
    switches: frozenset[str] = frozenset()
    always: Sequence[str] = ()

    def arguments(self, given: Mapping[str, object]) -> list[str]:
        """Return the command's arguments. Raises `UsageError` that names the parameter."""
        found = ["--json", *self.always]
        for name, value in given.items():
            if name not in self.single | self.several | self.switches:
                known = ", ".join(sorted(self.single | self.several | self.switches))
                raise UsageError(f"{plain(name)[:40]!r} is no parameter here; expected some of {known}")
            if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
                raise UsageError(f"{name} is wrong; expected a text of up to {_LONGEST_VALUE} characters")
            if name in self.switches:
                if value not in {"true", "false"}:
                    raise UsageError(f"{name} is wrong; expected true or false")
                found += [f"--{name}"] if value == "true" else []
            else:
                parts = value.split(",") if name in self.several else [value]
                found += [f"--{name}={part.strip()}" for part in parts]
        return found


LOOKS: Mapping[str, Question] = {
    "plan": Question(
        command=PLAN, single=frozenset({"object", "vault"}), several=frozenset({"cluster"}), switches=frozenset({"all"})
    ),
    "status": Question(
        command=STATUS, single=frozenset({"object", "vault"}), several=frozenset({"cluster", "subscription"})
    ),
    "doctor": Question(command=DOCTOR, several=frozenset({"cluster", "event-subscription"})),
}
_REFRESH = Question(
    command=REFRESH,
    single=frozenset({"object", "vault", "namespace", "secret"}),
    several=frozenset({"cluster"}),
    always=("--no-follow",),
)


class Operator:
    """Answers, with the app's settings. `seconds` is the deadline of one answer; `looks` are what may be looked at."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        looks: Mapping[str, Question] = LOOKS,
        seconds: float = SECONDS,
        at_once: int = AT_ONCE,
    ) -> None:
        self._environ = environ
        self._looks = looks
        self._seconds = seconds
        self._at_once = at_once
        self._busy = 0

    async def look(self, name: str, parameters: Mapping[str, str]) -> Reply:
        """Answer `plan`, `status` or `doctor`. Nothing is changed; raises nothing."""
        given = {key: value for key, value in parameters.items() if key not in _HOSTS_OWN}
        return await self._answer(self._looks[name], given)

    async def refresh(self, content_type: str, body: bytes) -> Reply:
        """Bring an object to its targets now, as `fanout refresh --no-follow` does; raises nothing.

        What is not done when this answers is on the queue, or found by the sweep. Asking twice writes nothing twice.
        """
        if content_type.partition(";")[0].strip().lower() != "application/json":
            return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected Content-Type: application/json")
        if len(body) > LARGEST:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of up to {LARGEST} bytes")
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            return problem(HTTPStatus.BAD_REQUEST, 'expected a JSON object, such as {"object": "secret/NAME"}')
        return await self._answer(_REFRESH, given)

    async def _answer(self, question: Question, given: Mapping[str, Any]) -> Reply:
        name = question.command.name
        try:
            run = question.command.prepare(_parse(question, given), self._environ)
        except UsageError as error:
            return problem(HTTPStatus.BAD_REQUEST, _without_dashes(str(error)))
        if self._busy >= self._at_once:
            busy = f"{self._at_once} questions are being answered; ask again"
            return problem(HTTPStatus.TOO_MANY_REQUESTS, busy, {"Retry-After": "10"})
        self._busy += 1
        _log.info("asked over HTTP: %s %s", name, plain(str(given.get("object", ""))[:140]))
        try:
            return await self._carry_out(name, run)
        finally:
            self._busy -= 1

    async def _carry_out(self, name: str, run: Run) -> Reply:
        try:
            async with asyncio.timeout(self._seconds):
                await run.do()
        except TimeoutError:
            late = f"{name} was not done within {self._seconds:g} seconds; ask about one object or cluster"
            return problem(HTTPStatus.GATEWAY_TIMEOUT, late)
        except Exception as fault:  # noqa: BLE001 - the host would log its text, which may quote a value
            said = describe_fault(fault)
            _log.error("a fault of the app's while it answered %s: %s", name, said)
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"a fault of this app: {said}")
        return reply(HTTPStatus.OK, run.text(), "application/json", {_EXIT_CODE: str(run.code)})


class _Parser(argparse.ArgumentParser):
    """argparse, which raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(plain(message)[:300])


def _parse(question: Question, given: Mapping[str, object]) -> argparse.Namespace:
    parser = _Parser(prog=question.command.name, add_help=False, allow_abbrev=False, exit_on_error=False)
    question.command.add_arguments(parser)
    try:
        return parser.parse_args(question.arguments(given))
    except argparse.ArgumentError as error:
        raise UsageError(plain(str(error))[:300]) from None


def _without_dashes(text: str) -> str:
    """Return a text about options as one about parameters."""
    return re.sub(r"(?<![\w-])--(?=[a-z])", "", text).removeprefix("argument ")

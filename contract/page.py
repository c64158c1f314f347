"""The generated parts of docs/notices.md, each between two comments; everything else is left alone. Pure."""

import json
import re
from collections.abc import Iterable, Mapping

from contract.catalogue import ACKNOWLEDGED, MESSAGES, NOTICE_TYPE, NOTICES, Message
from contract.fields import ENVELOPE, TRACING, Field
from contract.samples import Sample
from shared.outcome import TELLING
from shared.reason import remedy

_FIRST = "1.0"
_MANY = 10


def render(text: str, samples: Mapping[str, Sample]) -> str:
    """Return the page with its generated parts made anew. Raises ValueError where one of them is missing."""
    parts = {
        "types": _types(),
        "envelope": _envelope(),
        "fields": _fields(),
        "properties": _properties(),
        "reasons": _reasons(),
        "acknowledgement": _acknowledgement(),
        "examples": _examples(samples),
    }
    for name, part in parts.items():
        pattern = re.compile(rf"(<!-- make schemas: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, found = pattern.subn(lambda match, part=part: f"{match[1]}{part}\n{match[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"the page has {found} places for {name}, not one")
    return text


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _types() -> str:
    rows = [(f"`{one.name}`", f"`{one.event_type}`", one.when, f"[schema](../schemas/{one.file})") for one in NOTICES]
    return _table(("`noticeType`", "CloudEvents `type`", "when", ""), rows)


def _envelope() -> str:
    return _table(("attribute", "type", "meaning"), [(f"`{one.name}`", _type(one), _meaning(one)) for one in ENVELOPE])


def _fields() -> str:
    by_field: dict[Field, list[Message]] = {}
    for message in NOTICES:
        for field in message.fields:
            by_field.setdefault(field, []).append(message)
    rows = [
        (f"`{field.name}`", _type(field), _where(messages), _meaning(field)) for field, messages in by_field.items()
    ]
    return _table(("field", "type", "in", "meaning"), rows)


def _properties() -> str:
    by_property: dict[str, list[Message]] = {}
    for message in NOTICES:
        for name in message.properties:
            by_property.setdefault(name, []).append(message)
    rows = []
    for name, messages in by_property.items():
        meaning = "the notice type, without its version" if name == NOTICE_TYPE else f"`data.{name}`"
        rows.append((f"`{name}`", _where(messages), meaning))
    rows += [(f"`{one.name}`", "all", _meaning(one)) for one in TRACING]
    return _table(("property", "in", "meaning"), rows)


def _reasons() -> str:
    return _table(("`reason`", "`remedy`"), [(f"`{one}`", remedy(one)) for one in sorted(TELLING)])


def _acknowledgement() -> str:
    rows = [(f"`{one.name}`", _type(one), _meaning(one)) for one in ACKNOWLEDGED.fields]
    return _table(("field", "type", "meaning"), rows)


def _examples(samples: Mapping[str, Sample]) -> str:
    shown = []
    for message in MESSAGES:
        sample = samples[message.name]
        shown.append(f"`{message.name}`:\n\n```json\n{json.dumps(sample.event, indent=2)}\n```\n")
    return "\n".join(shown)


def _type(field: Field) -> str:
    name = {"array": "texts", "string": "text"}.get(field.type, field.type)
    name = {"date-time": "instant", "uri": "URL", "uri-reference": "URI reference"}.get(field.format, name)
    return name if field.required else f"{name}, optional"


def _meaning(field: Field) -> str:
    """Say what a field means, with its words where they are few and not explained already."""
    words = [f"`{word}`" for word in field.words if word]
    told = not words or len(words) > _MANY or words[0] in field.meaning
    shown = field.meaning if told else f"{field.meaning}: {', '.join(words)}"
    return shown if field.since == _FIRST else f"{shown} (since {field.since})"


def _where(messages: list[Message]) -> str:
    """Say in which notices: all, all of one kind, or some by name."""
    if len(messages) == len(NOTICES):
        return "all"
    kinds = {one.name.partition(".")[0] for one in messages}
    for kind in kinds:
        same = [one for one in NOTICES if one.name.startswith(f"{kind}.")]
        if messages == same:
            return f"`{kind}.*`"
    return ", ".join(f"`{one.name}`" for one in messages)

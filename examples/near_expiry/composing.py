"""What is told, and how it looks in each channel. Pure.

Names, tags and details come from whoever may edit an object, a tag or a manifest. Nothing of theirs is read as markup:
it stands in runs of text that have none (Adaptive Card), in code spans (chat), or in plain text (mail).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from keyvault_fanout import Notice, NoticeType

TOLD: Mapping[NoticeType, str] = {
    NoticeType.OBJECT_NEAR_EXPIRY: "A version in Key Vault expires soon",
    NoticeType.OBJECT_EXPIRED: "A version in Key Vault has expired",
    NoticeType.TARGET_FAILED: "A Kubernetes Secret stays behind its vault object",
}
"""The notices that become messages, with their titles."""

_LONGEST = 500
"""Characters of one fact; a card of Teams may have 28 KB."""

_APART = "\u200b"
"""Zero-width space: after an `@` it keeps a name from being called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A title in our words, and facts: a label in our words, and a text of others on one line, cut at 500 characters.

    `owner` is whom it is for, as the tag says; `about` the object's name, for a subject line.
    """

    title: str
    about: str
    owner: str
    facts: tuple[tuple[str, str], ...]


def compose(notice: Notice, *, owner: str) -> Message:
    """Return the message for a notice of one of the types in `TOLD`. Facts that the notice lacks are left out."""
    expires = notice.instant("expires")
    facts = {
        "Object": f"{notice.object_type} {notice.object} of {notice.vault}",
        "Version": notice.version,
        "Expires": f"{expires:%d %B %Y, %H:%M} UTC" if expires else "",
        "Target": notice.target.rstrip("/"),
        "Reason": _text(notice, "reason"),
        "Detail": _text(notice, "detail"),
        "What to do": _text(notice, "remedy") if notice.target else "Make a new version; it is delivered by itself.",
        "Owner": owner,
    }
    told = tuple((label, one_line(text)) for label, text in facts.items() if text)
    return Message(title=TOLD[notice.type], about=one_line(notice.object), owner=one_line(owner), facts=told)


def one_line(text: str) -> str:
    """Return a text without line breaks, control and direction characters, cut at 500 characters."""
    shown = "".join(" " if unicodedata.category(letter).startswith(("C", "Z")) else letter for letter in text)
    flat = " ".join(shown.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"


def plain(message: Message) -> str:
    """Return lines of plain text."""
    return "\n".join([message.title, *(f"{label}: {text}" for label, text in message.facts)])


def teams(message: Message) -> dict[str, Any]:
    """Return what a Teams workflow takes: a message with one Adaptive Card.

    A `TextRun` knows no Markdown, and a mention takes an entity of the card, of which there is none.
    """
    body = [{"type": "TextBlock", "text": message.title, "weight": "Bolder", "size": "Medium", "wrap": True}]
    rows = [
        {
            "type": "RichTextBlock",
            "inlines": [
                {"type": "TextRun", "text": f"{label}: ", "weight": "Bolder"},
                {"type": "TextRun", "text": text},
            ],
        }
        for label, text in message.facts
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [*body, *rows],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def slack(message: Message) -> dict[str, Any]:
    """Return what Slack's incoming webhooks take, and those of others that speak like them."""
    lines = [f"*{message.title}*", *(f"{label}: {_code(text)}" for label, text in message.facts)]
    return {"text": "\n".join(lines)}


def mail(message: Message, *, sender: str, recipient: str) -> EmailMessage:
    """Return a mail of plain text."""
    letter = EmailMessage()
    letter["Subject"] = f"{message.title}: {message.about}"
    letter["From"], letter["To"] = sender, recipient
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(plain(message))
    return letter


def _code(text: str) -> str:
    """Return a code span that a text cannot leave, and in which it calls nobody."""
    inert = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"`{inert.replace('`', chr(39)).replace('@', f'@{_APART}')}`"


def _text(notice: Notice, name: str) -> str:
    found = notice.data.get(name)
    return found if isinstance(found, str) else ""

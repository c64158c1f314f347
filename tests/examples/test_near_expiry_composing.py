"""examples/near_expiry: what is told, and that nothing of others is read as markup."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contract.samples import samples
from keyvault_fanout import Notice, NoticeType, parse
from near_expiry import composing
from near_expiry.composing import TOLD, compose
from near_expiry.owners import choose
from near_expiry.settings import SettingsError, read

HOSTILE = "a`b`*_~[x](http://evil)<at>all</at><!channel>@here\r\nBcc: x@y.z\u202e\x1b[0m"
ENVIRONMENT = {
    "CHANNEL": "teams",
    "WEBHOOK_URL": "https://chat.example/hooks/secret-path",
    "DEFAULT_OWNER": "platform@example.com",
    "KEY_VAULTS": "KV-Shop, kv-two=https://kv-two.vault.azure.cn",
    "SERVICE_BUS_NAMESPACE": "bus.example",
    "TOPIC": "changes",
    "SUBSCRIPTION": "near-expiry",
}


def _sample(kind: NoticeType) -> Notice:
    notice = parse(json.dumps(samples()[kind].event).encode())
    assert isinstance(notice, Notice)
    return notice


def _hostile() -> Notice:
    told = _sample(NoticeType.TARGET_FAILED)
    return replace(told, object=HOSTILE, data={**told.data, "detail": HOSTILE, "reason": HOSTILE})


def test_near_expiry_names_object_time_and_owner() -> None:
    message = compose(_sample(NoticeType.OBJECT_NEAR_EXPIRY), owner="shop-team")

    assert composing.plain(message).splitlines() == [
        "A version in Key Vault expires soon",
        "Object: secret db-password of kv-shop",
        "Version: 5f2c9a1e7b0d4c6e8f1a2b3c4d5e6f70",
        "Expires: 23 December 2026, 12:00 UTC",
        "What to do: Make a new version; it is delivered by itself.",
        "Owner: shop-team",
    ]


def test_a_failure_names_target_reason_and_remedy() -> None:
    message = compose(_sample(NoticeType.TARGET_FAILED), owner="shop-team")

    assert dict(message.facts) == {
        "Object": "secret db-password of kv-shop",
        "Version": "5f2c9a1e7b0d4c6e8f1a2b3c4d5e6f70",
        "Target": "prod-weu/shop/web-secret",
        "Reason": "keeps-reverting",
        "Detail": "old bytes were put back 4 times",
        "What to do": "Look for another writer of the Secret (its managedFields); it puts old bytes back.",
        "Owner": "shop-team",
    }


@pytest.mark.parametrize("kind", TOLD, ids=str)
def test_every_kind_fits_every_channel(kind: NoticeType) -> None:
    message = compose(_sample(kind), owner="o" * 256)

    assert len(json.dumps(composing.teams(message))) < 28_000
    assert composing.slack(message)["text"].startswith(f"*{TOLD[kind]}*\n")
    assert composing.mail(message, sender="a@b.c", recipient="d@e.f")["Subject"] == f"{TOLD[kind]}: db-password"


def test_a_card_holds_the_texts_of_others_in_runs_without_markup_and_mentions_nobody() -> None:
    payload = composing.teams(compose(_hostile(), owner=HOSTILE))
    card = payload["attachments"][0]["content"]

    assert "msteams" not in card
    blocks = [block["text"] for block in card["body"] if block["type"] == "TextBlock"]
    assert blocks == [TOLD[NoticeType.TARGET_FAILED]]
    assert {run["type"] for run in _runs(card)} == {"TextRun"}


def test_a_chat_text_holds_the_texts_of_others_in_code_spans_that_call_nobody() -> None:
    text = composing.slack(compose(_hostile(), owner=HOSTILE))["text"]

    outside = re.sub(r"`[^`\n]*`", "", text)
    assert outside.splitlines() == [
        "*A Kubernetes Secret stays behind its vault object*",
        *[f"{label}: " for label in ("Object", "Version", "Target", "Reason", "Detail", "What to do", "Owner")],
    ]
    assert not re.search(r"[<>]|@\w", text)


def test_a_mail_has_no_header_but_ours() -> None:
    letter = composing.mail(compose(_hostile(), owner=HOSTILE), sender="a@b.c", recipient="d@e.f")

    assert letter["Bcc"] is None
    assert letter.get_content_type() == "text/plain"
    assert len(letter.as_bytes().split(b"\n\n", 1)[0].splitlines()) >= 6
    assert "\x1b" not in letter.get_content()


def test_a_long_text_is_cut() -> None:
    assert composing.one_line("x" * 501) == "x" * 499 + "…"


class Listed:
    """A version as a list shows it."""

    def __init__(self, version: str, day: int, **tags: str) -> None:
        self.version: str | None = version
        self.tags: dict[str, str] | None = tags or None
        self.created_on: datetime | None = datetime(2026, 11, day, tzinfo=UTC)


def test_the_owner_is_that_of_the_version_or_else_of_the_newest_that_names_one() -> None:
    versions = [Listed("v1", 1, owner="one"), Listed("v2", 2, Owner=" two "), Listed("v3", 3)]

    assert [choose([*versions], wanted) for wanted in ("v1", "v2", "v3", "gone")] == ["one", "two", "two", "two"]
    assert choose([Listed("v1", 1, team="x")], "v1") == ""


def test_settings_hold_vaults_by_name_and_show_no_secret() -> None:
    settings = read(ENVIRONMENT)

    assert settings.vaults == {"kv-shop": "https://KV-Shop.vault.azure.net", "kv-two": "https://kv-two.vault.azure.cn"}
    assert settings.domains == {"example.com"}
    assert "secret-path" not in repr(settings)


WRONG: dict[str, dict[str, Any]] = {
    "CHANNEL is none of teams, slack, email, print": {"CHANNEL": "carrier pigeon"},
    "WEBHOOK_URL is no https URL": {"WEBHOOK_URL": "http://chat.example/hidden"},
    "WEBHOOK_URL is no URL": {"WEBHOOK_URL": "https://chat.example:hidden/"},
    "WEBHOOK_URL is missing": {"WEBHOOK_URL": ""},
    "KEY_VAULTS is missing": {"KEY_VAULTS": ""},
    "DEFAULT_OWNER is no mail address": {"CHANNEL": "email", "DEFAULT_OWNER": "the team"},
    "MAIL_FROM is no mail address": {"CHANNEL": "email", "MAIL_FROM": "us", "SMTP_HOST": "smtp.example"},
    "SMTP_PORT is no number": {"CHANNEL": "email", "SMTP_PORT": "smtp"},
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_setting_is_named_and_not_repeated(said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(ENVIRONMENT | WRONG[said])

    assert str(raised.value) == said


def _runs(card: dict[str, Any]) -> list[dict[str, str]]:
    return [run for block in card["body"] for run in block.get("inlines", [])]

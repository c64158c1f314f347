"""examples/near_expiry on the local stack: from a notice to a chat or a mailbox."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio
from azure.servicebus.aio import ServiceBusClient

from devstack import stack
from devstack.certificates import Authority
from devstack.faults import Fault
from devstack.keyvault import Denial
from devstack.servicebus import Subscription
from keyvault_fanout import Notice, NoticeType, SecretValue
from near_expiry import composing
from near_expiry.composing import Message, compose
from near_expiry.sending import Mail, NotSentError, Webhook, retry_after
from near_expiry.settings import Smtp
from near_expiry.telling import Teller
from shared import notice
from shared.event import EventKind, VaultEvent
from shared.model import ObjectType, VaultObject
from tests.client.notices import message as as_message
from tests.edges.certificates import build_certificate
from tests.examples import mailbox as mailboxes
from tests.examples.mailbox import Mailbox
from tests.examples.program import Program, run
from tests.examples.webhook import PATH, Chat

SUBSCRIPTION = f"{stack.TOPIC}/subscriptions/near-expiry"
NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
TOLD = Notice(
    id="1", type=NoticeType.OBJECT_EXPIRED, vault="kv-shop", object_type="secret", object="db-password", version="v1"
)
OURS = compose(TOLD, owner="platform@example.com")


@pytest_asyncio.fixture(scope="module")
async def served_chat() -> AsyncIterator[Chat]:
    async with Chat() as chat:
        yield chat


@pytest.fixture
def chat(served_chat: Chat) -> Chat:
    """A chat in which nothing was said."""
    served_chat.posted.clear()
    served_chat.faults.clear()
    served_chat.asked = 0
    return served_chat


@pytest_asyncio.fixture(scope="module")
async def running() -> AsyncIterator[stack.Stack]:
    subscriptions = [Subscription(name="near-expiry", max_delivery_count=10)]
    async with stack.start(subscriptions=subscriptions) as found:
        yield found


def environment(running: stack.Stack, chat: Chat) -> dict[str, str]:
    """Return what an operator sets."""
    return {
        "SERVICE_BUS": running.bus.connection_string,
        "TOPIC": stack.TOPIC,
        "SUBSCRIPTION": "near-expiry",
        "KEY_VAULTS": running.settings["KEY_VAULTS"],
        "SSL_CERT_FILE": str(running.bundle),
        "CHANNEL": "teams",
        "WEBHOOK_URL": chat.hook,
        "DEFAULT_OWNER": "platform@example.com",
        **running.identity.environment,
    }


async def tell(running: stack.Stack, *events: VaultEvent) -> None:
    """Publish what the app would."""
    told = [notice.about_object(one, version=one.version, vault_url=running.vault.url, at=NOW) for one in events]
    async with (
        ServiceBusClient.from_connection_string(running.bus.connection_string) as client,
        client.get_topic_sender(stack.TOPIC) as sender,
    ):
        await sender.send_messages([as_message(one) for one in told])


def event(
    name: str, version: str, kind: EventKind = EventKind.NEAR_EXPIRY, type_: ObjectType = ObjectType.SECRET
) -> VaultEvent:
    """Build the event that something expires."""
    about = VaultObject(vault=stack.VAULT, type=type_, name=name)
    return VaultEvent(id=f"{kind}-{version}", kind=kind, object=about, version=version, time=NOW, expires=NOW)


def facts(posted: object) -> dict[str, str]:
    """Return the facts of a card."""
    assert isinstance(posted, dict)
    rows = [block["inlines"] for block in posted["attachments"][0]["content"]["body"] if "inlines" in block]
    return {label["text"].removesuffix(": "): text["text"] for label, text in rows}


def no_secret(program: Program) -> None:
    """Assert that nothing was said that is a password."""
    assert PATH not in "\n".join(program.said)


async def test_the_owner_by_the_tag_is_told_once_and_no_value_is_read(running: stack.Stack, chat: Chat) -> None:
    tagged = running.vault.set_secret("db-password", "the-value", tags={"owner": "shop-team@example.com"})
    bare = running.vault.set_secret("other", "the-value")
    running.vault.clear_reads()
    async with run("near_expiry", environment(running, chat)) as program:
        again = replace(event("db-password", tagged), id="another event", time=NOW.replace(hour=10))
        await program.says("listening")
        await tell(running, event("db-password", tagged), again, event("db-password", tagged, EventKind.EXPIRED))
        await tell(running, event("other", bare))
        await chat.until(3)
        assert await program.end() == 0

    assert [facts(one)["Owner"] for one in chat.posted] == [
        "shop-team@example.com",
        "shop-team@example.com",
        "platform@example.com",
    ]
    assert {request.operation for request in running.vault.reads} == {"list versions"}
    assert not running.bus.messages(SUBSCRIPTION)
    no_secret(program)


async def test_certificates_and_keys_have_owners_too(running: stack.Stack, chat: Chat) -> None:
    pem = build_certificate("www.example.com").pem
    certificate = running.vault.import_certificate("www", pem=pem, tags={"owner": "web-team@example.com"})
    key = running.vault.set_key("signing")
    async with run("near_expiry", environment(running, chat)) as program:
        await tell(
            running, event("www", certificate, type_=ObjectType.CERT), event("signing", key, type_=ObjectType.KEY)
        )
        await chat.until(2)
        assert await program.end() == 0

    told = {facts(one)["Object"]: facts(one)["Owner"] for one in chat.posted}
    assert told == {
        f"cert www of {stack.VAULT}": "web-team@example.com",
        f"key signing of {stack.VAULT}": "platform@example.com",
    }
    assert [line for line in program.said if "is not known" in line] == []


async def test_a_vault_that_denies_leaves_the_default_owner(running: stack.Stack, chat: Chat) -> None:
    version = running.vault.set_secret("denied", "the-value", tags={"owner": "shop-team@example.com"})
    running.vault.rights = lambda *_: Denial.RBAC
    try:
        async with run("near_expiry", environment(running, chat) | {"CHANNEL": "slack"}) as program:
            await tell(running, event("denied", version))
            (posted,) = await chat.until(1)
            assert await program.end() == 0
    finally:
        running.vault.rights = None

    assert "Owner: `platform@\u200bexample.com`" in posted["text"]
    assert any("the owner of kv-demo/secret/denied is not known: HttpResponseError" in line for line in program.said)


async def test_a_webhook_that_fails_gets_the_notice_again(running: stack.Stack, chat: Chat) -> None:
    version = running.vault.set_secret("again", "the-value")
    chat.faults.plan(lambda _: True, Fault(status=500))
    async with run("near_expiry", environment(running, chat)) as program:
        await tell(running, event("again", version))
        (posted,) = await chat.until(1)
        assert await program.end() == 0

    assert facts(posted)["Object"] == f"secret again of {stack.VAULT}"
    assert any("Teller raised NotSentError" in line for line in program.said)
    no_secret(program)


async def test_a_wrong_setting_ends_it_without_a_word_about_what_it_holds(running: stack.Stack, chat: Chat) -> None:
    wrong = {"WEBHOOK_URL": "ftp://chat.example/hidden"}
    async with run("near_expiry", environment(running, chat) | wrong) as program:
        assert await program.ended() == 1

    assert program.said == ["near_expiry: WEBHOOK_URL is no https URL"]


class Pauses:
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Note it."""
        self.asked.append(seconds)


async def post(chat: Chat, pauses: Pauses, hook: str = "") -> None:
    """Send our message to the chat."""
    async with aiohttp.ClientSession() as session:
        await Webhook(session, SecretValue((hook or chat.hook).encode()), composing.teams, pause=pauses).send(OURS)


async def test_a_busy_webhook_is_asked_again_when_it_says(chat: Chat) -> None:
    pauses = Pauses()
    chat.faults.plan(lambda _: True, Fault(status=429, headers={"Retry-After": "7"}))
    chat.faults.plan(lambda _: True, Fault(status=429))

    await post(chat, pauses)

    assert pauses.asked == [7.0, 5.0]
    assert len(chat.posted) == 1


@pytest.mark.parametrize(("wait", "asked"), [("1", 3), ("61", 1)], ids=["for-ever", "for-too-long"])
async def test_a_webhook_that_stays_busy_is_left(chat: Chat, wait: str, asked: int) -> None:
    chat.faults.plan(lambda _: True, Fault(status=429, headers={"Retry-After": wait}), times=None)

    with pytest.raises(NotSentError, match="the webhook answered 429"):
        await post(chat, Pauses())

    assert chat.asked == asked


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=404), "the webhook answered 404"),
        (Fault(status=302, headers={"Location": "https://elsewhere.example"}), "the webhook answered 302"),
        (Fault(drop=True), "the webhook does not answer: ServerDisconnectedError"),
    ],
    ids=["gone", "redirected", "cut"],
)
async def test_a_webhook_that_does_not_take_it_is_an_error_without_its_url(chat: Chat, fault: Fault, said: str) -> None:
    chat.faults.plan(lambda _: True, fault, times=None)

    with pytest.raises(NotSentError) as raised:
        await post(chat, Pauses())

    assert str(raised.value) == said
    assert raised.value.__context__ is None
    assert chat.posted == []


def test_retry_after_is_a_number_or_a_date_or_five_seconds() -> None:
    assert [
        retry_after(header, NOW)
        for header in ("30", "Thu, 26 Nov 2026 09:01:00 GMT", "Thu, 26 Nov 2026 08:00:00 GMT", "soon", "", "-1")
    ] == [30.0, 60.0, 0.0, 5.0, 5.0, 5.0]


async def test_what_was_not_sent_is_told_again_and_what_was_is_not(chat: Chat) -> None:
    class Nobody:
        async def owner_of(self, _notice: Notice) -> str:
            return ""

    async with aiohttp.ClientSession() as session:
        webhook = Webhook(session, SecretValue(chat.hook.encode()), composing.teams)
        teller = Teller(Nobody(), webhook, default="platform@example.com")
        chat.faults.plan(lambda _: True, Fault(status=500))
        with pytest.raises(NotSentError):
            await teller(TOLD)
        await teller(TOLD)
        await teller(TOLD)
        await teller(replace(TOLD, version="v2"))

    assert [facts(one)["Version"] for one in chat.posted] == ["v1", "v2"]


@pytest_asyncio.fixture(scope="module")
async def authority() -> Authority:
    return Authority.create()


@pytest_asyncio.fixture
async def mailbox(authority: Authority) -> AsyncIterator[Mailbox]:
    async with mailboxes.serve(authority.server_context()) as found:
        yield found


def mail(mailbox: Mailbox, authority: Authority, password: str = mailboxes.PASSWORD) -> Mail:
    """Return the way to the mailbox."""
    smtp = Smtp(
        host="127.0.0.1",
        port=mailbox.port,
        sender="notices@example.com",
        user=mailboxes.USER,
        password=SecretValue(password.encode()),
    )
    domains = frozenset({"example.com"})
    return Mail(smtp, default="platform@example.com", domains=domains, tls=authority.client_context())


def owned_by(owner: str) -> Message:
    """Return our message for somebody."""
    return compose(TOLD, owner=owner)


@pytest.mark.parametrize(
    ("owner", "recipient"),
    [
        ("shop-team@example.com", "shop-team@example.com"),
        ("mallory@elsewhere.example", "platform@example.com"),
        ("a@b.c, shop-team@example.com", "platform@example.com"),
        ("the shop team", "platform@example.com"),
        ("refused@example.com", "platform@example.com"),
    ],
    ids=["ours", "of-another-domain", "several", "a-name", "refused-by-the-server"],
)
async def test_a_mail_goes_to_the_owner_or_else_to_the_default(
    mailbox: Mailbox, authority: Authority, owner: str, recipient: str
) -> None:
    mailbox.refused = {"refused@example.com"}

    await mail(mailbox, authority).send(owned_by(owner))

    ((recipients, letter),) = mailbox.taken
    assert recipients == [recipient]
    assert letter["Subject"] == "A version in Key Vault has expired: db-password"
    assert f"Owner: {owner}" in letter.get_content()


async def test_a_mail_that_is_not_taken_is_an_error_without_the_servers_words(
    mailbox: Mailbox, authority: Authority
) -> None:
    mailbox.busy = True

    with pytest.raises(NotSentError) as raised:
        await mail(mailbox, authority).send(OURS)

    assert str(raised.value) == "the mail server did not take it: SMTPDataError"
    assert raised.value.__context__ is None


async def test_a_wrong_password_and_an_unknown_certificate_are_errors(mailbox: Mailbox, authority: Authority) -> None:
    with pytest.raises(NotSentError, match="SMTPAuthenticationError"):
        await mail(mailbox, authority, "wrong").send(OURS)
    with pytest.raises(NotSentError, match="SSLCertVerificationError"):
        await mail(mailbox, Authority.create()).send(OURS)

    assert mailbox.taken == []

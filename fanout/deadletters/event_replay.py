"""List and replay Event Grid's dead letters: each event goes the way that the function gives it.

A blob is removed when all of its events were handled, which means done, or durable on the job queue, or ended for
good. Whatever is interrupted stays, and handling an event twice changes nothing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from fanout import abreast
from fanout.deadletters import events
from fanout.deadletters.container import BlobError, Container, Content, Found
from fanout.deadletters.events import EventLetter
from fanout.deadletters.verdict import Known, Outcome, Status, Verdict
from fanout.progress import Progress
from shared.errors import FanoutError, describe_fault
from shared.reason import remedy
from shared.record import plain

Handle = Callable[[str], Awaitable[None]]
"""The flow: `wiring.Fanout.handle`."""

_READING = 16
_REPLAYING = 8
_MOST_SHOWN = 20
_MOST_NAMED = 3


async def listed(container: Container, known: Known, progress: Progress) -> list[EventLetter]:
    """Read every blob, and return what each is, by name; of one with many events the first."""
    letters: list[EventLetter] = []

    async def look(found: Found) -> None:
        letter, _ = await _read(container, found, known)
        letters.append(_cut(letter))
        progress.tell(f"blobs read: {len(letters)}")

    await abreast.each(container.blobs(), look, width=_READING)
    return sorted(letters, key=lambda letter: letter.id)


@dataclass(slots=True, kw_only=True)
class EventReplay:
    """One run of replays. `handle` is None for a dry run."""

    container: Container
    known: Known
    handle: Handle | None
    progress: Progress
    outcomes: list[Outcome]

    async def run(self, names: Sequence[str]) -> None:
        """Replay the blobs of these names, or all where there are none."""
        given = _given(names) if names else self.container.blobs()

        async def replay(found: Found) -> None:
            status, text = await self._replay(found)
            if status is Status.GONE and names:
                status = Status.MISSING
            self.outcomes.append(Outcome(source="event", id=found.name, status=status, text=text, named=bool(names)))
            self.progress.tell(f"dead letters done: {len(self.outcomes)}")

        await abreast.each(given, replay, width=_REPLAYING)

    async def _replay(self, found: Found) -> tuple[Status, str]:
        letter, content = await _read(self.container, found, self.known)
        if letter.verdict is Verdict.GONE:
            return Status.GONE, ""
        if letter.verdict not in {Verdict.OURS, Verdict.PARTLY} or content is None:
            return Status.STAYS if letter.verdict is Verdict.UNREADABLE else Status.LEFT, _why(letter)
        if self.handle is None:
            return Status.WOULD, _why(letter)
        left = await _hand_over_all(self.handle, letter)
        return (Status.STAYS, left) if left else await self._remove(found.name, content)

    async def _remove(self, name: str, content: Content) -> tuple[Status, str]:
        try:
            removed = await self.container.remove(name, etag=content.etag)
        except BlobError as error:
            return Status.STAYS, f"handled, but not removed: {error}"
        return Status.REPLAYED, "" if removed else "removed by somebody else"


async def _hand_over_all(handle: Handle, letter: EventLetter) -> str:
    """Give every event of ours to the flow; return why the blob has to stay, or an empty text.

    An event that fails keeps back none of those after it.
    """
    failures: list[str] = []
    ours = [one.payload for one in letter.events if one.verdict is Verdict.OURS]
    for payload in ours:
        failure = await _hand_over(handle, payload)
        if failure:
            failures.append(failure)
    if not failures and len(ours) == letter.count:
        return ""
    return "; ".join([f"{len(ours) - len(failures)} of {letter.count} events handled", letter.note or failures[0]])


async def _hand_over(handle: Handle, payload: str) -> str:
    """Give an event to the flow; return what has to be mended first, or an empty text."""
    try:
        await handle(payload)
    except ExceptionGroup as group:
        errors = [error for error in group.exceptions if isinstance(error, FanoutError)]
        if len(errors) < len(group.exceptions):
            return describe_fault(group)
        texts = "; ".join(plain(str(error)) for error in errors[:_MOST_NAMED])
        return f"{texts}. {remedy(errors[0].reason)}".rstrip()
    except Exception as fault:  # noqa: BLE001 - one event's fault holds up no other, and its text may quote a value
        return describe_fault(fault)
    return ""


async def _read(container: Container, found: Found, known: Known) -> tuple[EventLetter, Content | None]:
    """Read a blob, unless its size says that it is not worth it."""
    if found.size > events.LARGEST:
        return _huge(found.name, found.size, found), None
    try:
        content = await container.read(found.name, most=events.LARGEST)
    except BlobError as error:
        return _unread(found, Verdict.UNREADABLE, str(error)), None
    if content is None:
        return _unread(found, Verdict.GONE, ""), None
    if content.data is None:
        return _huge(found.name, content.size, found), None
    return events.read(found.name, content.data, known, modified=content.modified), content


def _huge(name: str, size: int, found: Found) -> EventLetter:
    note = f"it has {size} bytes; {events.LARGEST} at most are read"
    return events.unread(name, Verdict.HUGE, note, size=size, modified=found.modified)


def _unread(found: Found, verdict: Verdict, note: str) -> EventLetter:
    return events.unread(found.name, verdict, note, size=found.size, modified=found.modified)


def _cut(letter: EventLetter) -> EventLetter:
    return replace(letter, events=tuple(replace(one, payload="") for one in letter.events[:_MOST_SHOWN]))


def _why(letter: EventLetter) -> str:
    return f"{letter.verdict}: {letter.note}" if letter.verdict is not Verdict.OURS else ""


async def _given(names: Sequence[str]) -> AsyncIterator[Found]:
    for name in dict.fromkeys(names):
        yield Found(name=name, size=0)

"""List and replay the job queue's dead letters: a fresh job is sent, and then the dead letter is removed.

In that order, so that a crash in between leaves both, which is harmless: replayed again, the dead letter makes a job
with the same id, and the queue drops it, or it is done twice, which changes nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fanout.deadletters import jobs
from fanout.deadletters.jobs import JobLetter
from fanout.deadletters.subqueue import DeadLetterQueue, Held
from fanout.deadletters.verdict import Known, Outcome, Status, Verdict
from fanout.progress import Progress
from shared.errors import FanoutError, PermanentError
from shared.job import Job
from shared.reason import remedy

_HELD = "somebody else holds it, perhaps another replay; it can be taken again within a minute or so"

_LOOKS = 4
_PAUSE = 0.3
_UNREMOVED = "a fresh job was sent, but the dead letter is still there; replaying it again is harmless"


async def listed(queue: DeadLetterQueue, known: Known, progress: Progress) -> list[JobLetter]:
    """Look at every dead letter; nothing is taken. Their bodies are left out: those of strangers may be large."""
    letters: list[JobLetter] = []
    async for dead in queue.peek():
        letters.append(replace(jobs.read(dead, known), dead=replace(dead, body=None)))
        progress.tell(f"dead letters read: {len(letters)}")
    return letters


@dataclass(slots=True, kw_only=True)
class JobReplay:
    """One run of replays."""

    queue: DeadLetterQueue
    known: Known
    dry: bool
    progress: Progress
    outcomes: list[Outcome]
    now: Callable[[], datetime]

    async def run(self, names: Sequence[str]) -> None:
        """Replay the dead letters of these ids, or all that are there now where there are none.

        What is dead-lettered while this runs is left for the next time; so a job that fails at once ends nowhere.
        """
        letters = {letter.id: letter for letter in await listed(self.queue, self.known, self.progress)}
        for name in dict.fromkeys(names):
            if name not in letters:
                self._end(name, Status.MISSING, named=True)
        chosen = [letters[name] for name in dict.fromkeys(names) if name in letters] if names else letters.values()
        wanted: set[str] = set()
        for letter in chosen:
            if letter.verdict is not Verdict.OURS:
                self._end(letter.id, Status.LEFT, f"{letter.verdict}: {letter.note}", named=bool(names))
            elif self.dry:
                self._end(letter.id, Status.WOULD)
            else:
                wanted.add(letter.id)
        if wanted:
            await self._replay(wanted, most=len(letters))

    async def _replay(self, wanted: set[str], *, most: int) -> None:
        kept: list[Held] = []
        try:
            failure = await self._take(kept, wanted, most=most)
        finally:
            for held in kept:
                await held.release()
        sent = {one.id for one in self.outcomes if one.source == "job" and one.status is Status.REPLAYED}
        still = await self._still_there(sent)
        for index, one in enumerate(self.outcomes):
            if one.source == "job" and one.id in sent & still:
                self.outcomes[index] = replace(one, status=Status.STAYS, text=_UNREMOVED)
        for name in sorted(wanted, key=int):
            if name in still:
                self._end(name, Status.STAYS, f"not tried: {failure}" if failure else _HELD)
            else:
                self._end(name, Status.GONE)

    async def _still_there(self, sent: set[str]) -> set[str]:
        """Look what is there at the end. The broker may be a moment late with what was settled."""
        for _ in range(_LOOKS):
            still = {str(dead.sequence) async for dead in self.queue.peek()}
            if not sent & still:
                break
            await asyncio.sleep(_PAUSE)
        return still

    async def _take(self, kept: list[Held], wanted: set[str], *, most: int) -> str:
        """Take until all that is wanted was met; return why it ended earlier where the queue takes no more.

        What is not wanted is kept to the end: given back at once, it would be the next one again.
        """
        again, seen = 0, set[int]()
        # Locks of what is kept may run out, and it is met again before what comes after it.
        while wanted and again <= most:
            batch = await self.queue.take()
            if not batch:
                return ""
            again += sum(held.dead.sequence in seen for held in batch)
            seen |= {held.dead.sequence for held in batch}
            fresh: list[tuple[Held, Job]] = []
            for held in batch:
                letter = jobs.read(held.dead, self.known) if str(held.dead.sequence) in wanted else None
                if letter is None or letter.job is None:
                    kept.append(held)
                else:
                    fresh.append((held, jobs.renewed(letter.job, self.now())))
            failure = await self._send(kept, fresh, wanted)
            if failure:
                return failure
        return ""

    async def _send(self, kept: list[Held], fresh: Sequence[tuple[Held, Job]], wanted: set[str]) -> str:
        """Send fresh jobs and remove the dead ones; return why where no other can be sent either."""
        failure, lasting = "", False
        try:
            await self.queue.send([(jobs.identify(job, held.dead.sequence), job) for held, job in fresh])
        except FanoutError as error:
            failure, lasting = f"{error}. {remedy(error.reason)}".rstrip(), not isinstance(error, PermanentError)
        for held, _ in fresh:
            name = str(held.dead.sequence)
            wanted.discard(name)
            if failure:
                kept.append(held)
                self._end(name, Status.STAYS, failure)
                continue
            await held.complete()
            self._end(name, Status.REPLAYED)
            self.progress.tell(f"dead letters done: {len(self.outcomes)}")
        return failure if lasting else ""

    def _end(self, name: str, status: Status, text: str = "", *, named: bool = False) -> None:
        self.outcomes.append(Outcome(source="job", id=name, status=status, text=text, named=named))

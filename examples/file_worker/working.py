"""The work: one job after another, each signed as its receiver will check it."""

import asyncio
import hashlib
import hmac

from keyvault_fanout import SecretValue


def signature(key: SecretValue, job: str) -> str:
    """Return the signature of a job, HMAC with SHA-256 in hex. Nobody learns a long random key from it."""
    return hmac.new(key.reveal(), job.encode(), hashlib.sha256).hexdigest()


class Worker:
    """Signs a job every so many seconds, by the key that is the newest when the job begins."""

    def __init__(self, *, every: float) -> None:
        self._every = every
        self._key: SecretValue | None = None
        self._keys = 0
        self._has_key = asyncio.Event()

    async def use(self, key: SecretValue) -> None:
        """Use another key from the next job on. Here a real worker would sign in again."""
        self._key = key
        self._keys += 1
        self._has_key.set()

    async def work(self) -> None:
        """Work for ever; without a key, wait for it."""
        await self._has_key.wait()
        number = 0
        while self._key is not None:
            number += 1
            job = f"job {number}"
            print(f"{job} by key {self._keys}: {signature(self._key, job)}", flush=True)
            await asyncio.sleep(self._every)

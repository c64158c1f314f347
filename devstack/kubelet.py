"""The part of a kubelet that projects a Secret into a folder: look when the pod changes, swap the files in one step.

As the real one does it: a new folder beside the old one, then the symlink `..data` is renamed onto it, so that a
reader sees all of the old or all of the new bytes. It looks at the pod's Secret once at the start, whenever the pod
itself changes (which is what a nudge does), and every 60 to 90 seconds (csi-semantics 4.3).

Not here: CSI volumes, environment variables, file modes, removing keys that are gone.
"""

import asyncio
import base64
import contextlib
import json
import os
import random
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

SYNC = (60.0, 90.0)
"""Seconds between two looks at a pod that does not change: syncFrequency of a minute and up to half of it more."""

_PATIENCE = 0.2


@contextlib.asynccontextmanager
async def mount(
    *, server: str, token: str, ca_pem: str, namespace: str, pod: str, secret: str, folder: Path
) -> AsyncIterator[Path]:
    """Keep `folder` in step with a Secret that a pod mounts, while the block runs. Yields once the files are there."""
    async with aiohttp.ClientSession(
        f"{server}/api/v1/namespaces/{namespace}/",
        connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=ca_pem)),
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
    ) as session:
        changed, there = asyncio.Event(), asyncio.Event()
        tasks = [
            asyncio.create_task(_follow(session, pod, changed)),
            asyncio.create_task(_sync(session, secret, folder, changed, there)),
        ]
        try:
            async with asyncio.timeout(10):
                await there.wait()
            yield folder
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(session: aiohttp.ClientSession, pod: str, changed: asyncio.Event) -> None:
    """Watch the pod for ever."""
    query = {"watch": "true", "fieldSelector": f"metadata.name={pod}"}
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get("pods", params=query) as response:
                response.raise_for_status()
                async for line in response.content:
                    if json.loads(line)["type"] in {"ADDED", "MODIFIED"}:
                        changed.set()
        await asyncio.sleep(_PATIENCE)


async def _sync(
    session: aiohttp.ClientSession, secret: str, folder: Path, changed: asyncio.Event, there: asyncio.Event
) -> None:
    """Look at the Secret whenever the pod changed or the time has come."""
    while True:
        changed.clear()
        async with session.get(f"secrets/{secret}") as response:
            response.raise_for_status()
            project(await response.json(), folder)
        there.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(*SYNC)):  # noqa: S311 - jitter, not a secret
                await changed.wait()


def project(secret: Mapping[str, Any], folder: Path, *, written: float | None = None) -> None:
    """Write a Secret's data below `folder` and swap it in; `written` is when that was, in Unix seconds, if not now."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for key, value in (secret.get("data") or {}).items():
        (fresh / key).write_bytes(base64.b64decode(value))
        if written is not None:
            os.utime(fresh / key, (written, written))
        link = folder / key
        if not link.is_symlink():
            link.symlink_to(Path("..data") / key)
    data, swap = folder / "..data", folder / "..data_tmp"
    old = data.resolve() if data.is_symlink() else None
    swap.symlink_to(fresh.name)
    swap.replace(data)
    if old is not None:
        shutil.rmtree(old)

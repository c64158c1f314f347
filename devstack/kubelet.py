"""The part of a kubelet that projects a Secret into a folder: watch it, and swap the files in one step.

As the real one does it: a new folder beside the old one, then the symlink `..data` is renamed onto it, so that a
reader sees all of the old or all of the new bytes. Unlike the real one it is told by a watch and waits for nothing;
a kubelet looks at a pod's volumes every 60 to 90 seconds (csi-semantics 4.3).

Not here: pods, CSI volumes, environment variables, file modes, removing keys that are gone.
"""

import asyncio
import base64
import contextlib
import json
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

_PATIENCE = 0.2


@contextlib.asynccontextmanager
async def mount(
    *, server: str, token: str, ca_pem: str, namespace: str, secret: str, folder: Path
) -> AsyncIterator[Path]:
    """Keep `folder` in step with a Secret while the block runs. Yields once the files are there."""
    context = ssl.create_default_context(cadata=ca_pem)
    url = f"{server}/api/v1/namespaces/{namespace}/secrets"
    query = {"watch": "true", "fieldSelector": f"metadata.name={secret}"}
    there = asyncio.Event()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        read_bufsize=2**21,  # a Secret is one line of up to 1.4 MiB
    ) as session:

        async def follow() -> None:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url, params=query) as response:
                        response.raise_for_status()
                        async for line in response.content:
                            change = json.loads(line)
                            if change["type"] in {"ADDED", "MODIFIED"}:
                                project(change["object"], folder)
                                there.set()
                await asyncio.sleep(_PATIENCE)

        following = asyncio.create_task(follow())
        try:
            async with asyncio.timeout(10):
                await there.wait()
            yield folder
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def project(secret: Mapping[str, Any], folder: Path) -> None:
    """Write a Secret's data below `folder` and swap it in."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for key, value in (secret.get("data") or {}).items():
        (fresh / key).write_bytes(base64.b64decode(value))
        link = folder / key
        if not link.is_symlink():
            link.symlink_to(Path("..data") / key)
    data, swap = folder / "..data", folder / "..data_tmp"
    old = data.resolve() if data.is_symlink() else None
    swap.symlink_to(fresh.name)
    swap.replace(data)
    if old is not None:
        shutil.rmtree(old)

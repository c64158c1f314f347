"""etcd and kube-apiserver on free loopback ports, with an authority, keys and tokens made for this one run.

RBAC is on, and the one who sets the scene is in system:masters. Further users have a token each and no right until they
are given one. There is no controller: a deleted namespace never goes, an owner's death deletes nothing.
"""

import asyncio
import contextlib
import secrets
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from devstack.certificates import Authority, key_pem
from tests.envtest import build

_ROOT = Path(__file__).resolve().parent.parent.parent
_PATIENCE = 45.0
_LAST_BYTES = 4_000
_USERS = 300
_ATTEMPTS = 3
_TAKEN = "address already in use"


class ServerFailedError(Exception):
    """A program ended, or was not ready in time; the message has the last lines of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody whom the server recognises."""

    name: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The running API server. `etcd` is the address of its store's JSON gateway; `strangers` have no rights yet."""

    url: str
    etcd: str
    authority: Authority
    admin: User
    strangers: Iterator[User]


@contextlib.asynccontextmanager
async def start(programs: Path, folder: Path) -> AsyncIterator[Server]:
    """Start both with files in `folder`, end both with the block. Raises `ServerFailedError`."""
    for attempt in range(1, _ATTEMPTS + 1):
        place = folder / str(attempt)
        place.mkdir()
        try:
            async with _start(programs, place) as server:
                yield server
                return
        except ServerFailedError as error:
            # A port that was free a moment ago went to somebody else.
            if _TAKEN not in str(error) or attempt == _ATTEMPTS:
                raise


@contextlib.asynccontextmanager
async def _start(programs: Path, folder: Path) -> AsyncIterator[Server]:
    client, peer, port = _free_ports(3)
    authority = Authority.create()
    admin, *users = [User(name=name, token=secrets.token_hex(16)) for name in ("admin", *_user_names())]
    etcd, url = f"http://127.0.0.1:{client}", f"https://127.0.0.1:{port}"
    peers = f"http://127.0.0.1:{peer}"
    trust = await asyncio.to_thread(_write_keys, folder, authority)
    rows = [f"{admin.token},admin,admin,system:masters", *[f"{user.token},{user.name},{user.name}" for user in users]]
    (folder / "tokens.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    etcd_options = {
        "data-dir": folder / "etcd",
        "listen-client-urls": etcd,
        "advertise-client-urls": etcd,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    api_options = {
        **trust,
        "etcd-servers": etcd,
        "bind-address": "127.0.0.1",
        "advertise-address": "127.0.0.1",
        "secure-port": port,
        "cert-dir": folder,
        "token-auth-file": folder / "tokens.csv",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-cluster-ip-range": "10.0.0.0/24",
        "endpoint-reconciler-type": "none",
        # There is no controller that makes the service accounts which pods would need.
        "disable-admission-plugins": "ServiceAccount",
        # Pages come from etcd, as up to 1.33: the cache would go on serving what is compacted for a while.
        "feature-gates": "ListFromCacheSnapshot=false",
        "profiling": "false",
    }
    async with (
        _run(programs / build.ETCD, folder / "etcd.log", etcd_options) as store,
        store.ready(f"{etcd}/health"),
        _run(programs / build.API_SERVER, folder / "kube-apiserver.log", api_options) as api,
        api.ready(f"{url}/readyz", tls=authority.client_context()),
    ):
        yield Server(url=url, etcd=etcd, authority=authority, admin=admin, strangers=iter(users))


def _user_names() -> Iterator[str]:
    return (f"app-{number:03}" for number in range(_USERS))


def _write_keys(folder: Path, authority: Authority) -> Mapping[str, Path]:
    """Write what the server is known by and whom it trusts, and return the options that name the files."""
    key, certificate = authority.server_pem()
    signer = ec.generate_private_key(ec.SECP256R1())
    public = signer.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    files = {
        "tls-private-key-file": key,
        "tls-cert-file": certificate,
        "client-ca-file": authority.ca_pem.encode(),
        "service-account-signing-key-file": key_pem(signer),
        "service-account-key-file": public,
    }
    paths = {option: folder / f"{option}.pem" for option in files}
    for option, content in files.items():
        paths[option].touch(mode=0o600)
        paths[option].write_bytes(content)
    return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    name: str
    log: Path
    guard: asyncio.subprocess.Process

    @contextlib.asynccontextmanager
    async def ready(self, url: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        """Wait until it answers 200 at an address that needs no token."""
        connector = aiohttp.TCPConnector(ssl=tls if tls is not None else True)
        try:
            async with aiohttp.ClientSession(connector=connector) as session, asyncio.timeout(_PATIENCE):
                while not await _answers(session, url):
                    if self.guard.returncode is not None:
                        raise ServerFailedError(f"{self.name} ended, code {self.guard.returncode}\n{self.last_lines()}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ServerFailedError(f"{self.name} was not ready after {_PATIENCE:g} s\n{self.last_lines()}") from None
        yield

    def last_lines(self) -> str:
        """Return the end of what it has said."""
        return self.log.read_bytes()[-_LAST_BYTES:].decode(errors="replace") if self.log.exists() else ""


@contextlib.asynccontextmanager
async def _run(program: Path, log: Path, options: Mapping[str, object]) -> AsyncIterator[_Program]:
    """Run a program under guard; it is gone when the block is left."""
    guard = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.envtest.guard", str(log), str(program)),
        *[f"--{name}={value}" for name, value in options.items()],
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert guard.stdin is not None
    try:
        yield _Program(name=program.name, log=log, guard=guard)
    finally:
        guard.stdin.close()
        await guard.wait()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]

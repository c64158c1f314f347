"""etcd and kube-apiserver on free loopback ports, with an authority, keys and tokens made for this one run.

RBAC is on, and the one who sets the scene is in system:masters. Further users have a token each and no right until they
are given one. There is no controller: a deleted namespace never goes, an owner's death deletes nothing.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from devstack.certificates import Authority, key_pem
from tests.envtest import build, running
from tests.envtest.running import ServerFailedError

_USERS = 300
_ATTEMPTS = 3
_TAKEN = "address already in use"


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
    client, peer, port = running.free_ports(3)
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
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            running.run(programs / build.ETCD, _options(etcd_options), log=folder / "etcd.log")
        )
        await store.until_ready(f"{etcd}/health")
        api = await stack.enter_async_context(
            running.run(programs / build.API_SERVER, _options(api_options), log=folder / "kube-apiserver.log")
        )
        await api.until_ready(f"{url}/readyz", tls=authority.client_context())
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


def _options(options: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]

"""Lowkey Vault (nagyesta/lowkey-vault), a Key Vault for tests by somebody else: run as `java -jar` on loopback.

It gets a certificate of the test's authority, and a challenge that the unmodified SDK accepts for 127.0.0.1, as the
devstack's vault does (local-stack 3.4). Any token is good. Its options are those of its README; it was not to be had
where this was written, so this has not been run by us.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from devstack.certificates import Authority
from tests.envtest import running

_PASSWORD = "loopback"
_ALIAS = "loopback"

SKIPPED = (
    "the vault's edge against Lowkey Vault is SKIPPED: install Java 17 or later, and let LOWKEY_VAULT_JAR name "
    "lowkey-vault-app-VERSION.jar (com.github.nagyesta.lowkey-vault)"
)


def jar() -> Path | None:
    """Return the jar, where there is one and Java is there too."""
    named = os.environ.get("LOWKEY_VAULT_JAR", "")  # noqa: TID251 - not the app's
    return Path(named) if named and Path(named).is_file() and shutil.which("java") else None


@contextlib.asynccontextmanager
async def start(application: Path, authority: Authority, folder: Path) -> AsyncIterator[str]:
    """Run it with files in `folder`, and yield its vault's URL. Raises `ServerFailedError`."""
    (port,) = running.free_ports(1)
    store = folder / "keys.p12"
    store.touch(mode=0o600)
    store.write_bytes(_key_store(authority))
    options = {
        "server.port": port,
        "server.ssl.key-store": store,
        "server.ssl.key-store-type": "PKCS12",
        "server.ssl.key-store-password": _PASSWORD,
        "server.ssl.key-alias": _ALIAS,
        "LOWKEY_VAULT_ALIASES": "localhost=127.0.0.1:<port>",
        "LOWKEY_AUTH_RESOURCE": f"0.0.1:{port}",
    }
    arguments = ["-jar", str(application), *[f"--{name}={value}" for name, value in options.items()]]
    java = Path(shutil.which("java") or "java")
    async with running.run(java, arguments, log=folder / "lowkey-vault.log") as program:
        url = f"https://127.0.0.1:{port}"
        await program.until_ready(f"{url}/ping", tls=authority.client_context())
        yield url


def _key_store(authority: Authority) -> bytes:
    key_pem, certificate_pem = authority.server_pem()
    key = serialization.load_pem_private_key(key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    encryption = serialization.BestAvailableEncryption(_PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(_ALIAS.encode(), key, certificate, None, encryption)

"""Password-based encryption of PKCS#12 with SHA-1, as golang.org/x/crypto/pkcs12 opens it (csi-semantics 2.3).

By hand, because `cryptography` opens whole PFX files only. 3DES is `cryptography`'s; 40-bit RC2 is in `rc2`. Key Vault
writes its PFX with 3DES. Nothing is encrypted here.
"""

import hashlib
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from shared.csi import der, rc2

SHA1_3DES: Final = bytes.fromhex("2a864886f70d010c0103")
SHA1_RC2_40: Final = bytes.fromhex("2a864886f70d010c0106")
FOR_KEY, FOR_IV, FOR_MAC = 1, 2, 3
# Ours: Go would go on for minutes. Tools write some thousands; the largest known default is 600,000.
MAX_ITERATIONS: Final = 1_000_000
_HASH_BLOCK: Final = 64


class Refused(Exception):  # noqa: N818 - it becomes DriverWouldFail in `render`
    """The driver's parser refuses the file. The message names the rule and holds nothing of the file."""


def decrypt(algorithm: tuple[bytes, bytes], data: bytes, password: bytes) -> bytes:
    """Open password-based encryption and remove its padding."""
    kind, parameters = algorithm
    if kind not in {SHA1_3DES, SHA1_RC2_40}:
        raise Refused("the PFX is encrypted otherwise than with SHA-1 and 3DES or 40-bit RC2")
    whole = der.Reader(parameters)
    fields = whole.enter()
    salt = fields.take(der.OCTET_STRING)
    iterations = fields.int64()
    whole.end()
    iv = derive(FOR_IV, salt, password, iterations, rc2.BLOCK)
    if not data or len(data) % rc2.BLOCK:
        raise Refused("encrypted data in the PFX is not a number of whole blocks")
    if kind == SHA1_3DES:
        key = derive(FOR_KEY, salt, password, iterations, 24)
        # 3DES and CBC are what the file is encrypted with; Key Vault writes its PFX so.
        decryptor = Cipher(TripleDES(key), modes.CBC(iv)).decryptor()
        plain = decryptor.update(data) + decryptor.finalize()
    else:
        plain = rc2.decrypt(derive(FOR_KEY, salt, password, iterations, 5), iv, data)
    padding = plain[-1]
    if not 1 <= padding <= rc2.BLOCK or plain[-padding:] != bytes((padding,)) * padding:
        raise Refused("encrypted data in the PFX does not open with its password")
    return plain[:-padding]


def derive(purpose: int, salt: bytes, password: bytes, iterations: int, size: int) -> bytes:
    """Derive a key, an IV or a MAC key with SHA-1 (RFC 7292, appendix B.2)."""
    if iterations > MAX_ITERATIONS:
        raise Refused(f"the PFX asks for more than {MAX_ITERATIONS} iterations")
    seed = _fill(salt) + _fill(password)
    derived = b""
    while len(derived) < size:
        digest = hashlib.sha1(bytes((purpose,)) * _HASH_BLOCK + seed, usedforsecurity=False).digest()
        for _ in range(1, iterations):
            digest = hashlib.sha1(digest, usedforsecurity=False).digest()
        derived += digest
        step = int.from_bytes(_fill(digest)) + 1
        seed = b"".join(
            ((int.from_bytes(seed[at : at + _HASH_BLOCK]) + step) % (1 << 8 * _HASH_BLOCK)).to_bytes(_HASH_BLOCK)
            for at in range(0, len(seed), _HASH_BLOCK)
        )
    return derived[:size]


def _fill(pattern: bytes) -> bytes:
    """Repeat a text to whole hash blocks; the digest of 20 bytes fills one."""
    if not pattern:
        return b""
    size = _HASH_BLOCK * -(-len(pattern) // _HASH_BLOCK)
    return (pattern * (size // len(pattern) + 1))[:size]

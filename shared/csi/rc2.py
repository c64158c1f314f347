"""RC2 with a 40-bit key in CBC mode, decryption only (RFC 2268). By hand: `cryptography` has RC2 with 128 bits alone.

Old PFX files encrypt their certificates with it. It protects nothing, and nothing is encrypted with it here.
"""

import struct
from typing import Final

BLOCK: Final = 8
_ROUNDS: Final = 16
_MASHING_AFTER: Final = frozenset({5, 11})
_SHIFTS: Final = (1, 2, 3, 5)
# The digits of pi, permuted (RFC 2268, section 2).
_PITABLE: Final = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)


def decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks in CBC mode. The effective length of the key is its length."""
    expanded = _expand(key)
    plain = bytearray()
    previous = iv
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        plain += bytes(a ^ b for a, b in zip(_decrypt_block(expanded, block), previous, strict=True))
        previous = block
    return bytes(plain)


def _expand(key: bytes) -> tuple[int, ...]:
    octets = bytearray(128)
    size = len(key)
    octets[:size] = key
    for at in range(size, 128):
        octets[at] = _PITABLE[(octets[at - 1] + octets[at - size]) & 0xFF]
    octets[128 - size] = _PITABLE[octets[128 - size]]
    for at in range(127 - size, -1, -1):
        octets[at] = _PITABLE[octets[at + 1] ^ octets[at + size]]
    return struct.unpack("<64H", octets)


def _decrypt_block(key: tuple[int, ...], block: bytes) -> bytes:
    words = list(struct.unpack("<4H", block))
    for done, turn in enumerate(reversed(range(_ROUNDS)), start=1):
        for at in (3, 2, 1, 0):
            shift = _SHIFTS[at]
            rotated = (words[at] >> shift | words[at] << (16 - shift)) & 0xFFFF
            mixed = (words[at - 1] & words[at - 2]) + (~words[at - 1] & words[at - 3]) + key[4 * turn + at]
            words[at] = (rotated - mixed) & 0xFFFF
        if done in _MASHING_AFTER:
            for at in (3, 2, 1, 0):
                words[at] = (words[at] - key[words[at - 1] & 63]) & 0xFFFF
    return struct.pack("<4H", *words)

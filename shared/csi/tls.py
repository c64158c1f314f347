"""A mounted file -> `tls.crt` and `tls.key` of a kubernetes.io/tls Secret, the driver's way (csi-semantics 3.2)."""

from shared.csi import keys, pem, pfx, private_keys

# What the driver writes where it finds a block that is no key, and says nothing about.
_EMPTY = pem.Block(pem.PRIVATE_KEY, b"").encode()


class Refused(Exception):  # noqa: N818 - `render` turns it into DriverWouldFail with the Secret's name
    """The driver cannot split the file. The message names the rule and holds no part of the file."""


def extract(data: bytes, key: str) -> bytes:
    """Return the bytes of `key`, which is tls.crt or tls.key."""
    try:
        return _certificates(data) if key == "tls.crt" else _private_key(data)
    except pfx.Refused as error:
        kind = "certificate" if key == "tls.crt" else "private key"
        raise Refused(f"the file holds no PEM {kind}, and {error}") from None


def _certificates(data: bytes) -> bytes:
    """All certificates in file order, from PEM or else from PFX; a PFX without one gives nothing and no error."""
    blocks, rest = pem.scan(data)
    found = [block for block in blocks if block.label == pem.CERTIFICATE]
    if not found:
        found = [bag.block() for bag in pfx.read(rest) if bag.certificate]
    return b"".join(block.encode() for block in found)


def _private_key(data: bytes) -> bytes:
    """The last block that is not a certificate, in the format of its kind; the empty block if it is no key."""
    blocks, rest = pem.scan(data)
    documents = [block.der for block in blocks if block.label != pem.CERTIFICATE]
    if not documents:
        documents = [bag.block().der for bag in pfx.read(rest) if not bag.certificate]
    key = private_keys.parse(documents[-1]) if documents else None
    if isinstance(key, keys.OtherKey):
        raise Refused("its key is neither RSA nor EC")
    return _EMPTY if key is None else pem.Block(key.label, key.traditional()).encode()

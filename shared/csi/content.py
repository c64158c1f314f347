"""One vault object -> the bytes of its files, as the Azure provider makes them (csi-semantics 2)."""

from typing import Final

from shared.csi import chain, golang, keys, pem, pfx
from shared.csi.classes import Provider
from shared.csi.objects import ClassObject
from shared.model import CertificateMaterial, KeyMaterial, Material, SecretMaterial

_PEM_TYPE: Final = "application/x-pem-file"
_PFX_TYPE: Final = "application/x-pkcs12"


class Refused(Exception):  # noqa: N818 - `render` turns it into DriverWouldFail with the object's name
    """The provider cannot make a file of this material. The message names the rule and holds no part of a value."""


def produce(item: ClassObject, materials: tuple[Material, ...], provider: Provider) -> dict[str, bytes]:
    """Return the files of an object by name, from its versions newest first."""
    produced: dict[str, bytes] = {}
    for index, material in enumerate(materials):
        for suffix, text in _make_texts(item, material, provider).items():
            produced[item.path(index, suffix)] = _decode(text, item)
    return produced


def _make_texts(item: ClassObject, material: Material, provider: Provider) -> dict[str, bytes]:
    """Return the texts of one version by file suffix, before objectEncoding."""
    match material:
        case SecretMaterial():
            if not material.key_id:
                return {"": material.value.reveal()}
            text = _certificate_text(item, material, construct_chain=provider.construct_pem_chain)
            return {**_split(text), "": text} if provider.separate_files else {"": text}
        case KeyMaterial():
            public = keys.encode_public(material.jwk)
            if public is None:
                raise Refused("it is not a public RSA key or one on P-256, P-384 or P-521")
            return {"": pem.Block(b"PUBLIC KEY", public).encode()}
        case CertificateMaterial():
            return {"": pem.Block(pem.CERTIFICATE, material.der).encode()}


def _certificate_text(item: ClassObject, material: SecretMaterial, *, construct_chain: bool) -> bytes:
    """Return a certificate-backed secret's text (csi-semantics 2.2)."""
    value = material.value.reveal()
    if material.content_type == _PEM_TYPE:
        return value
    if material.content_type != _PFX_TYPE:
        raise Refused("a certificate backs it, and its content type is neither PEM nor PKCS#12")
    return value if item.pfx else _convert(value, construct_chain=construct_chain)


def _convert(value: bytes, *, construct_chain: bool) -> bytes:
    """Return a PFX as PEM: the keys, then the certificates (csi-semantics 2.3)."""
    data = golang.decode_base64(value)
    if data is None:
        raise Refused("its PFX is not base64 by Go's rules")
    try:
        bags = pfx.read(data)
        documents = [bag.content for bag in bags if isinstance(bag.content, bytes)]
        ordered = chain.order(documents) if construct_chain else documents
    except (pfx.Refused, chain.Refused) as error:
        raise Refused(str(error)) from None
    private = [pem.Block(pem.PRIVATE_KEY, bag.content.pkcs8()) for bag in bags if not isinstance(bag.content, bytes)]
    certificates = [pem.Block(pem.CERTIFICATE, document) for document in ordered]
    return b"".join(block.encode() for block in (*private, *certificates))


def _split(text: bytes) -> dict[str, bytes]:
    """Return what --write-cert-and-key-in-separate-files adds; nothing is found in a PFX (csi-semantics 2.7)."""
    blocks, _ = pem.scan(text)
    return {
        ".crt": b"".join(block.encode() for block in blocks if block.label == pem.CERTIFICATE),
        ".key": b"".join(block.encode() for block in blocks if block.label != pem.CERTIFICATE),
    }


def _decode(text: bytes, item: ClassObject) -> bytes:
    """Apply objectEncoding with Go's strictness (csi-semantics 2.6)."""
    match golang.fold(item.encoding):
        case "base64":
            decoded = golang.decode_base64(text)
        case "hex":
            decoded = golang.decode_hex(text)
        case _:
            return text
    if decoded is None:
        raise Refused(f"its value is not {golang.fold(item.encoding)} by Go's rules")
    return decoded

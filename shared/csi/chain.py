"""The order of a certificate chain, as the provider finds it (csi-semantics 2.4): by key identifiers alone."""

from collections.abc import Sequence

from shared.csi import certificate


class Refused(Exception):  # noqa: N818 - `content` turns it into its own error
    """The provider fails on this chain. The message names the rule."""


def order(documents: Sequence[bytes]) -> Sequence[bytes]:
    """Return DER certificates from the leaf to the root, or as they came if they are not one chain."""
    parsed = []
    for document in documents:
        try:
            parsed.append(certificate.read(document))
        except certificate.Refused:
            raise Refused("a certificate of the chain is not one that Go parses") from None
    parents = [_find_parent(parsed, index) for index in range(len(parsed))]
    leaves = [index for index in range(len(parsed)) if index not in parents]
    if not leaves:
        raise Refused("the chain has no leaf: every certificate is another's issuer")
    path: list[int] = []
    step: int | None = leaves[0]
    while step is not None:
        if len(path) == len(parsed):
            raise Refused("the chain runs in a circle")
        path.append(step)
        step = parents[step]
    if len(path) != len(documents):
        return documents
    return [documents[index] for index in path]


def _find_parent(parsed: Sequence[certificate.KeyIds], child: int) -> int | None:
    authority = parsed[child].authority
    for index, candidate in enumerate(parsed):
        if index == child or (authority is None and candidate.subject is None):
            continue
        if (authority or b"") == (candidate.subject or b""):
            return index
    return None

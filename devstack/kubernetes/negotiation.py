"""What form of an object the client accepts: the object itself, or only its metadata.

From the real server (apiserver, pkg/endpoints/handlers/negotiation and response.go): the clauses of Accept are tried
in the order of their `q`, the first that can be served decides, and an error's Status never changes its form. Of media
types there is only JSON here, and of the other forms only the metadata; what nothing served is accepted gets the
object as JSON all the same, where the real server answers 406.
"""

from collections.abc import Mapping

from devstack.kubernetes.documents import Document
from devstack.kubernetes.status import ApiError

_PARTIAL = "PartialObjectMetadata"
_PARTIAL_LIST = "PartialObjectMetadataList"
_JSON = ("application/json", "application/*", "*/*")
_GROUP, _VERSIONS = "meta.k8s.io", ("v1", "v1beta1")


class Form:
    """How answers to one request look."""

    def __init__(self, accept: str) -> None:
        """Read an Accept header; an empty one accepts the objects themselves."""
        served = [clause for clause in map(_read_clause, accept.split(",")) if _is_served(clause)]
        # A stable sort: clauses of equal worth keep their order.
        chosen: Mapping[str, str] = max(served, key=_worth, default={})
        self._kind = chosen.get("as", "")
        self._api_version = f"{_GROUP}/{chosen.get('v', '')}"

    def of(self, document: Document) -> Document:
        """Return an object or a list as it goes out. Raises ApiError 406 for a list that is asked for as an object.

        And the other way round. A Status is nobody's object and stays as it is.
        """
        if not self._kind or document.get("kind") == "Status":
            return document
        is_list = "items" in document
        if is_list != (self._kind == _PARTIAL_LIST):
            what = "a list" if is_list else "not a list"
            raise ApiError(406, f"you requested {self._kind}, but the requested object is {what}")
        if not is_list:
            return self._strip(document)
        head = {"kind": _PARTIAL_LIST, "apiVersion": self._api_version, "metadata": document["metadata"]}
        return head | {"items": [self._strip(item) for item in document["items"]]}

    def of_event(self, event: Document) -> Document:
        """Return a watch's event as it goes out. Raises ApiError 406."""
        return event | {"object": self.of(event["object"])}

    def _strip(self, document: Document) -> Document:
        return {"kind": _PARTIAL, "apiVersion": self._api_version, "metadata": document["metadata"]}


def _read_clause(text: str) -> Mapping[str, str]:
    """Return a clause's parameters, and its media type under ""."""
    media_type, *parameters = text.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return {name.strip().lower(): value.strip() for name, _, value in pairs} | {"": media_type.strip().lower()}


def _is_served(clause: Mapping[str, str]) -> bool:
    if clause[""] not in _JSON:
        return False
    if not clause.get("as"):
        return True
    partial = clause["as"] in (_PARTIAL, _PARTIAL_LIST)
    return partial and clause.get("g") == _GROUP and clause.get("v") in _VERSIONS


def _worth(clause: Mapping[str, str]) -> float:
    try:
        return float(clause.get("q", "1"))
    except ValueError:
        return 1.0

"""From a request, its query and its body to what is done: one function for each verb. No sockets.

Answers are values: `Answer` for a document, `watching.Watch` for a stream.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devstack.kubernetes import access, documents, listing, selectors, status
from devstack.kubernetes.access import Identity
from devstack.kubernetes.documents import Document
from devstack.kubernetes.query import is_true, read_number
from devstack.kubernetes.registry import Registry, Write
from devstack.kubernetes.resources import Address
from devstack.kubernetes.status import ApiError, DecodeError
from devstack.kubernetes.store import Store
from devstack.kubernetes.watching import Watch

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
_AS_MERGE = '299 - "devstack: a strategic merge patch is applied as a merge patch"'
_CREATED = 201


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request says besides its path."""

    query: Mapping[str, str]
    content_type: str
    user_agent: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A document to send back, with its HTTP status and further headers."""

    document: Document
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Verbs:
    """Every verb over one store, for requests that are already allowed."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._by_name: Mapping[str, Callable[[Address, Call], Answer]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._replace,
            "patch": self._patch,
            "delete": self._delete,
        }

    def serve(self, verb: str, address: Address, call: Call) -> Answer:
        """Do what the verb says.

        Raises ApiError 405 for a verb that the address does not have, 501 for a known one that is not built, and
        whatever the verb itself refuses.
        """
        if verb == "deletecollection":
            raise status.not_implemented("the deletion of collections")
        serve = self._by_name.get(verb)
        writes_everywhere = verb == "create" and address.resource.namespaced and not address.namespace
        if serve is None or writes_everywhere:
            raise ApiError(405)
        return serve(address, call)

    def watch(self, address: Address, query: Mapping[str, str]) -> Watch:
        """Start a watch. Raises ApiError 400 or, for what is not built, 422."""
        if is_true(query, "sendInitialEvents"):
            raise ApiError(
                422,
                'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden '
                "for watch unless the WatchList feature gate is enabled",
            )
        selection = _selection(address, query, name=address.name)
        return Watch(self._store, address, selection, after=read_number(query, "resourceVersion"))

    def review(self, identity: Identity, call: Call) -> Answer:
        """Answer a SelfSubjectAccessReview. Raises ApiError 400."""
        try:
            return Answer(document=access.review(identity, _object(call)), status=_CREATED)
        except DecodeError as error:
            raise ApiError(400, str(error)) from error

    def _get(self, address: Address, _: Call) -> Answer:
        return _answer(address, self._registry.get(address))

    def _list(self, address: Address, call: Call) -> Answer:
        selection = _selection(address, call.query)
        options = listing.options_of(call.query, address.resource.qualified)
        return Answer(document=listing.make_list(self._store, address, selection, options))

    def _create(self, address: Address, call: Call) -> Answer:
        return _answer(address, self._registry.create(address, _object(call), _write(call)), status=_CREATED)

    def _replace(self, address: Address, call: Call) -> Answer:
        return _answer(address, self._registry.replace(address, _object(call), _write(call)))

    def _patch(self, address: Address, call: Call) -> Answer:
        accepted = [MERGE_PATCH] if address.resource.custom else [MERGE_PATCH, STRATEGIC_MERGE_PATCH]
        if call.content_type not in accepted:
            raise status.unsupported_media_type(accepted)
        patch = _parse(call.body)
        headers = {}
        if call.content_type == STRATEGIC_MERGE_PATCH:
            _require_plain(patch)
            headers = {"Warning": _AS_MERGE}
        return _answer(address, self._registry.patch(address, patch, _write(call)), headers=headers)

    def _delete(self, address: Address, call: Call) -> Answer:
        options = _parse(call.body) if call.body else {}
        preconditions = options.get("preconditions") or {}
        if not isinstance(preconditions, dict) or not isinstance(options.get("dryRun"), list | None):
            raise ApiError(400, "json: cannot unmarshal the body into a Go value of type v1.DeleteOptions")
        known = {field: preconditions.get(field) for field in ("uid", "resourceVersion")}
        removed = self._registry.delete(address, known, _write(call, options.get("dryRun")))
        resource = address.resource
        details = {"name": address.name, "kind": resource.plural, "uid": removed["metadata"]["uid"]}
        if resource.group:
            details["group"] = resource.group
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return Answer(document=success)


def _answer(
    address: Address, stored: Document, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    return Answer(document=stored | {"apiVersion": address.api_version}, status=status, headers=headers or {})


def _selection(address: Address, query: Mapping[str, str], *, name: str = "") -> selectors.Selection:
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    return selectors.parse(address.resource, labels=labels, fields=fields, name=name)


def _object(call: Call) -> Document:
    # The generated clients send a body without saying what it is (local-stack 2.4).
    if call.content_type not in ("", "application/json", "application/octet-stream"):
        raise status.unsupported_media_type(["application/json"])
    return _parse(call.body)


def _parse(body: bytes) -> Document:
    try:
        return documents.parse(body)
    except ValueError as error:
        raise ApiError(400, f"the request body cannot be read: {error}") from error


def _write(call: Call, dry_run_option: list[object] | None = None) -> Write:
    """Read who writes (fieldManager, or the user agent up to its first slash) and whether only to try."""
    dry_run = call.query.get("dryRun", "")
    asked: list[object] = [*(dry_run_option or []), *([dry_run] if dry_run else [])]
    if any(value != "All" for value in asked):
        raise ApiError(422, ' "" is invalid: dryRun: Unsupported value: supported values: "All"')
    manager = call.query.get("fieldManager") or call.user_agent.partition("/")[0] or "unknown"
    if len(manager) > 128 or not manager.isprintable():  # noqa: PLR2004 - FieldManagerMaxLength
        manager = re.sub(r"[^ -~]", "", manager)[:128]
    return Write(manager=manager, dry_run=bool(asked))


def _require_plain(patch: Document) -> None:
    """Refuse a strategic merge patch that a merge patch would get wrong: directives, and lists, which merge by key.

    Raises ApiError 501.
    """
    level: list[Document] = [patch]
    while level:
        values = [item for parent in level for item in parent.items()]
        if any(key.startswith("$") or isinstance(value, list) for key, value in values):
            raise status.not_implemented("directives and lists in strategic merge patches: send a merge patch")
        level = [value for _, value in values if isinstance(value, dict)]

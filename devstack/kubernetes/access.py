"""Who asks for what, and whether they may: requests as values, identities, the path's grammar, access reviews.

Attributes of a request as in apiserver, pkg/endpoints/request/requestinfo.go.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from devstack.kubernetes import query as queries
from devstack.kubernetes import resources, status
from devstack.kubernetes.documents import Document
from devstack.kubernetes.resources import Address
from devstack.kubernetes.status import ApiError

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
"""Where one asks what one may do: open to every recognised user (system:basic-user)."""

_NAMED_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as authorisation, the request log and planned failures see it.

    `verb` is Kubernetes' (get, list, watch, create, update, patch, delete); `group` is "" for the core group;
    `namespace` is "" for all namespaces and cluster-scoped objects; `name` is "" for a whole collection; `user` is ""
    while nobody is recognised. A request for anything but a resource (discovery, /version) has `resource` "".
    `at` is when it came, in Unix seconds, and `limit` how many objects of a list it asked for at most, 0 for all; two
    requests are equal whatever these are.
    """

    method: str
    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    user: str = ""
    at: float = field(default=0.0, compare=False)
    limit: int = field(default=0, compare=False)


_LIMIT = re.compile(r"[0-9]{1,9}")

Rights = Callable[[Request], bool]
"""Answers whether a request is allowed."""


def everything(_: Request) -> bool:
    """Allow every request."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A bearer token, the user it stands for, and what that user may do."""

    token: str = field(repr=False)
    user: str
    allows: Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The path of a resource taken apart."""

    group: str
    version: str
    namespace: str
    plural: str
    name: str
    subresource: str

    def address(self) -> Address:
        """Return what the path points at. Raises ApiError 404 for what is not served, 501 for subresources."""
        resource = resources.of_path(self.group, self.version, self.plural)
        if resource is None or (self.namespace and not resource.namespaced):
            raise ApiError(404)
        if resource.namespaced and self.name and not self.namespace:
            raise ApiError(404)
        if self.subresource:
            raise status.not_implemented(f"subresources of {resource.qualified}")
        return Address(resource=resource, version=self.version, namespace=self.namespace, name=self.name)


def route_of(raw_path: str) -> Route | None:
    """Take a path apart, still percent-encoded: /api/v1/... or /apis/GROUP/VERSION/..., with or without namespace.

    None is a path that is no resource's.
    """
    parts = [unquote(part) for part in raw_path.strip("/").split("/")]
    if "" in parts:  # an empty namespace must not turn into all namespaces
        return None
    match parts:
        case ["api", version, first, *others]:
            group, rest = "", [first, *others]
        case ["apis", group, version, first, *others]:
            rest = [first, *others]
        case _:
            return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:  # noqa: PLR2004 - namespaces/NAME/RESOURCE
        namespace, rest = rest[1], rest[2:]
    plural, name = (*rest, "")[:2]
    return Route(
        group=group, version=version, namespace=namespace, plural=plural, name=name, subresource="/".join(rest[2:])
    )


def request_of(route: Route | None, method: str, query: Mapping[str, str], user: str) -> Request:
    """Describe a request. A method that makes no sense on the path has it, in small letters, for its verb."""
    if route is None:
        return Request(method=method, verb=method.lower(), user=user)
    name = route.name
    verb = (_NAMED_VERBS if name else _COLLECTION_VERBS).get(method, method.lower())
    limit = query.get("limit", "")
    if verb == "list":
        name = queries.selected_name(query)
        verb = "watch" if queries.is_true(query, "watch") else "list"
    return Request(
        method=method,
        verb=verb,
        group=route.group,
        resource=route.plural + (f"/{route.subresource}" if route.subresource else ""),
        namespace=route.namespace,
        name=name,
        user=user,
        limit=int(limit) if _LIMIT.fullmatch(limit) else 0,
    )


def authorize(identity: Identity, request: Request) -> None:
    """Let the request pass, as discovery always does. Raises ApiError 403."""
    if not request.resource or identity.allows(request):
        return
    qualified = f"{request.resource}.{request.group}" if request.group else request.resource
    subject = f'{qualified} "{request.name}"' if request.name else qualified
    scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    raise ApiError(
        403,
        f'{subject} is forbidden: User "{request.user}" cannot {request.verb} resource "{request.resource}" '
        f'in API group "{request.group}" {scope}',
        details=status.describe(request.resource, request.group, request.name),
    )


def review(identity: Identity, document: Document) -> Document:
    """Answer a SelfSubjectAccessReview about a resource. Raises ApiError 400 when it does not have that shape."""
    spec = document.get("spec")
    asked = spec.get("resourceAttributes") if isinstance(spec, dict) else None
    if not isinstance(asked, dict) or not all(isinstance(value, str | None) for value in asked.values()):
        raise ApiError(400, "spec.resourceAttributes: Required value: an object of strings")
    verb, group, resource, subresource, namespace, name = (
        asked.get(field) or "" for field in ("verb", "group", "resource", "subresource", "namespace", "name")
    )
    request = Request(
        method="",
        verb=verb,
        group=group,
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=namespace,
        name=name,
        user=identity.user,
    )
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {"creationTimestamp": None},
        "spec": spec,
        "status": {"allowed": identity.allows(request)},
    }

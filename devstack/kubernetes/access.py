"""Who asks for what, and whether they may: requests as values, identities, the path's grammar, access reviews.

Attributes of a request as in apiserver, pkg/endpoints/request/requestinfo.go.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from devstack.kubernetes import query as parameters
from devstack.kubernetes import resources, selectors
from devstack.kubernetes.documents import Document
from devstack.kubernetes.resources import NAMESPACES, Address
from devstack.kubernetes.status import ApiError, DecodeError

REVIEWS = "selfsubjectaccessreviews"
REVIEW_GROUP = "authorization.k8s.io"

_NAMED_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as authorisation, the request log and planned failures see it.

    `verb` is Kubernetes' (get, list, watch, create, update, patch, delete); `group` is "" for the core group;
    `namespace` is "" for all namespaces and cluster-scoped objects; `name` is "" for a whole collection; `user` is ""
    while nobody is recognised. A request for anything but a resource (discovery, /version) has `resource` "".
    `at` is when it came, in Unix seconds; two requests are equal whenever they came.
    """

    method: str
    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    user: str = ""
    at: float = field(default=0.0, compare=False)


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


def identify(identities: Iterable[Identity], authorization: str) -> Identity | None:
    """Return whose token an Authorization header carries. Raises ApiError 401 for a token that nobody has."""
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    for identity in identities:
        if scheme.lower() == "bearer" and token.strip() == identity.token:
            return identity
    raise ApiError(401)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A request path taken apart. `plural` is "" for anything but a resource."""

    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    plural: str = ""
    name: str = ""
    subresource: str = ""

    def address(self) -> Address:
        """Return what the path points at. Raises ApiError 404 for what is not served, 501 for subresources."""
        resource = resources.of_path(self.group, self.version, self.plural)
        if resource is None or (self.namespace and not resource.namespaced and resource is not NAMESPACES):
            raise ApiError(404)
        if resource.namespaced and self.name and not self.namespace:
            raise ApiError(404)
        if self.subresource:
            raise ApiError(
                501,
                f'devstack does not implement the subresource "{self.subresource[:100]}" of {resource.qualified}',
                reason="NotImplemented",
            )
        namespace = self.namespace if resource.namespaced else ""
        return Address(resource=resource, version=self.version, namespace=namespace, name=self.name)


def route_of(raw_path: str) -> Route:
    """Take a path apart, still percent-encoded: /api/v1/... or /apis/GROUP/VERSION/..., with or without namespace."""
    parts = [unquote(part) for part in raw_path.strip("/").split("/")]
    if "" in parts:  # an empty namespace must not turn into all namespaces
        return Route(path=raw_path)
    if len(parts) > 2 and parts[0] == "api":  # noqa: PLR2004 - /api/VERSION/RESOURCE
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) > 3 and parts[0] == "apis":  # noqa: PLR2004 - /apis/GROUP/VERSION/RESOURCE
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return Route(path=raw_path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:  # noqa: PLR2004 - namespaces/NAME/RESOURCE
            rest = rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return Route(
        path=raw_path,
        group=group,
        version=version,
        namespace=namespace,
        plural=plural,
        name=name,
        subresource="/".join((subresource, *rest[3:])),
    )


def request_of(route: Route, method: str, query: Mapping[str, str], user: str) -> Request:
    """Describe a request. A method that makes no sense on the path has it, in small letters, for its verb."""
    if not route.plural:
        return Request(method=method, verb=method.lower(), user=user)
    name = route.name
    verb = (_NAMED_VERBS if name else _COLLECTION_VERBS).get(method, method.lower())
    if verb in ("get", "list") and parameters.is_true(query, "watch"):
        verb = "watch"
    if verb in ("list", "watch") and not name:
        name = selectors.selected_name(query.get("fieldSelector", ""))
    return Request(
        method=method,
        verb=verb,
        group=route.group,
        resource=route.plural + (f"/{route.subresource}" if route.subresource else ""),
        namespace=route.namespace,
        name=name,
        user=user,
    )


def authorize(identity: Identity | None, request: Request) -> None:
    """Let the request pass. Raises ApiError 401 when nobody asks and 403 when they may not.

    Discovery and one's own access review are open to every recognised user (system:discovery, system:basic-user).
    """
    if identity is None:
        raise ApiError(401)
    if not request.resource or (request.group, request.resource, request.verb) == (REVIEW_GROUP, REVIEWS, "create"):
        return
    if identity.allows(request):
        return
    qualified = f"{request.resource}.{request.group}" if request.group else request.resource
    subject = f'{qualified} "{request.name}"' if request.name else qualified
    scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    group = {"group": request.group} if request.group else {}
    name = {"name": request.name} if request.name else {}
    raise ApiError(
        403,
        f'{subject} is forbidden: User "{request.user}" cannot {request.verb} resource "{request.resource}" '
        f'in API group "{request.group}" {scope}',
        details={**name, **group, "kind": request.resource},
    )


def review(identity: Identity, document: Document) -> Document:
    """Answer a SelfSubjectAccessReview. Raises DecodeError when it does not have that shape.

    Paths that are no resource are allowed, as `authorize` does.
    """
    spec = document.get("spec")
    attributes = spec.get("resourceAttributes") if isinstance(spec, dict) else None
    other = spec.get("nonResourceAttributes") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or (attributes is None) == (other is None):
        raise DecodeError("exactly one of resourceAttributes or nonResourceAttributes must be specified")
    allowed = attributes is None or identity.allows(_reviewed(attributes, identity.user))
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": f"{REVIEW_GROUP}/v1",
        "metadata": {"creationTimestamp": None},
        "spec": spec,
        "status": {"allowed": allowed},
    }


def _reviewed(attributes: object, user: str) -> Request:
    fields = ("verb", "group", "resource", "subresource", "namespace", "name")
    if not isinstance(attributes, dict) or not all(isinstance(attributes.get(name), str | None) for name in fields):
        raise DecodeError("resourceAttributes: wrong type")
    verb, group, resource, subresource, namespace, name = (attributes.get(field) or "" for field in fields)
    return Request(
        method=_METHODS.get(verb, ""),
        verb=verb,
        group=group,
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=namespace,
        name=name,
        user=user,
    )

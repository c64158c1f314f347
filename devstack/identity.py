"""Managed identity on loopback: who issues tokens, and the endpoint that App Service gives to an app.

In the room: `Issuer`, shared with every server that has to verify a token (Key Vault, Service Bus, Kubernetes), and
`Identity`, one small http server with two resources:

    GET  /msi/token                      IDENTITY_ENDPOINT, api-version 2019-08-01 (local-stack 3.3)
    POST .../listClusterUserCredential   Azure Resource Manager's one call that hands out an AKS kubeconfig

Not in the room: signatures that anyone outside could verify, refresh tokens, claims challenges, role assignments
(a server decides rights by `Claims.identity`), any other resource of Azure Resource Manager (404). The kubeconfig
comes back as it was registered, whatever `format` asks for. A user-assigned identity is named by `client_id` only.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml
from aiohttp import web

from devstack import clock as clocks
from devstack.faults import Fault, Faults
from devstack.loopback import LoopbackServer, answer_fault

VAULT: Final = "https://vault.azure.net"
SERVICE_BUS: Final = "https://servicebus.azure.net"
MANAGEMENT: Final = "https://management.azure.com"
AKS: Final = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The server application of every AKS cluster: the resource of a Kubernetes token."""

TENANT: Final = "00000000-0000-4000-8000-00000000de57"
SYSTEM_ASSIGNED: Final = "system-assigned"

_TOKEN_PATH: Final = "/msi/token"  # noqa: S105 a path, not a token
_TOKEN_API: Final = "2019-08-01"  # noqa: S105 a version, not a token
_CLUSTER_PATH: Final = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.ContainerService/managedClusters/{cluster}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says: for which resource, who holds it, until when (Unix seconds)."""

    resource: str
    identity: str
    expires_on: int


class Issuer:
    """Issues tokens for a resource and recognises its own.

    A token looks like a JWT (HS256, a key of this issuer alone), because clients that log or cache one expect the
    shape. `lifetime` is in seconds; managed identity tokens live for a day.
    """

    def __init__(self, *, clock: clocks.Clock = clocks.system, lifetime: float = 86_400.0) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._key = secrets.token_bytes(32)

    def issue(self, resource: str, *, identity: str = SYSTEM_ASSIGNED) -> str:
        """Return a new token for `resource`."""
        now = self._clock()
        claims = {
            "aud": _normalise(resource),
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "appid": identity,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now + self._lifetime),
            "uti": uuid.uuid4().hex,
        }
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{signed}.{self._sign(signed)}"

    def verify(self, token: str, *resources: str) -> Claims | None:
        """Return the claims of an unexpired token of this issuer for one of `resources`, or None."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(signed).encode(), signature.encode(errors="replace")):
            return None
        claims = json.loads(_decode(signed.partition(".")[2]))
        if claims["exp"] <= self._clock() or claims["aud"] not in map(_normalise, resources):
            return None
        return Claims(resource=claims["aud"], identity=claims["appid"], expires_on=claims["exp"])

    def _sign(self, signed: str) -> str:
        digest = hmac.digest(self._key, signed.encode(errors="replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def bearer(headers: Mapping[str, str]) -> str:
    """Return the bearer token of a request's headers, or an empty string."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as a fault rule or an assertion sees it.

    `resource` is what a token was asked for, or the id of the cluster. `identity` is who asked.
    """

    method: str
    path: str
    resource: str
    identity: str


class Identity(LoopbackServer):
    """The server: an async context manager. Its url stands for https://management.azure.com.

    `assigned` are the client ids of the user-assigned identities that the app has; None accepts any.
    """

    def __init__(self, *, issuer: Issuer | None = None, port: int = 0, assigned: Collection[str] | None = None) -> None:
        super().__init__(port=port)
        self._assigned = assigned
        self.issuer = issuer or Issuer()
        self.faults: Faults[Request] = Faults()
        self._header = secrets.token_hex(16)
        self._clusters: dict[str, Mapping[str, Any]] = {}
        self._requests: list[Request] = []

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Return the two resources."""
        yield web.get(_TOKEN_PATH, self._give_token)
        yield web.post(_CLUSTER_PATH + "/listClusterUserCredential", self._give_kubeconfig)

    @property
    def environment(self) -> dict[str, str]:
        """The two variables that make ManagedIdentityCredential ask here."""
        return {"IDENTITY_ENDPOINT": self.url + _TOKEN_PATH, "IDENTITY_HEADER": self._header}

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, refused ones too, oldest first."""
        return tuple(self._requests)

    def register_cluster(self, resource_id: str, kubeconfig: Mapping[str, Any]) -> None:
        """Let Azure Resource Manager know a cluster by its full id, and what it hands out for it."""
        self._clusters[resource_id.strip("/").lower()] = kubeconfig

    async def _give_token(self, request: web.Request) -> web.StreamResponse:
        resource = request.query.get("resource", "")
        identity = request.query.get("client_id", SYSTEM_ASSIGNED)
        fault = await self._note(request, resource, identity)
        if fault:
            return answer_fault(request, fault, None)
        if not hmac.compare_digest(request.headers.get("X-IDENTITY-HEADER", "").encode(), self._header.encode()):
            return _refuse_token(401, "The X-IDENTITY-HEADER header is missing or wrong.")
        if request.query.get("api-version") != _TOKEN_API or not resource:
            return _refuse_token(400, f"The request needs a resource and api-version={_TOKEN_API}.")
        if self._assigned is not None and identity not in (SYSTEM_ASSIGNED, *self._assigned):
            return _refuse_token(400, "No User Assigned or Delegated Managed Identity found for specified ClientId.")
        token = self.issuer.issue(resource, identity=identity)
        claims = self.issuer.verify(token, resource)
        expires_on = str(claims.expires_on) if claims else "0"
        return web.json_response(
            {"access_token": token, "expires_on": expires_on, "resource": resource, "token_type": "Bearer"}
        )

    async def _give_kubeconfig(self, request: web.Request) -> web.StreamResponse:
        resource_id = request.path.rpartition("/")[0].strip("/").lower()
        claims = self.issuer.verify(bearer(request.headers), MANAGEMENT)
        fault = await self._note(request, resource_id, claims.identity if claims else "")
        if fault:
            return answer_fault(request, fault, None)
        if claims is None:
            message = "The access token is missing, expired, or not for Azure Resource Manager."
            return _refuse_arm(401, "InvalidAuthenticationToken", message)
        if "api-version" not in request.query:
            message = "The api-version query parameter (?api-version=) is required."
            return _refuse_arm(400, "MissingApiVersionParameter", message)
        kubeconfig = self._clusters.get(resource_id)
        if kubeconfig is None:
            return _refuse_arm(404, "ResourceNotFound", f"The resource '{resource_id}' was not found.")
        value = base64.b64encode(yaml.safe_dump(dict(kubeconfig)).encode()).decode()
        return web.json_response({"kubeconfigs": [{"name": "clusterUser", "value": value}]})

    async def _note(self, request: web.Request, resource: str, identity: str) -> Fault | None:
        seen = Request(method=request.method, path=request.path, resource=resource, identity=identity)
        self._requests.append(seen)
        # A fault's `after` makes no difference here: neither resource changes anything.
        return await self.faults.meet(seen)


def _refuse_token(status: int, message: str) -> web.Response:
    return web.json_response({"statusCode": status, "message": message}, status=status)


def _refuse_arm(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


def _normalise(resource: str) -> str:
    """Event Hubs' and Service Bus's scopes end in a slash that not every client sends."""
    return resource.rstrip("/").lower()


def _encode(value: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

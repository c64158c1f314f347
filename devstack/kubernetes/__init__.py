"""A Kubernetes API on loopback, stateful, for the unmodified `kubernetes` clients and kubectl.

    async with KubernetesApi(identities=[Identity(token="t", user="fanout", allows=everything)]) as api:
        api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}})

It serves the resources in `resources.RESOURCES`: get, list (selectors, pages), watch (selectors, bookmarks), create,
replace, merge patch, delete, dry runs, access reviews, discovery. Reads from the bottom up:

    documents, resources, status     JSON, the table of kinds, errors
    query, objects                   which objects are meant, and which are valid
    store, ownership                 state and its versions; who wrote which fields
    registry, reading                the writing and the reading verbs
    access, discovery, negotiation   requests and rights; what the API says about itself; objects or their metadata
    transport, api                   from HTTP to a verb and back; the server as tests hold it

What it does not do, and how it says so:

* Server-side apply, JSON patch, strategic merge patch: 415. `kubectl patch` needs `--type merge`.
* Subresources (status, scale, log, exec, eviction): 501; deleting collections: 405. A write to an object therefore
  also sets its `status`.
* Finalizers and graceful deletion: an object with finalizers is not deleted (501); every other goes at once, a
  namespace with all that is in it, whatever propagation policy is asked for. No garbage collection by owner.
* Schemas: only metadata and Secrets are validated. Unknown fields are kept, whatever `fieldValidation` says; there is
  no OpenAPI, so `kubectl apply` and `create` need `--validate=false`.
* Defaults, admission, quota, controllers: a Deployment makes no pods, a pod does not run.
* `managedFields` names each writer with operation Update; fields other than data, labels and annotations as a whole.
* `sendInitialEvents` on watches: 422. `resourceVersionMatch` on lists: 501. Watches of one object: by field selector.
* Tables, protobuf and YAML: JSON is sent whatever is accepted (of other forms only PartialObjectMetadata and its
  list), and nothing else is read (400); `kubectl auth can-i` and `kubectl create namespace` send protobuf.
* Anonymous requests, impersonation (the header is passed over), client certificates: only bearer tokens.
* Labels are not selected by `<` and `>`; the selectable fields are those in the table. No short names.
"""

from devstack.kubernetes.access import Identity, Request, everything
from devstack.kubernetes.api import KubernetesApi
from devstack.kubernetes.status import ApiError

__all__ = ["ApiError", "Identity", "KubernetesApi", "Request", "everything"]

"""Owners that read the vault themselves, asked by a field of their resource, and what its status says then."""

import logging
from datetime import datetime

from shared import secret_sync
from shared.delegate import Delegate, Progress, Resource
from shared.edges.kube_api import KubeApi, path
from shared.errors import ConfigurationError
from shared.external_secrets import status
from shared.observed import Owner
from shared.reason import Reason

_log = logging.getLogger(__name__)


async def ask(api: KubeApi, delegate: Delegate, state: str) -> None:
    """Change the field that makes an owner look. A resource that is gone is no failure.

    Nor is a parent that may not be changed: its child was asked before, and looks all the same. Its own annotation is
    only what the parent's controller takes away again.
    """
    for resource, body in delegate.requests(state):
        try:
            await api.touch(_place(resource), body)
        except ConfigurationError as error:
            if resource != delegate.parent or error.reason is not Reason.CLUSTER_FORBIDDEN:
                raise
            _log.warning("%s; %s was asked alone", error, delegate.resource)


async def progress(api: KubeApi, delegate: Delegate, since: datetime) -> Progress | None:
    """Tell what an owner's status says, or None where its resource is gone."""
    manifest = await api.get(_place(delegate.resource))
    if manifest is None:
        return None
    if delegate.owner is Owner.EXTERNAL_SECRETS:
        return status.progress(manifest, mark=delegate.mark, since=since)
    return secret_sync.progress(manifest, mark=delegate.mark, since=since)


def _place(resource: Resource) -> str:
    return path(resource.group_version, resource.plural, namespace=resource.namespace, name=resource.name)

"""What kubectl and Helm make of the deployment's folders, and what they ought to make of them."""

import asyncio
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy import documents, rights
from deploy.rights import Manifest
from tests.helm import build

OBJECT_ID = "11111111-2222-3333-4444-555555555555"
KUBECTL = shutil.which("kubectl") or ""
NO_KUBECTL = (
    "the tests that build the Kustomize folders are SKIPPED, no kubectl: on Debian, apt-get install kubernetes-client"
)


class RefusedError(Exception):
    """A program ended with an error; the message is what it said."""


async def run(*command: str, given: str = "") -> str:
    """Run a program and return what it prints. Raises `RefusedError` where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complaints = await asyncio.wait_for(process.communicate(given.encode()), timeout=50)
    if process.returncode:
        raise RefusedError(complaints.decode())
    return printed.decode()


async def kustomized(folder: Path) -> list[Manifest]:
    """Build a folder as `kubectl apply -k` does."""
    return list(yaml.safe_load_all(await run(KUBECTL, "kustomize", str(folder))))


async def charted(**values: object) -> list[Manifest]:
    """Render the chart as `helm install` does. Raises `RefusedError` where Helm refuses the values."""
    chart = documents.FOLDER / documents.CHART
    rendered = json.loads(await run(str(build.program()), str(chart), given=json.dumps(values)))
    return [one for text in rendered.values() for one in yaml.safe_load_all(text) if one is not None]


def expected(features: Sequence[str], namespaces: Sequence[str] = (), object_id: str = OBJECT_ID) -> list[Manifest]:
    """Return what features need for an identity: in the whole cluster, or in these namespaces."""
    found: list[Manifest] = []
    for feature in features:
        whole = documents.manifests(feature)
        if not namespaces:
            found += whole
            continue
        parts = rights.split(whole)
        found += parts.cluster
        found += [placed(one, namespace) for namespace in namespaces for one in parts.binding]
    return json.loads(json.dumps(found).replace(rights.PLACEHOLDER, object_id))  # type: ignore[no-any-return]


def placed(manifest: Mapping[str, Any], namespace: str) -> Manifest:
    """Return a manifest in a namespace."""
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def in_order(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Order manifests by kind, namespace and name: neither program keeps the order of the files."""
    return sorted(
        manifests, key=lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])
    )

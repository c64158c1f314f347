"""A write that an admission policy refuses, on the real server: what is raised, and that nothing is quoted."""

import asyncio

import pytest

from devstack import seed
from shared.edges.cluster import KubernetesCluster
from shared.errors import ConfigurationError, FanoutError, PermanentError
from shared.model import SecretValue
from shared.reason import Reason
from tests.contract.cluster.backends import ApiServer
from tests.contract.cluster.conftest import make_namespace
from tests.contract.cluster.hand import Hand
from tests.contract.cluster.manifests import MARK, Manifest, encoded, secret
from tests.edges.clusters import Way

_GROUP = "admissionregistration.k8s.io/v1"
_VALUE = encoded(MARK.encode())


def policy(name: str, reason: str) -> list[Manifest]:
    """Return a policy that refuses changes of one namespace's Secrets and quotes their data, and its binding."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["secrets"]}
    quoting = f"'refused: ' + object.data['{seed.KEY}']"
    return [
        {
            "apiVersion": _GROUP,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "false", "messageExpression": quoting, "reason": reason}],
            },
        },
        {
            "apiVersion": _GROUP,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}},
            },
        },
    ]


async def in_force(hand: Hand, namespace: str) -> str:
    """Wait until the policy refuses, and return what the server says then."""
    where = f"/api/v1/namespaces/{namespace}/secrets/{seed.SECRET}"
    patch = {"metadata": {"labels": {"tried": "yes"}}}
    async with asyncio.timeout(30):
        while (answer := await hand.call("PATCH", where, patch, query={"dryRun": "All"})).status == 200:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)
    return str(answer.body["message"])


@pytest.mark.parametrize(
    ("reason", "error", "told"),
    [
        ("Invalid", PermanentError, Reason.CLUSTER_REFUSED),
        ("Forbidden", ConfigurationError, Reason.CLUSTER_FORBIDDEN),
    ],
)
async def test_what_a_policy_says_of_a_write_reaches_no_error(
    apiserver: ApiServer, way: Way, reason: str, error: type[FanoutError], told: Reason
) -> None:
    """It may quote the value that it refused. A 403 cannot be told from a missing right."""
    hand = apiserver.hand
    namespace = await make_namespace(hand)
    cluster: KubernetesCluster = way.reach(apiserver.url, token=apiserver.token, ca_pem=apiserver.ca_pem)
    await hand.make(secret(namespace, value=MARK))
    for manifest in policy(namespace, reason):
        await hand.make(manifest)
    said = await in_force(hand, namespace)
    found = await cluster.secret(namespace, seed.SECRET)
    assert found is not None

    with pytest.raises(error) as caught:
        await cluster.write(found, {seed.KEY: SecretValue(MARK.encode() * 2)}, {})

    assert _VALUE in said
    assert isinstance(caught.value, error)
    assert caught.value.reason is told
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert not any(mark in f"{link!r} {link}" for link in chain for mark in (MARK, _VALUE, "refused: "))

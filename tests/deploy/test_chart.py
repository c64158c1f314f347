"""The Helm chart, rendered by Helm's own engine: what comes out is what the manifests say."""

import itertools
from collections.abc import Sequence

import pytest

from deploy import documents
from tests.deploy.rendering import OBJECT_ID, RefusedError, charted, expected, in_order
from tests.helm import build

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not build.program().is_file() and not build.required(), reason=build.SKIPPED),
]

DEFAULT = ["csi", "driver", "nudge"]


def only(*wanted: str) -> dict[str, bool]:
    """Return the value that switches on these features alone."""
    return {feature: feature in wanted for feature in documents.FEATURES}


async def test_with_an_object_id_alone_the_default_features_are_granted_in_the_whole_cluster() -> None:
    assert in_order(await charted(objectId=OBJECT_ID)) == in_order(expected(DEFAULT))


@pytest.mark.parametrize("namespaces", [[], ["shop"], ["shop", "billing", "web"]], ids=len)
@pytest.mark.parametrize("feature", documents.FEATURES)
async def test_a_feature_is_granted_as_its_manifest_says(feature: str, namespaces: Sequence[str]) -> None:
    rendered = await charted(objectId=OBJECT_ID, features=only(feature), namespaces=namespaces)

    assert in_order(rendered) == in_order(expected([feature], namespaces))


@pytest.mark.parametrize("namespaces", [[], ["shop", "web"]], ids=len)
async def test_all_features_go_together(namespaces: Sequence[str]) -> None:
    features = list(documents.FEATURES)

    rendered = await charted(objectId=OBJECT_ID, features=only(*features), namespaces=namespaces)

    assert in_order(rendered) == in_order(expected(features, namespaces))
    for one, other in itertools.pairwise(in_order(rendered)):
        assert (one["kind"], one["metadata"]) != (other["kind"], other["metadata"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "objectId"),
        ({"objectId": "my-identity"}, "objectId"),
        ({"objectId": OBJECT_ID, "features": {"nudges": True}}, "nudges"),
        ({"objectId": OBJECT_ID, "namespaces": "shop"}, "namespaces"),
        ({"objectId": OBJECT_ID, "namespaces": ["Shop"]}, "namespaces"),
        ({"objectID": OBJECT_ID}, "objectID"),
    ],
    ids=str,
)
async def test_values_that_grant_nothing_sensible_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        await charted(**values)

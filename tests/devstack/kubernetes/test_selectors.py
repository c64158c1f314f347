"""Label and field selectors."""

import pytest

from devstack.kubernetes import ApiError
from devstack.kubernetes.query import read_selectors, selected_name, selects
from devstack.kubernetes.resources import of_plural

POD = {
    "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web", "tier": "front"}},
    "spec": {"nodeName": "aks-1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier=front", True),
        ("app=api", False),
        ("app!=api", True),
        ("app!=web", False),
        ("missing!=x", True),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("!app", False),
        ("app!=api,tier", True),
        ("example.com/app=x", False),
        ("app=", False),
        ("app in (web)", True),
        ("app in (api, web),tier=front", True),
        ("tier=back,app in(api,web)", False),
        ("app in (api,job)", False),
        ("missing in (web)", False),
        ("app in (,web)", True),
        ("app notin (api, job)", True),
        ("app notin (api,web)", False),
        ("missing notin (web)", True),
        ("in notin (in),notin", False),
    ],
)
def test_a_label_selector_selects(text: str, *, selected: bool) -> None:
    """Equality, sets and existence, as kubectl's -l takes them."""
    assert selects(read_selectors(of_plural("pods"), {"labelSelector": text}), POD) is selected


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("spec.nodeName=aks-1", True),
        ("spec.nodeName=aks-2", False),
        ("status.phase!=Failed,metadata.namespace==shop", True),
        ("metadata.name=web-1,status.phase=Failed", False),
    ],
)
def test_a_field_selector_selects(text: str, *, selected: bool) -> None:
    """All parts must hold."""
    assert selects(read_selectors(of_plural("pods"), {"fieldSelector": text}), POD) is selected


@pytest.mark.parametrize(
    "text",
    [
        *("app=web,", "=web", "app=web=x", "a b", "app>1", ",", "(", ")"),
        *("app in ((a))", "app in ()", "app in (a", "app in a", "app in (a b)", "in (a)", "app in (a) b"),
        "app notin (a),",
    ],
)
def test_a_label_selector_that_cannot_be_read_is_refused_with_400(text: str) -> None:
    """Selecting too much or nothing instead would be a quiet success."""
    with pytest.raises(ApiError) as caught:
        read_selectors(of_plural("pods"), {"labelSelector": text})
    assert (caught.value.code, caught.value.reason) == (400, "BadRequest")


@pytest.mark.parametrize("text", ["spec.nodeName=aks-1", "data.key=x", "metadata.name", "metadata.labels.app=web"])
def test_a_field_that_a_secret_is_not_selected_by_is_refused_with_400(text: str) -> None:
    """Each kind has its own short list of selectable fields."""
    with pytest.raises(ApiError) as caught:
        read_selectors(of_plural("secrets"), {"fieldSelector": text})
    assert caught.value.code == 400


def test_the_name_in_a_field_selector_is_what_authorisation_sees() -> None:
    """So that a rule on one name also covers a list or watch of that one."""
    assert selected_name({"fieldSelector": "metadata.namespace=shop,metadata.name=db"}) == "db"
    assert selected_name({"fieldSelector": "metadata.name!=db"}) == ""

"""The driver's generation from its CSIDriver object and its DaemonSets (csi-semantics 0, design 4)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import driver
from shared.driver import DriverFacts
from shared.observed import Driver
from tests.generated import generated

REPUBLISHING = {"spec": {"requiresRepublish": True}}
NOT_REPUBLISHING = {"spec": {"requiresRepublish": False}}
REGISTRY = "registry.k8s.io/csi-secrets-store/driver"
AKS = "mcr.microsoft.com/oss/v2/kubernetes-csi/secrets-store/driver"
ON, OFF, UNCLEAR = "--enable-secret-rotation=true", "--enable-secret-rotation=false", "--enable-secret-rotation=$(X)"


def build_daemonset(tag: str = "v1.5.6", *args: str, image: str = REGISTRY, **fields: Any) -> dict[str, Any]:
    """Build a DaemonSet as the chart makes it, of one tag and with some arguments."""
    return {
        "metadata": {"namespace": "kube-system", "name": "csi-secrets-store", "labels": fields.get("labels")},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "node-driver-registrar", "image": "registry.k8s.io/registrar:v2.11.1"},
                        {
                            "name": fields.get("container", "secrets-store"),
                            "image": f"{image}:{tag}" if tag else image,
                            "command": fields.get("command"),
                            "args": ["--endpoint=$(CSI_ENDPOINT)", *args],
                        },
                    ]
                }
            }
        },
        "status": {"desiredNumberScheduled": fields.get("nodes", 3)},
    }


def build_chart(**labels: object) -> dict[str, Any]:
    """Build a CSIDriver with the labels of the chart, which does not republish."""
    return {
        **NOT_REPUBLISHING,
        "metadata": {"labels": {key.replace("__", "/"): value for key, value in labels.items()}},
    }


# The CSIDriver alone


@pytest.mark.parametrize(
    ("manifest", "found"),
    [
        pytest.param(None, Driver.UNKNOWN, id="unreadable"),
        pytest.param({}, Driver.UNKNOWN, id="empty"),
        pytest.param(REPUBLISHING, Driver.V1_6_ROTATING, id="republishing"),
        pytest.param(NOT_REPUBLISHING, Driver.UNKNOWN, id="not republishing"),
        pytest.param({"spec": {"requiresRepublish": "true"}}, Driver.UNKNOWN, id="text"),
        pytest.param({"spec": [], "metadata": {"labels": None}}, Driver.UNKNOWN, id="a list for spec"),
        pytest.param({"spec": None, "metadata": "x"}, Driver.UNKNOWN, id="a text for metadata"),
    ],
)
def test_without_labels_only_republishing_tells(manifest: dict[str, Any] | None, found: Driver) -> None:
    assert driver.detect(manifest, ()).generation is found


@pytest.mark.parametrize(
    ("label", "value", "found"),
    [
        ("app.kubernetes.io/version", "1.5.4", Driver.V1_5),
        ("app.kubernetes.io/version", "v1.4.1", Driver.V1_5),
        ("app.kubernetes.io/version", "1.6.0", Driver.V1_6_STATIC),
        ("app.kubernetes.io/version", "v1.10.0", Driver.V1_6_STATIC),
        ("app.kubernetes.io/version", "2.0.0-rc.1", Driver.V1_6_STATIC),
        ("app.kubernetes.io/version", "main", Driver.UNKNOWN),
        ("app.kubernetes.io/version", 16, Driver.UNKNOWN),
        ("helm.sh/chart", "secrets-store-csi-driver-1.5.4", Driver.V1_5),
        ("helm.sh/chart", "secrets-store-csi-driver-1.6.0", Driver.V1_6_STATIC),
        ("helm.sh/chart", "another-chart-1.6.0", Driver.UNKNOWN),
    ],
)
def test_without_republishing_the_charts_labels_tell_the_version(label: str, value: object, found: Driver) -> None:
    assert driver.detect(build_chart(**{label: value}), ()).generation is found


def test_republishing_says_more_than_a_label() -> None:
    manifest = {**build_chart(**{"app.kubernetes.io/version": "1.5.4"}), **REPUBLISHING}

    assert driver.detect(manifest, ()).generation is Driver.V1_6_ROTATING


def test_it_tells_what_it_was_read_from() -> None:
    assert driver.detect(None, ()).source == "nothing readable"
    assert driver.detect(REPUBLISHING, ()).source == "CSIDriver"
    assert driver.detect(None, [build_daemonset()]).source == "DaemonSet kube-system/csi-secrets-store"
    assert driver.detect(None, [], Driver.V1_5).source == "CLUSTERS setting"


def test_a_name_that_no_kubernetes_object_has_is_not_repeated() -> None:
    daemonset = build_daemonset()
    daemonset["metadata"] = {"namespace": "a\nb", "name": ["c"]}

    assert driver.detect(None, [daemonset]).source == "DaemonSet ?/?"


# The DaemonSet's image


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        (f"{REGISTRY}:v1.5.6", "1.5.6"),
        (f"{AKS}:v1.5.4-1", "1.5.4"),
        ("mcr.microsoft.com/oss/kubernetes-csi/secrets-store/driver:v1.4.5", "1.4.5"),
        ("mirror.local:5000/csi-secrets-store/driver:v1.6.0", "1.6.0"),
        ("mirror.local:5000/csi-secrets-store/driver", ""),
        (f"{REGISTRY}:v1.6.0@sha256:{'0' * 64}", "1.6.0"),
        (f"{REGISTRY}@sha256:{'0' * 64}", ""),
        (f"{REGISTRY}:1.6", "1.6"),
        (f"{REGISTRY}:v1.6.0-rc.1", "1.6.0"),
        (f"{REGISTRY}:latest", ""),
        (f"{REGISTRY}:20261123", ""),
        (f"{REGISTRY}:2026.11.23", ""),
        ("driver:v1.5.6", "1.5.6"),
        ("", ""),
    ],
)
def test_the_version_is_the_tag_of_the_image(reference: str, version: str) -> None:
    assert driver.detect(None, [build_daemonset("", image=reference)]).version == version


@pytest.mark.parametrize(
    "image", [REGISTRY, AKS, "mirror.local:5000/a/csi-secrets-store/driver", "secrets-store/driver"]
)
def test_a_container_of_another_name_is_known_by_its_image(image: str) -> None:
    assert driver.detect(None, [build_daemonset("v1.5.6", image=image, container="main")]).generation is Driver.V1_5


@pytest.mark.parametrize(
    "image", ["docker.io/another-secrets-store/driver", f"{REGISTRY}-crds", "secrets-store/provider"]
)
def test_a_daemonset_of_something_else_says_nothing(image: str) -> None:
    facts = driver.detect(REPUBLISHING, [build_daemonset("v1.5.6", image=image, container="main")])

    assert facts == driver.detect(REPUBLISHING, [])


@pytest.mark.parametrize(
    ("daemonset", "csidriver"),
    [
        pytest.param({"app.kubernetes.io/version": "1.5.5"}, None, id="the DaemonSet's own"),
        pytest.param(
            None, build_chart(app__version="x", **{"app.kubernetes.io/version": "1.5.5"}), id="the CSIDriver's"
        ),
    ],
)
def test_where_the_image_has_no_tag_the_charts_labels_tell_the_version(
    daemonset: dict[str, str] | None, csidriver: dict[str, Any] | None
) -> None:
    facts = driver.detect(csidriver, [build_daemonset("", labels=daemonset)])

    assert (facts.generation, facts.version) == (Driver.V1_5, "1.5.5")


def test_the_image_says_more_than_the_charts_labels() -> None:
    labels = {"app.kubernetes.io/version": "1.6.0"}

    assert driver.detect(build_chart(**labels), [build_daemonset("v1.5.6", labels=labels)]).generation is Driver.V1_5


# Its arguments


@pytest.mark.parametrize(
    ("args", "found"),
    [
        pytest.param([], Driver.V1_6_STATIC, id="absent"),
        (["--enable-secret-rotation"], Driver.V1_6_ROTATING),
        (["--enable-secret-rotation=true"], Driver.V1_6_ROTATING),
        (["-enable-secret-rotation=T"], Driver.V1_6_ROTATING),
        (["--enable-secret-rotation=1"], Driver.V1_6_ROTATING),
        (["--enable-secret-rotation=false"], Driver.V1_6_STATIC),
        (["--enable-secret-rotation=F"], Driver.V1_6_STATIC),
        pytest.param(["--enable-secret-rotation=$(ROTATE)"], Driver.UNKNOWN, id="from the environment"),
        pytest.param(["--enable-secret-rotation=yes"], Driver.UNKNOWN, id="no truth value of Go"),
        pytest.param(["--enable-secret-rotation="], Driver.UNKNOWN, id="an empty value"),
        pytest.param(["--enable-secret-rotation", "false"], Driver.V1_6_ROTATING, id="Go takes no value after a space"),
        pytest.param([ON, OFF], Driver.V1_6_STATIC, id="the last counts"),
        pytest.param(["--rotation-poll-interval", "2m", ON], Driver.V1_6_ROTATING, id="after another flag's value"),
        pytest.param(["--", "--enable-secret-rotation"], Driver.V1_6_STATIC, id="after the end of the flags"),
        pytest.param(
            ["--enable-secret-rotations", "enable-secret-rotation=true"], Driver.V1_6_STATIC, id="other words"
        ),
    ],
)
def test_rotation_is_read_from_the_arguments_as_go_does(args: list[str], found: Driver) -> None:
    assert driver.detect(None, [build_daemonset("v1.6.0", *args)]).generation is found


def test_flags_may_stand_in_the_command() -> None:
    on = build_daemonset("v1.6.0", command=["/secrets-store-csi", ON])
    overruled = build_daemonset("v1.6.0", OFF, command=["/secrets-store-csi", ON])

    assert driver.detect(None, [on]).generation is Driver.V1_6_ROTATING
    assert driver.detect(None, [overruled]).generation is Driver.V1_6_STATIC


# Both together


@pytest.mark.parametrize(
    ("csidriver", "tag", "flag", "found"),
    [
        pytest.param(REPUBLISHING, "v1.6.0", ON, Driver.V1_6_ROTATING, id="chart with rotation"),
        pytest.param(NOT_REPUBLISHING, "v1.6.0", OFF, Driver.V1_6_STATIC, id="chart without rotation"),
        pytest.param(REPUBLISHING, "v1.6.0", OFF, Driver.V1_6_STATIC, id="static manifest republishes always"),
        pytest.param(REPUBLISHING, "", OFF, Driver.V1_6_STATIC, id="static manifest by digest"),
        pytest.param(REPUBLISHING, "", ON, Driver.V1_6_ROTATING, id="rotating by digest"),
        pytest.param(NOT_REPUBLISHING, "v1.6.0", ON, Driver.V1_6_STATIC, id="the kubelet does not call"),
        pytest.param(None, "v1.6.0", ON, Driver.V1_6_ROTATING, id="DaemonSet only, on"),
        pytest.param(None, "v1.6.0", OFF, Driver.V1_6_STATIC, id="DaemonSet only, off"),
        pytest.param(None, "v1.6.0", UNCLEAR, Driver.UNKNOWN, id="DaemonSet only, unclear"),
        pytest.param(REPUBLISHING, "v1.6.0", UNCLEAR, Driver.V1_6_ROTATING, id="unclear flag"),
        pytest.param(NOT_REPUBLISHING, "v1.5.6", ON, Driver.V1_5, id="1.5 with rotation"),
        pytest.param(NOT_REPUBLISHING, "v1.5.6", OFF, Driver.V1_5, id="1.5 without rotation"),
        pytest.param(REPUBLISHING, "v1.5.6", ON, Driver.V1_5, id="1.5 under a newer CSIDriver"),
        pytest.param(NOT_REPUBLISHING, "", OFF, Driver.UNKNOWN, id="no version, off"),
        pytest.param(NOT_REPUBLISHING, "", ON, Driver.UNKNOWN, id="no version, on"),
        pytest.param(None, "", ON, Driver.UNKNOWN, id="DaemonSet only, no version"),
    ],
)
def test_the_daemonset_and_the_csidriver_tell_the_generation_together(
    csidriver: dict[str, Any] | None, tag: str, flag: str, found: Driver
) -> None:
    assert driver.detect(csidriver, [build_daemonset(tag, flag)]).generation is found


@pytest.mark.parametrize(("flag", "found"), [(ON, Driver.V1_6_ROTATING), (OFF, Driver.V1_6_STATIC)])
def test_a_renamed_image_with_numbers_of_its_own_does_not_pass_for_1_5(flag: str, found: Driver) -> None:
    facts = driver.detect(REPUBLISHING, [build_daemonset("v1.0.3", flag, image="acr.azurecr.io/platform/sscsi")])

    assert (facts.generation, facts.version) == (found, "")


# Several DaemonSets, and the setting


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["v1.5.6", "v1.5.6"], Driver.V1_5),
        (["v1.5.6", "v1.6.0"], Driver.V1_6_ROTATING),
        (["v1.5.6", "v1.6.0", "latest"], Driver.UNKNOWN),
        (["v1.5.6", "v1.6.0", "latest", "off"], Driver.V1_6_STATIC),
    ],
)
@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_where_daemonsets_disagree_the_most_careful_answer_wins(tags: list[str], found: Driver, order: int) -> None:
    sets = [build_daemonset(*(("v1.6.0", OFF) if tag == "off" else (tag, ON))) for tag in tags]

    assert driver.detect(None, sets[::order]).generation is found


def test_a_daemonset_that_no_node_runs_has_no_say_beside_one_that_is_run() -> None:
    running, idle = build_daemonset("v1.5.6"), build_daemonset("v1.6.0", nodes=0)

    assert driver.detect(None, [idle, running]).generation is Driver.V1_5
    assert driver.detect(None, [idle]).generation is Driver.V1_6_STATIC


@pytest.mark.parametrize("override", [Driver.V1_5, Driver.V1_6_ROTATING, Driver.V1_6_STATIC])
def test_the_setting_wins_over_what_was_read(override: Driver) -> None:
    facts = driver.detect(REPUBLISHING, [build_daemonset("v1.6.0", ON)], override)

    assert facts == DriverFacts(generation=override, version="1.6.0", source="CLUSTERS setting")


def test_the_setting_has_three_values() -> None:
    assert driver.parse_override("1.5") is Driver.V1_5
    assert driver.parse_override("1.6-with-rotation") is Driver.V1_6_ROTATING
    assert driver.parse_override("1.6-without-rotation") is Driver.V1_6_STATIC
    assert driver.parse_override("1.6") is None


# Whatever a cluster answers

KEYS = [
    "metadata",
    "labels",
    "namespace",
    "name",
    "spec",
    "template",
    "containers",
    "image",
    "args",
    "command",
    "status",
]
WORDS = st.sampled_from(["secrets-store", f"{REGISTRY}:v1.6.0", ON, "--enable-secret-rotation", "@", ":", "/"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), WORDS)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*KEYS, "requiresRepublish"]), inner, max_size=4)
    ),
    max_leaves=12,
)
MANIFESTS = st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4)
DAEMONSETS = st.builds(
    lambda containers, metadata, status: {
        "metadata": metadata,
        "spec": {"template": {"spec": {"containers": containers}}},
        "status": status,
    },
    st.one_of(ANYTHING, st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING), max_size=3)),
    ANYTHING,
    ANYTHING,
)


@given(csidriver=st.none() | MANIFESTS, daemonsets=st.lists(MANIFESTS | DAEMONSETS, max_size=3))
@generated()
def test_malformed_manifests_never_raise(csidriver: dict[str, Any] | None, daemonsets: list[dict[str, Any]]) -> None:
    facts = driver.detect(csidriver, daemonsets)

    assert facts.source.isprintable()


@given(text=st.text(max_size=30) | st.text("0123456789.v@:/-", max_size=20))
@generated()
def test_any_text_may_stand_for_a_truth_value_or_a_tag(text: str) -> None:
    facts = driver.detect(None, [build_daemonset(text, f"--enable-secret-rotation={text}")])

    assert facts.version in text

"""How fast classes are parsed and rendered, beside the YAML library alone on the same texts in the same run.

`python -m benchmarks.render [CLASSES]`: a table of the median, the fastest and the slowest of seven repetitions, on
one core. Every class has two plain secrets and one synced Secret; every repetition has texts of its own, so nothing is
remembered but in the row that says so. Run it on a machine that does nothing else.
"""

import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import yaml

from shared.csi import classes, render
from shared.csi.classes import Provider, SecretProviderClass
from shared.model import SecretMaterial, SecretValue

REPETITIONS = 7
CLASSES = 1000
Manifest = Mapping[str, Any]


def make_manifest(number: int) -> Manifest:
    """Return a class as people write it."""
    names = [f"orders-{number}-user", f"orders-{number}-password"]
    items = [f'  - |\n    objectName: {name}\n    objectType: secret\n    objectVersion: ""\n' for name in names]
    data = [{"objectName": name, "key": name} for name in names]
    return {
        "metadata": {"namespace": "team", "name": f"orders-{number}"},
        "spec": {
            "provider": "azure",
            "parameters": {
                "keyvaultName": "kv-orders",
                "tenantID": "00000000-0000-0000-0000-000000000000",
                "usePodIdentity": "false",
                "clientID": "11111111-1111-1111-1111-111111111111",
                "objects": "array:\n" + "".join(items),
            },
            "secretObjects": [{"secretName": f"orders-{number}", "type": "Opaque", "data": data}],
        },
    }


def parse_all(manifests: Sequence[Manifest], into: list[SecretProviderClass] | None = None) -> None:
    """Parse every class, and keep the results if a list for them is given."""
    provider = Provider()
    parsed = [classes.parse(manifest, provider) for manifest in manifests]
    if into is not None:
        into += parsed


def render_all(parsed: Sequence[SecretProviderClass]) -> None:
    """Render every class from answers that are at hand."""
    material = (SecretMaterial(version="1", value=SecretValue(b"x" * 40)),)
    for cls in parsed:
        render.evaluate(cls, dict.fromkeys((item.read for item in cls.objects), material))


def read_yaml(manifests: Sequence[Manifest]) -> None:
    """Read the same texts, outer and inner, with PyYAML's BaseLoader and nothing else."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    for manifest in manifests:
        for text in yaml.load(manifest["spec"]["parameters"]["objects"], Loader=loader)["array"]:  # noqa: S506 - text only
            yaml.load(text, Loader=loader)  # noqa: S506 - BaseLoader makes text only


def measure(work: Callable[[], object], count: int) -> float:
    """Return classes per second."""
    gc.collect()
    before = time.perf_counter()
    work()
    return count / (time.perf_counter() - before)


def run(count: int) -> dict[str, list[float]]:
    """Measure every row, alternating between the rows so that a slow moment hits all of them."""
    rates: dict[str, list[float]] = {}
    for repetition in range(REPETITIONS):
        manifests = [make_manifest(number) for number in range(repetition * count, (repetition + 1) * count)]
        parsed: list[SecretProviderClass] = []
        rows: dict[str, Callable[[], object]] = {
            "YAML alone": partial(read_yaml, manifests),
            "parse": partial(parse_all, manifests, into=parsed),
            "render": partial(render_all, parsed),
        }
        for name, work in rows.items():
            rates.setdefault(name, []).append(measure(work, count))
    pairs = zip(rates["parse"], rates["render"], strict=True)
    rates["parse and render"] = [1 / (1 / parse + 1 / render) for parse, render in pairs]
    return rates


def make_table(count: int, rates: Mapping[str, Sequence[float]]) -> str:
    """Return the rates as a table, with what they were measured on."""
    extension = "with" if yaml.__with_libyaml__ else "without"
    lines = [
        f"Python {platform.python_version()}, PyYAML {yaml.__version__} {extension} its C extension",
        f"{count} classes of two plain secrets, {REPETITIONS} repetitions, classes per second on one core",
        "",
        f"{'':18}{'median':>10}{'fastest':>10}{'slowest':>10}",
    ]
    lines += [
        f"{name:18}{statistics.median(row):10,.0f}{max(row):10,.0f}{min(row):10,.0f}" for name, row in rates.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    classes_wanted = int(sys.argv[1]) if len(sys.argv) > 1 else CLASSES
    print(make_table(classes_wanted, run(classes_wanted)))  # noqa: T201 - it talks to a person on a terminal

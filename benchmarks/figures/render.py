"""How fast classes are parsed and rendered, beside the YAML library alone on the same texts in the same run.

Every class has two plain secrets and one synced Secret; every repetition has texts of its own, so nothing
is remembered.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import yaml

from benchmarks.figure import About, Aim, Figure, Result, Row, Scale
from benchmarks.world import World
from shared.csi import classes, render
from shared.csi.classes import Provider, SecretProviderClass
from shared.model import SecretMaterial, SecretValue

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
    before = time.perf_counter()
    work()
    return count / (time.perf_counter() - before)


async def run(world: World, scale: Scale) -> Result:
    """Measure every row, alternating between the rows so that a slow moment hits all of them. Needs no servers."""
    del world
    count = scale.of(1000, 100)
    rates: dict[str, list[float]] = {}
    for repetition in range(scale.repetitions):
        manifests = [make_manifest(number) for number in range(repetition * count, (repetition + 1) * count)]
        parsed: list[SecretProviderClass] = []
        rows: dict[str, Callable[[], object]] = {
            "YAML alone": partial(read_yaml, manifests),
            "parse": partial(parse_all, manifests, into=parsed),
            "render": partial(render_all, parsed),
        }
        gc.collect()
        for name, work in rows.items():
            rates.setdefault(name, []).append(measure(work, count))
    pairs = zip(rates["parse"], rates["render"], strict=True)
    rates["parse and render"] = [1 / (1 / parse + 1 / render) for parse, render in pairs]
    floor = rates.pop("YAML alone")
    aims = [Aim(at_least=0.7), Aim(about=About.OURS, at_least=2000)]
    return Result(
        rows=[
            Row(
                what=f"{name}: classes per second",
                unit="/s",
                ours=rate,
                floor=floor,
                aims=aims if name == "parse and render" else [],
            )
            for name, rate in rates.items()
        ]
    )


FIGURE = Figure(
    name="render",
    title="parse and render rate",
    ours="classes of two plain secrets and one synced Secret parsed and rendered, on one core, nothing remembered",
    floor="the same texts, outer and inner, read by PyYAML's C loader and nothing else",
    aim="at least 0.7 of its rate; 2,000 plain classes a second on one core",
    bound=(
        "three YAML documents for each class are composed into nodes and decoded by go-yaml's rules in Python. In the "
        "app an unchanged class is not parsed at all: the cluster's edge keeps the result for each resourceVersion."
    ),
    run=run,
    clusters=0,
)

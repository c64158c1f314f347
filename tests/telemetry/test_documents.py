"""The documentation, the workbook and the alerts use the names and labels that the code declares, and no others."""

import json
import re
from collections.abc import Callable, Mapping

import pytest
import yaml
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY

from devstack import stack
from shared import metric
from shared.metric import Kind, Metric
from shared.trace import Hop

PAGE = (stack.APP / "docs" / "telemetry.md").read_text(encoding="utf-8")
FILES = stack.APP / "infra" / "telemetry"
WORKBOOK = json.loads((FILES / "workbook.json").read_text(encoding="utf-8"))
ALERTS = json.loads((FILES / "alerts.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((FILES / "prometheus-rules.yaml").read_text(encoding="utf-8"))
BY_NAME = {one.name: one for one in metric.ALL}

ITEMS = [item for item in WORKBOOK["items"] if item["type"] == 3]
QUERIES = {
    **{f"workbook: {item['name']}": item["content"]["query"] for item in ITEMS},
    **{f"alert: {one['name']}": "\n".join(one["query"]) for one in ALERTS},
}
EXPRESSIONS = {rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]}
NO_LABELS = "\N{EN DASH}"
_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, cell by cell."""
    lines = PAGE.partition(f"\n## {heading}\n")[2].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| --- |"))
    rows = [line for line in lines[first + 1 :] if line.startswith("|") or not line]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[: rows.index("")]]


def _documented(one: Metric) -> list[str]:
    shown = ", ".join(f"`{label}`" for label in one.labels) or NO_LABELS
    return [f"`{one.name}`", f"`{IN_PROMETHEUS[one.name]}`", str(one.kind), f"`{one.unit}`", shown, one.meaning]


def _in_prometheus() -> dict[str, str]:
    """Return each metric's name as OpenTelemetry's own exporter for Prometheus writes it."""
    provider = MeterProvider([PrometheusMetricReader()])
    meter = provider.get_meter("names")
    uses: Mapping[Kind, Callable[[Meter, Metric], None]] = {
        Kind.COUNTER: lambda meter, one: meter.create_counter(one.name, unit=one.unit).add(1),
        Kind.HISTOGRAM: lambda meter, one: meter.create_histogram(one.name, unit=one.unit).record(1),
        Kind.GAUGE: lambda meter, one: void(meter.create_observable_gauge(one.name, [_one], unit=one.unit)),
    }
    found: dict[str, str] = {}
    before: set[str] = set()
    for one in metric.ALL:
        uses[one.kind](meter, one)
        names = {_SUFFIX.sub("", sample.name) for family in REGISTRY.collect() for sample in family.samples}
        (found[one.name],) = {name for name in names - before if name.startswith("keyvault_fanout_")}
        before |= names
    provider.shutdown()
    return found


def _one(_: CallbackOptions) -> list[Observation]:
    return [Observation(1)]


def void(_: object) -> None:
    """Return nothing."""


IN_PROMETHEUS = _in_prometheus()
BY_PROMETHEUS = {shown: BY_NAME[name] for name, shown in IN_PROMETHEUS.items()}


def test_the_table_of_metrics_is_what_the_code_declares() -> None:
    assert [row[:6] for row in table("Metrics")] == [_documented(one) for one in metric.ALL]


def test_the_table_of_spans_is_what_the_code_declares() -> None:
    assert [row[0] for row in table("Traces")] == [f"`{hop}`" for hop in Hop]


def test_no_two_metrics_have_one_name() -> None:
    assert len(BY_NAME) == len(set(IN_PROMETHEUS.values())) == len(metric.ALL)


def test_there_are_queries_and_expressions_to_look_at() -> None:
    """A change of the files' shape must not leave the tests below with nothing."""
    assert len(ITEMS) + len(ALERTS) == len(QUERIES) > 20
    assert len(EXPRESSIONS) >= 10


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_a_metric_and_labels_that_are_there(name: str) -> None:
    query = QUERIES[name]
    (asked,) = re.findall(r'name == "([^"]+)"', query)

    assert set(re.findall(r"customDimensions\.(\w+)", query)) <= set(BY_NAME[asked].labels)
    if BY_NAME[asked].kind is not Kind.HISTOGRAM:
        assert "valueCount" not in query


def test_the_workbook_shows_every_metric() -> None:
    shown = {name for query in QUERIES.values() for name in re.findall(r'name == "([^"]+)"', query)}

    assert shown == set(BY_NAME)


@pytest.mark.parametrize("alert", EXPRESSIONS)
def test_an_alert_rule_asks_for_a_metric_and_labels_that_are_there(alert: str) -> None:
    expression = EXPRESSIONS[alert]
    (asked,) = {_SUFFIX.sub("", name) for name in re.findall(r"keyvault_fanout_\w+", expression)}
    one = BY_PROMETHEUS[asked]
    grouped = {name.strip() for names in re.findall(r"by \(([^)]*)\)", expression) for name in names.split(",")}
    compared = set(re.findall(r"[{,]\s*(\w+)\s*=~?", expression))

    assert (grouped - {"le"}) | compared <= set(one.labels)
    assert ("le" in grouped) == ("_bucket" in expression)
    assert bool(re.search(r"_(bucket|sum|count)\b", expression)) == (one.kind is Kind.HISTOGRAM)


def test_no_rule_trusts_the_first_sample_of_a_series() -> None:
    """A process that counts to one and goes has no increase (docs/telemetry.md)."""
    for alert, expression in EXPRESSIONS.items():
        assert not re.search(r"\b(increase|rate|irate|delta)\(", expression), alert


@pytest.mark.parametrize("alert", EXPRESSIONS)
def test_an_alerts_text_uses_labels_that_its_expression_keeps(alert: str) -> None:
    (rule,) = [rule for group in RULES["groups"] for rule in group["rules"] if rule["alert"] == alert]
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = {name.strip() for names in re.findall(r"by \(([^)]*)\)", rule["expr"]) for name in names.split(",")}

    assert used <= kept - {"le"}


def test_the_collectors_configuration_is_yaml_that_hangs_together() -> None:
    (block,) = re.findall(r"```yaml\n(receivers:.*?)```", PAGE, re.DOTALL)
    found = yaml.safe_load(block)

    for pipeline in found["service"]["pipelines"].values():
        assert set(pipeline["receivers"]) <= set(found["receivers"])
        assert set(pipeline["exporters"]) <= set(found["exporters"])

import asyncio
import re
import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from proxy.adapters.prometheus import METRICS, Metrics, Sample
from proxy.adapters.prometheus.exposition import render
from proxy.adapters.prometheus.table import EXCHANGE_METRICS
from proxy.audit.record import Record
from proxy.dialects.call import NO_USAGE, Usage


def record(**changes):
    values = {
        "endpoint": "chat.completions",
        "model": "m-large",
        "outcome": "allowed",
        "status": 200,
        "hits": (("usage.logprobs", "enforce", ("clamp",), ""), ("regions.trial", "shadow", ("refuse",), "")),
        "limits": (("limits.requests", True, 9.0, False), ("limits.trial", False, 0.0, True)),
        "usage": Usage(100, 50, 10, 20, cache_write_tokens=30),
        "upstream": "main",
        "upstream_status": 200,
        "decide_s": 0.0004,
        "first_byte_s": 0.2,
        "total_s": 2.0,
        "geo_status": "ok",
        "request_bytes": 2000,
        "response_bytes": 3000,
        "clamped": ("logprobs",),
        "unmet": ("temperature",),
        "stripped": ("reasoning",),
        **changes,
    }
    return Record("d-1", 1_790_000_000.0, "sha256:1", method="POST", **values)


def value(metrics, name, **labels):
    text = render(metrics.snapshot(), "")[0].decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def everything():
    """Metrics in which every row of the table has a value."""
    metrics = Metrics("0.0.0")
    for changes in (
        {},
        {"upstream_error": "connect", "upstream_retries": 1, "limits_degraded": True, "inspected": False, "unscanned_chars": 9},
        {"usage": NO_USAGE},
        {"usage": Usage(1, 1, estimated=True)},
        {"limits": (("limits.requests", False, 0.0, False),), "outcome": "limited", "rule": "limits.requests", "status": 429},
    ):
        metrics.observe(record(**changes))
    metrics.observe_lag(0.002)
    state = [metric for metric in METRICS if metric not in EXCHANGE_METRICS and metric.kind != "histogram"]
    metrics.add_source(lambda: [Sample(metric.name, 1.0, tuple("x" for _ in metric.labels)) for metric in state])
    return metrics


def test_every_metric_of_the_table_and_no_other_is_exported():
    text = render(everything().snapshot(), "")[0].decode()
    families = {family.name + ("_total" if family.type == "counter" else ""): family for family in text_string_to_metric_families(text)}
    ours = {name: family for name, family in families.items() if name.startswith("tosproxy_")}
    assert set(ours) == {metric.name for metric in METRICS}
    for metric in METRICS:
        assert ours[metric.name].samples, metric.name
        assert ours[metric.name].documentation == metric.help
        for sample in ours[metric.name].samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)
    assert "process_resident_memory_bytes" in families


def test_names_follow_the_conventions():
    for metric in METRICS:
        assert re.fullmatch(r"tosproxy_[a-z][a-z_]*[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.help.endswith(".")
    assert len({metric.name for metric in METRICS}) == len(METRICS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)")
def test_promtool_finds_nothing_wrong():
    text = render(everything().snapshot(), "")[0]
    run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=30)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


def test_openmetrics_is_answered_to_those_who_prefer_it():
    body, kind = render(everything().snapshot(), "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert {family.name for family in parse_openmetrics(body.decode())} >= {"tosproxy_requests", "tosproxy_overhead_seconds"}


def test_an_exchange_is_counted_by_what_became_of_it():
    metrics = Metrics("0.0.0")
    for _ in range(3):
        metrics.observe(record(outcome="refused", rule="regions.unsupported", status=403, upstream="", upstream_status=0))
    metrics.observe(record())
    refused = {"endpoint": "chat.completions", "outcome": "refused", "rule": "regions.unsupported"}
    assert value(metrics, "tosproxy_requests_total", model="other", **refused) == 3.0
    assert value(metrics, "tosproxy_responses_total", status="403") == 3.0
    kinds = {
        kind: value(metrics, "tosproxy_tokens_total", model="m-large", kind=kind)
        for kind in ("input", "output", "cached", "reasoning", "cache_write")
    }
    assert kinds == {"input": 100.0, "output": 50.0, "cached": 10.0, "reasoning": 20.0, "cache_write": 30.0}
    assert value(metrics, "tosproxy_rule_hits_total", rule="regions.trial", mode="shadow") == 4.0
    assert value(metrics, "tosproxy_limit_checks_total", limit="limits.trial") == 4.0
    assert value(metrics, "tosproxy_limit_denials_total", limit="limits.trial", mode="shadow") == 4.0
    assert value(metrics, "tosproxy_request_bytes_total") == 8000.0


def test_a_time_is_counted_in_its_bucket_and_in_all_above():
    metrics = Metrics("0.0.0")
    metrics.observe(record(decide_s=0.0004))
    metrics.observe(record(decide_s=0.004))
    metrics.observe(record(decide_s=0.0005))
    assert value(metrics, "tosproxy_overhead_seconds_bucket", le="0.00025") == 0.0
    assert value(metrics, "tosproxy_overhead_seconds_bucket", le="0.0005") == 2.0
    assert value(metrics, "tosproxy_overhead_seconds_bucket", le="+Inf") == 3.0
    assert value(metrics, "tosproxy_overhead_seconds_sum") == pytest.approx(0.0049)


def test_requests_too_long_for_patterns_are_counted_however_long_they_are():
    metrics = Metrics("0.0.0")
    for unscanned_chars in (0, 1, 100_000):
        metrics.observe(record(unscanned_chars=unscanned_chars))
    assert value(metrics, "tosproxy_unscanned_total", endpoint="chat.completions") == 2.0


def test_an_answer_without_usage_and_one_with_our_estimate_are_told_apart():
    metrics = Metrics("0.0.0")
    metrics.observe(record(usage=NO_USAGE))
    metrics.observe(record(usage=Usage(3, 4, estimated=True)))
    metrics.observe(record(usage=NO_USAGE, outcome="client_gone"))
    assert value(metrics, "tosproxy_usage_missing_total", endpoint="chat.completions") == 1.0
    assert value(metrics, "tosproxy_usage_estimated_total", endpoint="chat.completions") == 1.0


def test_invented_models_become_other_and_are_counted():
    metrics = Metrics("0.0.0")
    metrics.know("model", ["m-known"])
    for number in range(5000):
        metrics.observe(record(model=f"invented-{number}", upstream_status=0, upstream="", outcome="refused", usage=NO_USAGE))
    metrics.observe(record(model="m-known", upstream_status=0, upstream="", outcome="refused"))
    metrics.observe(record(model="m-real"))
    snapshot = metrics.snapshot()
    assert {labels[1] for labels in snapshot["tosproxy_requests_total"]} == {"other", "m-known", "m-real"}
    assert value(metrics, "tosproxy_label_overflow_total", label="model") == 5000.0


def test_the_number_of_series_is_bounded_whatever_arrives():
    metrics = Metrics("0.0.0")
    for number in range(30_000):
        metrics.observe(
            record(
                model=f"m-{number % 300}",
                endpoint=f"e-{number % 301}",
                rule=f"r-{number % 997}",
                upstream=f"u-{number % 211}",
                hits=((f"r-{number}", "enforce", (), ""),),
                limits=((f"l-{number}", bool(number % 2), 0.0, False),),
                clamped=(f"c-{number}",),
                unmet=(f"c-{number}",),
            )
        )
    assert sum(map(len, metrics.snapshot().values())) < 6000
    assert sum(float(str(number)) for number in metrics.snapshot()["tosproxy_requests_total"].values()) == 30_000


def test_a_part_that_fails_to_tell_its_state_takes_nobody_elses_away():
    metrics = Metrics("0.0.0")

    def broken():
        yield Sample("tosproxy_open_requests", 1.0)
        raise RuntimeError("down")

    metrics.add_source(broken)
    metrics.add_source(
        lambda: [Sample("tosproxy_ready", 1.0), Sample("tosproxy_unheard_of", 1.0), Sample("tosproxy_ready", 1.0, ("too", "many"))]
    )
    assert value(metrics, "tosproxy_ready") == 1.0
    assert value(metrics, "tosproxy_source_errors_total") == 6.0  # three scrapes' worth at the first look, three more at this one


def test_hostile_label_values_are_escaped():
    metrics = Metrics("0.0.0")
    metrics.observe(record(model='a"} 1 \\'))
    assert value(metrics, "tosproxy_tokens_total", model='a"} 1 \\', kind="input") == 100.0


@pytest.mark.parametrize("name", ["\ud800", "a\ntosproxy_forged 1\n", "m" * 500], ids=["lone surrogate", "new line", "long"])
def test_label_values_that_would_break_a_scrape_become_other(name):
    metrics = Metrics("0.0.0")
    for _ in range(2):
        metrics.observe(
            record(
                model=name, endpoint=name, rule=name, upstream=name, hits=((name, "enforce", (), ""),), limits=((name, True, 0.0, False),)
            )
        )
    assert value(metrics, "tosproxy_tokens_total", model="other", kind="input") == 200.0
    assert value(metrics, "tosproxy_forged") is None


def test_a_scrape_is_rendered_off_the_event_loop():
    async def scenario():
        metrics = everything()
        watching = asyncio.ensure_future(metrics.watch_lag())
        body, kind = await metrics.exposition("text/plain")
        watching.cancel()
        return body, kind

    body, kind = asyncio.run(scenario())
    assert kind.startswith("text/plain")
    assert b"tosproxy_requests_total{" in body

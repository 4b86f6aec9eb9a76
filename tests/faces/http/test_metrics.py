"""Figures for Prometheus, read by its own parser."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from toy_live import delivery, parcel


def figures(door):
    reply = door.get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {
        family.name: family for family in text_string_to_metric_families(reply.body.decode())
    }
    assert all(family.documentation for family in families.values())
    return families


def value(families, family, suffix="", **labels):
    name = family + suffix
    (found,) = [
        sample.value
        for sample in families[family].samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return found


def test_what_passed_is_counted(start):
    door = start()
    door.post("/v1/events/delivery", [delivery(1), delivery(2)])
    door.post("/v1/events/delivery", [delivery(4)], Idempotency_Key="k")
    door.post("/v1/events/delivery", [delivery(4)], Idempotency_Key="k")
    door.predict(*[parcel(number) for number in range(5)])
    door.predict(parcel(weight="x"))
    door.get("/nowhere")
    told = figures(door)
    total = {"suffix": "_total"}
    assert value(told, "asof_predictions", **total, model="m1") == 5
    assert value(told, "asof_requests", **total, endpoint="/v1/predict", status="200") == 1
    assert value(told, "asof_requests", **total, endpoint="/v1/predict", status="422") == 1
    assert value(told, "asof_requests", **total, endpoint="other", status="404") == 1
    events = {"endpoint": "/v1/events/{source}"}
    assert value(told, "asof_requests", **total, **events, status="200") == 1
    assert value(told, "asof_requests", **total, **events, status="201") == 2
    assert value(told, "asof_ready") == 1
    assert value(told, "asof_build_info", system="parcels") == 1
    assert value(told, "process_resident_memory_bytes") > 1e6


def test_latencies_stand_in_buckets_that_add_up(start):
    door = start(slow=0.03)
    for _ in range(4):
        door.predict(parcel())
    told = figures(door)
    endpoint = {"endpoint": "/v1/predict"}
    family = "asof_request_duration_seconds"
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for sample in told[family].samples
        if sample.name.endswith("_bucket") and sample.labels["endpoint"] == "/v1/predict"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == (float("inf"), 4)
    assert dict(buckets)[0.025] == 0
    assert value(told, family, suffix="_count", **endpoint) == 4
    # A loop's timer may fire a little early, so the sum is held to the bucket, not to the sleep.
    assert value(told, family, suffix="_sum", **endpoint) >= 4 * 0.025


def test_the_engines_figures_stand_beside_ours(door):
    door.post("/v1/events/delivery", [delivery(1)])
    told = figures(door)
    assert value(told, "asof_feature_age_seconds", source="b") == 0
    assert value(told, "asof_parity_differences", suffix="_total") == 0
    assert value(told, "asof_journal_lag_seconds") == 0.25
    assert told["asof_fits"].type == "counter"
    assert value(told, "asof_fits", suffix="_total", outcome="done") == 3
    assert value(told, "asof_fits", suffix="_total", outcome="failed") == 1


@pytest.mark.parametrize("full", [True, False])
def test_readiness_and_what_is_not_recorded_are_shown(start, full):
    door = start()
    door.live.full = full
    door.predict(parcel())
    told = figures(door)
    assert value(told, "asof_ready") == (not full)
    assert value(told, "asof_unrecorded", suffix="_total") == full

"""What a server tells those who watch it: the same in `/metrics` as in `/v1/status`."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path

from parcels_up import delivery, parcel, serving, until, write
from prometheus_client.parser import text_string_to_metric_families

DOCS = Path(__file__).parents[3] / "docs" / "http.md"


def figures(up):
    """By name and labels, as Prometheus reads them."""
    reply = up.client.get("/metrics")
    assert reply.status == 200
    families = list(text_string_to_metric_families(reply.body.decode()))
    assert all(family.documentation for family in families)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def seconds(told):
    return datetime.fromisoformat(told).timestamp()


def both(up):
    """Status and figures between which nothing happened but that time went on."""
    status = up.client.status()
    return status, figures(up)


def test_figures_are_those_of_the_status(begin, tmp_path, work):
    write(tmp_path, retraining="asof.after(labels=20)")
    up = begin("--seal-every", "1", "--check-every", "1")
    serving(up)
    status, told = both(up)
    assert told["asof_rows_total", ("source", "parcel")] == 0, "there before anything came"
    assert ("asof_score", ("metric", "log_loss")) not in told
    assert status["outlook"]["why_none"]

    numbers = range(1, 31)
    assert up.client.predict(*[parcel(n) for n in numbers]).status == 200
    rows = [*(delivery(n) for n in numbers), delivery(99, took="x")]
    assert up.client.send("delivery", rows, key="k").status == 201
    assert up.client.send("delivery", rows, key="k").status == 200
    until(lambda: up.client.status()["model_name"] == "m2")
    (tmp_path / "fit").write_text("fails", encoding="utf-8")
    more = range(101, 131)
    assert up.client.predict(*[parcel(n) for n in more]).status == 200
    assert up.client.send("delivery", [delivery(n) for n in more]).status == 201
    until(lambda: up.client.status()["fits"]["failing"])
    until(lambda: up.client.status()["parity"]["checked"])

    def settled():
        found = both(up)
        parity = found[0]["parity"]
        same = parity["checked"] == found[1]["asof_parity_checked_total",]
        waits = found[0]["labels"]["waiting"] == 0
        sealed = found[1]["asof_sealed_timestamp_seconds",] == seconds(found[0]["sealed"])
        return same and waits and sealed and found

    status, told = until(settled)
    assert told["asof_rows_total", ("source", "parcel")] == 60, "they came with requests"
    assert told["asof_rows_total", ("source", "delivery")] == 61
    assert told["asof_rows_quarantined_total", ("source", "delivery")] == 1
    for source, rows in status["rows"].items():
        assert told["asof_rows_total", ("source", source)] == rows["taken"]
    taken = sum(rows["taken"] for rows in status["rows"].values())
    assert taken == status["counts"]["rows"]
    outlook = status["outlook"]
    assert outlook["answers"] == 60
    assert told["asof_score", ("metric", "log_loss")] == outlook["value"]
    assert 0 < outlook["value"] < math.inf
    assert told["asof_score_answers",] == outlook["answers"]
    assert told["asof_labels_total", ("outcome", "came")] == outlook["labelled"]
    assert told["asof_labels_total", ("outcome", "never_came")] == outlook["never_came"]
    apart = status["asked_apart"]
    assert apart["answers"] == 60
    assert 0 < apart["median_seconds"] <= apart["largest_seconds"] < 3600
    assert told["asof_asked_apart_median_seconds",] == apart["median_seconds"]
    assert told["asof_asked_apart_largest_seconds",] == apart["largest_seconds"]
    assert told["asof_model_as_of_timestamp_seconds",] == seconds(status["model_as_of"])
    assert told["asof_model_since_timestamp_seconds",] == seconds(status["model_since"])
    assert told["asof_fitted_timestamp_seconds",] == seconds(status["fits"]["last_fitted"])
    assert status["model_as_of"] < status["fits"]["last_fitted"] <= status["model_since"]
    assert told["asof_fits_total", ("outcome", "fitted")] == status["fits"]["fitted"] == 2
    assert told["asof_fits_total", ("outcome", "failed")] == status["fits"]["failed"] >= 1
    assert "no such luck" in status["fits"]["failing"]
    assert told["asof_failing", ("part", "fits")] == 1
    for part in ("journal", "sealing", "parity"):
        assert told["asof_failing", ("part", part)] == 0
    assert told["asof_stamps_ahead_seconds",] == status["stamps_ahead_seconds"] == 0
    assert told["asof_parity_differences_total",] == status["parity"]["differing"] == 0
    assert told["asof_ready",] == 1

    said = work.asof("status", "system.py").out
    assert "The last training failed: " in said
    assert "no such luck" in said
    assert ", trained as of 20" in said
    assert "Of the last 60 answers half were asked within " in said

    written = DOCS.read_text(encoding="utf-8")
    for name, *_ in told:
        base = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        assert f"`{base}`" in written or not name.startswith("asof_"), f"{name} is not documented"
    assert up.stop() == 0, up.said()

    (tmp_path / "fit").unlink()
    up = begin()
    told = figures(up)
    assert told["asof_failing", ("part", "fits")] == 1, "a start forgets no failure"
    assert told["asof_fitted_timestamp_seconds",] == seconds(status["fits"]["last_fitted"])


def test_who_waits_for_a_model_is_told_how_to_make_one(begin, tmp_path, work):
    write(tmp_path)
    (tmp_path / "fit").write_text("fails", encoding="utf-8")
    up = begin()
    until(lambda: up.client.status()["fits"]["failed"])
    status = up.client.status()
    assert (status["ready"], status["next_decision"]) == (False, None)
    assert "no training is scheduled" in status["reason"]
    (tmp_path / "fit").unlink()
    up.client.close()
    assert work.asof("score", "system.py", "--fit", "--out", "answers.parquet").status == 0
    (model,) = json.loads(work.asof("models", "system.py", "--json").out)["models"]
    assert work.asof("promote", "system.py", model["id"]).status == 0
    assert up.client.status()["ready"]
    assert [one["reason"] for one in up.client.decisions("PromotedByHand")] == ["promoted by hand"]
    assert up.stop() == 0, up.said()

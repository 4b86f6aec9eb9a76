"""Settings, runs and decisions come back as they were kept."""

from __future__ import annotations

from asof.stores.records import Decision


def test_settings_are_fixed_once_and_moved_by_hand(store):
    assert store.records.setting("until") is None
    assert store.records.fix("until", 5) == 5
    assert store.records.fix("until", 6) == 5
    store.records.set("until", 7)
    assert store.records.setting("until") == 7


def test_runs_are_numbered_and_keep_their_facts(store):
    first = store.records.begin_run("backtest", "f1", stamp=3, facts={"log_loss": 0.5})
    second = store.records.begin_run("life", "f2", stamp=4, facts={"a": 1})
    assert [run.run for run in store.records.runs()] == [first, second]
    assert store.records.runs(kind="backtest")[0].facts == {"log_loss": 0.5}


def test_decisions_keep_their_order_and_evidence(store):
    run = store.records.begin_run("backtest", "f", stamp=0)
    taken = [
        Decision(9, "train", "it was Friday", {"rows": 3}, run),
        Decision(5, "serve", "first", {}),
    ]
    store.records.decide(taken)
    store.records.decide([])
    assert store.records.decisions() == taken
    assert store.records.decisions(run=run) == taken[:1]

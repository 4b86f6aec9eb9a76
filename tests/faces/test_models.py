"""Models are named by their ids, and by their names within a life where these mean one."""

from __future__ import annotations

import json

from asof.errors import ExitCode


def ids(work, name):
    """The ids of the models with a name, those of each declaration."""
    told = json.loads(work.asof("models", "system.py", "--json").out)["models"]
    return {model["fingerprint"]: model["id"] for model in told if model["name"] == name}


def test_a_name_within_the_life_of_the_declaration_is_enough(work):
    assert work.backtest("--quiet").status == 0
    (first,) = ids(work, "m1").values()
    done = work.asof("promote", "system.py", "m1", "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["id"] == first
    done = work.asof("reproduce", "system.py", "m2")
    assert done.status == 0, done.err
    assert done.out.startswith(f"m2 ({next(iter(ids(work, 'm2').values()))}) fitted again on the ")

    assert work.asof("backtest", "system.py:never", "--draws", "20", "-q").status == 0
    mine = ids(work, "m1")
    assert len(mine) == 2
    for reference in ("system.py", "system.py:never"):
        told = json.loads(work.asof("reproduce", reference, "m1", "--json").out)
        assert (told["name"], told["equal"]) == ("m1", True)
        assert (told["model"] == first) == (reference == "system.py")

    work.spoil(
        "model=LogisticRegression(),\n    metric", "model=LogisticRegression(C=3.0),\n    metric"
    )
    done = work.asof("promote", "system.py", "m1")  # of neither declaration that is there
    assert done.status == ExitCode.USAGE
    assert "'m1' is a name within one life, and 2 models have it." in done.err
    assert all(model in done.err for model in mine.values())

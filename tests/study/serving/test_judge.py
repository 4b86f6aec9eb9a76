"""Which modes may be taken, and what they demand of whoever runs them."""

from __future__ import annotations

from example_modes import mode

from asof.study.serving.judge import options
from asof.units import DAY, HOUR


def test_a_mistake_is_no_option_nor_is_what_is_worse_than_no_model():
    online = mode("online", "online", 0, 0.5, 0.0)
    worse = mode("features 1h", "features", HOUR, 0.6, 0.1, worse_than_nothing=True)
    skewed = mode("features nightly, trained fresh", "skewed", DAY, 0.6, 0.1)
    unknown = mode("features nightly", "features", DAY, 0.6, 0.1, loss=None)
    assert [each.name for each in options([online, worse, skewed, unknown])] == ["online"]


def test_a_schedule_demands_less_than_a_server_and_a_server_more_with_runs_beside_it():
    modes = [
        mode("predictions nightly", "predictions", DAY, 0.5, 0.0),
        mode("features nightly", "features", DAY, 0.5, 0.0),
        mode("predictions 1h", "predictions", HOUR, 0.5, 0.0),
        mode("features 1h", "features", HOUR, 0.5, 0.0),
        mode("online", "online", 0, 0.5, 0.0),
        mode("hybrid nightly", "hybrid", DAY, 0.5, 0.0),
    ]
    demands = [each.demand for each in options(modes)]
    assert demands == sorted(set(demands))

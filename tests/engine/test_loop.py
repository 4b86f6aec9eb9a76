from __future__ import annotations

import pytest

from asof.declare.schedules import after, every, never
from asof.engine.clock import ClockWentBack, ReplayedClock
from asof.engine.loop import Loop
from asof.engine.messages import (
    Deferred,
    Look,
    LookByHand,
    MessageLog,
    Promoted,
    Requested,
    Trained,
    TrainingBegan,
    TrainingFailed,
)
from asof.engine.state import State
from asof.engine.steps.decide import BY_HAND, RETRAIN, START, Decide
from asof.engine.steps.train import Fit, Train
from asof.units import Duration, hours

HOUR = hours(1).microseconds


class Labels:
    """So many labels are mature an hour."""

    def __init__(self, each_hour: int = 10) -> None:
        self.each_hour = each_hour

    def matured(self, at: int) -> int:
        return at // HOUR * self.each_hour


class Trainer:
    def __init__(self, failing: set[int] = frozenset()) -> None:
        self.failing = failing

    def fit(self, trigger: int) -> Fit:
        if trigger in self.failing:
            return Fit(trigger, 5, None, 0.1, "ValueError: no", "Traceback ...")
        return Fit(trigger, 5, object(), 0.1)


def lived(looks, *, retraining=None, takes=Duration(0), trainer=None, labels=None):
    log = MessageLog()
    decide = Decide(retraining or every(hours(3)), labels or Labels(), hours(1))
    loop = Loop([decide, Train(trainer or Trainer(), takes)], log, ReplayedClock())
    for look in looks:
        loop.put(look)
    loop.run(10**18)
    return log, loop.state


def kinds(log, *wanted):
    return [(type(m).__name__, m.at // HOUR) for m in log.messages if isinstance(m, wanted)]


SCHEDULE = [Look(0, START), *(Look(3 * HOUR * n, RETRAIN) for n in (1, 2, 3))]


def test_at_one_moment_what_was_due_comes_before_looks_and_looks_before_requests():
    log = MessageLog()
    loop = Loop([], log, ReplayedClock())
    for message in (Requested(5, 0, 1), Look(5, ""), Trained(5, "m1", 0, 3), Look(4, "")):
        loop.put(message)
    loop.run(6)
    assert [type(m) for m in log.messages] == [Look, Trained, Look, Requested]
    assert log.messages[0].at == 4


def test_run_stops_before_the_moment():
    loop = Loop([], log := MessageLog(), ReplayedClock())
    loop.put(Look(5, ""))
    loop.run(5)
    assert (log.messages, loop.next_due) == ([], 5)
    loop.run(6)
    assert loop.next_due is None


def test_the_clock_never_goes_back():
    clock = ReplayedClock()
    clock.move(5)
    with pytest.raises(ClockWentBack):
        clock.move(4)


def test_every_scheduled_look_trains_and_the_model_serves_at_once():
    log, state = lived(SCHEDULE)
    assert kinds(log, Promoted) == [
        ("Promoted", 0),
        ("Promoted", 3),
        ("Promoted", 6),
        ("Promoted", 9),
    ]
    assert state == State("m4", None, None, 9 * HOUR, 4)


def test_never_trains_once():
    log, _ = lived(SCHEDULE, retraining=never())
    assert kinds(log, TrainingBegan) == [("TrainingBegan", 0)]


def test_a_training_under_way_defers_triggers_and_merges_them():
    log, _ = lived(SCHEDULE, takes=hours(5))
    assert kinds(log, TrainingBegan, Deferred, Promoted) == [
        ("TrainingBegan", 0),
        ("Deferred", 3),
        ("Promoted", 5),
        ("TrainingBegan", 5),  # the first look at or after the end of the training
        ("Deferred", 6),
        ("Promoted", 10),
        ("TrainingBegan", 10),
        ("Promoted", 15),
    ]


def test_a_deferred_trigger_waits_for_the_grid_when_the_training_ends_between_looks():
    log, _ = lived(SCHEDULE[:2], takes=Duration(4 * HOUR + 1))
    assert kinds(log, TrainingBegan) == [("TrainingBegan", 0), ("TrainingBegan", 5)]


def test_a_failed_training_keeps_the_model_and_says_why():
    log, state = lived(SCHEDULE, trainer=Trainer({3 * HOUR}))
    failed = next(m for m in log.messages if isinstance(m, TrainingFailed))
    assert (failed.model, failed.reason) == ("m2", "ValueError: no")
    assert [m.model for m in log.messages if isinstance(m, Promoted)] == ["m1", "m3", "m4"]
    assert state.serving == "m4"


def test_new_labels_train_at_the_first_look_of_the_grid_that_has_enough():
    looks = [Look(10 * HOUR, START), *(Look(HOUR * n, "") for n in range(11, 22))]
    log, _ = lived(looks, retraining=after(labels=35), labels=Labels(10))
    assert kinds(log, TrainingBegan) == [
        ("TrainingBegan", 10), ("TrainingBegan", 14), ("TrainingBegan", 18),
    ]  # fmt: skip
    reasons = [m.reason for m in log.messages if isinstance(m, TrainingBegan)]
    assert reasons[1] == "40 new labels, 35 asked for"


def test_a_model_that_is_asked_for_by_hand_is_trained_under_any_schedule():
    looks = [Look(0, START), by_hand(4)]
    log, state = lived(looks, retraining=never(), trainer=Trainer({0}))
    assert kinds(log, TrainingBegan, TrainingFailed, Promoted) == [
        ("TrainingBegan", 0), ("TrainingFailed", 0), ("TrainingBegan", 4), ("Promoted", 4),
    ]  # fmt: skip
    assert [m.reason for m in log.messages if isinstance(m, TrainingBegan)][1] == "it failed"
    assert state == State("m2", None, None, 4 * HOUR, 2)
    rest = lived([*SCHEDULE, by_hand(4)])[0]
    assert kinds(rest, Promoted) == [("Promoted", at) for at in (0, 3, 4, 6, 9)]


@pytest.mark.parametrize("retraining", [never(), every(hours(3))])
def test_by_hand_during_a_training_waits_for_its_end_as_any_trigger(retraining):
    log, _ = lived([SCHEDULE[0], by_hand(1)], retraining=retraining, takes=hours(2))
    assert kinds(log, TrainingBegan, Deferred) == [
        ("TrainingBegan", 0), ("Deferred", 1), ("TrainingBegan", 2),
    ]  # fmt: skip
    told = [m.reason for m in log.messages if isinstance(m, TrainingBegan)]
    assert told[1] == "it failed, taken up after the training before"


def test_by_hand_takes_up_what_waited():
    takes = Duration(3 * HOUR + HOUR // 2)
    log, state = lived([*SCHEDULE[:2], by_hand(3, 3 * HOUR // 4)], takes=takes)
    assert kinds(log, TrainingBegan, Deferred) == [
        ("TrainingBegan", 0), ("Deferred", 3), ("TrainingBegan", 3),
    ]  # fmt: skip
    assert state == State("m2", None, None, 3 * HOUR + 3 * HOUR // 4, 2)


def by_hand(hour, microseconds=0):
    return LookByHand(hour * HOUR + microseconds, BY_HAND, "it failed")


def test_equal_lives_have_equal_hashes_and_others_have_not():
    assert lived(SCHEDULE)[0].hash == lived(SCHEDULE)[0].hash
    assert lived(SCHEDULE)[0].hash != lived(SCHEDULE[:3])[0].hash

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SYSTEM = '''
import asof
from asof import Col, Key, Time, days, hours

class Booking(asof.Row):
    booking_id: Key[int]
    hotel: Col[str]
    nights: Col[float] = asof.col(ge=1)
    arrives_at: Time

class Stay(asof.Row):
    booking_id: Key[int]
    came: Col[bool]
    told_at: Time

def tidy(frame):
    """Leave it."""
    return helper(frame)

def helper(frame):
    return frame  # as it is

class Model:
    def __init__(self, depth=3): self.depth = depth
    def get_params(self, deep=True): return {"depth": self.depth}
    def fit(self, X, y): return self
    def predict_proba(self, X): ...

bookings = asof.source(Booking, "bookings.csv", prepare=tidy, lag=-days(1))
stays = asof.source(Stay, "stays.csv")
system = asof.System(
    "stays", bookings, Booking.arrives_at - hours(2),
    features=asof.features(Booking, nights=Booking.nights,
        n=stays.same(Booking.booking_id).last(days(7)).count()),
    label=asof.outcome(stays.same(Booking.booking_id), Stay.came, wait=days(2)),
    model=Model(),
)
print(system.fingerprint)
'''


def printed(folder: Path, text: str, seed: str = "0") -> str:
    (folder / "system.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "system.py"],
        cwd=folder,
        env={"PYTHONHASHSEED": seed, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> str:
    return printed(tmp_path_factory.mktemp("first"), SYSTEM)


def test_it_is_the_same_in_every_process_and_folder(first: str, tmp_path: Path):
    assert printed(tmp_path, SYSTEM, seed="77") == first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Leave it."""', '"""Leave it alone."""'),
        ("# as it is", "# untouched"),
        ("def helper(frame):\n    return frame", "def helper(frame):\n\n    return (frame)"),
        ("lag=-days(1)", "lag=-days(1), rules=()"),
        ("lag=-days(1)", "lag=-days(1), separator=','"),
    ],
)
def test_comments_layout_and_docstrings_change_nothing(
    first: str, tmp_path: Path, old: str, new: str
):
    assert old in SYSTEM
    assert printed(tmp_path, SYSTEM.replace(old, new)) == first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return frame  #", "return frame.head(3)  #"),  # code of a function that is called
        ("return helper(frame)", "return frame"),
        ("lag=-days(1)", "lag=-days(2)"),
        ("lag=-days(1)", "lag=-days(1), separator=';'"),
        ("lag=-days(1)", "lag=-days(1), rules=(Booking.nights < 60,)"),
        ("ge=1", "ge=2"),
        ("Col[str]", "Col[str | None]"),
        ("depth=3", "depth=4"),
        ("last(days(7))", "last(days(8))"),
        ("wait=days(2)", "wait=days(3)"),
        ("arrives_at - hours(2)", "arrives_at - hours(3)"),
        ("nights=Booking.nights", "stay=Booking.nights"),
        ('"bookings.csv"', '"other.csv"'),
        ("model=Model(),", "model=Model(), retraining=asof.never(),"),
        ("model=Model(),", "model=Model(), looks=hours(2),"),
        ("model=Model(),", "model=Model(), train=asof.sliding(days(9)),"),
        ("model=Model(),", "model=Model(), serving=asof.batch_features(hours(1)),"),
    ],
)
def test_what_matters_changes_it(first: str, tmp_path: Path, old: str, new: str):
    assert old in SYSTEM
    assert printed(tmp_path, SYSTEM.replace(old, new)) != first


def test_closures_and_defaults_matter():
    from asof.declare.fingerprint import fingerprint

    def make(shift: int, step: int = 1):
        def shifted(x, by=step):
            return x + shift + by

        return shifted

    assert fingerprint(make(1)) == fingerprint(make(1))
    assert fingerprint(make(1)) != fingerprint(make(2))
    assert fingerprint(make(1)) != fingerprint(make(1, 2))


def test_the_fixture_is_what_it_says():
    compile(textwrap.dedent(SYSTEM), "system.py", "exec")

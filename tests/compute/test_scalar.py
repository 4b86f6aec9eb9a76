"""One row's values are those of whole columns, to the last bit."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asof
from asof.compute import evaluate as in_columns
from asof.compute import scalar
from asof.compute.civil import PARTS, civil_of_one
from asof.compute.evaluate import TICK, evaluate
from asof.compute.matrix import matrix, recode
from asof.declare.expressions import Call, Expression, Operation
from asof.declare.times import TickMoment
from asof.errors import DeclarationError
from asof.units import DAY, Duration

ZONES = (
    "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca",
    "Pacific/Apia", "UTC",
)  # fmt: skip
PARTS_OF_A_DAY = ("hour", "minute_of_day", "weekday", "day_of_month", "day_of_year", "month")


class Parcel(asof.Row):
    parcel: asof.Key[int]
    yes: asof.Col[bool | None]
    no: asof.Col[bool | None]
    whole: asof.Col[int | None]
    other: asof.Col[int | None]
    weight: asof.Col[float | None]
    price: asof.Col[float | None]
    town: asof.Col[str | None]
    street: asof.Col[str | None]
    sent: asof.Time
    due: asof.Moment = asof.col(null=True)


class Town(asof.Row):
    town: asof.Key[str]
    people: asof.Col[int | None]


@asof.computed
def ratio(left: float | None, right: float | None) -> float:
    if left is None or right is None:
        return 7  # a whole number where a double is declared
    if right > 1e6:
        return math.nan
    return math.inf if right == 0 else left


@asof.computed
def digits(word: str | None) -> int | None:
    return None if word is None else len(word)


@asof.computed
def either(first: bool | None, second: bool | None) -> bool:
    return bool(first) or bool(second)


@asof.computed
def shout(word: str | None, number: float | None) -> str | None:
    return None if number is None else f"{word}!"


parcels = asof.source(Parcel)
towns = asof.reference(Town)
recent = parcels.same(Parcel.town).last(asof.days(1))
FACTS: dict[str, Expression[Any, Any]] = {
    "mean_": recent.mean(Parcel.weight),
    "latest_": recent.latest(Parcel.street),
    "newest_": recent.latest(Parcel.other),
    "since_": recent.since(),
    "people_": towns.same(Parcel.town).get(Town.people),
}
SCHEMA = {
    "yes": pl.Boolean, "no": pl.Boolean, "whole": pl.Int64, "other": pl.Int64,
    "weight": pl.Float64, "price": pl.Float64, "town": pl.String, "street": pl.String,
    "sent": pl.Int64, "due": pl.Int64, TICK: pl.Int64, "mean_": pl.Float64,
    "latest_": pl.String, "newest_": pl.Int64, "since_": pl.Int64, "people_": pl.Int64,
}  # fmt: skip
PLACES = {name: place for place, name in enumerate(SCHEMA)}


def named(fact: Expression[Any, Any]) -> str:
    return next(name for name, known in FACTS.items() if known is fact)


# --- values ---------------------------------------------------------------------------------------

floats = (
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 3.0, 1e308, -1.7e308, 5e-324, -2.2e-308, 2.0**53, 1e7])
    | st.floats(-1e4, 1e4)
    | st.floats(allow_nan=False, allow_infinity=False)
)
ints = (
    st.sampled_from([0, 1, -1, 3, 2**53, 2**53 + 1, -(2**53) - 1, 2**62 + 1, 2**63 - 1, -(2**63)])
    | st.integers(-5, 5)
    | st.integers(-(2**63), 2**63 - 1)
)
words = st.sampled_from(["", "a", "b", "Aachen", "Zürich", "'\"\\\n"])
CHANGES = [
    int(datetime(*day, tzinfo=UTC).timestamp()) * 1_000_000
    for day in [
        (2013, 3, 10, 7), (2013, 11, 3, 6), (2024, 3, 31, 1), (2024, 10, 27, 1), (2011, 12, 30, 10),
        (2024, 4, 6, 15), (1883, 11, 18, 17), (2090, 6, 1), (2200, 1, 1), (1800, 1, 1),
    ]
]  # fmt: skip
"""Moments at which clocks change somewhere, and the ends of what is known beforehand."""
_1970 = datetime(1970, 1, 1)  # noqa: DTZ001
moments = (
    st.datetimes().map(lambda wall: (wall - _1970) // timedelta(microseconds=1))
    | st.tuples(st.sampled_from(CHANGES), st.sampled_from((-1, 0, 1, 3_599_999_999))).map(sum)
    | st.sampled_from([0, -1, DAY, -DAY - 1, 2**63 - 1, -(2**63), 10**18, -(10**18)])
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    pl.Boolean: st.booleans(), pl.Int64: ints, pl.Float64: floats, pl.String: words,
}  # fmt: skip
values = st.fixed_dictionaries(
    {
        name: st.none() | (moments if name in ("sent", "due", TICK) else BY_TYPE[kind])
        for name, kind in SCHEMA.items()
    }
)

# --- expressions ----------------------------------------------------------------------------------

WHOLE = (Parcel.whole, Parcel.other, FACTS["newest_"], FACTS["people_"])
DOUBLE = (Parcel.weight, Parcel.price, FACTS["mean_"])
WORD = (Parcel.town, Parcel.street, FACTS["latest_"])
CONDITION = (Parcel.yes, Parcel.no)
ORDER = ("__gt__", "__ge__", "__lt__", "__le__")
number_constants = (
    st.sampled_from([0, 1, -0.0, 3.7, 2.5, math.inf, math.nan, 2**63, None, True]) | ints | floats
)


@st.composite
def instants(draw: st.DrawFn, depth: int) -> Any:
    if depth and draw(st.booleans()):
        return draw(instants(depth - 1)) + Duration(draw(st.integers(-(2**40), 2**40)))
    return draw(st.sampled_from((Parcel.sent, Parcel.due, TickMoment())))


@st.composite
def spans(draw: st.DrawFn, depth: int) -> Any:
    if draw(st.booleans()):
        return draw(instants(depth)) - draw(instants(depth))
    return FACTS["since_"]


@st.composite
def numbers(draw: st.DrawFn, depth: int) -> Any:
    form = draw(st.sampled_from(
        ("column", "two", "two", "two", "one", "or_else", "span", "civil", "call")
    )) if depth else "column"  # fmt: skip
    if form == "column":
        return draw(st.sampled_from((*WHOLE, *DOUBLE, *CONDITION)))
    if form == "two":
        left, right = draw(numbers(depth - 1)), draw(numbers(depth - 1) | number_constants)
        names = ("__add__", "__sub__", "__mul__", "__truediv__")
        names = (*names, "__radd__", "__rsub__", "__rmul__", "__rtruediv__")
        return getattr(left, draw(st.sampled_from(names)))(right)
    if form == "one":
        return getattr(
            draw(numbers(depth - 1)), draw(st.sampled_from(("log1p", "abs", "__neg__")))
        )()
    if form == "or_else":
        return draw(numbers(depth - 1)).or_else(draw(numbers(depth - 1) | number_constants))
    if form == "span":
        unit = draw(st.sampled_from(("in_seconds", "in_minutes", "in_hours", "in_days")))
        return getattr(draw(spans(depth - 1)), unit)()
    if form == "civil":
        local = draw(instants(depth - 1)).local(draw(st.sampled_from(ZONES)))
        return getattr(local, draw(st.sampled_from(PARTS_OF_A_DAY)))()
    if draw(st.booleans()):
        return digits(draw(texts(depth - 1)))
    return ratio(draw(numbers(depth - 1)), draw(numbers(depth - 1)))


@st.composite
def texts(draw: st.DrawFn, depth: int) -> Any:
    form = draw(st.sampled_from(("column", "or_else", "call"))) if depth else "column"
    if form == "column":
        return draw(st.sampled_from(WORD))
    if form == "or_else":
        return draw(texts(depth - 1)).or_else(draw(words | texts(depth - 1)))
    return shout(draw(texts(depth - 1)), draw(numbers(depth - 1)))


@st.composite
def conditions(draw: st.DrawFn, depth: int) -> Any:
    forms = (
        "column",
        "order",
        "order",
        "later",
        "equals",
        "one_of",
        "is_null",
        "logic",
        "not",
        "call",
    )
    form = draw(st.sampled_from(forms)) if depth else "column"
    if form == "column":
        return draw(st.sampled_from(CONDITION))
    if form == "order":
        left, right = draw(numbers(depth - 1)), draw(numbers(depth - 1) | number_constants)
        return getattr(left, draw(st.sampled_from(ORDER)))(right)
    if form == "later":
        left, right = draw(instants(depth - 1)), draw(instants(depth - 1))
        return getattr(left, draw(st.sampled_from(ORDER)))(right)
    if form == "equals":
        kind, other = draw(st.sampled_from(((numbers, number_constants), (texts, words))))
        return draw(kind(depth - 1)).equals(draw(kind(depth - 1) | other | st.none()))
    if form == "one_of":
        kind, other = draw(st.sampled_from(((numbers, number_constants), (texts, words))))
        options = draw(st.lists(other | st.none(), max_size=4))
        return draw(kind(depth - 1)).one_of(*options)
    if form == "is_null":
        return draw(draw(st.sampled_from((numbers, texts, instants, spans)))(depth - 1)).is_null()
    if form == "logic":
        left, right = draw(conditions(depth - 1)), draw(conditions(depth - 1))
        return left & right if draw(st.booleans()) else left | right
    if form == "not":
        return ~draw(conditions(depth - 1))
    return either(draw(conditions(depth - 1)), draw(conditions(depth - 1)))


expressions = st.one_of(
    st.just(Parcel.due.or_else(Parcel.sent)),  # a moment, of which no other can be made
    numbers(4),
    numbers(3),
    conditions(4),
    conditions(3),
    texts(3),
    instants(3),
    spans(3),
)


def told(value: Any) -> tuple[str, Any]:
    """A value with its type and every bit."""
    return type(value).__name__, struct.pack("d", value) if isinstance(value, float) else value


def assert_the_same(asked: list[Expression[Any, Any]], rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    columns = [(str(number), expression) for number, expression in enumerate(asked)]
    wanted = frame.with_columns([evaluate(e, named).alias(name) for name, e in columns])
    of_row = scalar.compiled(columns, PLACES, named)
    for row, values_ in zip(rows, frame.iter_rows(), strict=True):
        for (name, expression), value in zip(columns, of_row(values_), strict=True):
            expected = wanted[name][rows.index(row)]
            assert told(value) == told(expected), (expression, row)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(expressions, min_size=1, max_size=4), st.lists(values, min_size=1, max_size=6))
def test_a_row_has_the_values_of_columns(asked: Any, rows: Any) -> None:
    assert_the_same(asked, rows)


# --- that nothing is left out ---------------------------------------------------------------------

EXAMPLES: dict[str, Expression[Any, Any]] = {
    "is_null": Parcel.weight.is_null(),
    "equals": Parcel.whole.equals(Parcel.weight),
    "one_of": Parcel.town.one_of("a", "b", None),
    "or_else": Parcel.whole.or_else(Parcel.weight),
    "log1p": Parcel.weight.log1p(),
    "abs": Parcel.whole.abs(),
    "add": Parcel.whole + Parcel.other,
    "subtract": Parcel.weight - Parcel.whole,
    "multiply": Parcel.weight * Parcel.price,
    "divide": Parcel.whole / Parcel.other,
    "greater": Parcel.whole > Parcel.weight,
    "greater_equal": Parcel.yes >= Parcel.weight,
    "less": Parcel.whole < 2.5,
    "less_equal": Parcel.whole <= Parcel.other,
    "not": ~Parcel.yes,
    "and": Parcel.yes & Parcel.no,
    "or": Parcel.yes | Parcel.no,
}
KINDS: dict[str, Expression[Any, Any]] = {
    "Column": Parcel.street,
    "Constant": Parcel.weight + 1,
    "Operation": Parcel.weight + Parcel.price,
    "Call": ratio(Parcel.weight, Parcel.price),
    "TimeColumn": Operation("or_else", (Parcel.due, Parcel.sent)),
    "TickMoment": (TickMoment() - Parcel.sent).in_days(),
    "Shifted": (Parcel.sent - asof.hours(3)).local("Europe/Berlin").hour(),
    "Difference": (Parcel.due - Parcel.sent).is_null(),
    "Spanned": (Parcel.due - Parcel.sent).in_hours(),
    "CivilPart": Parcel.due.local("America/New_York").minute_of_day(),
    "Aggregate": FACTS["mean_"],
    "Age": FACTS["since_"],
    "Lookup": FACTS["people_"],
}


def concrete(kind: type) -> set[str]:
    """The kinds of expressions: all classes below that are no mere base of others."""
    below = kind.__subclasses__()
    return set().union(*map(concrete, below)) if below else {kind.__name__}


def test_both_know_the_same_operations() -> None:
    assert set(scalar.OPERATIONS) == set(in_columns.OPERATIONS) == set(EXAMPLES)


def test_every_kind_of_expression_has_an_example() -> None:
    assert concrete(Expression) == set(KINDS)
    assert set(PARTS) == set(PARTS_OF_A_DAY)


@pytest.mark.parametrize("name", [*EXAMPLES, *KINDS])
@settings(max_examples=25, deadline=None)
@given(rows=st.lists(values, min_size=1, max_size=8))
def test_each_kind_alone(name: str, rows: Any) -> None:
    assert_the_same([(EXAMPLES | KINDS)[name]], rows)


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=30, deadline=None)
@given(at=st.lists(moments, min_size=1, max_size=20))
def test_civil_parts_of_one_moment(zone: str, at: list[int]) -> None:
    frame = pl.DataFrame({"at": at}, schema={"at": pl.Int64})
    for part in PARTS_OF_A_DAY:
        expected = frame.select(in_columns.civil(pl.col("at"), zone, part)).to_series().to_list()
        assert [civil_of_one(zone, part)(moment) for moment in at] == expected


@pytest.mark.parametrize("zone", ["America/New_York", "Africa/Casablanca", "Pacific/Apia"])
def test_every_quarter_of_an_hour_of_some_years(zone: str) -> None:
    step = asof.minutes(15).microseconds
    for year in (1884, 1945, 2011, 2024, 2050):
        start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
        at = np.arange(start, start + 366 * DAY, step) + 1
        columns = pl.DataFrame({"at": at}).select(
            in_columns.civil(pl.col("at"), zone, "minute_of_day")
        )
        told_ = civil_of_one(zone, "minute_of_day")
        assert [told_(moment) for moment in at.tolist()] == columns.to_series().to_list()


def test_a_quotient_does_not_depend_on_the_rows_beside_it() -> None:
    """Polars alone multiplies a column by 1 / 3.7, and divides a single row."""
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"weight": random.normal(size=500), "sent": np.arange(500) * 999_983})
    for quotient in (Parcel.weight / 3.7, (Parcel.sent - asof.days(1) - Parcel.sent).in_hours()):
        whole = frame.select(evaluate(quotient)).to_series().to_list()
        alone = [
            frame[row : row + 1].select(evaluate(quotient)).item() for row in range(frame.height)
        ]
        assert whole == alone
    assert frame.select(evaluate(Parcel.weight / 3.7)).to_series().to_list() == [
        weight / 3.7 for weight in frame["weight"].to_list()
    ]


def test_what_is_never_known_and_the_sign_of_zero() -> None:
    nothing = Parcel.weight / 0
    asked: list[Expression[Any, Any]] = [
        nothing.or_else(7), Parcel.whole.or_else(nothing), Parcel.whole.equals(math.nan),
        0.0 - Parcel.weight * 0, Parcel.weight * -0.0, 1 / (Parcel.weight * 0), ~nothing.is_null(),
    ]  # fmt: skip
    columns = [(str(number), expression) for number, expression in enumerate(asked)]
    rows = [dict.fromkeys(SCHEMA), dict.fromkeys(SCHEMA) | {"weight": -1.0}]
    assert_the_same(asked, rows)
    found = scalar.compiled(columns, PLACES)([rows[1][name] for name in SCHEMA])
    assert list(map(told, found)) == list(map(told, [7.0, None, None, 0.0, 0.0, None, False]))


def test_what_expressions_have_in_common_is_computed_once() -> None:
    asked: list[float] = []

    def seen(value: float) -> float:
        asked.append(value)
        return value

    call: Call[Any, Any] = asof.computed(_annotated(seen))(Parcel.weight)  # type: ignore[assignment]
    of_row = scalar.compiled(
        [("a", call + 1), ("b", (call + 1) * 2), ("c", call > 0)], {"weight": 0}
    )
    assert of_row([2.0]) == [3.0, 6.0, True]
    assert asked == [2.0]


def _annotated(function: Any) -> Any:
    function.__annotations__ = {"value": float, "return": float}
    return function


def test_functions_that_look_alike_are_told_apart() -> None:
    def times(factor: int) -> Any:
        return _annotated(lambda value: value * factor)

    columns = [(str(n), asof.computed(times(n))(Parcel.weight)) for n in (2, 3)]
    assert scalar.compiled(columns, {"weight": 0})([1.0]) == [2.0, 3.0]


# --- what users' functions return, and what cannot be compared ------------------------------------


@pytest.mark.parametrize(
    ("declared", "returned", "taken"),
    [
        (float, 2, 2.0), (float, True, 1.0), (float, np.float32(0.5), 0.5), (float, math.inf, None),
        (float, math.nan, None), (int, 2.0, 2), (int, np.int64(7), 7), (bool, 1, True),
        (bool, np.bool_(False), False), (str, "x", "x"), (float, None, None),
    ],
)  # fmt: skip
def test_what_a_function_returns_is_of_the_declared_type(
    declared: type, returned: Any, taken: Any
) -> None:
    def function(_: object) -> Any:
        return returned

    call = Call(function, declared, (Parcel.weight,))
    found = [
        pl.DataFrame({"weight": [1.0, None]}).select(evaluate(call)).to_series().to_list()[1],
        scalar.compiled([("a", call)], {"weight": 0})([1.0])[0],
    ]
    assert [told(value) for value in found] == [told(taken)] * 2


@pytest.mark.parametrize(
    ("declared", "returned"), [(float, "1"), (int, 2.5), (int, 2**63), (bool, 2), (str, 1)]
)
def test_a_function_that_breaks_its_word_is_told(declared: type, returned: Any) -> None:
    def function(_: object) -> Any:
        return returned

    call = Call(function, declared, (Parcel.weight,))
    with pytest.raises(DeclarationError, match="something else than it declares"):
        pl.DataFrame({"weight": [1.0]}).select(evaluate(call))
    with pytest.raises(DeclarationError, match="something else than it declares"):
        scalar.compiled([("a", call)], {"weight": 0})([1.0])


@pytest.mark.parametrize(
    "mixed", [Parcel.town.equals(1), Parcel.yes.equals("true"), Parcel.whole.or_else("none")]
)  # type: ignore[type-var]
def test_a_text_and_a_number_are_not_brought_together(mixed: Expression[Any, Any]) -> None:
    for attempt in (evaluate, lambda e: scalar.compiled([("a", e)], PLACES)):
        with pytest.raises(DeclarationError, match="a text and a number"):
            attempt(mixed)


def test_a_fact_needs_a_name() -> None:
    with pytest.raises(TypeError, match="looks beyond its row"):
        scalar.compiled([("a", FACTS["mean_"])], PLACES)


# --- as a model gets them -------------------------------------------------------------------------

FEATURES = {"yes": pl.Boolean, "whole": pl.Int64, "weight": pl.Float64, "town": pl.String,
            "street": pl.String}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries({n: st.none() | BY_TYPE[kind] for n, kind in FEATURES.items()}),
        min_size=1,
        max_size=6,
    ),
    town=st.lists(words, unique=True).map(sorted),
    street=st.lists(words, unique=True).map(sorted),
    order=st.permutations(list(FEATURES)),
)
def test_a_vector_is_the_row_of_the_matrix(rows: Any, town: Any, street: Any, order: Any) -> None:
    categories = {"town": tuple(town), "street": tuple(street)}
    frame = pl.DataFrame(rows, schema=FEATURES)
    expected = recode(matrix(frame.select(order)), categories)
    as_doubles = scalar.vector(order, categories, frame.columns)
    for values_, row in zip(frame.iter_rows(), expected, strict=True):
        found = as_doubles(values_)
        assert all(type(value) is float for value in found)
        assert np.array(found).tobytes() == row.tobytes()

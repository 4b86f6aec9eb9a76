"""Rows come back from their bytes as they were, whatever the columns and the cut into messages."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asof.declare.kept import AVAILABLE, DECLARED, LOAD, POSITION, RECORDED, WITHDRAWN
from asof.errors import StoreError
from asof.stores.encoded import Decoder, encode
from asof.stores.tables import Layout

KEPT = {AVAILABLE: int, DECLARED: int, RECORDED: int, POSITION: int, LOAD: str, WITHDRAWN: bool}
INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    int: INT64,
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=8),
    bool: st.booleans(),
    datetime: INT64,
}


@st.composite
def worlds(draw):
    """A layout and messages of its rows: (key, rows, positions or None)."""
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=5))
    row = st.tuples(
        *(st.none() | VALUES[kind] for kind in kinds),
        INT64,
        st.none() | INT64,
        st.booleans(),
    )
    some = st.lists(row, max_size=4)
    messages = []
    for rows in draw(st.lists(some, max_size=6)):
        left_out = draw(st.none() | st.integers(0, 5))
        places = None if left_out is None else [i + (i >= left_out) for i in range(len(rows))]
        messages.append((draw(st.none() | st.text(max_size=3)), rows, places))
    return Layout({f"c{i}": kind for i, kind in enumerate(kinds)} | KEPT), messages


@given(worlds())
def test_rows_come_back_as_they_were(world):
    layout, messages = world
    given_ = [
        (7 * at, key, encode(rows, places)) for at, (key, rows, places) in enumerate(messages)
    ]
    frame = Decoder(layout).frame(given_)
    assert frame.schema == layout.schema
    names = [*layout.declared, AVAILABLE, DECLARED, WITHDRAWN]
    expected = [row for _, rows, _ in messages for row in rows]
    assert frame.select(names).rows() == expected
    marks = [
        (7 * at, f"message {7 * at}" if key is None else key, i if places is None else places[i])
        for at, (key, rows, places) in enumerate(messages)
        for i in range(len(rows))
    ]
    assert frame.select(RECORDED, LOAD, POSITION).rows() == marks


def test_more_messages_than_one_call_takes_are_in_order():
    layout = Layout({"n": int, "text": str} | KEPT)
    messages = [(n, None, encode([(n, "x" * (n % 300), n, None, False)])) for n in range(7001)]
    frame = Decoder(layout).frame(messages)
    assert frame["n"].to_list() == frame[RECORDED].to_list() == list(range(7001))
    assert frame["text"].str.len_chars().to_list() == [n % 300 for n in range(7001)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        encode([("x", 0, None, False)])[:-1],
        encode([("x", 0, None, False)]) + b"\x00",
        encode([(1, 0, None, False)]),
        encode([("x", 0, False)]),
        encode([("x", None, None, False)]),
    ],
)
def test_other_bytes_are_told(content):
    decoder = Decoder(Layout({"c": str} | KEPT))
    with pytest.raises(StoreError, match="not what was written") as caught:
        decoder.frame([(5, None, content)])
    assert "messages 5 to 5" in caught.value.found


def test_no_messages_are_no_rows():
    layout = Layout({"c": str} | KEPT)
    assert Decoder(layout).frame([]).equals(pl.DataFrame(schema=layout.schema))

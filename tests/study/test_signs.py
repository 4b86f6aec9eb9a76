"""Names in the words of a check."""

from __future__ import annotations

import pytest

from asof.study.signs import _listed


@pytest.mark.parametrize(
    ("names", "words"),
    [("a", "a"), ("abc", "a, b, c"), ("abcd", "a, b, c, d"), ("abcde", "a, b, c and 2 more")],
)
def test_a_name_is_said_where_it_is_as_short_as_its_number(names: str, words: str):
    assert _listed(list(names)) == words

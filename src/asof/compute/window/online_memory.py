"""Where the online face keeps its groups: one arena of 64-bit words for all of a piece of work.

A compiled call takes every array it is handed apart, so there are three: the *arena*, the
*directory* (for each group code where its head lies in the arena, -1 for a group that is not
there), and the *desk* (what is the same for all groups, and what is counted). A group has a head,
whose size never changes, a block of rows of one of a few capacities, and, where distinct codes are
counted, a table of its codes. What is given back is used again for what has the same size.
`state_of` shows a group as a `State`, all of it views.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba.core.cgutils import (
    create_struct_proxy,  # pyright: ignore[reportUnknownVariableType]
)

from asof.compute.window.afresh import DIGITS
from asof.compute.window.contract import Moments, Span
from asof.compute.window.jit import (
    F8S,
    F8SS,
    I4SS,
    I8,
    I8S,
    I8SS,
    VOID,
    compiled,
    emitted,
    inlined,
)
from asof.compute.window.state import KNOWN_BITS, LEAST, MOST, PLAN, STATE, State
from asof.compute.window.visible import LEVELS, lay_out
from asof.compute.window.wide import WORDS

UNASKED = int(np.iinfo(np.int64).min)
"""The moment of a group, or of all, that no question has come to yet."""

# A group's head in the arena; its `reach`, `words` and `distinct` follow.
CLASS = 0
ROWS_AT = 1
SIZE = 2
"""How many rows the block holds, the hidden ones included."""
HIDDEN = 3
MOMENT = 4
"""The last moment that the spans were moved to."""
GROUP = 5
TABLE_AT = 6
TABLE_SIZE = 7
"""Of the table of codes: a power of two, 0 where none are counted."""
TABLE_USED = 8
HEAD = 9

# Scalars on the desk.
SPANS = 0
COLUMNS = 1
CODED = 2
KEYED = 3
FIXED = 4
"""The words of a row beside values and codes: event time, known from, identity, perhaps key."""
UNKEYED = 3
"""So many they are without a key."""
BIT_ROWS = 5
TREES = 6
HEAD_WORDS = 7
USED = 8
"""The words of the arena that are laid out."""
FREE = 9
"""How many of these were given back."""
FREE_HEADS = 10
"""The first head that was given back; each names the next; -1 for none."""
ROWS = 11
GROUPS = 12
FORGOTTEN = 13
NOW = 14
"""The moment that is being asked; no later question is earlier."""
HORIZON = 15
"""Event times before this no span can see again."""
SETTLED = 16
"""The last moment of the call before this one: what was known before it has its place."""
HAND = 17
"""The group that is looked after next."""
AT_SPANS = 18
AT_PLAN = 19
AT_RECOUNT = 20
AT_DIGITS = 21
AT_SUMS = 22
AT_LAYOUTS = 23
AT_FREE_ROWS = 24
AT_FREE_TABLES = 25
# How far a call has come, and what it waits for.
RECORD = 26
NEED = 27
"""Words of arena, or groups of directory, without which it cannot go on."""
PLACE = 28
"""Where the next row goes, if it was tied; else -1."""
RUN = 29
"""Of the rows it is tied with: the first place, the one after the last, where their identities and
visible bits begin in the arena."""
EARLIEST = 33
"""The earliest start of a span."""
SCALARS = 34

# A layout on the desk, one for each capacity.
CAPACITY = 0
BLOCK = 1
"""Words of the whole block."""
BIT_WORDS = 2
ENTRIES = 3
BIT_LEVELS = 4
TREE_LEVELS = BIT_LEVELS + LEVELS
LAYOUT = TREE_LEVELS + LEVELS

CAPACITIES = tuple(n << i for i in range(29) for n in (4, 6))
"""Of blocks of rows; more than 2^31 rows are not kept in one group."""
TABLES = 30
SMALLEST_TABLE = 4

_struct = cast("Any", create_struct_proxy)


def _viewed(kind: Any) -> Any:
    """Code for a view of words of an int64 array as an array of some kind."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Only what is compiled needs it, and what was compiled before is not.
        from numba.np.arrayobj import (
            populate_array,  # pyright: ignore[reportUnknownVariableType]
        )

        populate = cast("Any", populate_array)
        words, at, *shape = arguments
        data = _struct(signature.args[0])(context, builder, value=words).data
        first = builder.gep(data, [at], source_etype=ir.IntType(64))
        width = ir.Constant(ir.IntType(64), kind.dtype.bitwidth // 8)
        view = context.make_array(kind)(context, builder)
        populate(
            view,
            data=builder.bitcast(first, context.get_data_type(kind.dtype).as_pointer()),
            shape=shape,
            strides=[builder.mul(shape[1], width), width] if len(shape) > 1 else [width],
            itemsize=width,
            meminfo=None,
        )
        return view._getvalue()  # noqa: SLF001  # Numba's own name for it

    return code


@emitted
def whole(_typing: Any, words: Any, _at: Any, _size: Any) -> Any:
    """So many words from `at` on."""
    return I8S(words, I8, I8), _viewed(I8S)


@emitted
def wholes(_typing: Any, words: Any, _at: Any, _rows: Any, _size: Any) -> Any:
    """The same as rows of an array of int64."""
    return I8SS(words, I8, I8, I8), _viewed(I8SS)


@emitted
def real(_typing: Any, words: Any, _at: Any, _size: Any) -> Any:
    """The same as one row of float64."""
    return F8S(words, I8, I8), _viewed(F8S)


@emitted
def reals(_typing: Any, words: Any, _at: Any, _rows: Any, _size: Any) -> Any:
    """The same as rows of float64."""
    return F8SS(words, I8, I8, I8), _viewed(F8SS)


@emitted
def shorts(_typing: Any, words: Any, _at: Any, _rows: Any, _size: Any) -> Any:
    """The same as rows of int32."""
    return I4SS(words, I8, I8, I8), _viewed(I4SS)


def new_desk(plan: Moments, spans: tuple[Span, ...], coded: int, *, keyed: bool) -> Moments:
    """A desk for an empty arena: the plan, the spans, and the layouts of blocks of rows."""
    parts = {
        AT_SPANS: np.array([(span.start, span.stop) for span in spans], dtype=np.int64).ravel(),
        AT_PLAN: plan.ravel(),
        AT_RECOUNT: np.zeros(3, dtype=np.int64),
        AT_DIGITS: np.zeros(DIGITS, dtype=np.int64),
        AT_SUMS: np.zeros(3, dtype=np.int64),
        AT_LAYOUTS: np.zeros(len(CAPACITIES) * LAYOUT, dtype=np.int64),
        AT_FREE_ROWS: np.zeros(len(CAPACITIES), dtype=np.int64),
        AT_FREE_TABLES: np.zeros(TABLES, dtype=np.int64),
    }
    desk = np.concatenate([np.zeros(SCALARS, dtype=np.int64), *parts.values()])
    at = SCALARS
    for name, part in parts.items():
        desk[name] = at
        at += len(part)
    columns = len(plan)
    desk[SPANS], desk[COLUMNS], desk[CODED], desk[KEYED] = len(spans), columns, coded, keyed
    desk[FIXED] = UNKEYED + keyed
    desk[BIT_ROWS] = 1 + plan[:, KNOWN_BITS].max(initial=0)
    desk[TREES] = 1 + plan[:, LEAST : MOST + 1].max(initial=-1)
    desk[HEAD_WORDS] = HEAD + len(spans) * (3 + columns * WORDS + coded)
    desk[PLACE] = -1
    desk[EARLIEST] = min((span.start for span in spans), default=0)
    desk[NOW] = desk[HORIZON] = desk[SETTLED] = UNASKED
    for i, capacity in enumerate(CAPACITIES):
        layout = desk[desk[AT_LAYOUTS] + i * LAYOUT :]
        layout[CAPACITY] = capacity
        layout[BIT_WORDS] = lay_out(layout[BIT_LEVELS:TREE_LEVELS], capacity, 6, 6)
        layout[ENTRIES] = lay_out(layout[TREE_LEVELS:LAYOUT], capacity, 4, 0)
        layout[BLOCK] = (
            (int(desk[FIXED]) + columns) * capacity
            + (coded * capacity + 1) // 2
            + desk[BIT_ROWS] * layout[BIT_WORDS]
            + desk[TREES] * layout[ENTRIES]
        )
    forget_places(desk)
    return desk


@compiled(VOID, I8S)
def forget_places(desk: Moments) -> None:
    """As if nothing had been laid out."""
    desk[USED] = 0
    desk[FREE] = 0
    desk[FREE_HEADS] = -1
    for i in range(len(CAPACITIES)):
        desk[desk[AT_FREE_ROWS] + i] = -1
    for i in range(TABLES):
        desk[desk[AT_FREE_TABLES] + i] = -1


@inlined(STATE, I8S, I8S, I8)
def state_of(arena: Moments, desk: Moments, at: int) -> State:
    """The group whose head is at `at`."""
    spans = desk[SPANS]
    columns = desk[COLUMNS]
    coded = desk[CODED]
    layout = desk[AT_LAYOUTS] + arena[at + CLASS] * LAYOUT
    capacity = desk[layout + CAPACITY]
    times = arena[at + ROWS_AT]
    values = times + desk[FIXED] * capacity
    codes = values + columns * capacity
    bits = codes + ((coded * capacity + 1) >> 1)
    tree = bits + desk[BIT_ROWS] * desk[layout + BIT_WORDS]
    reach = at + HEAD
    words = reach + 3 * spans
    distinct = words + spans * columns * WORDS
    table = arena[at + TABLE_SIZE]
    return State(
        whole(arena, times, capacity),
        reals(arena, values, columns, capacity),
        shorts(arena, codes, coded, capacity),
        wholes(arena, bits, desk[BIT_ROWS], desk[layout + BIT_WORDS]),
        whole(desk, layout + BIT_LEVELS, LEVELS),
        reals(arena, tree, desk[TREES], desk[layout + ENTRIES]),
        whole(desk, layout + TREE_LEVELS, LEVELS),
        wholes(desk, desk[AT_PLAN], columns, PLAN),
        wholes(desk, desk[AT_SPANS], spans, 2),
        wholes(arena, reach, spans, 3),
        whole(arena, words, spans * columns * WORDS),
        shorts(arena, arena[at + TABLE_AT] + table, spans, table),
        wholes(arena, distinct, spans, coded),
        whole(desk, desk[AT_RECOUNT], 3),
        whole(desk, desk[AT_DIGITS], DIGITS),
        real(desk, desk[AT_SUMS], 3),
    )


@inlined(I8, I8S, I8S, I8, I8)
def lay(arena: Moments, desk: Moments, free: int, words: int) -> int:
    """Take so many words from the arena; `free` is where on the desk those given back begin."""
    at = int(desk[free])
    if at >= 0:
        desk[free] = arena[at]
        desk[FREE] -= words
    else:
        at = int(desk[USED])
        desk[USED] += words
    return at


@inlined(VOID, I8S, I8S, I8, I8, I8)
def give_back(arena: Moments, desk: Moments, free: int, at: int, words: int) -> None:
    """Give words back, to be laid out again."""
    arena[at] = desk[free]
    desk[free] = at
    desk[FREE] += words


@inlined(I8, I8S, I8)
def class_for(desk: Moments, rows: int) -> int:
    """The first capacity that is enough."""
    found = 0
    while desk[desk[AT_LAYOUTS] + found * LAYOUT + CAPACITY] < rows:
        found += 1
    return found


@inlined(I8, I8S, I8)
def block_words(desk: Moments, which: int) -> int:
    """The words of a block of a capacity."""
    words: int = desk[int(desk[AT_LAYOUTS]) + which * LAYOUT + BLOCK]
    return words


@inlined(I8, I8S, I8)
def table_for(desk: Moments, codes: int) -> int:
    """The size of a table for so many codes, with room for half as many more; 0 for none."""
    if desk[CODED] == 0:
        return 0
    most = codes + (codes >> 1) + desk[CODED]
    size = SMALLEST_TABLE
    while size - (size >> 2) < most:
        size <<= 1
    return size


@inlined(I8, I8S, I8)
def table_words(desk: Moments, size: int) -> int:
    """The words of a table: the codes, and how often each is in each span."""
    words: int = size + ((desk[SPANS] * size + 1) >> 1)
    return words


@inlined(I8, I8S, I8)
def free_tables(desk: Moments, size: int) -> int:
    """Where on the desk the tables of a size that were given back begin."""
    at: int = desk[AT_FREE_TABLES]
    while size > SMALLEST_TABLE:
        size >>= 1
        at += 1
    return at


@inlined(I8, I8S, I8S, I8)
def lay_table(arena: Moments, desk: Moments, size: int) -> int:
    """An empty table."""
    words = table_words(desk, size)
    at = lay(arena, desk, free_tables(desk, size), words)
    arena[at : at + words] = 0
    return at


@inlined(I8, I8S, I8, I8, I8)
def slot_of(arena: Moments, table: int, size: int, code: int) -> int:
    """Where in a table a code is, or would be (a table has empty slots, which hold 0)."""
    slot = ((code * 0x1E3779B97F4A7C15) >> 32) & (size - 1)
    while arena[table + slot] != 0 and arena[table + slot] != code:
        slot = (slot + 1) & (size - 1)
    return slot


@inlined(VOID, I8S, I8S, I8, I8)
def lay_rows(arena: Moments, desk: Moments, at: int, which: int) -> None:
    """Give a head an empty block of rows."""
    words = block_words(desk, which)
    rows = lay(arena, desk, desk[AT_FREE_ROWS] + which, words)
    arena[at + CLASS] = which
    arena[at + ROWS_AT] = rows
    arena[at + SIZE] = 0
    arena[at + HIDDEN] = 0
    # Bits and minima stand at its end: no row is visible, every minimum is infinite.
    layout = desk[AT_LAYOUTS] + which * LAYOUT
    entries = desk[TREES] * desk[layout + ENTRIES]
    tree = rows + words - entries
    for word in range(tree - desk[BIT_ROWS] * desk[layout + BIT_WORDS], tree):
        arena[word] = 0
    minima = real(arena, tree, entries)
    for entry in range(entries):
        minima[entry] = np.inf


@inlined(I8, I8S, I8S, I8, I8, I8)
def lay_group(arena: Moments, desk: Moments, group: int, which: int, table: int) -> int:
    """A new head without rows, and its block and table."""
    at = lay(arena, desk, FREE_HEADS, desk[HEAD_WORDS])
    arena[at : at + desk[HEAD_WORDS]] = 0
    arena[at + GROUP] = group
    arena[at + MOMENT] = UNASKED
    arena[at + TABLE_SIZE] = table
    if table > 0:
        arena[at + TABLE_AT] = lay_table(arena, desk, table)
    lay_rows(arena, desk, at, which)
    return at


@compiled(VOID, I8S, I8S)
def lay_empty(arena: Moments, desk: Moments) -> None:
    """The group without rows, at the beginning of an arena: what a code nobody has added is."""
    lay_group(arena, desk, -1, 0, table_for(desk, 0))

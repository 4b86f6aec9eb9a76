"""Exact sums: values as whole multiples of a quantum, in integers of 128 and 256 bits.

A sum of integers does not depend on the order of its terms and forgets what is taken away again,
so a window's sum is a function of the set of its rows. A value is taken apart by its bits,
rounded once (half to even) to a whole number k of quanta, and added; the sum is rounded once to a
double. |k| < 2^96; with fewer than 2^31 rows the sum of k needs fewer than 127 bits, the sum of
k^2 fewer than 223, and n * sum(k^2) - sum(k)^2, from which the standard deviation follows without
cancellation, fewer than 255: nothing can overflow. What is larger is for `afresh`.

An accumulator is eight int64 words: sum of k (2 words), sum of k^2 (4), how many values, and how
many of them were too large (low half) or were changed by the rounding (high half).
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import (
    create_struct_proxy,  # pyright: ignore[reportUnknownVariableType]
)

from asof.compute.window.contract import Moments
from asof.compute.window.jit import F8, I8, I8S, U1, VOID, emitted, inlined

WORDS = 8
KNOWN = 6
ODD = 7
LARGE = 1
"""What one value that is too large adds to the word `ODD`."""
ROUNDED = 1 << 32
"""What one value that the quantum has changed adds to the word `ODD`."""
MAGNITUDE = 96
"""Values of 2^96 quanta and more are too large."""

_struct = cast("Any", create_struct_proxy)
APART = cast("Any", types.UniTuple)(I8, 3)
I64 = ir.IntType(64)
I128 = ir.IntType(128)
I256 = ir.IntType(256)


def _pointer(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    """The address of a word of an int64 array."""
    data = _struct(array)(context, builder, value=value).data
    return builder.gep(data, [index], source_etype=I64)


def _load(builder: Any, pointer: Any, kind: Any) -> Any:
    return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=8, typ=kind)


def _update(builder: Any, pointer: Any, kind: Any, term: Any, negative: Any) -> None:
    """Add a term to the integer at the address, or take it away."""
    address = builder.bitcast(pointer, kind.as_pointer())
    old = builder.load(address, align=8, typ=kind)
    new = builder.select(negative, builder.sub(old, term), builder.add(old, term))
    builder.store(new, address, align=8)


@emitted
def _add_term(_typing: Any, words: Any, at: Any, whole: Any, shift: Any, negative: Any) -> Any:
    """Add whole * 2^shift (taken away if negative) to the 128 bits at `at`."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, m, s, sign = arguments
        pointer = _pointer(context, builder, signature.args[0], array, index)
        term = builder.shl(builder.zext(m, I128), builder.zext(s, I128))
        _update(builder, pointer, I128, term, sign)
        return context.get_dummy_value()

    return types.void(words, at, whole, shift, negative), code


@emitted
def _add_square(_typing: Any, words: Any, at: Any, whole: Any, shift: Any, negative: Any) -> Any:
    """Add (whole * 2^shift)^2 (taken away if negative) to the 256 bits at `at`."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, m, s, sign = arguments
        pointer = _pointer(context, builder, signature.args[0], array, index)
        long = builder.zext(m, I128)
        square = builder.zext(builder.mul(long, long), I256)
        twice = builder.shl(builder.zext(s, I256), ir.Constant(I256, 1))
        _update(builder, pointer, I256, builder.shl(square, twice), sign)
        return context.get_dummy_value()

    return types.void(words, at, whole, shift, negative), code


def _to_double(builder: Any, wide: Any) -> Any:
    """An integer of more than 64 bits rounded once to a double, half to even."""
    kind = wide.type
    sign = builder.icmp_signed("<", wide, ir.Constant(kind, 0))
    size = builder.select(sign, builder.neg(wide), wide)
    zeros = builder.ctlz(size, ir.Constant(ir.IntType(1), 0))
    high = builder.shl(size, zeros)  # the leading one at the top; zero stays zero
    top = builder.trunc(builder.lshr(high, ir.Constant(kind, kind.width - 64)), I64)
    below = builder.icmp_unsigned("!=", builder.shl(high, ir.Constant(kind, 64)), kind(0))
    mantissa = builder.lshr(top, I64(11))
    rest = builder.and_(top, I64(0x7FF))
    odd = builder.trunc(mantissa, ir.IntType(1))
    over = builder.icmp_unsigned(">", rest, I64(0x400))
    tie = builder.icmp_unsigned("==", rest, I64(0x400))
    up = builder.or_(over, builder.and_(tie, builder.or_(below, odd)))
    mantissa = builder.add(mantissa, builder.zext(up, I64))
    whole = builder.uitofp(mantissa, ir.DoubleType())  # at most 2^53: exact
    # Times 2^(width - 1 - zeros - 52), made from its exponent's bits; 0 * 2^-53 is 0.
    exponent = builder.sub(I64(kind.width - 1 - 52 + 1023), builder.trunc(zeros, I64))
    scale = builder.bitcast(builder.shl(exponent, I64(52)), ir.DoubleType())
    result = builder.fmul(whole, scale)
    return builder.select(sign, builder.fneg(result), result)


@emitted
def _sum_in_quanta(_typing: Any, words: Any, at: Any) -> Any:
    """The 128 bits at `at` as a double."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *arguments)
        return _to_double(builder, _load(builder, pointer, I128))

    return types.float64(words, at), code


@emitted
def _spread_in_quanta(_typing: Any, words: Any, at: Any, count: Any) -> Any:
    """count * sum(k^2) - sum(k)^2 of the accumulator at `at`, exact, as a double."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, n = arguments
        first = _pointer(context, builder, signature.args[0], array, index)
        second = builder.gep(first, [I64(2)], source_etype=I64)
        total = builder.sext(_load(builder, first, I128), I256)
        squares = builder.mul(builder.zext(n, I256), _load(builder, second, I256))
        return _to_double(builder, builder.sub(squares, builder.mul(total, total)))

    return types.float64(words, at, count), code


def _subtracting(kind: Any) -> Any:
    """The code that writes to `at` what the integer at `high` of `records` has more than `low`."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words, at, records, high, low = arguments
        to = _pointer(context, builder, signature.args[0], words, at)
        ends, begins = (
            _load(builder, _pointer(context, builder, signature.args[2], records, place), kind)
            for place in (high, low)
        )
        address = builder.bitcast(to, kind.as_pointer())
        builder.store(builder.sub(ends, begins), address, align=8)
        return context.get_dummy_value()

    return code


@emitted
def _subtract(_typing: Any, words: Any, at: Any, records: Any, high: Any, low: Any) -> Any:
    """The difference of two integers of 128 bits."""
    return types.void(words, at, records, high, low), _subtracting(I128)


@emitted
def _subtract_long(_typing: Any, words: Any, at: Any, records: Any, high: Any, low: Any) -> Any:
    """The difference of two integers of 256 bits."""
    return types.void(words, at, records, high, low), _subtracting(I256)


@emitted
def _bits_of(_typing: Any, value: Any) -> Any:
    """The bits of a double, as an int64."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], I64)

    return types.int64(value), code


@emitted
def _double_of(_typing: Any, bits: Any) -> Any:
    """The double whose bits an int64 holds."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(bits), code


@inlined(I8, F8)
def bits_of(value: float) -> int:
    """The bits of a double: sign, 11 of exponent, 52 of mantissa."""
    bits: int = _bits_of(value)
    return bits


@inlined(F8, I8)
def power_of_two(exponent: int) -> float:
    """2^exponent for an exponent of a normal double, -1022 to 1023."""
    power: float = _double_of((exponent + 1023) << 52)
    return power


@inlined(APART, F8, I8)
def _taken_apart(value: float, quantum: int) -> tuple[int, int, int]:
    """A value in quanta as whole * 2^shift without its sign, and what it adds to the word `ODD`."""
    bits = bits_of(value)
    exponent = (bits >> 52) & 0x7FF
    whole = bits & 0xFFFFFFFFFFFFF
    if exponent == 0:
        exponent = 1  # a subnormal has no hidden bit
    else:
        whole |= 0x10000000000000
    shift = exponent - 1075 - quantum
    if shift > MAGNITUDE - 53:
        return 0, 0, LARGE
    if shift >= 0:
        return whole, shift, 0
    cut = min(-shift, 60)
    lost = whole & ((1 << cut) - 1)
    whole >>= cut
    half = 1 << (cut - 1)
    if lost > half or (lost == half and whole & 1 == 1):
        whole += 1
    return whole, 0, ROUNDED if lost != 0 else 0


@inlined(VOID, I8S, I8, F8, I8, I8, U1)
def accumulate(
    words: Moments, at: int, value: float, quantum: int, sign: int, squares: bool
) -> None:
    """Add a value that is not NaN (sign 1) to the accumulator at `at`, or withdraw it (-1)."""
    whole, shift, odd = _taken_apart(value, quantum)
    words[at + KNOWN] += sign
    words[at + ODD] += sign * odd
    _add_term(words, at, whole, shift, (bits_of(value) < 0) != (sign < 0))
    if squares:
        _add_square(words, at + 2, whole, shift, sign < 0)


@inlined(I8, I8S, I8, F8, I8)
def add_to_record(records: Moments, to: int, value: float, quantum: int) -> int:
    """Add a value that is not NaN to a record of 3 words (see `prefix`); 1 if it is too large."""
    whole, shift, odd = _taken_apart(value, quantum)
    _add_term(records, to, whole, shift, bits_of(value) < 0)
    records[to + 2] += 1 + (odd & -ROUNDED)
    return odd & (ROUNDED - 1)


@inlined(I8, I8S, I8)
def large_values(words: Moments, at: int) -> int:
    """How many values of the accumulator are too large for it."""
    large: int = words[at + ODD] & (ROUNDED - 1)
    return large


@inlined(VOID, I8S, I8, I8S, I8, U1)
def write_record(words: Moments, at: int, records: Moments, to: int, squares: bool) -> None:
    """Keep an accumulator without large values, in 3 words or with squares in 7 (see `prefix`)."""
    told = words[at + KNOWN] + (words[at + ODD] & -ROUNDED)
    records[to] = words[at]
    records[to + 1] = words[at + 1]
    if squares:
        for word in range(2, 6):
            records[to + word] = words[at + word]
        records[to + 6] = told
    else:
        records[to + 2] = told


@inlined(VOID, I8S, I8, I8S, I8, I8, U1)
def difference(
    words: Moments, at: int, records: Moments, high: int, low: int, squares: bool
) -> None:
    """Make the accumulator of what the record at `high` has more than the one at `low`."""
    _subtract(words, at, records, high, low)
    last = 2
    if squares:
        _subtract_long(words, at + 2, records, high + 2, low + 2)
        last = 6
    told = records[high + last] - records[low + last]
    words[at + KNOWN] = told & (ROUNDED - 1)
    words[at + ODD] = told & -ROUNDED


@inlined(F8, I8S, I8, I8)
def total_of(words: Moments, at: int, quantum: int) -> float:
    """The sum of an accumulator without large values, rounded once."""
    quanta: float = _sum_in_quanta(words, at)
    return quanta * power_of_two(quantum)


@inlined(F8, I8S, I8, I8)
def deviation_of(words: Moments, at: int, quantum: int) -> float:
    """The standard deviation (n - 1) of an accumulator, or NaN where the integers cannot tell.

    They cannot where a value is too large, or where values were rounded to the quantum and their
    spread is under 2^31 quanta: rounding moves the deviation by at most one quantum, which must
    stay below 1e-9 of it. Needs at least two values.
    """
    if large_values(words, at) > 0:
        return math.nan
    n = words[at + KNOWN]
    spread: float = _spread_in_quanta(words, at, n)
    variance = spread / (np.float64(n) * np.float64(n - 1))
    if words[at + ODD] >= ROUNDED and variance < 4611686018427387904.0:  # 2^62
        return math.nan
    return math.sqrt(variance) * power_of_two(quantum)

"""Sums and deviations taken afresh from a window's rows, where the integers do not reach.

The sum is exact for all doubles: each value is added to a row of 32-bit digits that spans the
whole range of exponents, and the digits are rounded once (the "small superaccumulator" of
R. M. Neal, "Fast exact summation using small and large superaccumulators", arXiv:1505.05571, in
the range where Shewchuk's `fsum` may overflow in between). The deviation takes two passes in rank
order, corrected for the rounding of the mean (Chan, Golub, LeVeque, "Algorithms for computing the
sample variance", The American Statistician 37, 1983, eq. 1.7). Both see the rows in one order.
"""

from __future__ import annotations

import math

import numpy as np

from asof.compute.window.contract import Floats, Moments
from asof.compute.window.jit import F8, F8SS, I8, I8S, I8SS, VOID, inlined
from asof.compute.window.visible import is_set
from asof.compute.window.wide import bits_of, power_of_two

DIGITS = 70
"""32 bits each: exponents from -1074 to 1023, the mantissa's width, and 2^31 terms."""


@inlined(VOID, I8S, F8)
def _add(digits: Moments, value: float) -> None:
    """Add a double to the digits; digit i counts 2^(32 i - 1074)."""
    bits = bits_of(value)
    exponent = (bits >> 52) & 0x7FF
    whole = bits & 0xFFFFFFFFFFFFF
    if exponent == 0:
        exponent = 1
    else:
        whole |= 0x10000000000000
    shift = exponent - 1
    digit = shift >> 5
    inside = shift & 31
    low = (whole & 0xFFFFFFFF) << inside  # under 2^63
    high = (whole >> 32) << inside  # under 2^52
    sign = -1 if bits < 0 else 1
    digits[digit] += sign * (low & 0xFFFFFFFF)
    digits[digit + 1] += sign * ((low >> 32) + (high & 0xFFFFFFFF))
    digits[digit + 2] += sign * (high >> 32)


@inlined(VOID, I8S)
def _carry(digits: Moments) -> None:
    """Bring every digit but the last into 0 .. 2^32 - 1."""
    for i in range(DIGITS - 1):
        digits[i + 1] += digits[i] >> 32
        digits[i] &= 0xFFFFFFFF


@inlined(F8, I8S)
def _round(digits: Moments) -> float:
    """The double nearest to the digits, half to even; infinite if there is none."""
    _carry(digits)
    sign = 1.0
    if digits[DIGITS - 1] < 0:
        sign = -1.0
        for i in range(DIGITS):
            digits[i] = -digits[i]
        _carry(digits)
    top = DIGITS - 1
    while top > 1 and digits[top] == 0:
        top -= 1
    # The highest 53 bits, or all of them down to the smallest subnormal (bit 0 of digit 0).
    width = 0
    while digits[top] >> width:
        width += 1
    last = max(32 * top + width - 53, 0)  # the place of the lowest bit that is kept
    whole = 0
    for place in range(32 * top + width - 1, last - 1, -1):
        whole = whole << 1 | (digits[place >> 5] >> (place & 31)) & 1
    if last > 0:
        half = (digits[(last - 1) >> 5] >> ((last - 1) & 31)) & 1
        rest = digits[(last - 1) >> 5] & ((1 << ((last - 1) & 31)) - 1)
        for i in range((last - 1) >> 5):
            rest |= digits[i]
        if half == 1 and (rest != 0 or whole & 1 == 1):
            whole += 1
    # In two steps, each exact: the place may lie beyond the exponents of a normal double.
    upper = last // 2
    scaled = np.float64(whole) * power_of_two(upper - 537)
    return sign * scaled * power_of_two(last - upper - 537)


@inlined(F8, F8SS, I8, I8SS, I8, I8, I8S)
def sum_afresh(
    values: Floats, column: int, bits: Moments, low: int, high: int, digits: Moments
) -> float:
    """The exact sum of the visible values of a stretch, rounded once; infinite if too large."""
    digits[:] = 0
    for place in range(low, high):
        if is_set(bits, 0, place) and not math.isnan(values[column, place]):
            _add(digits, values[column, place])
    return _round(digits)


@inlined(F8, F8SS, I8, I8SS, I8, I8, I8)
def deviation_afresh(
    values: Floats, column: int, bits: Moments, low: int, high: int, known: int
) -> float:
    """The standard deviation (n - 1) of the visible values of a stretch, in two passes."""
    size = 0.0
    for place in range(low, high):
        if is_set(bits, 0, place) and not math.isnan(values[column, place]):
            size = max(size, abs(values[column, place]))
    if size == 0.0:
        return 0.0
    # Scaled so that the largest is near one (2^-900 at least): no square overflows or vanishes.
    exponent = min(max(1023 - ((bits_of(size) >> 52) & 0x7FF), -1000), 1000)
    down = power_of_two(exponent)
    extra = power_of_two(60) if exponent == 1000 else 1.0
    total = 0.0
    for place in range(low, high):
        if is_set(bits, 0, place) and not math.isnan(values[column, place]):
            total += values[column, place] * down * extra
    mean = total / known
    squares = 0.0
    drift = 0.0
    for place in range(low, high):
        if is_set(bits, 0, place) and not math.isnan(values[column, place]):
            apart = values[column, place] * down * extra - mean
            squares += apart * apart
            drift += apart
    variance = (squares - drift * drift / known) / (known - 1)
    return math.sqrt(max(variance, 0.0)) / extra * power_of_two(-exponent)

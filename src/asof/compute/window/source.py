"""The rows of a source as the kernels take them."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from asof.compute.window.contract import Codes, Floats, Moments
from asof.compute.window.jit import READ_F8SS, READ_I4SS, READ_I8S, named

T = TypeVar("T", bound=np.generic)

NOTHING: Moments = np.empty(0, dtype=np.int64)
UNTURNED: Codes = np.empty(0, dtype=np.int32)


class Source(NamedTuple):
    """The rows as they were handed in; `known_until` and `key` may be empty."""

    event_time: Moments
    known_from: Moments
    """int64[n], or int64[1]: the lag after `event_time` that all rows have in common."""
    known_until: Moments
    values: Floats
    codes: Codes
    key: Moments


SOURCE = named((READ_I8S, READ_I8S, READ_I8S, READ_F8SS, READ_I4SS, READ_I8S), Source)


def sealed(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The same numbers, in C order and not to be written to (as they often are from Arrow)."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view

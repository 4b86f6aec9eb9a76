"""The quickest exact way to ask a fitted estimator, one row at a time (LAW 8d).

LightGBM's models are asked through the single-row face of its own C library, which its Python
package does not offer (https://github.com/lightgbm-org/LightGBM/issues/6913): the same code that
the estimator runs, without the frame around it. Whatever else there is answers for itself; see
docs/decisions/0009.
"""

from __future__ import annotations

import ctypes
import math
import struct
import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from asof.compute.estimator import Fitted, answers_to, predict, takes_frame
from asof.compute.matrix import Matrix, recode, to_frame
from asof.errors import EstimatorError

Floats = NDArray[np.float64]

TOLERANCE = 1e-9
"""Up to so much a runtime's answer may differ from the estimator's."""
BLOCK = 1024
"""Rows with which a replay asks an estimator at once, the last one repeated to fill them up."""
ASKED_ALONE = 64
"""Rows of the sample that an estimator without a compiled runtime is asked about one by one."""


@dataclass(frozen=True)
class Agreement:
    """How far single answers differ from the estimator's own about the whole sample.

    `rows` are the positions in the sample that were compared, `worst` the one that differs most,
    by `difference`.
    """

    rows: tuple[int, ...]
    difference: float
    worst: int | None

    @property
    def holds(self) -> bool:
        """Whether something was compared, and nothing differs by more than `TOLERANCE`."""
        return bool(self.rows) and self.difference <= TOLERANCE


class Answers(Protocol):
    """A way to ask a fitted estimator."""

    def many(self, values: Floats) -> Floats:
        """The answers to rows, `values[i, k]` being feature k of row i."""
        ...

    def one(self, values: Sequence[float] | Floats) -> float:
        """The answer to one row."""
        ...


class Runtime:
    """A fitted estimator, ready to be asked about single rows; for one thread.

    `kind` says what answers, `agreement` how it compares with the estimator on the sample that it
    was chosen with, `reason` why there is no compiled one (empty where there is).

    A word that the fit did not see is NaN in recoded values, and an estimator that takes a frame
    (`takes_words`) tells it from a missing one: ask it with `predict_matrix`.
    """

    def __init__(
        self,
        fitted: Fitted,
        answers: Answers,
        kind: Literal["lightgbm", "estimator"],
        agreement: Agreement,
        reason: str,
    ) -> None:
        self.fitted = fitted
        self.kind: Literal["lightgbm", "estimator"] = kind
        self.agreement = agreement
        self.reason = reason
        self.takes_words = takes_frame(fitted.estimator)
        self.predict_one: Callable[[Sequence[float] | Floats], float] = answers.one
        """The answer to one row of recoded values; raises `EstimatorError` as `predict` does."""
        self._answers = answers

    def predict(self, values: Floats) -> Floats:
        """The probability of a yes, or the predicted quantity, of each row of recoded values.

        Raises `EstimatorError` if the estimator fails, or an answer is not a number.
        """
        return self._answers.many(values) if len(values) else np.empty(0, dtype=np.float64)

    def predict_matrix(self, found: Matrix) -> Floats:
        """The same of a matrix with dictionaries of its own, words unknown to the fit included."""
        if self.takes_words:
            with _one_thread():
                return predict(self.fitted, found)
        return self.predict(recode(found, self.fitted.categories))


def choose(fitted: Fitted, sample: Matrix) -> Runtime:
    """The quickest runtime that answers about each row of `sample` as the estimator does.

    Raises `EstimatorError` if the estimator itself does not answer.

    >>> from lightgbm import LGBMRegressor
    >>> from asof.compute.estimator import fit
    >>> values = np.random.default_rng(0).normal(size=(200, 2))
    >>> known = Matrix(("a", "b"), values, {})
    >>> fitted = fit(LGBMRegressor(verbose=-1), known, values.sum(axis=1), "regression")
    >>> runtime = choose(fitted, known)
    >>> runtime.kind, runtime.agreement.holds
    ('lightgbm', True)
    """
    with nullcontext() if _is_lightgbm(fitted.estimator) else _one_thread():
        expected = predict(fitted, sample)
    values = recode(sample, fitted.categories)
    try:
        compiled = _SingleRows(fitted)
        agreement = _compare(compiled, values, expected, range(len(values)))
    except _Unfit as error:
        reason = str(error)
    else:
        if agreement.holds:
            return Runtime(fitted, compiled, "lightgbm", agreement, "")
        reason = _told(agreement)
    return _estimator(fitted, sample, expected, reason)


def _estimator(fitted: Fitted, sample: Matrix, expected: Floats, reason: str) -> Runtime:
    """The estimator as it is; in blocks of a replay's size where it rounds by how many rows come.

    Where it takes a frame, rows with words that the fit did not see are not compared: among
    recoded values they are missing.
    """
    values = recode(sample, fitted.categories)
    rows = _some(np.arange(len(values)))
    if takes_frame(fitted.estimator):
        lost = np.isnan(values) & ~np.isnan(sample.values)
        rows = _some(np.flatnonzero(lost.sum(axis=1) == 0))
    answers = _Asked(fitted, 1)
    agreement = _compare(answers, values, expected, rows)
    if rows and not agreement.holds:
        answers = _Asked(fitted, BLOCK)
        agreement = _compare(answers, values, expected, rows)
    return Runtime(fitted, answers, "estimator", agreement, reason)


def _some(rows: NDArray[np.int64]) -> list[int]:
    """At most `ASKED_ALONE` of some rows, evenly spread."""
    if len(rows) > ASKED_ALONE:
        rows = rows[np.linspace(0, len(rows) - 1, ASKED_ALONE).astype(np.int64)]
    found: list[int] = rows.tolist()
    return found


def _compare(answers: Answers, values: Floats, expected: Floats, rows: Sequence[int]) -> Agreement:
    """Single answers beside the estimator's own."""
    found = np.array([answers.one(values[row]) for row in rows])
    apart = np.abs(found - expected[list(rows)])
    if not len(apart):
        return Agreement((), 0.0, None)
    worst = int(apart.argmax())
    return Agreement(tuple(rows), float(apart[worst]), rows[worst])


def _told(agreement: Agreement) -> str:
    if not agreement.rows:
        return "there was no row to compare its answers with the estimator's"
    return (
        f"its answer to row {agreement.worst} of {len(agreement.rows):,} differs from the "
        f"estimator's by {agreement.difference:.3g}, more than {TOLERANCE:g}"
    )


def _one_thread() -> Any:
    """Holds the libraries' threads to one: for a row or two they cost more than they bring."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


class _Asked:
    """An estimator that answers for itself, at least `block` rows at once."""

    def __init__(self, fitted: Fitted, block: int) -> None:
        from threadpoolctl import ThreadpoolController

        self._fitted = fitted
        self._block = block
        controller: Any = ThreadpoolController()
        self._one_thread: Callable[[], Any] = partial(controller.limit, limits=1)

    def one(self, values: Sequence[float] | Floats) -> float:
        return float(self.many(np.asarray(values, dtype=np.float64)[np.newaxis, :])[0])

    def many(self, values: Floats) -> Floats:
        rows = len(values)
        filled = np.pad(values, ((0, -rows % self._block), (0, 0)), mode="edge")
        parts = [self._ask(filled[at : at + BLOCK]) for at in range(0, len(filled), BLOCK)]
        return np.concatenate(parts)[:rows]

    def _ask(self, values: Floats) -> Floats:
        fitted = self._fitted
        data: Any = values
        if takes_frame(fitted.estimator):
            data = to_frame(Matrix(fitted.names, values, fitted.categories))
        with self._one_thread():
            return answers_to(fitted, data)


def _is_lightgbm(estimator: object) -> bool:
    """Whether an estimator is one of LightGBM's: fitted for one thread, it answers on one."""
    return any(kind.__module__.startswith("lightgbm.") for kind in type(estimator).__mro__)


class _Unfit(Exception):
    """Why LightGBM's library cannot be asked about an estimator."""


_DOUBLE = _ROWS_IN_ORDER = 1  # C_API_DTYPE_FLOAT64, is_row_major
_AS_PREDICTED = 0  # C_API_PREDICT_NORMAL: with the objective's transform


class _SingleRows:
    """A LightGBM model, asked row by row through the C library, on one thread.

    The calls are those of LightGBM's `c_api.h`; how the estimator asks the same library for all
    rows is what they are compared with.
    """

    def __init__(self, fitted: Fitted) -> None:
        estimator = fitted.estimator
        if not _is_lightgbm(estimator):
            raise _Unfit(f"{type(estimator).__name__} is no model of LightGBM's")
        booster: Any = estimator.booster_
        if booster.num_model_per_iteration() != 1:
            raise _Unfit(f"{type(estimator).__name__} grows several trees for one answer")
        library = _library()
        width = len(fitted.names)
        configured = ctypes.c_void_p()
        failed = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,  # noqa: SLF001  there is no other way to it
            ctypes.c_int(_AS_PREDICTED),
            ctypes.c_int(0),
            ctypes.c_int(booster.best_iteration if booster.best_iteration > 0 else -1),
            ctypes.c_int(_DOUBLE),
            ctypes.c_int32(width),
            b"num_threads=1",
            ctypes.byref(configured),
        )
        if failed:
            raise _Unfit(f"LightGBM does not take it: {library.LGBM_GetLastError().decode()}")
        self._booster = booster  # lives as long as what was configured of it
        self._row = (ctypes.c_double * width)()
        self._answer = ctypes.c_double()
        self._pack = struct.Struct(f"{width}d").pack_into
        self._ask = partial(
            library.LGBM_BoosterPredictForMatSingleRowFast,
            configured,
            ctypes.byref(self._row),
            ctypes.byref(ctypes.c_int64()),
            ctypes.byref(self._answer),
        )
        self._told = library.LGBM_GetLastError
        weakref.finalize(self, library.LGBM_FastConfigFree, configured)

    def one(self, values: Sequence[float] | Floats) -> float:
        self._pack(self._row, 0, *values)
        if self._ask():
            raise _no_answer(self._told().decode())
        answer = self._answer.value
        if not math.isfinite(answer):
            raise _no_answer(f"{answer}")
        return answer

    def many(self, values: Floats) -> Floats:
        return np.array([self.one(row) for row in values.tolist()])


def _library() -> Any:
    """LightGBM's C library, as its Python package has loaded it."""
    from lightgbm import __version__, basic

    library: Any = getattr(basic, "_LIB", None)
    if not hasattr(library, "LGBM_BoosterPredictForMatSingleRowFast"):
        raise _Unfit(f"LightGBM {__version__} does not offer predictions of single rows")
    return library


def _no_answer(found: str) -> EstimatorError:
    return EstimatorError(
        "The LightGBM model did not answer with a number.",
        found=found,
        mend="Mend the estimator, or use another one.",
    )

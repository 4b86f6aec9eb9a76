"""A compiled runtime answers as the estimator does, or is not used."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from asof.compute.estimator import Fitted, fit, predict
from asof.compute.matrix import Matrix, matrix, recode
from asof.compute.runtime import ASKED_ALONE, BLOCK, TOLERANCE, choose
from asof.compute.scalar import vector
from asof.errors import EstimatorError

QUIET: dict[str, Any] = {"verbose": -1, "n_jobs": 1, "min_child_samples": 5}


def rows_of(n: int, seed: int = 0, *, missing: float = 0.1) -> pl.DataFrame:
    """Numbers of all sizes, conditions and words, some of them missing."""
    random = np.random.default_rng(seed)

    def some(column: Any) -> pl.Series:
        return pl.Series(column).set(pl.Series(random.random(n) < missing), None)

    return pl.DataFrame(
        {
            "x": some(random.normal(size=n)),
            "large": some(random.normal(size=n) * 10.0 ** random.integers(-8, 9, n)),
            "town": some(random.choice(["a", "b", "c", "dd", "e", "f"], n)),
            "flag": some(random.random(n) < 0.5),
            "many": some(random.integers(0, 40, n).astype(str)),
        }
    )


def amount(frame: pl.DataFrame) -> np.ndarray:
    told = frame["town"].fill_null("").str.len_chars().to_numpy() * 2.0
    noise = np.random.default_rng(7).normal(size=frame.height)
    return np.abs(frame["x"].fill_null(0.3).to_numpy() * 3 + told + noise)


def yes(frame: pl.DataFrame) -> np.ndarray:
    return (amount(frame) > 3).astype(float)


def fitted_on(estimator: Any, frame: pl.DataFrame) -> Fitted:
    if hasattr(estimator, "predict_proba") or "Classifier" in type(estimator).__name__:
        return fit(estimator, matrix(frame), yes(frame), "binary")
    return fit(estimator, matrix(frame), amount(frame), "regression")


def in_blocks(fitted: Fitted, found: Matrix) -> np.ndarray:
    """As a replay asks: blocks of one size, the last filled up with its last row."""
    answers = []
    for at in range(0, len(found.values), BLOCK):
        part = np.arange(at, min(at + BLOCK, len(found.values)))
        filled = np.pad(part, (0, BLOCK - len(part)), mode="edge")
        answers.append(predict(fitted, found.take(filled))[: len(part)])
    return np.concatenate(answers)


def assert_answers(fitted: Fitted, found: Matrix, runtime: Any) -> None:
    values, expected = recode(found, fitted.categories), in_blocks(fitted, found)
    one = [runtime.predict_one(row) for row in values]
    assert np.abs(np.array(one) - expected).max() <= TOLERANCE
    assert np.abs(runtime.predict(values) - expected).max() <= TOLERANCE
    assert np.abs(runtime.predict_matrix(found) - expected).max() <= TOLERANCE


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    missing=st.sampled_from((0.0, 0.1, 0.6)),
    classifies=st.booleans(),
    parameters=st.fixed_dictionaries(
        {
            "n_estimators": st.integers(1, 30),
            "num_leaves": st.sampled_from((2, 7, 31, 100)),
            "boosting_type": st.sampled_from(("gbdt", "dart", "rf")),
            "max_cat_to_onehot": st.sampled_from((1, 4, 64)),
            "zero_as_missing": st.booleans(),
            "use_missing": st.booleans(),
            "linear_tree": st.booleans(),
            "extra_trees": st.booleans(),
        }
    ),
)
def test_lightgbm_in_all_its_shapes(
    seed: int, missing: float, classifies: bool, parameters: dict[str, Any]
) -> None:
    if parameters["boosting_type"] == "rf":
        parameters = {**parameters, "subsample": 0.7, "subsample_freq": 1}
    if parameters["linear_tree"]:  # which LightGBM does not have with the others
        parameters = {**parameters, "boosting_type": "gbdt", "zero_as_missing": False}
    kind = LGBMClassifier if classifies else LGBMRegressor
    fitted = fitted_on(kind(**QUIET, **parameters), rows_of(300, seed, missing=missing))
    asked = matrix(rows_of(200, seed + 1, missing=missing))
    runtime = choose(fitted, asked)
    assert (runtime.kind, runtime.reason) == ("lightgbm", "")
    assert runtime.agreement.rows == tuple(range(200))
    assert_answers(fitted, matrix(rows_of(100, seed + 2, missing=missing)), runtime)


@pytest.mark.parametrize(
    "objective",
    ["l1", "l2", "huber", "poisson", "quantile", "tweedie", "gamma", "mape", "cross_entropy"],
)
def test_objectives_that_transform_what_the_trees_say(objective: str) -> None:
    frame = rows_of(400)
    label = amount(frame) + 0.1
    if objective == "cross_entropy":
        label /= label.max()
    fitted = fit(LGBMRegressor(objective=objective, **QUIET), matrix(frame), label, "regression")
    runtime = choose(fitted, matrix(rows_of(300, 1)))
    assert runtime.kind == "lightgbm"
    assert_answers(fitted, matrix(rows_of(300, 2)), runtime)


@pytest.mark.parametrize(
    "estimator",
    [
        LGBMClassifier(is_unbalance=True, **QUIET),
        LGBMClassifier(class_weight="balanced", sigmoid=0.7, **QUIET),
        LGBMClassifier(objective="cross_entropy", **QUIET),
        LGBMClassifier(reg_sqrt=True, **QUIET),
        LGBMRegressor(reg_sqrt=True, **QUIET),
        LGBMRegressor(boost_from_average=False, **QUIET),
    ],
    ids=repr,
)
def test_other_ways_from_trees_to_answers(estimator: Any) -> None:
    fitted = fitted_on(estimator, rows_of(400))
    runtime = choose(fitted, matrix(rows_of(200, 1)))
    assert runtime.kind == "lightgbm"
    assert_answers(fitted, matrix(rows_of(200, 2)), runtime)


class StoppedEarly(LGBMRegressor):
    """Stops when a part of the rows that it is not shown gets no better."""

    def fit(self, X: Any, y: Any, **rest: Any) -> StoppedEarly:
        cut = len(y) // 2
        stop = lightgbm.early_stopping(3, verbose=False)
        super().fit(X[:cut], y[:cut], eval_X=X[cut:], eval_y=y[cut:], callbacks=[stop], **rest)
        return self


def test_a_fit_that_stopped_early_answers_with_its_best_trees() -> None:
    estimator = StoppedEarly(n_estimators=300, learning_rate=0.5, **QUIET)
    fitted = fitted_on(estimator, rows_of(400))
    booster = fitted.estimator.booster_
    assert 0 < booster.best_iteration < 300
    runtime = choose(fitted, matrix(rows_of(200, 1)))
    assert runtime.kind == "lightgbm"
    assert_answers(fitted, matrix(rows_of(200, 2)), runtime)


def test_a_model_that_is_told_to_ask_fewer_of_its_trees() -> None:
    fitted = fitted_on(LGBMRegressor(**QUIET), rows_of(400))
    fitted.estimator.booster_.best_iteration = 7
    runtime = choose(fitted, matrix(rows_of(200, 1)))
    assert runtime.kind == "lightgbm"
    assert_answers(fitted, matrix(rows_of(200, 2)), runtime)


class Halved(LGBMClassifier):
    """A user's own idea of a probability, on top of the trees."""

    def predict_proba(self, X: Any, **rest: Any) -> Any:
        yes = super().predict_proba(X, **rest)[:, 1] / 2
        return np.column_stack((1 - yes, yes))


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (Halved(**QUIET), "differs from the estimator's by"),
        (
            LGBMClassifier(
                pred_early_stop=True, pred_early_stop_freq=1, pred_early_stop_margin=0.2, **QUIET
            ),
            "differs from the estimator's by",
        ),
        (LGBMClassifier(objective="multiclass", num_class=2, **QUIET), "grows several trees"),
        (LGBMRegressor(**QUIET), "no row to compare"),
    ],
    ids=["own answers", "stops asking trees", "two classes", "no sample"],
)
def test_a_runtime_that_is_not_proved_equal_is_refused(estimator: Any, reason: str) -> None:
    fitted = fitted_on(estimator, rows_of(400))
    sample = matrix(rows_of(200, 1))
    runtime = choose(fitted, sample.take(slice(0, 0)) if "no row" in reason else sample)
    assert runtime.kind == "estimator"
    assert reason in runtime.reason
    assert_answers(fitted, matrix(rows_of(200, 2)), runtime)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=10),
        make_pipeline(
            ColumnTransformer(
                [
                    ("words", OneHotEncoder(handle_unknown="ignore"), ["town", "many"]),
                    ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["x", "flag"]),
                ]
            ),
            LogisticRegression(),
        ),
        RandomForestRegressor(10, random_state=0),
    ],
    ids=["pipeline of numbers", "boosting", "pipeline of words", "forest"],
)
def test_other_estimators_answer_for_themselves(estimator: Any) -> None:
    frame, later = rows_of(2_000), rows_of(1_100, 1)
    if "SimpleImputer" in repr(estimator) and "Column" not in repr(estimator):
        frame, later = (part.drop("town", "many") for part in (frame, later))
        label = (frame["x"].fill_null(0.0) > 0).cast(pl.Float64).to_numpy()
        fitted = fit(estimator, matrix(frame), label, "binary")
    else:
        fitted = fitted_on(estimator, frame)
    runtime = choose(fitted, matrix(later))
    assert runtime.kind == "estimator"
    assert "is no model of LightGBM's" in runtime.reason
    assert runtime.agreement.holds
    assert len(runtime.agreement.rows) == ASKED_ALONE
    assert_answers(fitted, matrix(later[:100]), runtime)


def test_linear_models_round_by_how_many_are_asked_and_agree_all_the_same() -> None:
    frame = rows_of(3_000, missing=0.0).select("x", "flag")
    label = frame["x"].to_numpy() * 3 + frame["flag"].to_numpy()
    for estimator, wanted, task in (
        (LogisticRegression(), (label > 1).astype(float), "binary"),
        (LinearRegression(), label, "regression"),
    ):
        fitted = fit(estimator, matrix(frame), wanted, task)
        runtime = choose(fitted, matrix(frame))
        assert (runtime.kind, runtime.agreement.holds) == ("estimator", True)
        assert_answers(fitted, matrix(frame[:200]), runtime)


class OfItsCompany(RegressorMixin, BaseEstimator):
    """Answers that lean on the rows that are asked about at the same time."""

    def fit(self, X: Any, y: Any) -> OfItsCompany:
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> Any:
        return self.mean_ + X[:, 0] * (1 + 1e-6 * (len(X) != BLOCK))


def test_an_estimator_that_answers_by_how_many_are_asked_is_asked_as_a_replay_does() -> None:
    frame = rows_of(BLOCK, missing=0.0)
    fitted = fit(OfItsCompany(), matrix(frame), amount(frame), "regression")
    runtime = choose(fitted, matrix(frame))
    assert runtime.agreement.holds
    assert_answers(fitted, matrix(rows_of(50, 1, missing=0.0)), runtime)


def test_words_that_the_fit_did_not_see() -> None:
    """A pipeline tells them from missing ones; what takes codes does not."""
    frame, later = rows_of(500), rows_of(300, 1)
    later = later.with_columns(town=pl.when(pl.col("flag")).then(pl.lit("new")).otherwise("town"))
    words = ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), ["town"])])
    for estimator, takes_words in (
        (make_pipeline(words, LogisticRegression()), True),
        (LGBMClassifier(**QUIET), False),
    ):
        fitted = fitted_on(estimator, frame)
        runtime = choose(fitted, matrix(later))
        assert runtime.takes_words is takes_words
        assert runtime.agreement.holds
        expected = in_blocks(fitted, matrix(later))
        assert np.abs(runtime.predict_matrix(matrix(later)) - expected).max() <= TOLERANCE


def test_what_a_request_holds_becomes_an_answer() -> None:
    frame, later = rows_of(500), rows_of(50, 1)
    fitted = fitted_on(LGBMClassifier(**QUIET), frame)
    runtime = choose(fitted, matrix(later))
    as_doubles = vector(fitted.names, fitted.categories, later.columns)
    found = [runtime.predict_one(as_doubles(row)) for row in later.iter_rows()]
    assert found == predict(fitted, matrix(later)).tolist()


class Sulking(BaseEstimator):
    """Answers only about whole crowds."""

    def fit(self, X: Any, y: Any) -> Sulking:
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.mean_ if len(X) > 10 or X[0, 0] > -9 else np.nan)


def test_an_answer_that_is_no_number_is_told() -> None:
    frame = rows_of(100, missing=0.0)
    fitted = fit(Sulking(), matrix(frame), amount(frame), "regression")
    runtime = choose(fitted, matrix(frame))
    row = recode(matrix(frame), fitted.categories)[0]
    row[0] = -10
    with pytest.raises(EstimatorError, match="not a prediction"):
        runtime.predict_one(row)


def test_nobody_asked() -> None:
    fitted = fitted_on(LGBMClassifier(**QUIET), rows_of(100))
    runtime = choose(fitted, matrix(rows_of(20, 1)))
    assert runtime.predict(np.empty((0, 5))).shape == (0,)

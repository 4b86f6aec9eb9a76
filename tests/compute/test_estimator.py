from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from asof.compute.estimator import fit, predict, single_threaded
from asof.compute.matrix import matrix, present, recode, to_frame
from asof.errors import EstimatorError


def features(n: int = 400, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": pl.Series(random.normal(size=n)).set(pl.Series(random.random(n) < 0.1), None),
            "kind": random.choice(["a", "b", "c"], n),
            "flag": random.random(n) < 0.5,
        }
    )


def label(frame: pl.DataFrame) -> np.ndarray:
    return ((frame["kind"] == "b") ^ frame["flag"]).cast(pl.Float64).to_numpy()


def test_a_matrix_and_back():
    frame = features()
    found = matrix(frame)
    back = to_frame(found)
    assert back["kind"].to_list() == frame["kind"].to_list()
    assert back["x"].to_list() == frame["x"].to_list()
    assert back["flag"].to_list() == frame["flag"].cast(pl.Float64).to_list()


def test_categories_are_those_of_the_training_rows_and_others_are_missing():
    found = matrix(pl.DataFrame({"k": ["b", "d", "a", None, "c"]}))
    assert present(found.take(np.array([1, 0]))) == {"k": ("b", "d")}
    coded = recode(found, {"k": ("b", "d")})[:, 0]
    assert coded[:2].tolist() == [0, 1]
    assert np.isnan(coded[2:]).all()
    assert found.values[:, 0].tolist()[:3] == [1, 3, 0]  # untouched


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=20),
        RandomForestClassifier(20, n_jobs=2, random_state=0),
        make_pipeline(
            ColumnTransformer(
                [
                    ("kind", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
                    ("rest", SimpleImputer(), ["x", "flag"]),
                ]
            ),
            HistGradientBoostingClassifier(max_iter=20),
        ),
    ],
)
def test_any_estimator_works_without_a_wrapper(estimator):
    frame = features()
    seen = matrix(frame)
    fitted = fit(estimator, seen, label(frame), "binary")
    p = predict(fitted, matrix(features(seed=1)))
    assert np.corrcoef(p, label(features(seed=1)))[0, 1] > 0.8
    assert (predict(fitted, seen.take(slice(0, 5))) == predict(fitted, seen)[:5]).all()


def test_the_users_estimator_is_left_alone():
    mine = RandomForestClassifier(5, n_jobs=2)
    fit(mine, matrix(features()), label(features()), "binary")
    assert mine.n_jobs == 2
    assert not hasattr(mine, "classes_")


def test_one_thread_for_every_step():
    nested = make_pipeline(SimpleImputer(), RandomForestClassifier(n_jobs=4))
    assert single_threaded(nested).get_params()["randomforestclassifier__n_jobs"] == 1


def test_regression():
    frame = features().select("flag")
    fitted = fit(LinearRegression(), matrix(frame), 3.0 * label(features()), "regression")
    assert fitted.training_mean == pytest.approx(3.0 * label(features()).mean())
    assert predict(fitted, matrix(frame)).shape == (400,)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros(400), "all 400 labels are no|All 400 labels are no"),
        (np.arange(400.0), "yes or no"),
        (np.zeros(0), "no labelled row"),
    ],
)
def test_nothing_to_learn_is_said_in_words(y, words):
    seen = matrix(features()).take(slice(0, len(y)))
    with pytest.raises(EstimatorError, match=words):
        fit(LogisticRegression(), seen, y, "binary")


def test_other_columns_are_refused():
    fitted = fit(
        HistGradientBoostingClassifier(max_iter=2), matrix(features()), label(features()), "binary"
    )
    with pytest.raises(EstimatorError, match="other columns"):
        predict(fitted, matrix(features().select("kind", "x", "flag")))


def test_an_answer_that_is_no_number_is_refused():
    class Odd(LinearRegression):
        def predict(self, X):
            return np.full(len(X), np.nan)

    fitted = fit(Odd(), matrix(features().select("flag")), label(features()), "regression")
    with pytest.raises(EstimatorError, match="not a prediction"):
        predict(fitted, matrix(features().select("flag")))

"""A BentoML service around the same booster, with an array as its input."""

import os

import bentoml
import lightgbm
import numpy as np


@bentoml.service(workers=1)
class Serving:
    """Answers rows of 20 numbers."""

    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ["MODEL"])

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The probability of a yes for each row."""
        return self.booster.predict(rows, num_threads=1)

"""What one writes by hand: FastAPI, a checked body, a frame of one row, Booster.predict."""

import os

import lightgbm
import pandas as pd
from fastapi import FastAPI
from pydantic import create_model

booster = lightgbm.Booster(model_file=os.environ["MODEL"])
names = [f"x{number}" for number in range(20)]
Asked = create_model("Asked", **dict.fromkeys(names, (float, ...)))
app = FastAPI()


@app.post("/predict")
def predict(asked: Asked) -> dict[str, float]:
    frame = pd.DataFrame([asked.model_dump()], columns=names)
    return {"prediction": float(booster.predict(frame, num_threads=1)[0])}

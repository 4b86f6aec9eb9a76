"""Strangers: systems as newcomers write them, on data that the house has never seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from asof.faces import cli


@dataclass
class Stranger:
    """A folder with a `system.py` and its files, and the command line called in this process."""

    folder: Path
    call: Callable[..., tuple[int, str, str]]
    said: str = ""

    def asof(self, *arguments: str) -> str:
        """What a command that succeeds says on stdout."""
        status, out, err = self.call(*arguments)
        assert status == 0, err
        return out

    def json(self, *arguments: str) -> Any:
        return json.loads(self.asof(*arguments, "--json"))

    def backtest(self) -> str:
        return self.asof("backtest", "system.py", "-q", "--draws", "100", "--workers", "1")

    @property
    def facts(self) -> dict[str, Any]:
        (file,) = self.folder.glob("runs/*/facts.json")
        return json.loads(file.read_text(encoding="utf-8"))

    @property
    def answers(self) -> pl.DataFrame:
        (file,) = self.folder.glob("runs/*/predictions.parquet")
        return pl.read_parquet(file)

    def features(self, request: str) -> dict[str, Any]:
        told = self.json("why", "system.py", request)
        return {each["feature"]: each["value"] for each in told["features"]}

    def reproduces_every_model(self) -> int:
        models = self.json("models", "system.py")["models"]
        for model in models[:: max(1, len(models) // 3)]:
            told = self.json("reproduce", "system.py", model["id"])
            assert told["equal"], told
        return len(models)


@pytest.fixture(scope="module")
def stranger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stranger]:
    """The stranger of a module: its `write(folder)` writes the files, its `SYSTEM` the system."""
    folder = tmp_path_factory.mktemp("stranger")
    request.module.write(folder)
    (folder / "system.py").write_text(request.module.SYSTEM, encoding="utf-8")

    def call(*arguments: str) -> tuple[int, str, str]:
        import contextlib
        import io

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli._run(arguments)
        return status, out.getvalue(), err.getvalue()

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        found = Stranger(folder, call)
        found.said = found.backtest()
        yield found
    sys.modules.pop("system", None)

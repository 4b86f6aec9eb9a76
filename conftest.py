"""Every code block of the README and the docs runs: `pytest README.md docs`.

A page is run from top to bottom in an empty folder of its own.

- ```` ```python ```` runs; names stay for the page's later blocks.
- ```` ```python title="shop.py" ```` (any language) writes the file.
- ```` ```console ```` runs each line that begins with `$ `; the lines below it must be what the
  command prints, where `...` stands for anything. `[exit 1]` as the last line is its status.
- ```` ```text ```` and the like are shown, not run.
- `<!-- skip: next "reason" -->` skips one block, and says why.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

EXAMPLE = Path(__file__).with_name("examples") / "flights"  # whose `prepare` the README imports
INFO = re.compile(r"(?P<language>[a-z]*)(?: +title=\"(?P<title>[^\"]+)\")? *\n")
SHOWN = {"", "text", "mermaid", "json", "html", "toml", "yaml", "csv", "make"}
MATCH = doctest.OutputChecker()
MATCHING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(document: Document) -> Iterable[Region]:
    """The fenced blocks of a page, each with what is to be done with it."""
    for region in RawFencedCodeBlockLexer(INFO)(document):
        language, title = region.lexemes["language"], region.lexemes["title"]
        region.parsed = region.lexemes["source"]
        if title:
            region.evaluator = write
        elif language == "python":
            region.evaluator = PythonEvaluator()
        elif language == "console":
            region.evaluator = console
        elif language in SHOWN:
            continue
        else:
            raise ValueError(f"{document.path}: nobody knows how to run a block of {language!r}")
        yield region


def write(example: Example) -> None:
    """Write a block with a title to the file of that name."""
    target = Path(example.region.lexemes["title"])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(str(example.parsed), encoding="utf-8")


def console(example: Example) -> None:
    """Run the commands of a block, and compare what they print."""
    for command, expected, status in _commands(str(example.parsed)):
        done = subprocess.run(
            command, shell=True, env=_environment(), capture_output=True, text=True, check=False
        )
        said = f"$ {command}\n{done.stdout}{done.stderr}"
        assert done.returncode == status, f"exit status {done.returncode}, not {status}\n{said}"
        assert not expected or MATCH.check_output(expected, done.stdout, MATCHING), (
            f"expected\n{expected}\nbut\n{said}"
        )


def _commands(text: str) -> Iterable[tuple[str, str, int]]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        status = re.search(r"^\[exit (\d+)\]\n?", printed, flags=re.MULTILINE)
        expected = printed if status is None else printed.replace(status.group(), "")
        yield (
            command,
            expected.strip("\n") + "\n" if expected.strip() else "",
            int(status.group(1) if status else 0),
        )


def _environment() -> dict[str, str]:
    here = Path(sys.executable).parent
    plain = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    return os.environ | plain | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}


def enter(namespace: dict[str, Any]) -> None:
    """Go to a new folder for the page."""
    namespace["_from"], namespace["_folder"] = Path.cwd(), tempfile.mkdtemp(prefix="asof-docs-")
    os.chdir(namespace["_folder"])
    sys.path[:0] = [namespace["_folder"], str(EXAMPLE)]


def leave(namespace: dict[str, Any]) -> None:
    """Come back, and leave nothing."""
    os.chdir(namespace["_from"])
    del sys.path[:2]
    shutil.rmtree(namespace["_folder"])


pytest_collect_file = Sybil(
    [blocks, SkipParser()], patterns=["*.md"], setup=enter, teardown=leave
).pytest()

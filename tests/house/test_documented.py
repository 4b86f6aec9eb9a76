"""What is not documented does not exist: names, commands, options, errors, exit codes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import asof
from asof import errors

LIMIT = 75  # public names; one more needs a reason in docs/decisions


@pytest.fixture(scope="module")
def docs(root: Path) -> str:
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", text))


def test_the_vocabulary_is_small_and_without_repetition():
    assert len(asof.__all__) == len(set(asof.__all__)) <= LIMIT


@pytest.mark.parametrize("name", sorted(asof.__all__))
def test_every_public_name_is_explained(name: str, docs: str):
    value = getattr(asof, name)
    assert (inspect.getdoc(value) or "").strip(), f"{name} has no docstring"
    assert name in words(docs), f"{name} is in no page of the docs"


def error_classes() -> Iterator[type[errors.AsofError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.AsofError):
            yield value


@pytest.mark.parametrize("error", list(error_classes()), ids=lambda e: e.__name__)
def test_every_error_is_documented(error: type[errors.AsofError], docs: str):
    assert error.__name__ in words(docs)


@pytest.mark.parametrize("code", list(errors.ExitCode), ids=lambda c: c.name)
def test_every_exit_code_is_documented(code: errors.ExitCode, docs: str):
    assert re.search(rf"^\| {int(code)} \| {code.name} \|", docs, flags=re.MULTILINE)


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, f"{path} {name}")


def test_every_command_and_option_is_documented(docs: str):
    from asof.faces.cli import cli

    missing = []
    for path, command in commands(cli, "asof"):
        if f"`{path}" not in docs:
            missing.append(path)
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                long = max(parameter.opts, key=len)
                if not re.search(rf"(?<![\w-]){re.escape(long)}(?![\w-])", docs):
                    missing.append(f"{path} {long}")
    assert missing == []


def test_rules_ask_for_figures_that_there_are(root: Path):
    told = (root / "docs" / "http.md").read_text(encoding="utf-8")
    rules = (root / "docs" / "operating.md").read_text(encoding="utf-8")
    asked = {name.removesuffix("_bucket") for name in re.findall(r"\basof_\w+", rules)}
    assert len(asked) > 10
    assert asked <= set(re.findall(r"`(asof_\w+)`", told))

"""A text that says all of a declaration that matters, and its hash.

The text is the same in every process and changes when anything that can change a value changes:
functions go in with their code (comments and layout apart) and the code of the user's functions
that they call, estimators with their class and parameters.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import hashlib
import inspect
import sysconfig
import textwrap
import threading
import types
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from functools import cache
from pathlib import PurePath
from typing import Any, cast
from weakref import WeakKeyDictionary

from asof.declare.rows import Row

_INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_ROWS = WeakKeyDictionary[type[Row], str]()
"""Classes of rows as written: each stands in every expression about it, and holds no function."""
_PARSING = threading.Lock()
"""Python 3.11 counts the depth of syntax trees once for all threads: only one may build one."""
_LEFT_OUT = frozenset({"declared", "refuse_above", "min_rows"})
_LEFT_OUT_WHERE_PLAIN: Mapping[str, object] = {"rules": (), "separator": ","}
"""What was not there once: a declaration without it stays what it was, and so do its loads."""


def fingerprint(value: object) -> str:
    """Twelve hexadecimal digits that stand for a declared value.

    >>> from asof import days, every
    >>> fingerprint(every(days(7))) == fingerprint(every(days(7)))
    True
    >>> fingerprint(every(days(7))) == fingerprint(every(days(8)))
    False
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:12]


def canonical(value: object) -> str:
    """The declared value as a text without addresses, order of sets, or places in files."""
    return _Writer().write(value)


class _Writer:
    """Writes one value; functions that are being written are named, so that recursion ends."""

    def __init__(self) -> None:
        self._open: list[types.FunctionType] = []

    def write(self, value: object) -> str:
        if value is None or isinstance(value, bool | int | str | bytes):
            return repr(value)
        if isinstance(value, float):
            return value.hex()
        if isinstance(value, enum.Enum):
            return f"{type(value).__qualname__}.{value.name}"
        if isinstance(value, datetime | date | time):
            return f"{type(value).__name__}({value.isoformat()})"
        if isinstance(value, PurePath):
            return repr(value.as_posix())
        if isinstance(value, type):
            return self._class(value)
        if dataclasses.is_dataclass(value):
            fields = (f for f in dataclasses.fields(value) if f.name not in _LEFT_OUT)
            pairs = ((f.name, getattr(value, f.name)) for f in fields)
            told = [pair for pair in pairs if _says(*pair)]
            return f"{type(value).__name__}({self._pairs(told)})"
        if isinstance(value, Mapping):
            items = cast("Mapping[object, object]", value).items()
            return "{" + ",".join(sorted(self._pairs([item]) for item in items)) + "}"
        if isinstance(value, list | tuple):
            return "[" + ",".join(map(self.write, cast("Sequence[object]", value))) + "]"
        if isinstance(value, set | frozenset):
            return "{" + ",".join(sorted(map(self.write, cast("AbstractSet[object]", value)))) + "}"
        return self._object(value)

    def _pairs(self, pairs: Iterable[tuple[object, object]]) -> str:
        return ",".join(f"{key}={self.write(item)}" for key, item in pairs)

    def _class(self, value: type) -> str:
        if issubclass(value, Row):
            if value not in _ROWS:
                _ROWS[value] = f"{value.__name__}({self.write(value.columns_)})"
            return _ROWS[value]
        return f"{value.__module__}.{value.__qualname__}"

    def _object(self, value: object) -> str:
        if isinstance(value, types.FunctionType):
            return self._function(value)
        function = getattr(value, "func", None)
        if isinstance(function, types.FunctionType):  # functools.partial
            bound = (getattr(value, "args", ()), getattr(value, "keywords", {}))
            return f"partial({self.write(function)},{self.write(bound)})"
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        parameters = getattr(value, "get_params", None)
        if callable(parameters):
            return f"{name}({self.write(parameters(deep=False))})"
        if callable(value) and hasattr(value, "__qualname__"):  # built in
            return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
        state: dict[str, Any] = getattr(value, "__dict__", {})
        text = self.write(state) if state else repr(value)
        return f"{name}({'' if ' at 0x' in text else text})"

    def _function(self, function: types.FunctionType) -> str:
        name = f"{function.__module__}.{function.__qualname__}"
        if function in self._open:
            return f"same {function.__qualname__}"
        if function.__code__.co_filename.startswith(_INSTALLED):
            return name
        self._open.append(function)
        try:
            parts = [_code(function), self.write(function.__defaults__ or ())]
            parts += [self.write(cell.cell_contents) for cell in function.__closure__ or ()]
            for used in _names(function.__code__):
                if used in function.__globals__:
                    parts.append(self._used(used, function.__globals__[used]))
            return "function(" + ";".join(parts) + ")"
        finally:
            self._open.pop()

    def _used(self, name: str, value: object) -> str:
        if isinstance(value, types.ModuleType):
            return f"{name}:{value.__name__}"
        if isinstance(value, type) and not issubclass(value, Row):
            return f"{name}:{value.__module__}.{value.__qualname__}"
        return f"{name}:{self.write(value)}"


def _says(name: str, value: object) -> bool:
    return name not in _LEFT_OUT_WHERE_PLAIN or value != _LEFT_OUT_WHERE_PLAIN[name]


def _names(code: types.CodeType) -> list[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(_names(constant))
    return sorted(names)


@cache
def _code(function: types.FunctionType) -> str:
    """The function's syntax tree as text, without comments, layout and docstrings."""
    try:
        with _PARSING:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):  # typed at a prompt, or a lambda amid a line
        code = function.__code__
        constants = [each for each in code.co_consts if not isinstance(each, types.CodeType)]
        return f"{code.co_code.hex()}:{constants!r}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)

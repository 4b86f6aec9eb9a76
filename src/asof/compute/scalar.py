"""Expressions about one row, evaluated for one row in microseconds.

The twin of `asof.compute.evaluate`, for requests that come one at a time: the expressions become
one Python function over a row's values, with the values that `evaluate` gives, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asof.compute.civil import civil_of_one
from asof.compute.evaluate import TICK, Named, unnamed
from asof.compute.kinds import NOTHING, constant, kind, operands, returning
from asof.compute.matrix import Categories
from asof.declare.expressions import Call, Column, Constant, Expression, Operation, Scalar
from asof.declare.times import (
    CivilPart,
    Difference,
    Shifted,
    Spanned,
    TickMoment,
    TimeColumn,
)
from asof.declare.windows import Age, Aggregate, Lookup

Values = Sequence[Any]


def compiled(
    columns: Sequence[tuple[str, Expression[Any, Any]]],
    places: Mapping[str, int],
    named: Named = unnamed,
) -> Callable[[Values], list[Any]]:
    """A function from a row's values to those of the named expressions, in their order.

    `places` gives the position in the row of each of its own columns, of the tick's moment
    (`TICK`), and of each aggregate, age and lookup under the name that `named` gives it. The
    row's values have the declared types, None is null, moments and spans are microseconds. Parts
    that several expressions have in common are computed once.

    >>> import asof
    >>> class Payment(asof.Row):
    ...     amount: asof.Col[float | None]
    ...     paid_at: asof.Time
    >>> large = compiled([("large", Payment.amount > 2)], {"amount": 0, "paid_at": 1})
    >>> large([1.0, 0]), large([None, 0]), large([3.0, 0])
    ([False], [None], [True])
    """
    writer = _Writer(places, named)
    results = [writer.write(expression) for _, expression in columns]
    body = [*writer.lines, f"return [{', '.join(result.text for result in results)}]"]
    return _function("row", body, writer.known)


def vector(
    names: Sequence[str], categories: Categories, columns: Sequence[str]
) -> Callable[[Values], list[float]]:
    """A function from values of features to the doubles that a fitted estimator gets.

    `names` and `categories` are those of the fit, `columns` the features in the order in which
    their values come. Missing values, and words that the fit did not see, are NaN, as
    `asof.compute.matrix.recode` has it.

    >>> as_doubles = vector(["kind", "n"], {"kind": ("a", "b")}, ["kind", "n"])
    >>> as_doubles(["b", 3]), as_doubles(["z", None])
    ([1.0, 3.0], [nan, nan])
    """
    known: dict[str, object] = {"nan": math.nan}
    parts: list[str] = []
    for name in names:
        value = f"c{list(columns).index(name)}"
        if name in categories:
            book = f"book{len(known)}"
            known[book] = {word: float(code) for code, word in enumerate(categories[name])}
            parts.append(f"{book}.get({value}, nan)")
        else:
            parts.append(f"nan if {value} is None else {value} * 1.0")
    taken = "".join(f"c{i}, " for i in range(len(columns)))
    return _function("values", [f"{taken}= values", f"return [{', '.join(parts)}]"], known)


def _function(
    argument: str, body: Sequence[str], known: Mapping[str, object]
) -> Callable[[Values], list[Any]]:
    """A function of one argument; what it knows are defaults, for those are found quickest."""
    head = ", ".join([argument, *(f"{name}={name}" for name in known)])
    source = "\n    ".join([f"def of_row({head}):", *body])
    namespace: dict[str, Any] = dict(known)
    exec(compile(source, "<expressions of one row>", "exec"), namespace)  # noqa: S102  written here
    found: Callable[[Values], list[Any]] = namespace["of_row"]
    return found


@dataclass(frozen=True)
class _Value:
    """A value in the function's text: what stands for it, its type, and whether it may be None."""

    text: str
    kind: type
    null: bool = True
    constant: Scalar = None

    def to(self, wanted: type) -> str:
        """The text of the value as a wider type; it must not be None."""
        if self.kind is wanted:
            return self.text
        if self.constant is not None:
            return _literal(wanted(self.constant))
        return f"({self.text} * 1.0)" if wanted is float else f"({self.text} + 0)"


_NULL = _Value("None", NOTHING)


def _literal(value: Scalar) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "high" if value > 0 else "low"
    return f"({value!r})" if isinstance(value, int | float) else repr(value)


def _guarded(text: str, of: type, *values: _Value, null: bool = False) -> _Value:
    """What is null where one of `values` is, else `text`; `null` if that may be None too."""
    if _NULL in values:
        return _NULL
    doubtful = dict.fromkeys(value.text for value in values if value.null)
    if not doubtful:
        return _Value(text, of, null)
    nulls = " or ".join(f"{name} is None" for name in doubtful)
    return _Value(f"None if {nulls} else {text}", of)


def _finite(text: str, *values: _Value) -> _Value:
    """A double that exists only where it is finite; zero has no sign."""
    return _guarded(f"t + 0.0 if low < (t := {text}) < high else None", float, *values, null=True)


def _arithmetic(sign: str) -> Callable[..., _Value]:
    def write(_: type, left: _Value, right: _Value) -> _Value:
        return _finite(f"{_double(left, right)} {sign} {right.text}", left, right)

    return write


def _double(left: _Value, right: _Value) -> str:
    """The left operand; Python computes in doubles as soon as one operand is one."""
    return left.text if right.kind is float else left.to(float)


def _divide(_: type, left: _Value, right: _Value) -> _Value:
    if right.constant is not None:
        return _finite(f"{_double(left, right)} / {right.text}", left) if right.constant else _NULL
    text = f"{right.text} and low < (t := {_double(left, right)} / {right.text}) < high"
    return _guarded(f"t + 0.0 if {text} else None", float, left, right, null=True)


def _compare(sign: str) -> Callable[..., _Value]:
    def write(wanted: type, left: _Value, right: _Value) -> _Value:
        if wanted is float:  # Python compares a whole number and a double exactly, columns do not
            return _guarded(f"{left.to(float)} {sign} {right.to(float)}", bool, left, right)
        return _guarded(f"{left.text} {sign} {right.text}", bool, left, right)

    return write


def _one_of(wanted: type, value: _Value, *options: _Value) -> _Value:
    known = [option.to(wanted) for option in options if option != _NULL]
    otherwise = "False" if len(known) == len(options) else "None"
    if not known:
        return _guarded(otherwise, bool, value, null=True)
    text = f"True if {value.to(wanted)} in {{{', '.join(known)}}} else {otherwise}"
    return _guarded(text, bool, value, null=otherwise == "None")


def _or_else(wanted: type, value: _Value, default: _Value) -> _Value:
    if default == _NULL or not value.null:
        return _guarded(value.to(wanted), wanted, value)
    if value == _NULL:
        return _guarded(default.to(wanted), wanted, default)
    other = _guarded(default.to(wanted), wanted, default)
    text = f"{value.to(wanted)} if {value.text} is not None else {other.text}"
    return _Value(text, wanted, other.null)


def _both(*, decides: bool) -> Callable[..., _Value]:
    """`and` (False decides) and `or` (True decides), where null is not known (Kleene)."""

    def write(_: type, left: _Value, right: _Value) -> _Value:
        decided = " or ".join(f"{value.text} is {decides}" for value in (left, right))
        rest = _guarded(repr(not decides), bool, left, right)
        return _Value(f"{decides} if {decided} else {rest.text}", bool, rest.null)

    return write


def _is_null(_: type, value: _Value) -> _Value:
    return _Value(f"{value.text} is None" if value.null else "False", bool, null=False)


def _log1p(_: type, value: _Value) -> _Value:
    return _finite(f"log1p({value.text}) if {value.text} > -1.0 else high", value)


def _abs(_: type, value: _Value) -> _Value:
    return _guarded(f"abs({value.to(float)})", float, value)


def _not(_: type, value: _Value) -> _Value:
    return _guarded(f"not {value.text}", bool, value)


OPERATIONS: Mapping[str, Callable[..., _Value]] = {
    "is_null": _is_null,
    "equals": _compare("=="),
    "one_of": _one_of,
    "or_else": _or_else,
    "log1p": _log1p,
    "abs": _abs,
    "add": _arithmetic("+"),
    "subtract": _arithmetic("-"),
    "multiply": _arithmetic("*"),
    "divide": _divide,
    "greater": _compare(">"),
    "greater_equal": _compare(">="),
    "less": _compare("<"),
    "less_equal": _compare("<="),
    "not": _not,
    "and": _both(decides=False),
    "or": _both(decides=True),
}
"""Operations by name: from the type to which operands are brought, and operands, to the result."""

_LEAST, _GREATEST = -(2**63), 2**63 - 1


def _wrapped(moment: int) -> int:
    """A whole number as int64 holds it."""
    return (moment - _LEAST) % 2**64 + _LEAST


class _Writer:
    """Writes the lines that compute expressions, each different part once."""

    def __init__(self, places: Mapping[str, int], named: Named) -> None:
        self._places = places
        self._named = named
        self._written: dict[str, _Value] = {}
        self._names: dict[object, str] = {}
        self.lines: list[str] = []
        self.known: dict[str, object] = {
            "low": -math.inf, "high": math.inf, "log1p": math.log1p, "abs": abs,
            "wrapped": _wrapped,
        }  # fmt: skip

    def write(self, expression: Expression[Any, Any]) -> _Value:
        """A value that stands for the expression, with the lines that compute it."""
        match expression:
            case Constant(value=value):
                meant = constant(value)
                return (
                    _NULL
                    if meant is None
                    else _Value(_literal(meant), type(meant), null=False, constant=meant)
                )
            case Column(name=name) | TimeColumn(name=name):
                return self._read(name, kind(expression))
            case TickMoment():
                return self._read(TICK, int)
            case Aggregate() | Age() | Lookup():
                return self._read(self._named(expression), kind(expression))
            case Shifted(base=base, by=by):
                moment = self.write(base)
                return self._whole(f"{moment.text} + {by.microseconds}", moment)
            case Difference(end=end, start=start):
                moments = self.write(end), self.write(start)
                return self._whole(f"{moments[0].text} - {moments[1].text}", *moments)
            case Spanned(span=span, unit=unit):
                length = self.write(span)
                return self._keep(_guarded(f"{length.text} / {float(unit)!r}", float, length))
            case CivilPart():
                return self._civil(expression)
            case Operation(name=name, arguments=arguments):
                values = map(self.write, arguments)
                return self._keep(OPERATIONS[name](operands(expression), *values))
            case Call():
                return self._call(expression)
            case _:
                raise TypeError(f"no evaluation of {type(expression).__name__}")

    def _keep(self, value: _Value) -> _Value:
        """The name of a value; one that has been computed is not computed again."""
        if value == _NULL or value.constant is not None or value.text in self.known:
            return value
        if value.text not in self._written:
            name = f"v{len(self._written)}"
            self.lines.append(f"{name} = {value.text}")
            kept = _Value(name, value.kind, value.null)
            self._written[value.text] = self._written[name] = kept
        return self._written[value.text]

    def _read(self, name: str, of: type) -> _Value:
        return self._keep(_Value(f"row[{self._places[name]}]", of))

    def _whole(self, text: str, *moments: _Value) -> _Value:
        """A moment or span, which wraps around where int64 does."""
        text = f"t if {_LEAST} <= (t := {text}) <= {_GREATEST} else wrapped(t)"
        return self._keep(_guarded(text, int, *moments))

    def _civil(self, part: CivilPart[Any]) -> _Value:
        moment = self.write(part.moment)
        told = self._name((part.zone, part.part), civil_of_one(part.zone, part.part))
        return self._keep(_guarded(f"{told}({moment.text})", int, moment, null=True))

    def _call(self, call: Call[Any, Any]) -> _Value:
        arguments = ", ".join(self.write(argument).text for argument in call.arguments)
        function = self._name(id(call.function), call.function)
        returned = self._name((id(call.function), call.returns), returning(call))
        return self._keep(_Value(f"{returned}({function}({arguments}))", call.returns))

    def _name(self, key: object, value: object) -> str:
        """The name by which the lines know an object."""
        if key not in self._names:
            self._names[key] = name = f"k{len(self._names)}"
            self.known[name] = value
        return self._names[key]

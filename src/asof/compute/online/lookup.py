"""Looking up a row by its key, online: values of the visible row of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asof.compute.evaluate import evaluate
from asof.compute.online.table import Values
from asof.compute.plan import Work
from asof.compute.scalar import compiled
from asof.compute.table import Versions
from asof.declare.windows import Lookup


class OnlineLookup:
    """The values that some facts find in the row whose columns equal the asked ones."""

    reach = None

    def __init__(self, work: Work, places: dict[str, int]) -> None:
        self.names = tuple(work.facts)
        self._of = [
            (name, fact.of) for name, fact in work.facts.items() if isinstance(fact, Lookup)
        ]
        self._own = [own for own, _ in work.joined.pairs]
        self._keys = [places[own] for own in self._own]
        self._condition = work.joined.condition
        self._read = compiled(self._of, places)
        self._holds = None
        if self._condition is not None:
            self._holds = compiled([("holds", self._condition)], places)
        self._nothing: list[Any] = [None] * len(self._of)
        self._found: dict[Values, list[Any]] = {}

    def load(self, found: Versions, moment: int) -> None:
        """Begin with these visible versions."""
        del moment
        frame = found.frame
        if self._condition is not None:
            frame = frame.filter(evaluate(self._condition).fill_null(value=False))
        keys = frame.select(self._own).rows()
        values = frame.select([evaluate(of).alias(name) for name, of in self._of]).rows()
        self._found = {key: list(row) for key, row in zip(keys, values, strict=True)}

    def show(self, identity: int, values: Values, known_from: int) -> None:
        """Find this row by its key from now on."""
        del identity, known_from
        if self._holds is None or self._holds(values)[0] is True:
            self._found[tuple([values[i] for i in self._keys])] = self._read(values)

    def withdraw(self, identity: int, values: Values, moment: int) -> None:
        """Find nothing by this row's key from now on."""
        del identity, moment
        self._found.pop(tuple([values[i] for i in self._keys]), None)

    def ask(self, joins: Sequence[Values]) -> list[list[Any]]:
        """The facts' values for each asked join value, in the order of `names`."""
        return [self._found.get(join, self._nothing) for join in joins]

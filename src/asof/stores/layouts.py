"""The layouts under which rows were ever journalled, so that any of them can be read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from asof.stores.database import LAYOUTS, Database
from asof.stores.tables import Layout


@dataclass(frozen=True)
class Known:
    """The layout of a source's rows in the journal, where messages name it by its number."""

    number: int
    source: str
    layout: Layout


class Layouts:
    """Layouts by source; a changed declaration adds one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, layouts: Mapping[str, Layout]) -> dict[str, int]:
        """Keep the present layout of each source; the numbers by which messages name them."""
        with self._database.write("keep the columns of the sources") as connection:
            for source, layout in layouts.items():
                query = insert(LAYOUTS).values(source=source, name=layout.name, types=layout.told)
                connection.execute(query.on_conflict_do_nothing())
        names = {source: layout.name for source, layout in layouts.items()}
        return {
            known.source: known.number
            for known in self.all()
            if names.get(known.source) == known.layout.name
        }

    def all(self, source: str | None = None) -> list[Known]:
        """All layouts, or those of one source, in the order in which they came."""
        query = sa.select(LAYOUTS).order_by(LAYOUTS.c.id)
        if source is not None:
            query = query.where(LAYOUTS.c.source == source)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Known(row.id, row.source, Layout.from_told(row.types)) for row in rows]

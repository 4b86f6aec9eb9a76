"""Tokens: who may ask a running system for what. Kept as hashes; a secret is shown once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from asof.errors import UsageError
from asof.stores.database import META, Database

TOKENS = sa.Table(
    "tokens",
    META,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("stamp", sa.BigInteger, nullable=False),
)


class Scope(StrEnum):
    """What a token may do: ask for predictions, hand in rows, or take decisions by hand."""

    PREDICT = "predict"
    INGEST = "ingest"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret: `digest` is the SHA-256 of it, `stamp` when it was made."""

    name: str
    digest: str
    scopes: frozenset[Scope]
    stamp: int


def digest(secret: str) -> str:
    """The hash by which a secret is known.

    A plain SHA-256 is enough: a secret holds 32 random bytes, which nobody can guess through.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


class Tokens:
    """The tokens of one system."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, scopes: Collection[Scope], *, stamp: int) -> str:
        """Make a token; its secret, which is kept nowhere.

        Raises:
            UsageError: there is a token of this name already.
        """
        secret = f"asof_{secrets.token_urlsafe(32)}"
        row = {"name": name, "digest": digest(secret), "scopes": sorted(scopes), "stamp": stamp}
        with self._database.write("keep the token") as connection:
            taken = sa.select(TOKENS.c.name).where(TOKENS.c.name == name)
            if connection.execute(taken).first() is not None:
                raise UsageError(
                    f"There is a token {name} already.", mend="Revoke it, or take another name."
                )
            connection.execute(TOKENS.insert(), row)
        return secret

    def revoke(self, name: str) -> None:
        """Take a token back.

        Raises:
            UsageError: there is no token of this name.
        """
        with self._database.write("revoke the token") as connection:
            done = connection.execute(TOKENS.delete().where(TOKENS.c.name == name))
            if not done.rowcount:
                names = connection.execute(sa.select(TOKENS.c.name).order_by(TOKENS.c.name))
                known = ", ".join(names.scalars()) or "none"
                raise UsageError(f"There is no token {name}.", found=f"tokens: {known}")

    def list(self) -> Sequence[Token]:
        """All tokens, by name."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(TOKENS).order_by(TOKENS.c.name)).all()
        return [
            Token(row.name, row.digest, frozenset(map(Scope, row.scopes)), row.stamp)
            for row in rows
        ]

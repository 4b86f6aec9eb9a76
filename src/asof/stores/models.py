"""The registry of fitted estimators: artifacts named by their hash, with what made them."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from asof.errors import StoreError, UsageError
from asof.stores.database import MODELS, Database
from asof.stores.faults import in_words


@dataclass(frozen=True, slots=True)
class Model:
    """A registered fit: id, hash of its artifact, trigger moment (us UTC), run, and metadata.

    `metadata` is JSON: the system's fingerprint, offset, rows, columns and order, categories,
    versions of libraries, CPU seconds.
    """

    id: str
    artifact: str
    moment: int
    run: int | None
    metadata: Mapping[str, Any]


class Models:
    """Fitted estimators on disk; each is loaded only if its hash is the registry's."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory

    def put(
        self,
        estimator: object,
        *,
        moment: int,
        metadata: Mapping[str, Any],
        run: int | None = None,
        sample: object = None,
    ) -> Model:
        """Register a fitted estimator; the same fit with the same metadata is the same model.

        `sample` are some of its training rows, to compare a compiled runtime on; its hash stands
        in the metadata.

        Raises:
            StoreError: the estimator cannot be pickled, or the disk is full.
        """
        content = _dumped(estimator)
        artifact = hashlib.sha256(content).hexdigest()
        rows = None if sample is None else _dumped(sample)
        kept = dict(metadata)
        if rows is not None:
            kept["sample"] = hashlib.sha256(rows).hexdigest()
        told = json.dumps(kept, sort_keys=True, allow_nan=False)
        name = f"{artifact}\n{moment}\n{run}\n{told}"
        model = Model(
            hashlib.sha256(name.encode()).hexdigest()[:16], artifact, moment, run, json.loads(told)
        )
        with in_words("keep a model", self._directory):
            self._keep(self._directory / artifact, content)
            if rows is not None:
                self._keep(self._directory / f"{kept['sample']}.sample", rows)
        query = insert(MODELS).values(
            id=model.id, artifact=artifact, moment=moment, run=run, metadata=dict(model.metadata)
        )
        with self._database.write("keep a model") as connection:
            connection.execute(query.on_conflict_do_nothing())
        return model

    def get(self, identity: str, *, fingerprint: str | None = None) -> tuple[Any, Model]:
        """The estimator and its record, which `find` finds.

        Raises:
            UsageError: no model, or more than one, is meant.
            StoreError: the artifact is missing or is not what was registered.
        """
        model = self.find(identity, fingerprint=fingerprint)
        path = self._directory / model.artifact
        with in_words(f"read model {model.id}", path):
            content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != model.artifact:
            raise StoreError(
                f"The artifact of model {model.id} is not what was registered; it was not loaded.",
                found=f"sha256 {found[:12]}... instead of {model.artifact[:12]}...",
                mend="Restore the file from a backup, or train the model again.",
            )
        return pickle.loads(content), model  # noqa: S301  the hash is the registry's

    def sample(self, model: Model) -> Any:
        """The sample that was registered with a model; None if there was none.

        Raises:
            StoreError: the file is missing or is not what was registered.
        """
        wanted = model.metadata.get("sample")
        if wanted is None:
            return None
        path = self._directory / f"{wanted}.sample"
        with in_words(f"read the sample of model {model.id}", path):
            content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != wanted:
            raise StoreError(
                f"The sample of model {model.id} is not what was registered; it was not loaded.",
                found=str(path),
                mend="Train the model again.",
            )
        return pickle.loads(content)  # noqa: S301  the hash is the registry's

    def find(self, identity: str, *, fingerprint: str | None = None) -> Model:
        """The record of the model whose id begins with `identity`, or that has it for a name.

        Names are those within one life, so one counts only where a single model has it: of those
        fitted for the declaration of that `fingerprint` if there are any, else of all.

        Raises:
            UsageError: no model, or more than one, is meant.
        """
        query = sa.select(MODELS).where(MODELS.c.id.startswith(identity, autoescape=True))
        with self._database.read() as connection:
            found = [_model(row) for row in connection.execute(query)]
        if len(found) == 1:
            return found[0]
        every = [model for model in self.list() if "fingerprint" in model.metadata]
        named = [model for model in every if model.metadata.get("name") == identity]
        ours = [model for model in named if model.metadata["fingerprint"] == fingerprint]
        named = ours or named
        if len(named) == 1 and not found:
            return named[0]
        if named and not found:
            raise UsageError(
                f"'{identity}' is a name within one life, and {len(named)} models have it.",
                found=f"called {identity}: {', '.join(model.id for model in named[-5:])}",
                mend=f"Write the id: {named[-1].id}.",
            )
        ids = ", ".join(model.id for model in (found or every)[-5:])
        raise UsageError(
            f"{'More than one' if found else 'No'} model has the id '{identity}'.",
            found=f"models: {ids or 'none'}",
            mend="Give more of the id." if found else "List them with: asof models FILE",
        )

    def list(self, *, run: int | None = None) -> list[Model]:
        """Records of all models, or of one run's, by trigger moment."""
        query = sa.select(MODELS).order_by(MODELS.c.moment, MODELS.c.id)
        if run is not None:
            query = query.where(MODELS.c.run == run)
        with self._database.read() as connection:
            return [_model(row) for row in connection.execute(query)]

    def _keep(self, path: Path, content: bytes) -> None:
        if path.exists() and path.read_bytes() == content:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _model(row: sa.Row[Any]) -> Model:
    return Model(row.id, row.artifact, row.moment, row.run, row.metadata)


def _dumped(estimator: object) -> bytes:
    try:
        return pickle.dumps(estimator, protocol=5)
    except Exception as error:  # pickling runs the estimator's own code
        raise StoreError(
            f"The estimator {type(estimator).__name__} cannot be kept.",
            found=f"{type(error).__name__}: {error}",
            mend="Define its class and functions at the top level of a module.",
        ) from error

"""Find a declared system: the user's file, the system in it, and where its stores are."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

import asof
from asof.declare.place import nearest
from asof.declare.system import System
from asof.errors import AsofError, UsageError
from asof.stores.store import directory_of, has_store


@dataclass(frozen=True)
class Project:
    """A system, and the folder of the file that declares it.

    `variant` is the system's name in the file, or "" for the one called `system`.
    """

    system: System[Any]
    variant: str
    question: str
    folder: Path

    @property
    def store(self) -> Path:
        """Where tables and models are kept."""
        return directory_of(self.system.name, self.folder)

    @property
    def rehearsal(self) -> Path:
        """Where a rehearsal keeps its own tables and models."""
        return self.store.with_name(f"{self.system.name}-rehearsal")

    def kept(self, place: Path | None = None) -> Path:
        """Where tables and models are kept already (default: the system's own), to be looked at.

        Raises:
            UsageError: nothing was ever kept there.
        """
        place = self.store if place is None else place
        if has_store(place):
            return place
        raise UsageError(
            f"{self.system.name} has no store yet: nothing was loaded, and no server was started.",
            found=f"nothing in {place}",
            mend="asof ingest loads the declared files, asof up starts a server.",
        )

    @property
    def runs(self) -> Path:
        """Where reports are written."""
        return self.folder / "runs"


def project(reference: str) -> Project:
    """The system that `FILE` or `FILE:NAME` declares.

    Raises:
        UsageError: there is no such file, or no such system in it.
        DeclarationError: the file declares what cannot mean anything.
    """
    path, _, name = reference.partition(":")
    file = Path(path)
    if not file.is_file():
        beside = file.parent.glob("*.py") if file.parent.is_dir() else ()
        near = [str(other) for other in beside if other.is_file()]
        raise UsageError(
            f"There is no file {path}.",
            found=f"Python files beside it: {', '.join(sorted(near)) or 'none'}",
            mend=nearest(path, near) or "Give the file that declares the system: system.py.",
        )
    module = _imported(file)
    systems: dict[str, System[Any]] = {
        key: value for key, value in vars(module).items() if isinstance(value, System)
    }
    system = _chosen(systems, name, path)
    question = (module.__doc__ or "").strip().partition("\n")[0]
    return Project(system, "" if name in ("", "system") else name, question, file.resolve().parent)


def system_of(reference: str) -> System[Any]:
    """The system alone: what a process of its own needs to find it again."""
    return project(reference).system


class _AsItStands(SourceFileLoader):
    """Reads a file as it stands, never its bytecode.

    Python takes bytecode for current if the file has the same size and the same second: a misspelt
    name that is mended at once would stay misspelt.
    """

    def path_stats(self, path: str) -> NoReturn:
        """Tell nothing of the file, which says that there is no bytecode to go by."""
        raise OSError(path)


def _imported(file: Path) -> ModuleType:
    """Import the user's file under its own name, with its folder importable."""
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    loader = _AsItStands(file.stem, str(file))
    spec = importlib.util.spec_from_file_location(file.stem, file, loader=loader)
    if spec is None or file.suffix != ".py":
        raise UsageError(
            f"{file} is not a Python file.", mend="Give the file that declares the system."
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        loader.exec_module(module)
    except AsofError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{file.name} cannot be imported.",
            found=f"{type(error).__name__}: {error}".splitlines()[0],
            mend=f"{_advice(error)} python {file} shows the whole traceback.".strip(),
            where=_line(error, file),
        ) from error
    return module


def _advice(error: BaseException) -> str:
    """What to write instead, where an error says enough to tell."""
    match error:
        case ModuleNotFoundError(name=str(name)):
            return f"Install {name.partition('.')[0]}, or correct its name."
        case AttributeError(name=str(name)) | ImportError(name=str(name)):
            return nearest(name, dir(getattr(error, "obj", None)))
        case NameError(name=str(name)):
            return nearest(name, list(_innermost(error).f_globals))
        case TypeError():
            return _arguments(str(error))
        case _:
            return ""


def _arguments(told: str) -> str:
    """What one of our functions takes: the nearest to an argument that it has not, or all."""
    called = re.match(r"(\w+)(?:\.__init__)?\(\) ", told)
    function = getattr(asof, called[1], None) if called and called[1] in asof.__all__ else None
    if called is None or function is None:
        return ""
    known = list(inspect.signature(function).parameters)
    strange = re.search(r"unexpected keyword argument '(\w+)'", told)
    near = nearest(strange[1], known) if strange else ""
    return near or f"Its arguments: {called[1]}({', '.join(known)})."


def _innermost(error: BaseException) -> FrameType:
    """The frame of the user's own code, or of what it called, in which an error came up."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        raise TypeError("an error that was not raised has no frame")
    return trace.tb_frame


def _line(error: BaseException, file: Path) -> str:
    """The line at which an error came up, in the user's file or a module of theirs beside it."""
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"{Path(error.filename or file).name}:{error.lineno}"
    at, trace, folder = "", error.__traceback__, file.resolve().parent
    while trace is not None:
        place = Path(trace.tb_frame.f_code.co_filename)
        if place.resolve().is_relative_to(folder) and "site-packages" not in place.parts:
            at = f"{place.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return at


def _chosen(systems: dict[str, System[Any]], name: str, path: str) -> System[Any]:
    names = sorted(systems)
    if name:
        if name in systems:
            return systems[name]
        raise UsageError(
            f"{path} declares no system '{name}'.",
            found=f"systems: {', '.join(names) or 'none'}",
            mend=nearest(name, names) or "Declare it: name = asof.System(...).",
        )
    if "system" in systems:
        return systems["system"]
    if len(systems) == 1:
        return next(iter(systems.values()))
    raise UsageError(
        f"{path} declares {len(systems) or 'no'} systems, and none is called 'system'.",
        found=f"systems: {', '.join(names) or 'none'}",
        mend=f"Say which: {path}:{names[0]}" if names else "Declare system = asof.System(...).",
    )

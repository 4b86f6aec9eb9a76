"""What the commands of all studies do: find the system, load, run, write, show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from asof.engine.work import Progress
from asof.faces.console import WorkLine, print_json, shown
from asof.faces.ingest import tell
from asof.faces.project import Project, project
from asof.stores.store import Store
from asof.study.backtest import ingest_declared
from asof.study.report.study import Study
from asof.study.saving import require_ours

_Study = TypeVar("_Study", bound=Study)


@dataclass(frozen=True)
class Face:
    """How a command of a study was called: `out` is the folder of the report, if it was named."""

    reference: str
    as_json: bool = False
    quiet: bool = False
    out: str | None = None


def conduct(
    face: Face,
    kind: str,
    run: Callable[[Project, Store, Progress], _Study],
    then: Callable[[_Study, Project], Sequence[tuple[str, str]]],
    *,
    quick: bool,
) -> _Study:
    """Run a study of the system that is named, write its report, show it.

    `run` is the study itself, `then` gives the commands to type next with what each shows. The
    report of a `quick` look has a folder of its own, for it must not replace that of the whole.

    Raises:
        Interrupted: somebody stopped it.
    """
    found = project(face.reference)
    if face.out:
        require_ours(Path(face.out))  # said before the work, not after
    with Store(found.store) as store:
        for report in ingest_declared(found.system, store, found.folder):
            if not face.quiet and report.stored:
                tell(report, err=True)
        with WorkLine(quiet=face.quiet) as progress:
            result = run(found, store, progress)
    parts = (found.system.name, found.variant, kind, "quick" if quick else "")
    name = "-".join(part for part in parts if part)
    folder = Path(face.out) if face.out else found.runs / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    page = result.save(folder)
    if face.as_json:
        print_json(result.to_json())
    else:
        _show(result, page, then(result, found))
    return result


def _show(result: Study, page: Path, then: Sequence[tuple[str, str]]) -> None:
    from rich.console import Console

    from asof.study.report.told import render

    render(result.told(), Console(highlight=False), report=shown(page), then=then)

"""What every study of one picture gives back: facts that show themselves and write themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Literal

from asof.study.facts import Facts
from asof.study.report import told as telling
from asof.study.saving import saved


class Study(ABC):
    """A report of one picture: in a notebook it shows itself, and printed it says so in words.

    A study says what its facts are and what is told of them; page, picture, notebook and files
    follow from that. `picture` is the name of the picture's file.
    """

    picture: ClassVar[str]

    @property
    @abstractmethod
    def written(self) -> Facts:
        """The facts, to be written."""

    @abstractmethod
    def told(self) -> telling.Told:
        """What the study says, for all faces."""

    def to_json(self) -> str:
        """The facts as one JSON document."""
        return self.written.to_json()

    def html(self) -> str:
        """The report as one self-contained page."""
        return telling.html(self.told())

    def svg(self, theme: Literal["light", "dark"] = "light") -> str:
        """The picture as one self-contained file, "" where there is none."""
        return telling.picture(self.told(), theme)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.written.system}>"

    def __str__(self) -> str:
        return "\n".join(telling.lines(self.told()))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return telling.mimebundle(self.told())

    def save(self, folder: Path) -> Path:
        """Write report, picture and facts into `folder`, whole or not at all.

        A report that is there is replaced.

        Raises:
            UsageError: the folder holds something else. StoreError: it cannot be written.
        """

        def write(part: Path) -> None:
            (part / "report.html").write_text(self.html(), encoding="utf-8")
            (part / self.picture).write_text(self.svg(), encoding="utf-8")
            (part / "facts.json").write_text(self.to_json(), encoding="utf-8")

        return saved(folder, write)

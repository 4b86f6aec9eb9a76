"""Draw the pictures of the docs from the facts of a run: `python docs/pictures/draw.py FACTS`."""

from __future__ import annotations

import sys
from pathlib import Path

from asof.study.facts import Life
from asof.study.report.picture import picture

HERE = Path(__file__).parent


def main() -> None:
    """Draw the life whose facts.json is named, on light and on dark ground."""
    life = Life.from_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    (HERE / "life-light.svg").write_text(picture(life, "light"), encoding="utf-8")
    (HERE / "life-dark.svg").write_text(picture(life, "dark"), encoding="utf-8")


if __name__ == "__main__":
    main()

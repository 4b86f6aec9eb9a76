"""Arguments and options that most commands have."""

from __future__ import annotations

import click

SYSTEM = click.argument("system", metavar="FILE[:NAME]")
QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
JSON = click.option("--json", "as_json", is_flag=True, help="The facts as one JSON document.")
OUT = click.option("--out", type=click.Path(file_okay=False), help="Folder of the report.")
DRAWS = click.option("--draws", default=2000, show_default=True, help="Resamples for an interval.")
WORKERS = click.option(
    "--workers", type=click.IntRange(min=1), help="Fits side by side [default: cores]."
)

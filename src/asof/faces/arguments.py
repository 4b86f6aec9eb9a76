"""Arguments and options that most commands have."""

from __future__ import annotations

import click

SYSTEM = click.argument("system", metavar="FILE[:NAME]")
QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
JSON = click.option("--json", "as_json", is_flag=True, help="The facts as one JSON document.")

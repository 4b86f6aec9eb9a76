"""`python -m asof`: the command line."""

from asof.faces.cli import main

main()

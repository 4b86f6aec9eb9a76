"""The command line: thin, no logic. Engines are imported by the command that needs them."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import TextIO, cast

import click

from asof.engine.frames import with_room
from asof.errors import AsofError, ExitCode
from asof.faces.arguments import DRAWS, JSON, OUT, QUIET, SYSTEM, WORKERS
from asof.faces.collecting import rarely
from asof.faces.live import MOMENT, rehearse, up
from asof.faces.service import backup, promote, rollback, status, train


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asof", prog_name="asof")
def cli() -> None:
    """Declare a machine-learning system once; backtest its life, and learn from it.

    A computation sees only what was available as of its time.
    """


@cli.command()
@SYSTEM
@JSON
@QUIET
@OUT
@DRAWS
@WORKERS
def backtest(
    system: str,
    *,
    as_json: bool,
    quiet: bool,
    out: str | None,
    draws: int,
    workers: int | None,
) -> None:
    """Replay the system's whole life on its history and write a report."""
    from asof.faces.backtest import run

    run(system, as_json=as_json, quiet=quiet, out=out, draws=draws, workers=workers)


@cli.command()
@SYSTEM
@JSON
@QUIET
@click.option(
    "--features",
    default="1h,6h,nightly",
    show_default=True,
    metavar="LIST",
    help="How often features are refreshed: 30min, 6h, nightly, nightly@ZONE.",
)
@click.option(
    "--predictions",
    default="nightly",
    show_default=True,
    metavar="LIST",
    help="How often predictions are made beforehand.",
)
@click.option("--max-loss", type=float, help="The loss against online that is acceptable.")
@click.option("--max-cost", type=float, help="CPU milliseconds for a thousand useful predictions.")
@click.option("--quick", is_flag=True, help="The first third of the life's days alone.")
@OUT
@DRAWS
@WORKERS
def serving(
    system: str,
    *,
    features: str,
    predictions: str,
    max_loss: float | None,
    max_cost: float | None,
    quick: bool,
    as_json: bool,
    quiet: bool,
    out: str | None,
    draws: int,
    workers: int | None,
) -> None:
    """Batch or real time: answer the same requests in several modes, and say what each loses."""
    from asof.faces.serving import Options, run
    from asof.faces.study import Face

    options = Options(features, predictions, max_loss, max_cost, quick, draws, workers)
    run(Face(system, as_json, quiet, out), options)


@cli.command()
@SYSTEM
@JSON
@QUIET
@OUT
@DRAWS
@click.option("--seeds", default=1, show_default=True, help="Draw fits and folds anew so often.")
@click.option("--quick", is_flag=True, help="Look at two periods of the life, with three folds.")
@click.option("--limit", type=float, help="Leave with status 1 if production loses more than this.")
@WORKERS
def gap(
    system: str,
    *,
    as_json: bool,
    quiet: bool,
    out: str | None,
    draws: int,
    seeds: int,
    quick: bool,
    limit: float | None,
    workers: int | None,
) -> None:
    """Why production is not what a notebook promised, one idealisation after another."""
    from asof.faces.gap import Options, run
    from asof.faces.study import Face

    options = Options(draws=draws, seeds=seeds, quick=quick, limit=limit, workers=workers)
    run(Face(system, as_json, quiet, out), options)


@cli.command()
@click.argument("systems", metavar="FILE[:NAME]...", nargs=-1, required=True)
@JSON
@QUIET
@click.option("--every", type=float, help="Days between looks [default: the declared schedule].")
@click.option("--approval", default=0.0, help="Hours from a finished training to its promotion.")
@click.option("--seeds", type=click.IntRange(1, 2), default=1, help="2: judge on another seed too.")
@click.option("--quick", is_flag=True, help="The first third of the life's days alone.")
@OUT
@DRAWS
@WORKERS
def compare(
    systems: Sequence[str],
    *,
    as_json: bool,
    quiet: bool,
    every: float | None,
    approval: float,
    seeds: int,
    quick: bool,
    out: str | None,
    draws: int,
    workers: int | None,
) -> None:
    """Which retraining policy: thousands of them on the history of the first system.

    The other systems are variants, replayed beside them.
    """
    from asof.faces.compare import Options, run
    from asof.faces.study import Face

    options = Options(every, approval, seeds, quick, draws, workers)
    run(Face(systems[0], as_json, quiet, out), systems[1:], options)


@cli.command()
@SYSTEM
@click.argument("table", required=False)
@click.argument("file", required=False, type=click.Path(exists=True))
@JSON
@click.option("--replace", is_flag=True, help="The file takes the place of what it brought before.")
@click.option("--history", is_flag=True, help="Keep the declared availability after going live.")
def ingest(
    system: str,
    table: str | None,
    file: str | None,
    *,
    as_json: bool,
    replace: bool,
    history: bool,
) -> None:
    """Load the declared files, or FILE into TABLE. What is loaded already changes nothing."""
    from asof.faces.ingest import run

    run(system, table, file, as_json=as_json, replace=replace, history=history)


@cli.group()
def quarantine() -> None:
    """Rows that broke their contract: list, show, release."""


@quarantine.command("list")
@SYSTEM
@click.argument("table", required=False)
@JSON
def list_(system: str, table: str | None, *, as_json: bool) -> None:
    """Rows in quarantine, with why."""
    from asof.faces.quarantine import list_rows

    list_rows(system, table, as_json=as_json)


@quarantine.command()
@SYSTEM
@click.argument("row")
@JSON
def show(system: str, row: str, *, as_json: bool) -> None:
    """One row in quarantine, as it was read."""
    from asof.faces.quarantine import show_row

    show_row(system, row, as_json=as_json)


@quarantine.command()
@SYSTEM
@click.argument("row")
@click.option("--set", "mended", metavar="COLUMN=VALUE", multiple=True, help="Mend a value.")
def release(system: str, row: str, *, mended: Sequence[str]) -> None:
    """Take a row in, mended where needed."""
    from asof.faces.quarantine import release_row

    release_row(system, row, mended)


@cli.group()
def token() -> None:
    """Who may ask a running system for what: make a token, list them, take one back."""


@token.command()
@SYSTEM
@click.option("--name", required=True, help="Who will use it.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["predict", "ingest", "admin"]),
    help="What it may do; give it several times for several.",
)
@JSON
def add(system: str, *, name: str, scopes: Sequence[str], as_json: bool) -> None:
    """Make a token. Its secret is shown once and kept nowhere."""
    from asof.faces.tokens import add_token

    add_token(system, name, scopes, as_json=as_json)


@token.command("list")
@SYSTEM
@JSON
def list_tokens(system: str, *, as_json: bool) -> None:
    """The tokens, without their secrets."""
    from asof.faces.tokens import show_tokens

    show_tokens(system, as_json=as_json)


@token.command()
@SYSTEM
@click.argument("name")
def revoke(system: str, name: str) -> None:
    """Take a token back; a running server lets it in no more within a second."""
    from asof.faces.tokens import revoke_token

    revoke_token(system, name)


@cli.command()
@SYSTEM
@click.argument("request")
@click.argument("feature", required=False)
@click.option("--rows", default=10, show_default=True, help="Rows to show of each kind.")
@JSON
def why(system: str, request: str, feature: str | None, *, rows: int, as_json: bool) -> None:
    """Which rows a feature of REQUEST saw, and which it did not, with the reason."""
    from asof.faces.why import run

    run(system, request, feature, rows=rows, as_json=as_json)


@cli.command()
@SYSTEM
@JSON
def models(system: str, *, as_json: bool) -> None:
    """The models that were fitted for this system."""
    from asof.faces.models import list_models

    list_models(system, as_json=as_json)


@cli.command()
@SYSTEM
@click.argument("model")
@JSON
def reproduce(system: str, model: str, *, as_json: bool) -> None:
    """Fit MODEL again from what was known at its trigger, and prove it equal."""
    from asof.faces.models import reproduce_model

    reproduce_model(system, model, as_json=as_json)


@cli.command()
@SYSTEM
@JSON
@QUIET
@click.option(
    "--requests",
    default="source",
    show_default=True,
    metavar="FILE",
    help="Rows to answer; else what the requests' source knows.",
)
@click.option("--as-of", type=MOMENT, metavar="MOMENT", help="What was known then [default: now].")
@click.option("--ahead", metavar="SPAN", help="How far ahead requests are answered: 30min, 6h, 1d.")
@click.option("--model", help="The model, by its id [default: the one in service].")
@click.option("--fit", is_flag=True, help="Fit a model on what is mature, and keep it.")
@click.option("--prepare", is_flag=True, help="Put the file through the source's prepare= first.")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="Parquet or CSV.")
@click.option("--workers", type=click.IntRange(min=1), help="Side by side [default: cores].")
def score(
    system: str,
    *,
    as_json: bool,
    quiet: bool,
    requests: str,
    as_of: int | None,
    ahead: str | None,
    model: str | None,
    fit: bool,
    prepare: bool,
    out: str,
    workers: int | None,
) -> None:
    """Answer every request of one moment into a file: batch prediction."""
    from asof.faces.score import Options, run

    options = Options(requests, as_of, ahead, model, fit, prepare, out, workers)
    run(system, options, as_json=as_json, quiet=quiet)


@cli.command()
@SYSTEM
@JSON
def check(system: str, *, as_json: bool) -> None:
    """Check the declaration, print it whole, and look for leaks in its data."""
    from asof.faces.check import run

    run(system, as_json=as_json)


cli.add_command(up)
cli.add_command(rehearse)
cli.add_command(status)
cli.add_command(backup)
cli.add_command(train)
cli.add_command(promote)
cli.add_command(rollback)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    for number in range(3):  # a file opened in the place of a closed stderr would get its words
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):  # a sign that an encoding lacks is no error
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    with rarely():
        code = with_room(lambda: _run(arguments))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: there is nothing to be stopped
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        cli.main(args=arguments, prog_name="asof", standalone_mode=False)
        _flush()
    except AsofError as error:
        _say(str(error))
        return int(error.exit_code)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as error:
        _say(error.format_message())
        if error.ctx is not None:
            click.echo(f"  {error.ctx.get_usage()}", err=True)
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        _say("Interrupted; nothing half done was kept. Run it again to go on.")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:  # the reader has gone, as `head` does: it has read enough
        _let_go()
    except OSError as error:
        at = error.filename or ("standard output" if _was_said(error) else "no file was named")
        _let_go()
        _say(
            f"The disk or a file refused: {error.strerror or error}.\n  found: {at}\n"
            "  Make room or give leave, and run it again; nothing half done was kept."
        )
        return int(ExitCode.REFUSED)
    except Exception:  # noqa: BLE001  what nobody foresaw is kept whole, in a file
        from asof.faces.faults import keep_traceback

        _say(f"This is a fault of Asof itself.\n  The traceback is in {keep_traceback()}")
        return int(ExitCode.INTERNAL)
    return int(ExitCode.DONE)


def _flush() -> None:
    """Write out what was said, while it can still be told that it could not be written."""
    stdout = cast("TextIO | None", sys.stdout)
    if stdout is not None:
        stdout.flush()


def _was_said(error: OSError) -> bool:
    """Whether an error came up in writing to stdout."""
    trace, names = error.__traceback__, set[str]()
    while trace is not None:
        names.add(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return bool(names & {"_flush", "echo", "print"})


def _let_go() -> None:
    """Give up what waits for a stdout that cannot be written, or leaving would try again."""
    try:
        _flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(words: str) -> None:
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(words, err=True)

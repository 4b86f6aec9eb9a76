"""The commands about running systems; engines are imported by the command that needs them."""

from __future__ import annotations

from datetime import datetime

import click

from asof.errors import UsageError
from asof.faces.arguments import JSON, QUIET, SYSTEM


class _Moment(click.ParamType[int]):
    """A moment with its offset from UTC, as microseconds."""

    name = "moment"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        del param, ctx
        from asof.compute.schedule import microseconds

        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise UsageError(
                f"'{value}' is no moment.",
                found="a time without its offset from UTC" if found is not None else value,
                mend="Write it with its offset: 2024-03-01T00:00Z, 2024-03-01T00:00-05:00.",
            )
        return microseconds(found)


MOMENT = _Moment()


@click.command()
@SYSTEM
@QUIET
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--rehearsal", type=MOMENT, metavar="MOMENT",
              help="Begin with what was known then, on stores of its own; the stream moves the "
              "clock.")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Forget an earlier rehearsal.")
@click.option("--within", default=50.0, show_default=True, help="Milliseconds by which an answer "
              "is on disk at the latest.")  # fmt: skip
@click.option("--queue", default=2048, show_default=True, help="Bodies of requests that may wait.")
@click.option("--deadline", default=10.0, show_default=True, help="Seconds that work may take.")
@click.option("--body-mb", default=8, show_default=True, help="Megabytes of a body at most.")
@click.option("--rows", default=10_000, show_default=True, help="Rows of a body at most.")
@click.option("--max-wait", default=0.1, show_default=True, help="Seconds that a request may wait "
              "before others are turned away.")  # fmt: skip
@click.option("--at-once", default=1024, show_default=True, help="Requests under way at a time.")
@click.option("--seal-every", default=300.0, show_default=True, help="Seconds between moves from "
              "the journal to the tables.")  # fmt: skip
@click.option(
    "--fit-seconds", default=21_600.0, show_default=True, help="Seconds of a fit at most."
)
@click.option("--fit-mb", default=8192, show_default=True, help="Megabytes of a fit at most.")
@click.option("--check-every", default=1000, show_default=True, help="One of so many answers is "
              "computed again in batch.")  # fmt: skip
def up(
    system: str,
    *,
    quiet: bool,
    host: str,
    port: int,
    rehearsal: int | None,
    fresh: bool,
    within: float,
    queue: int,
    deadline: float,
    body_mb: int,
    rows: int,
    max_wait: float,
    at_once: int,
    seal_every: float,
    fit_seconds: float,
    fit_mb: int,
    check_every: int,
) -> None:
    """Run the system: rows and requests come in over HTTP, answers go out, models are renewed."""
    from asof.engine.live.settings import Settings
    from asof.faces.http.options import MB, Options
    from asof.faces.up import run

    options = Options(
        host=host, port=port, body_bytes=body_mb * MB, rows=rows, max_wait=max_wait,
        at_once=at_once,
        # In a rehearsal answers wait for the tick, and a tick for the model that is due.
        deadline=deadline if rehearsal is None else float("inf"),
    )  # fmt: skip
    settings = Settings(
        address="", stream=rehearsal, within=within / 1000, queue=queue, seal_every=seal_every,
        fit_seconds=fit_seconds, fit_memory=fit_mb * MB, check_every=check_every,
    )  # fmt: skip
    run(system, options, settings, fresh=fresh, quiet=quiet)


@click.command()
@SYSTEM
@JSON
@QUIET
@click.option("--from", "first", type=MOMENT, metavar="MOMENT", help="Where the stream begins.")
@click.option("--to", "last", type=MOMENT, metavar="MOMENT", required=True, help="Where it ends.")
@click.option("--speed", default="max", show_default=True, metavar="max|N",
              help="So many times faster than life.")  # fmt: skip
@click.option("--connections", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--batch", type=click.IntRange(1, 10_000), default=500, show_default=True,
              help="Rows of a body at most; their number is drawn.")  # fmt: skip
@click.option("--late", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of rows that come late.")  # fmt: skip
@click.option("--corrected", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of rows that are corrected later.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn.")
def rehearse(
    system: str,
    *,
    as_json: bool,
    quiet: bool,
    first: int | None,
    last: int,
    speed: str,
    connections: int,
    batch: int,
    late: float,
    corrected: float,
    seed: int,
) -> None:
    """Stream history through a server as if it were happening, and compare it with the backtest.

    Without a server that runs a rehearsal (asof up --rehearsal) one is started, from --from on.
    """
    from asof.engine.rehearsal import Disturbed
    from asof.faces.rehearse import Pace, run

    run(
        system, first, last, Pace(_speed(speed), connections, batch, seed),
        Disturbed(late, corrected, seed), as_json=as_json, quiet=quiet,
    )  # fmt: skip


def _speed(told: str) -> float:
    if told == "max":
        return 0.0
    try:
        speed = float(told)
    except ValueError:
        speed = 0.0
    if speed <= 0:
        raise UsageError(f"'{told}' is no speed.", mend="Write max, or how many times as fast: 60.")
    return speed

"""Moments as people read them: the zone's clock, to the second or finer where it matters."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from asof.compute.schedule import moment
from asof.declare.kept import ALWAYS


def clock(at: int, zone: str) -> str:
    """A moment by a zone's clocks.

    >>> clock(0, "UTC"), clock(1_500_000, "UTC")
    ('1970-01-01 00:00:00', '1970-01-01 00:00:01.500000')
    """
    if at <= ALWAYS:
        return "always"
    return moment(at).astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(" ")


def iso(at: int) -> str:
    """A moment as RFC 3339 has it, in UTC: as keys and requests are named.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    return moment(at).isoformat().replace("+00:00", "Z")

"""Names of the columns that the house keeps beside the declared ones.

They end in an underscore, as no declared column may, so that a row class may have a column
`available_at` or `position` of its own. All times are int64 microseconds UTC (LAW 1).
"""

from __future__ import annotations

AVAILABLE = "available_at_"
"""First moment at which the system could have known the row (int)."""

DECLARED = "declared_at_"
"""The declared availability where it differs from `available_at_`, else null (LAW 1c)."""

RECORDED = "recorded_"
"""Journal offset of the message that brought the row (int)."""

POSITION = "position_"
"""Row number in its load, from 0 (int)."""

LOAD = "load_"
"""Identity of the load: a hash of the file and of its source's fingerprint (str)."""

WITHDRAWN = "withdrawn_"
"""Whether this version takes its key back (bool)."""

KEPT = (AVAILABLE, DECLARED, RECORDED, POSITION, LOAD, WITHDRAWN)

ALWAYS = -(2**62)
"""The availability of what was always known (LAW 2e); T - ALWAYS still fits an int64."""

"""Keep the traceback of an unexpected error where the user can find it."""

from __future__ import annotations

import tempfile
import traceback
from pathlib import Path


def keep_traceback() -> Path:
    """Write the traceback of the error in hand to a file of its own, which is returned."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="asof-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(traceback.format_exc())
        return Path(file.name)

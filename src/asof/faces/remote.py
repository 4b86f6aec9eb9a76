"""A running server asked over HTTP by the command line, with the errors that it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from asof.errors import AsofError, DataRefused, StoreError, Unserved, UsageError
from asof.stores.server import Server

TOKEN = "ASOF_TOKEN"  # noqa: S105  the name of a variable
"""Environment variable: the token that the command line shows to a server."""

_PATIENCE = 30.0


def ask(server: Server, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a server answers: to a GET, or to a POST of `body` as JSON.

    Raises:
        UsageError: it refuses; its words are the error's. What it refuses as data, or because
            nothing can be written, is such an error here too.
        Unserved: it does not answer.
    """
    if not server.address:
        raise Unserved(
            "A server is just starting on this store.",
            found=f"process {server.pid} on {server.host}",
            mend="Ask again in a moment.",
        )
    data = None if body is None else json.dumps(body).encode()
    asked = Request(server.address + path, data=data, headers=_headers())  # noqa: S310  its own note
    try:
        with urlopen(asked, timeout=_PATIENCE) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
            return told
    except HTTPError as error:
        raise _refused(server, error) from error
    except (URLError, TimeoutError) as error:
        raise Unserved(
            "The server on this store does not answer.",
            found=f"process {server.pid} on {server.host}, {server.address}: {error}",
            mend="Ask from its own machine, or look whether it hangs.",
        ) from error


def _headers() -> dict[str, str]:
    token = os.environ.get(TOKEN)
    told = {"content-type": "application/json"}
    return told if token is None else {**told, "authorization": f"Bearer {token}"}


_KINDS: Mapping[str, type[AsofError]] = {
    "urn:asof:data-refused": DataRefused,
    "urn:asof:store-error": StoreError,
}


def _refused(server: Server, error: HTTPError) -> AsofError:
    try:
        problem: dict[str, Any] = json.load(error)
    except ValueError:
        problem = {}
    mend = str(problem.get("mend", ""))
    if error.code == 401:
        mend = f"Put one into {TOKEN}, of any scope to look, of scope admin to decide; "
        mend += "asof token add makes one."
    if error.code == 403:
        mend = f"Put a token with the scope admin into {TOKEN}: asof token add makes one."
    return _KINDS.get(str(problem.get("type")), UsageError)(
        str(problem.get("title", f"The server refused: {error.code}.")),
        found=str(problem.get("found") or problem.get("detail") or server.address),
        mend=mend,
        where=str(problem.get("where", "")),
    )

"""Who may ask for what: bearer tokens with scopes, or this machine alone where there are none."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from asof.faces.http.options import is_loopback
from asof.faces.http.problems import Headers, Refusal
from asof.faces.http.rsgi import Head
from asof.stores.tokens import Scope, Token

_ASK: Headers = [("www-authenticate", 'Bearer realm="asof"')]
_BEARER = "bearer "


class Guard:
    """Lets requests in by their token.

    Without tokens everybody is let in who comes from this machine, but for web pages of elsewhere:
    a browser would send their requests to us too.
    """

    def __init__(self, tokens: Sequence[Token], *, loopback: bool) -> None:
        self._open = loopback
        self.renew(tokens)

    def renew(self, tokens: Sequence[Token]) -> None:
        """Take the tokens as they are now. Where the last one is revoked the door stays closed."""
        self._scopes = {token.digest: (token.digest, token.scopes) for token in tokens}
        self._open = self._open and not tokens

    def admit(self, head: Head, scope: Scope | None) -> None:
        """Let a request in, or not. `scope` None asks for any token.

        Raises:
            Refusal: it has no token or one without the scope, or comes from a foreign page.
        """
        if self._open:
            if head.get("origin") is not None or not _from_here(head.get("host")):
                _require_own_page(head)
            return
        given = head.get("authorization")
        if given is None or given[:7].lower() != _BEARER:
            raise Refusal(
                401, "A token is needed.", found="no Authorization: Bearer header",
                mend="asof token add SYSTEM --name NAME --scope predict makes one.", headers=_ASK,
            )  # fmt: skip
        # Header values that are not ASCII are no secret of ours; they must not raise here.
        digest = hashlib.sha256(given[7:].strip().encode("utf-8", "replace")).hexdigest()
        known, scopes = self._scopes.get(digest, ("", frozenset[Scope]()))
        if not hmac.compare_digest(digest, known):
            raise Refusal(
                401, "This token is not known.", found="it was revoked, or never made",
                mend="asof token list SYSTEM shows those that are.", headers=_ASK,
            )  # fmt: skip
        if scope is not None and scope not in scopes:
            has = ", ".join(sorted(scopes))
            raise Refusal(
                403, f"This token may not {_MAY[scope]}.", found=f"its scopes: {has}",
                mend=f"Make one with --scope {scope}.",
            )  # fmt: skip


_MAY = {
    Scope.PREDICT: "ask for predictions",
    Scope.INGEST: "hand in rows",
    Scope.ADMIN: "take decisions by hand",
}
_HERE = ("127.0.0.1", "localhost", "[::1]")


def _from_here(host: str | None) -> bool:
    """Whether a Host header names this machine; a quick yes for the usual ones."""
    return host is None or host.rpartition(":")[0] in _HERE or _is_here(f"//{host}")


def _is_here(url: str) -> bool:
    try:
        name = urlsplit(url).hostname
        return name == "localhost" or (name is not None and is_loopback(name))
    except ValueError:
        return False


def _require_own_page(head: Head) -> None:
    origin, host = head.get("origin"), head.get("host")
    if _from_here(host) and (origin is None or _is_here(origin)):
        return
    raise Refusal(
        403,
        "Without tokens only this machine is answered, not a web page of elsewhere.",
        found=f"Origin: {origin or 'none'}, Host: {host}",
        mend="Make a token, or ask 127.0.0.1 itself.",
    )

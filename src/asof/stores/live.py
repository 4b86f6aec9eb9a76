"""The journal of a running server: offsets at once, durability in groups on a thread (LAW 8b).

A message has its offset as soon as it is appended. A thread commits all that waits in one
transaction with full sync: at once where somebody waits for it, else within a stated bound.
Messages become durable in the order of their offsets, so that a reader's head never moves back.

A message that is not durable yet outlives its process (`stores.ahead`), but not its machine.

When the disk is full, events are refused, and are not in the journal; what the system itself says
(predictions, decisions) is kept in memory up to a bound and written when there is room again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from asof.errors import StoreError
from asof.stores.ahead import Ahead
from asof.stores.database import Database
from asof.stores.faults import in_words
from asof.stores.group import KNOWN_FOR, Item, Outcome, probe, told, write
from asof.stores.loads import NewLoad, SetAside
from asof.stores.predictions import PREDICTED, TABLE

_GATHER = 0.001
"""Seconds for which messages that somebody waits for are gathered: one commit serves them all."""

_WAIT = 0.6
"""The share of the bound for which messages that nobody waits for are gathered; the rest is for the
commit."""

_RETRY = 0.5
"""Seconds between attempts to write what is kept while the disk is full."""

_AT_ONCE, _BYTES_AT_ONCE = 4096, 8_000_000
"""Messages and bytes of one transaction; a greater backlog is written in several."""

_NEVER = float("inf")
_json = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that came with an idempotency key: its offset, its payload, whether it is durable.

    What is not durable yet may still be refused.
    """

    offset: int
    payload: Mapping[str, Any]
    durable: bool


@dataclass(frozen=True, slots=True)
class Health:
    """How the journal does. Times are seconds, `backlog` bytes of messages not durable yet.

    `durable` is the offset up to which everything is settled, `lag` the age of the oldest message
    that is not, `slowest` the longest commit so far; `failing` says why nothing can be written, ""
    if all is well; `lost` counts predictions that found no place in memory while it failed. What
    is `broken` fails for good: nothing is taken any more.
    """

    offset: int
    durable: int
    waiting: int
    backlog: int
    lag: float
    last_commit: float
    slowest: float
    commits: int
    failing: str
    lost: int
    broken: bool


class LiveJournal:
    """The only writer of the journal while a server runs; `Store.live` opens it.

    `layouts` are the numbers of the sources' layouts; `elapsed` gives seconds on a clock that only
    moves on; `within` is the bound in seconds; `keep` bounds in bytes what is kept while nothing
    can be written; receipts are known for `known_for` microseconds. Outcomes are told through
    `call`, in one call a group: at once on the thread, or what hands a function to an event loop.
    """

    def __init__(
        self,
        database: Database,
        *,
        layouts: Mapping[str, int],
        elapsed: Callable[[], float],
        within: float = 0.05,
        keep: int = 64_000_000,
        known_for: int = KNOWN_FOR,
        call: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self.within = within
        self._path = database.path
        self._layouts = layouts
        self._elapsed = elapsed
        self._keep = keep
        self._known_for = known_for
        self._call = call or _at_once
        with in_words("open the journal", database.path):
            self._connection = database.connect(wait=5.0)
            self._reader = database.connect()
        self._ahead = Ahead(database.path.parent)
        self.offset = self._durable = _last(self._connection)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[Item] = []
        self._kept: list[Item] = []
        self._in_hand: list[Item] = []
        self._keys: dict[tuple[str, str], Item] = {}
        # Moments on the clock of `elapsed`: of the oldest that waits, that is being written, of
        # the first that somebody waits for, and of the next attempt.
        self._oldest = self._writing = self._urgent = self._retry_at = _NEVER
        self._backlog = self._commits = self._failures = self._lost = 0
        self._last_commit = self._slowest = 0.0
        self._failing: StoreError | None = None
        self._broken: BaseException | None = None
        self._closing = self._last_try = False
        self._thread = threading.Thread(target=self._run, name="asof-journal", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self,
        kind: str,
        stamp: int,
        payload: Mapping[str, Any],
        content: bytes | None = None,
        *,
        source: str = "",
        key: str | None = None,
        aside: Sequence[SetAside] = (),
        on_durable: Outcome | None = None,
        more: bool = False,
        load: NewLoad | None = None,
    ) -> int:
        """Take a message; its offset. `stamp` is us UTC and later than the last.

        `content` are encoded rows of `source`, `aside` its rows for quarantine: they become durable
        with the message. `on_durable` is called once, with None or with the error for which the
        message is refused (events) or not recorded yet (what has no source). With `more` another
        follows at once: until then this one may go with its process. A message that releases rows
        from quarantine stands as a `load`, which becomes durable with it.

        Raises:
            StoreError: the journal is closed, or broke.
        """
        about = TABLE if kind == PREDICTED else source
        layout = self._layouts[about] if about else None
        text = told(payload)
        size = 100 + len(text) + (len(content) if content is not None else 0)
        with self._lock:  # the lock of `_changed` itself is taken more quickly
            if self._closing or self._broken is not None:
                raise self._ended()
            self.offset += 1
            row = (self.offset, stamp, kind, text, layout, key, content)
            item = Item(row, source, size, aside, load=load)
            self._ahead.put(item, more=more)
            if on_durable is not None:
                item.outcomes.append(on_durable)
            if key is not None:
                self._keys[source, key] = item
            first = not self._waiting
            self._waiting.append(item)
            self._backlog += size
            if first:
                self._oldest = self._elapsed()
            if on_durable is not None and self._urgent == _NEVER:
                self._urgent = self._elapsed()
                self._changed.notify_all()
            elif first:
                self._changed.notify_all()
        return item.offset

    def known(self, source: str, key: str, on_durable: Outcome | None = None) -> Receipt | None:
        """What came from a source under an idempotency key, if anything within the retention.

        Where it is not durable yet, `on_durable` is called when it is, or is refused.
        """
        with self._changed:
            item = self._keys.get((source, key))
            if item is not None:
                if on_durable is not None:
                    item.outcomes.append(on_durable)
                return Receipt(item.offset, _json(item.row[3]), durable=False)
        with in_words("look for a receipt", self._path):
            found = self._reader.execute(
                "SELECT offset, payload FROM journal WHERE offset = "
                "(SELECT offset FROM receipts WHERE source = ? AND key = ?)",
                (source, key),
            ).fetchone()
        return None if found is None else Receipt(found[0], _json(found[1]), durable=True)

    @property
    def health(self) -> Health:
        """Offsets, backlog, lag and failures as of now."""
        with self._changed:
            waiting = len(self._waiting) + len(self._kept)
            oldest = min(self._oldest, self._writing)
            failing = self._ended() if self._broken is not None else self._failing
            return Health(
                offset=self.offset,
                durable=self._durable,
                waiting=waiting,
                backlog=self._backlog,
                lag=0.0 if oldest == _NEVER else self._elapsed() - oldest,
                last_commit=self._last_commit,
                slowest=self._slowest,
                commits=self._commits,
                failing="" if failing is None else str(failing),
                lost=self._lost,
                broken=self._broken is not None,
            )

    @property
    def failing(self) -> bool:
        """Whether nothing can be written now; `health` says why."""
        return self._failing is not None or self._broken is not None

    @property
    def broken(self) -> StoreError | None:
        """Why nothing will ever be written any more, if the thread that writes has ended."""
        return None if self._broken is None else self._ended()

    def flush(self) -> None:
        """Wait until all that was appended is durable or refused.

        Raises:
            StoreError: what the system itself said cannot be written now.
        """
        with self._changed:
            upto, failures = self.offset, self._failures
            if self._durable < upto:
                self._urgent = self._elapsed()
                self._changed.notify_all()
            while self._durable < upto and self._broken is None:
                if self._failing is not None and self._failures > failures:
                    raise self._failing
                self._changed.wait()
            if self._broken is not None:
                raise self._ended()

    def close(self) -> None:
        """Write what waits, and end.

        Raises:
            StoreError: something could not be written, and is lost with the process.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._reader.close()
        self._connection.close()
        self._ahead.close()
        if self._broken is not None:
            raise self._ended()
        if self._kept:
            raise StoreError(
                f"{len(self._kept):,} message(s) of the journal could not be written.",
                found=str(self._failing),
                mend="Predictions and decisions since then are not recorded.",
            )

    # --- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait():
                self._commit(self._take())
        except BaseException as error:  # noqa: BLE001  told to everybody who waits or comes
            with self._changed:
                self._broken = error
                self._ahead.drop()
                left = [*self._in_hand, *self._kept, *self._waiting]
                self._changed.notify_all()
            self._tell([item for item in left if item.outcomes], self._ended())

    def _wait(self) -> bool:
        """Wait until a commit is due; False when there is nothing left to do."""
        with self._changed:
            while not self._closing:
                due = self._due()
                left = due - self._elapsed()
                if left <= 0:
                    return True
                self._changed.wait(None if due == _NEVER else left)
            if self._waiting or (self._kept and not self._last_try):
                self._last_try = True
                return True
            return False

    def _due(self) -> float:
        """When the next commit is due."""
        last = self._oldest + _WAIT * self.within if self._failing is None else self._retry_at
        return min(self._urgent + _GATHER, last)

    def _take(self) -> list[Item]:
        """All that waits, in the order of offsets: what is kept came before."""
        with self._changed:
            self._in_hand = items = [*self._kept, *self._waiting]
            self._writing = min(self._writing, self._oldest)
            self._kept, self._waiting = [], []
            self._oldest = self._urgent = _NEVER
            self._ahead.turn(items[-1].offset if items else 0)
        return items

    def _commit(self, items: Sequence[Item]) -> None:
        done = 0
        for part in _parts(items):
            begun = self._elapsed()
            try:
                with in_words("write to the journal", self._path):
                    if part:
                        write(self._connection, part, known_for=self._known_for)
                    else:
                        probe(self._connection)
            except StoreError as error:
                self._failed(items[done:], error)
                return
            done += len(part)
            self._done(part, items[done:], self._elapsed() - begun)
        with self._changed:
            self._writing = _NEVER
            self._ahead.settled()

    def _done(self, items: Sequence[Item], left: Sequence[Item], seconds: float) -> None:
        with self._changed:
            self._failing = None
            self._commits += 1
            self._last_commit = seconds
            self._slowest = max(self._slowest, seconds)
            self._settle(items)
            self._settled_before(left)
            self._changed.notify_all()
        self._tell(items, None)

    def _failed(self, items: Sequence[Item], error: StoreError) -> None:
        """Refuse events; keep in memory what the system itself said, as far as there is room."""
        refused = [item for item in items if item.source]
        kept = [item for item in items if not item.source]
        over = sum(item.size for item in kept) - self._keep
        lost: list[Item] = []
        for item in kept:
            if over > 0 and item.row[2] == PREDICTED:
                lost.append(item)
                over -= item.size
        gone = {item.offset for item in lost}
        with self._changed:
            self._failing = error
            self._ahead.drop()
            self._retry_at = self._elapsed() + _RETRY
            self._lost += len(lost)
            self._settle([*refused, *lost])
            self._kept = [item for item in kept if item.offset not in gone]
            self._failures += 1
            self._writing = self._writing if self._kept else _NEVER
            self._settled_before(self._kept)
            self._changed.notify_all()
        self._tell(items, error)

    def _settled_before(self, left: Sequence[Item]) -> None:
        """Everything is durable or refused up to the first of what is left."""
        after = [*left[:1], *self._waiting[:1]]
        self._durable = after[0].offset - 1 if after else self.offset

    def _settle(self, items: Sequence[Item]) -> None:
        for item in items:
            self._backlog -= item.size
            key = item.row[5]
            if key is not None and self._keys.get((item.source, key)) is item:
                del self._keys[item.source, key]

    def _tell(self, items: Sequence[Item], error: BaseException | None) -> None:
        """Call every outcome of some messages, once."""
        outcomes = [outcome for item in items for outcome in item.outcomes]
        if not outcomes:
            return
        for item in items:
            item.outcomes = []

        def tell() -> None:
            for outcome in outcomes:
                outcome(error)

        self._call(tell)

    def _ended(self) -> StoreError:
        if self._broken is None:
            return StoreError("The journal is closed.", mend="Open the store again.")
        return StoreError(
            "The journal broke; nothing more is recorded.",
            found=f"{type(self._broken).__name__}: {self._broken}",
            mend="Start the server again: what was acknowledged is there.",
        )


def _at_once(tell: Callable[[], None]) -> None:
    tell()


def _last(connection: sqlite3.Connection) -> int:
    """The greatest offset ever given."""
    query = (
        "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0), "
        "coalesce((SELECT max(offset) FROM journal), 0))"
    )
    return int(connection.execute(query).fetchone()[0])


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Transactions: as many messages as one takes; one without any, to see whether it works."""
    begin, size = 0, 0
    for at, item in enumerate(items):
        size += item.size
        if at + 1 - begin == _AT_ONCE or size > _BYTES_AT_ONCE:
            yield items[begin : at + 1]
            begin, size = at + 1, 0
    if begin < len(items) or not items:
        yield items[begin:]

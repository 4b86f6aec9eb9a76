"""Somebody who stops a command is told so in words, not in the tracebacks of a library."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from asof.stores.store import Store


def stop(*_):
    raise KeyboardInterrupt


def test_a_stop_while_a_connection_is_given_back_prints_nothing(tmp_path, capfd, caplog):
    store = Store(tmp_path / "store")
    event.listen(store._database._engine, "reset", stop)
    with pytest.raises(KeyboardInterrupt):
        store.journal.head()
    store.close()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_what_goes_wrong_there_is_still_told(tmp_path, caplog):
    def fail(*_):
        raise OSError("no such luck")

    store = Store(tmp_path / "store")
    event.listen(store._database._engine, "reset", fail)
    store.journal.head()
    store.close()
    assert "no such luck" in caplog.text

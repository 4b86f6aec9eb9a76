"""A command searches for garbage seldom; a server what is new, and all only when nobody asks."""

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Generator
from itertools import count

import pytest

from asof.faces import collecting
from asof.faces.collecting import FIRST, RARELY, Collector, rarely


@pytest.fixture(autouse=True)
def thawed() -> Generator[None]:
    yield
    gc.unfreeze()


class Cycle:
    """Something that only a search for cycles frees."""

    def __init__(self) -> None:
        self.own = self


def test_what_was_looked_through_is_not_looked_through_again() -> None:
    before: list[list[int]] = [[] for _ in range(10_000)]
    with Collector():
        assert len(gc.get_objects()) < len(before)
        since: list[list[int]] = [[] for _ in range(10_000)]
        assert len(gc.get_objects()) >= len(since)
        gc.collect()
        assert len(gc.get_objects()) < len(since)
    assert len(gc.get_objects()) > len(before) + len(since)


def test_what_is_new_is_still_freed() -> None:
    with Collector():
        gone = weakref.ref(Cycle())
        gc.collect()
        assert gone() is None


def test_everything_is_looked_through_once_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "QUIET", 0.01)
    asyncio.run(_work_and_quiet())


async def _work_and_quiet() -> None:
    done, freed = 0, asyncio.Event()
    with Collector() as collector:
        keeping = asyncio.create_task(collector.keep(lambda: done))
        held: Cycle | None = Cycle()
        gone = weakref.ref(held, lambda _: freed.set())
        gc.collect()  # it is left out from here on
        held = None
        gc.collect()
        await asyncio.sleep(0.05)
        assert gone() is not None, "there was no work that could have left garbage"
        done = 1
        async with asyncio.timeout(20):
            await freed.wait()
        keeping.cancel()


def test_everything_is_looked_through_at_last_though_somebody_always_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collecting, "QUIET", 0.001)
    monkeypatch.setattr(collecting, "AT_LATEST", 20)
    asyncio.run(_never_quiet())


async def _never_quiet() -> None:
    asked, freed = count(), asyncio.Event()
    with Collector() as collector:
        held: Cycle | None = Cycle()
        gone = weakref.ref(held, lambda _: freed.set())
        gc.collect()  # it is left out from here on
        held = None
        gc.collect()
        assert gone() is not None
        keeping = asyncio.create_task(collector.keep(lambda: next(asked)))
        async with asyncio.timeout(20):
            await freed.wait()
        keeping.cancel()


def test_it_leaves_the_process_as_it_was() -> None:
    callbacks, frozen, often = list(gc.callbacks), gc.get_freeze_count(), gc.get_threshold()
    with Collector():
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold() != often
    assert (gc.callbacks, gc.get_freeze_count(), gc.get_threshold()) == (callbacks, 0, often)


def test_a_command_ends_without_a_search_of_all_that_it_holds() -> None:
    # What is registered first is called last: after all that the command line has registered.
    program = """
import atexit, gc
from asof.faces.cli import main
atexit.register(lambda: print(len(gc.get_objects()) < gc.get_freeze_count()))
main(["--version"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "True"


def test_a_command_searches_seldom_and_leaves_the_process_as_it_was() -> None:
    often = gc.get_threshold()
    with rarely():
        assert gc.get_threshold()[0] > often[0]
        gone = weakref.ref(Cycle())
        gc.collect()
        assert gone() is None
    assert gc.get_threshold() == often


def test_what_a_command_imports_is_no_garbage() -> None:
    searches = 0

    def count_(phase: str, _: object) -> None:
        nonlocal searches
        searches += phase == "start"

    with rarely():
        gc.callbacks.append(count_)
        imported: list[list[int]] = [[] for _ in range(RARELY[0] + 1000)]
        assert searches == 0
        gc.collect()
        later: list[list[int]] = [[] for _ in range(RARELY[0] + 1000)]
        gc.callbacks.remove(count_)
    assert len(imported) == len(later)
    assert searches == 2, "the collection that was asked for, and one for what came later"
    assert FIRST[0] > RARELY[0]

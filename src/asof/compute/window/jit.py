"""The one seam to Numba, which has no types of its own: compiled functions keep their Python ones.

Each function is compiled for one written signature, once on a machine (the result is cached
beside the module), and runs without the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit, types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

I4 = types.int32
I8 = types.int64
F8 = types.float64
U1 = types.boolean
VOID = types.void

# Arrays in C order: written to, and (from Arrow, say) only read.
I4S = types.Array(I4, 1, "C")
I8S = types.Array(I8, 1, "C")
F8S = types.Array(F8, 1, "C")
I4SS = types.Array(I4, 2, "C")
I8SS = types.Array(I8, 2, "C")
F8SS = types.Array(F8, 2, "C")
I8SSS = types.Array(I8, 3, "C")
F8SSS = types.Array(F8, 3, "C")
READ_I4S = types.Array(I4, 1, "C", readonly=True)
READ_I8S = types.Array(I8, 1, "C", readonly=True)
READ_I4SS = types.Array(I4, 2, "C", readonly=True)
READ_F8SS = types.Array(F8, 2, "C", readonly=True)


# Nothing is allocated inside, so that no references need to be counted: counting those of a state's
# arrays costs more than the work (`_nrt`). Floats are added in the order written (no fastmath).
OPTIONS = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True}

_untyped = cast("Any", njit)
_FILES = sorted(Path(__file__).parent.glob("*.py"))
SOURCES = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in _FILES)
"""What the cached code was made from: the whole package, for its functions contain each other."""


def named(kinds: tuple[Any, ...], of: type[Any]) -> Any:
    """The type of a NamedTuple of arrays."""
    alike: Any = types.NamedUniTuple
    make: Any = types.NamedTuple
    return alike(kinds[0], len(kinds), of) if len(set(kinds)) == 1 else make(kinds, of)


def compiled(result: Any, *arguments: Any) -> Callable[[F], F]:
    """Compile a function that Python may call, for one signature."""

    def now(function: F) -> Any:
        dispatcher = _cached(_untyped(**OPTIONS)(function))
        signature = result(*arguments)
        if not _loaded(dispatcher, signature):
            _compile_inlined()
            dispatcher.compile(signature)
        dispatcher.disable_compile()
        return dispatcher

    return now


def inlined(result: Any, *arguments: Any) -> Callable[[F], F]:
    """Compile a function that only compiled ones call: they take its code in whole.

    A call would hand over each array of a state by its seven numbers. It is compiled when one that
    may take it has to be.
    """
    options = {**OPTIONS, "forceinline": True, "no_cpython_wrapper": True}

    def later(function: F) -> Any:
        dispatcher = _untyped(**options)(function)
        _inlined.append((dispatcher, result(*arguments)))
        return dispatcher

    return later


_inlined: list[tuple[Any, Any]] = []
"""What is not compiled yet, in the order written: what a function takes stands before it."""


def _compile_inlined() -> None:
    for dispatcher, signature in _inlined:
        _cached(dispatcher).compile(signature)
        dispatcher.disable_compile()
    _inlined.clear()


def _cached(dispatcher: Any) -> Any:
    """Let what is compiled be kept beside the module, for as long as its sources are the same.

    Numba asks only whether the function's own file has changed. Where no place can be written to
    (a read-only machine) the code is compiled in each process.
    """
    try:
        dispatcher.enable_caching()
    except RuntimeError as failure:
        if "no locator available" not in str(failure):
            raise
    else:
        dispatcher._cache._cache_file._source_stamp = SOURCES  # noqa: SLF001  # no public door
    return dispatcher


def _loaded(dispatcher: Any, signature: Any) -> bool:
    """Take what an earlier process has compiled from the same sources; whether there was such.

    `compile` would do it too, after it has made ready to compile: a third of a second, SciPy's
    linear algebra among it, that most processes never need. What is compiled here asks for
    nothing of Numba's at run time but what is there from its import on (`_nrt` is off).
    """
    load = getattr(dispatcher._cache, "_load_overload", None)  # noqa: SLF001  # no public door
    found = None if load is None else load(signature, dispatcher.targetctx)
    if found is None:
        return False
    dispatcher.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
    dispatcher.add_overload(found)
    return True


def emitted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is written in LLVM instructions: what Python's integers cannot say."""
    return cast("Callable[..., Any]", intrinsic(function))

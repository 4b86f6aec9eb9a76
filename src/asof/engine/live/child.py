"""Work in a process of its own: with a limit of time and memory, and killed beyond it.

Fits and sealing would hold up answers; what they do to memory, or to the interpreter, is theirs.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from asof.engine.clock import elapsed
from asof.engine.frames import with_room
from asof.errors import AsofError

_LOOK = 0.25
"""Seconds between looks at the memory of a child that works."""

_GIVES_WAY = 10
"""How much a child leaves the processor to whoever answers requests (of 19)."""


class ChildFailed(AsofError):
    """A process that worked for the system ended, or was ended, without an answer."""


@dataclass(frozen=True)
class Limits:
    """What one piece of work may take: seconds, and bytes of resident memory."""

    seconds: float
    memory: int


@dataclass(frozen=True)
class _Failed:
    words: str
    traceback: str


def _work(pipe: Connection) -> None:
    """Do what comes through the pipe until it is closed, or until the server is no more."""
    threading.Thread(target=_end_with_the_server, name="asof-watch", daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(_GIVES_WAY)
    with_room(lambda: _work_on(pipe))


def _work_on(pipe: Connection) -> None:
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = function(*arguments)
        except Exception as error:  # noqa: BLE001  whatever it is, it is told to who asked
            answer = _Failed(f"{type(error).__name__}: {error}", traceback.format_exc())
        pipe.send(answer)


def _end_with_the_server() -> None:
    """A server that was killed cannot end its fit, which may never end by itself."""
    server = multiprocessing.parent_process()
    if server is not None:
        server.join()
        os._exit(1)


class Child:
    """A process that does one thing after another; it is started when there is something to do."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"asof-{name}")
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._closed = False

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function answers, called in the child with picklable arguments.

        Raises:
            ChildFailed: it raised, took too long or too much memory, or the process died.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._call, function, arguments)

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        process, pipe = self._started()
        try:
            pipe.send((function, arguments))
            self._wait(process, pipe)
            answer = pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            process.join()
            code = process.exitcode
            self._end()
            raise ChildFailed(
                f"The process for {self._name} died.",
                found=f"exit status {code}",
                mend="It is started anew for the next piece of work.",
            ) from error
        if isinstance(answer, _Failed):
            failed = ChildFailed(f"The {self._name} failed.", found=answer.words)
            failed.add_note(answer.traceback)
            raise failed
        return answer

    def _wait(self, process: BaseProcess, pipe: Connection) -> None:
        import psutil

        begun, limits = elapsed(), self._limits
        while not pipe.poll(_LOOK):
            try:
                memory = psutil.Process(process.pid).memory_info().rss
            except psutil.NoSuchProcess:
                return  # the pipe says so too
            took = elapsed() - begun
            if took > limits.seconds or memory > limits.memory or self._closed:
                self._end()
                raise ChildFailed(
                    f"The {self._name} was ended: it took too "
                    f"{'long' if took > limits.seconds else 'much memory'}."
                    if not self._closed
                    else f"The {self._name} was ended with the server.",
                    found=f"{took:,.0f} s and {memory / 2**20:,.0f} MB; the limits are "
                    f"{limits.seconds:,.0f} s and {limits.memory / 2**20:,.0f} MB",
                    mend="Raise the limit, or let the model be fitted on less.",
                )

    def _started(self) -> tuple[BaseProcess, Connection]:
        if self._process is None or self._pipe is None or not self._process.is_alive():
            self._end()
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(theirs,), name=f"asof-{self._name}", daemon=True
            )
            process.start()
            theirs.close()
            self._process, self._pipe = process, ours
        return self._process, self._pipe

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def close(self) -> None:
        """End the process; what it was doing is not finished."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._end()

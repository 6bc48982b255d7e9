"""Which thread or task reads, and which runs a handler."""

from __future__ import annotations

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from .event import Event
from .link import Link

MOST = 128
"""Threads for the functions that may run at once."""

SLOW = 0.2
"""Seconds from which on a function takes its time."""

GRACE = 2
"""Seconds that handlers have to end once the core has gone."""


class Runners:
    """Functions run one after the other in the main thread. As long as they are quick it also reads, between two of them, and nothing goes from
    thread to thread; from the first one on that calls the core, or takes its time, a thread of its own reads. Where there are coroutines their
    loop reads: in the main thread, or beside it if there are functions, too.
    """

    def __init__(self, link: Link, hear: Callable[[bytes], None], run: Callable[[Event], None], ended: Callable[[], None]):
        self._link, self._hear, self._run, self._ended = link, hear, run, ended
        self._turns: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._pool: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._idle, self._threads = threading.Semaphore(0), 0
        self._finished = threading.Event()
        self._is_inline, self._is_busy, self._turn = False, False, 0
        self._lock, self._wake, self._watch_sleeps = threading.Lock(), threading.Semaphore(0), False
        self._loop: Any = None
        self._loop_thread = 0
        self._tasks: set[Any] = set()

    def serve(self, has_tasks: bool, has_turns: bool) -> None:
        """Returns when the connection has ended and what is to be done then is done."""
        if has_tasks and not has_turns:
            return self._in_loop()
        if has_tasks:
            self._start(self._in_loop)
        else:
            self._is_inline = True
            threading.Thread(target=self._watch, daemon=True).start()
            if self._serve_inline():
                return
        while event := self._turns.get():
            self._run(event)
        self._finished.set()

    def put(self, event: Event) -> None:
        if self._is_inline:
            self._run(event)
        else:
            self._turns.put(event)

    def put_concurrent(self, event: Event) -> None:
        self._pool.put(event)
        if not self._idle.acquire(blocking=False) and self._threads < MOST:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()

    def hand_over(self) -> None:
        """Has another thread read, if this one should and is in a handler."""
        if threading.current_thread() is threading.main_thread():
            self._take_over(self._turn)

    def _serve_inline(self) -> bool:
        """Whether the connection has ended; if not, another thread reads."""
        while True:
            with self._lock:
                if not self._is_inline:
                    return False
                line = self._link.next()
                self._turn += 1
                self._is_busy = line is not None
            if line is None:
                if not self._link.fill():
                    self._ended()
                    return True
            else:
                if self._watch_sleeps:
                    self._watch_sleeps = False
                    self._wake.release()
                self._hear(line)

    def _watch(self) -> None:
        while self._is_inline:
            turn = self._turn
            if self._is_busy:
                time.sleep(SLOW)
                self._take_over(turn)
            else:
                self._watch_sleeps = True
                if not self._is_busy:
                    self._wake.acquire()

    def _take_over(self, turn: int) -> None:
        with self._lock:
            if self._is_inline and self._is_busy and self._turn == turn:
                self._is_inline = False
                self._start(self._read)

    def _start(self, read: Callable[[], None]) -> None:
        threading.Thread(target=self._beside, args=(read,), daemon=True).start()

    def spawn(self, work: Coroutine[Any, Any, None]) -> Any:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def is_loop(self) -> bool:
        return threading.get_ident() == self._loop_thread

    def _work(self) -> None:
        while True:
            self._run(self._pool.get())
            self._idle.release()

    def _beside(self, read: Callable[[], None]) -> None:
        try:
            read()
            self._turns.put(None)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        if not self._finished.wait(GRACE):
            os._exit(0)

    def _read(self) -> None:
        self._hear_lines()
        while self._link.fill():
            self._hear_lines()
        self._ended()

    def _hear_lines(self) -> None:
        while (line := self._link.next()) is not None:
            self._hear(line)

    def _in_loop(self) -> None:
        import asyncio

        asyncio.run(self._read_in_loop(asyncio))

    async def _read_in_loop(self, asyncio: Any) -> None:
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        if factory := getattr(asyncio, "eager_task_factory", None):
            self._loop.set_task_factory(factory)
        at_end = self._loop.create_future()

        def readable() -> None:
            failure: Exception | None = None
            try:
                if self._link.fill():
                    return self._hear_lines()
            except Exception as failed:
                failure = failed
            self._loop.remove_reader(self._link.fileno())
            at_end.set_exception(failure) if failure else at_end.set_result(None)

        self._loop.add_reader(self._link.fileno(), readable)
        await at_end
        for task in self._tasks:
            task.cancel()
        self._ended()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)

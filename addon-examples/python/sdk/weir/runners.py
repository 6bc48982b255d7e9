"""Which thread reads, and which runs a handler."""

import os
import queue
import threading
import time
import traceback
from typing import Any

from .event import Event
from .link import start

MOST = 128  # Threads for the functions that may run at once.
SLOW = 0.2  # Seconds from which on a function takes its time.
GRACE = 2  # Seconds that handlers have to end once the core has gone.


class Runners:
    """Functions run one after the other in the main thread. As long as they are quick it also reads, between two of
    them, and nothing goes from thread to thread; from the first one on that calls the core, or takes its time, a
    thread of its own reads. Coroutines run in a loop beside it.
    """

    def __init__(self, addon: Any, has_coroutines: bool):
        self._addon = addon
        self._turns: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._pool: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._idle, self._threads = threading.Semaphore(0), 0
        self._main_reads, self._reading = True, threading.Lock()  # The lock is free while a function runs.
        self._turn, self._begun, self._called = 0, threading.Event(), threading.Event()
        self._deadline = threading.Timer(GRACE, os._exit, [0])
        self.loop: Any = None
        if has_coroutines:
            from .loop import Loop

            self.loop = Loop()

    def serve(self) -> None:
        """Returns when the connection has ended and what is to be done then is done."""
        start(self._beside)
        while event := self._next():
            self._run(event)
        if self.loop:
            self.loop.finish()
        self._deadline.cancel()

    def put(self, event: Event) -> None:
        """Has the event's handler run where it should."""
        if event._route.is_async:
            self.loop.run(event, self._run_async, event)
        elif event._route.is_concurrent:
            self._pool.put(event)
            if not self._idle.acquire(blocking=False) and self._threads < MOST:
                self._threads += 1
                start(self._work)
        else:
            self._turns.put(event)

    def hand_over(self) -> None:
        """Before a handler waits for the core: if it is in the main thread, that does not read any more."""
        if self.loop and threading.current_thread() is self.loop.thread:
            raise RuntimeError("call would stop all coroutines: await acall")
        if threading.current_thread() is threading.main_thread():
            self._called.set()

    def _next(self) -> Event | None:
        """The next event of the main thread, which reads until there is one; None when all is over."""
        with self._reading:
            while self._main_reads and self._turns.empty():
                self._read()
            self._turn += 1
        if not self._begun.is_set():
            self._begun.set()
        return self._turns.get()

    def _beside(self) -> None:
        """Reads from the moment on when a function of the main thread calls the core, or takes its time."""
        while self._main_reads:
            self._begun.wait()
            self._begun.clear()
            turn = self._turn
            self._called.wait(SLOW)
            with self._reading:
                if self._called.is_set() or self._turn == turn:
                    self._main_reads = False
        while not self._addon._is_over and self._read():
            pass

    def _read(self) -> bool:
        """Hears one line. False if there are no more."""
        try:
            if line := self._addon._link.read():
                self._addon._hear(line)
                return True
        except Exception:
            traceback.print_exc()
            os._exit(1)
        self._deadline.start()
        if self.loop:
            self.loop.cancel_all()
        self._addon._end()
        self._main_reads = False
        self._turns.put(None)
        return False

    def _work(self) -> None:
        while True:
            self._run(self._pool.get())
            self._idle.release()

    def _run(self, event: Event) -> None:
        try:
            if not event.is_cancelled:
                self._addon._done(event, event._route.handler(event))
        except Exception as failure:
            self._addon._failed(event, failure)

    async def _run_async(self, event: Event) -> None:
        try:
            self._addon._done(event, await event._route.handler(event))
        except Exception as failure:
            self._addon._failed(event, failure)

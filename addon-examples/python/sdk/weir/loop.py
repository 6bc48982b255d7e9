"""The event loop of an addon's coroutines, in a thread of its own. Imported where there are some."""

import asyncio
from collections.abc import Callable
from typing import Any

from .link import start


class Loop:
    """What is done here is done in order, and may be asked for by any thread."""

    Queue = asyncio.Queue

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.thread = start(self._loop.run_forever)
        self.soon = self._loop.call_soon_threadsafe

    def run(self, owner: Any, work: Callable[..., Any], *arguments: Any) -> None:
        """Runs the coroutine as the owner's `_task`."""
        self.soon(lambda: setattr(owner, "_task", self._loop.create_task(work(*arguments))))

    def cancel(self, owner: Any) -> None:
        self.soon(lambda: owner._task.cancel())

    def cancel_all(self) -> None:
        """Cancels what runs by now."""
        self.soon(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])

    def finish(self) -> None:
        """Waits until everything has ended."""
        asyncio.run_coroutine_threadsafe(self._wait(), self._loop).result()

    async def _wait(self) -> None:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

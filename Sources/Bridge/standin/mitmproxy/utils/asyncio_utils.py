"""Tasks."""

import asyncio
from collections.abc import Coroutine

_running: set[asyncio.Task] = set()


def create_task(coro: Coroutine, *, name: str, keep_ref: bool = True, client: tuple | None = None) -> asyncio.Task:
    """A task with a name, which is kept from being collected while it runs."""
    task = asyncio.create_task(coro, name=name)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task

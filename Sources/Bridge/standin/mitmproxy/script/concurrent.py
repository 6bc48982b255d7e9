"""Hooks that block, beside each other."""

import asyncio
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from mitmproxy import hooks


def concurrent(fn: Callable) -> Callable:
    """The hook runs in a thread of its own: other events go on meanwhile, its own waits for it; one that is async has a loop there. For hooks of flows and connections."""
    if fn.__name__ not in set(hooks.all_hooks) - {"load", "configure", "running", "done", "add_log", "update"}:
        raise NotImplementedError(f"Concurrent decorator not supported for '{fn.__name__}' method.")

    def run(*args: Any) -> None:
        if inspect.iscoroutinefunction(fn):
            asyncio.run(fn(*args))
        else:
            fn(*args)

    @wraps(fn)
    async def in_thread(*args: Any) -> None:
        await asyncio.to_thread(run, *args)

    return in_thread

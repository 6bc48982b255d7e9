"""One event, as its handler gets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .descriptors import Descriptors
from .values import bytes_of

if TYPE_CHECKING:
    from .addon import Addon

PIECE = 1 << 20
GENERATOR, COROUTINE, ASYNC_GENERATOR = 0x20, 0x80, 0x200


class Route:
    """A handler, and how it is run."""

    __slots__ = ("handler", "is_concurrent", "is_async", "is_generator")

    def __init__(self, handler: Callable[..., Any], is_concurrent: bool):
        inner = getattr(handler, "func", handler)  # of functools.partial
        code = getattr(inner, "__code__", None) or getattr(type(inner).__call__, "__code__", None)
        flags = code.co_flags if code else 0
        self.handler, self.is_concurrent = handler, is_concurrent
        self.is_async = bool(flags & (COROUTINE | ASYNC_GENERATOR))
        self.is_generator = bool(flags & (GENERATOR | ASYNC_GENERATOR))


class Event:
    """`name` is the hook's, `params` the core's plain values; `is_cancelled` says that nobody waits for the answer any more."""

    __slots__ = ("addon", "name", "id", "params", "is_cancelled", "_route", "_transform", "_task", "_bodies")

    def __init__(self, addon: Addon, name: str, number: int | None, params: dict[str, Any], route: Route):
        self.addon, self.name, self.id, self.params, self._route = addon, name, number, params, route
        self.is_cancelled = False
        self._transform: Any = None
        self._task: Any = None
        self._bodies: dict[int, Any] | None = None

    @property
    def flow(self) -> Any:
        """The flow's state, as the protocol's hooks.md lists it."""
        return self.params["flow"]

    @property
    def attempt(self) -> int:
        """2 if a worker died over this event before."""
        return int(self.params.get("attempt", 1))

    def extend(self, ms: int) -> None:
        """Asks for so many milliseconds from now; before the deadline is over."""
        if self.id is not None:
            self.addon.notify("event.extend", id=self.id, ms=ms)

    def stream(self, transform: Callable[[Any], Any]) -> None:
        """Has the pieces that `transform(body)` yields take the place of the body's, from the event's answer on. It is asynchronous if the handler is."""
        self._transform = transform

    def body(self, part: str = "response") -> Any:
        """The octets of the whole body (`bytes`, or a mapping of a large one). By calls where it came by reference: in a coroutine, with `asyncio.to_thread`."""
        content = self.flow[part]["content"]
        if self._bodies and isinstance(content, dict) and "fd" in content:
            return self._bodies[content["fd"]]
        if not (isinstance(content, dict) and "ref" in content):
            return bytes_of(content)
        body = bytearray()
        while len(body) < content["size"]:
            body += bytes_of(self.addon.call("body.read", ref=content["ref"], offset=len(body), length=PIECE)["data"])
        return bytes(body)

    def _take(self, descriptors: Descriptors) -> None:
        flow = self.params.get("flow") or {}
        for part in ("request", "response"):
            content = (flow.get(part) or {}).get("content")
            if isinstance(content, dict) and "fd" in content:
                self._bodies = (self._bodies or {}) | {content["fd"]: descriptors.take(content)}

    def _cancel(self) -> None:
        self.is_cancelled = True
        if self._task:
            self._task.cancel()

    def _streamed(self) -> dict[str, Any]:
        """The answer of a handler that is a generator."""
        self._transform = lambda body: self._route.handler(self, body)
        return {}

    def _offer(self, result: dict[str, Any]) -> int | None:
        """The number of the stream that opens behind an answer with that result."""
        part = "request" if self.name.startswith("request") else "response"
        content = (self.flow.get(part) or {}).get("content")
        if not (isinstance(content, dict) and "stream" in content) or result.get("kill") or result.get("more") == "whole":
            return None
        changed = result.get("flow") or {}
        if part == "request" and changed.get("response"):
            return None  # It goes to nobody.
        own = (changed.get(part) or {}).get("content", content)
        return int(content["stream"]) if isinstance(own, dict) and "b64" not in own else None

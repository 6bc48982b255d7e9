"""One event, as its handler gets it."""

from collections.abc import Callable
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any

from .values import bytes_of

PIECE = 1 << 20
PARTS = ("request", "response")


class Route:
    """A handler, and how it is run."""

    def __init__(self, handler: Callable[..., Any], is_concurrent: bool):
        self.handler, self.is_concurrent = handler, is_concurrent
        self.is_async = iscoroutinefunction(handler) or isasyncgenfunction(handler)
        self.is_generator = isgeneratorfunction(handler) or isasyncgenfunction(handler)


class Event:
    """`name` is the hook's, `params` the core's plain values; `is_cancelled` says that nobody waits for the answer."""

    def __init__(self, addon: Any, name: str, number: int | None, params: dict[str, Any], route: Route):
        self.addon, self.name, self.id, self.params, self._route = addon, name, number, params, route
        self.is_cancelled = False
        self._transform: Any = None
        self._task: Any = None
        self._bodies: dict[str, Any] = {}

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
        """Has the pieces that `transform(body)` yields take the place of the body's, from the event's answer on.
        It is asynchronous if the handler is.
        """
        self._transform = transform

    def body(self, part: str = "response") -> Any:
        """The octets of the whole body (`bytes`, or a mapping of a large one). By calls where it came by reference:
        in a coroutine, with `asyncio.to_thread`.
        """
        if part in self._bodies:
            return self._bodies[part]
        ref, size = self._content(part, "ref"), self._content(part, "size")
        if ref is None:
            return bytes_of(self.flow[part]["content"])
        body = bytearray()
        while len(body) < size:
            body += bytes_of(self.addon.call("body.read", ref=ref, offset=len(body), length=PIECE)["data"])
        return bytes(body)

    def _content(self, part: str, member: str) -> Any:
        """A member of that part's content, where it has members."""
        content = ((self.params.get("flow") or {}).get(part) or {}).get("content")
        return content.get(member) if isinstance(content, dict) else None

    def _opened(self, result: dict[str, Any]) -> int | None:
        """The number of the stream that opens behind an answer with that result."""
        part = "request" if self.name.startswith("request") else "response"
        flow = result.get("flow") or {}
        own = (flow.get(part) or {}).get("content", {})
        is_replaced = not isinstance(own, dict) or "b64" in own
        is_answered = part == "request" and flow.get("response")  # It goes to nobody.
        is_over = is_replaced or is_answered or result.get("kill") or result.get("more") == "whole"
        return None if is_over else self._content(part, "stream")

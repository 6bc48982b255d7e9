"""One event, as its handler gets it."""

from __future__ import annotations

from collections.abc import Callable, Generator
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
        self._transform: Callable[[Any], Any] | None = None
        self._task: Any = None
        self._bodies: dict[int, Any] | None = None

    @property
    def flow(self) -> dict[str, Any]:
        return self.params["flow"]

    @property
    def attempt(self) -> int:
        """2 if a worker died over this event before."""
        return self.params.get("attempt", 1)

    def extend(self, ms: int) -> None:
        """Asks for so many milliseconds from now; before the deadline is over."""
        if self.id is not None:
            self.addon.notify("event.extend", id=self.id, ms=ms)

    def stream(self, transform: Callable[[Any], Any]) -> None:
        """Has the pieces that `transform(body)` yields take the place of the body's, from the event's answer on. It is asynchronous if the handler is."""
        self._transform = transform

    def body(self, part: str = "response") -> Any:
        """The octets of the whole body (`bytes`, or a mapping of a large one); by calls where it came by reference."""
        reading = self._reading(self.flow[part]["content"])
        try:
            params = next(reading)
            while True:
                params = reading.send(self.addon.call("body.read", **params))
        except StopIteration as done:
            return done.value

    async def abody(self, part: str = "response") -> Any:
        """As `body`, in a coroutine."""
        reading = self._reading(self.flow[part]["content"])
        try:
            params = next(reading)
            while True:
                params = reading.send(await self.addon.acall("body.read", **params))
        except StopIteration as done:
            return done.value

    def _reading(self, content: Any) -> Generator[dict[str, int], Any, Any]:
        if isinstance(content, dict) and "ref" in content:
            body = bytearray()
            while len(body) < content["size"]:
                answer = yield {"ref": content["ref"], "offset": len(body), "length": PIECE}
                body += bytes_of(answer["data"])
            return bytes(body)
        if self._bodies and isinstance(content, dict) and "fd" in content:
            return self._bodies[content["fd"]]
        return bytes_of(content)

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

    def _streams_by_itself(self) -> None:
        self._transform = lambda body: self._route.handler(self, body)

    def _opened(self, result: dict[str, Any]) -> int | None:
        """The number of the stream that opens behind the answer; where it must be asked for, the result does so."""
        part = "request" if self.name.startswith("request") else "response"
        content = (self.flow.get(part) or {}).get("content")
        if not (isinstance(content, dict) and "stream" in content):
            return None
        changed = result.get("flow") or {}
        own = (changed.get(part) or {}).get("content", content)
        if not isinstance(own, dict) or "b64" in own or (part == "request" and changed.get("response")):
            return None
        if "preview" in content:
            result["more"] = "stream"
        return content["stream"]

"""An addon: what it declares, and what it says to the core and hears from it."""

from __future__ import annotations

import itertools
import json
import os
import queue
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .descriptors import FROM, Descriptors
from .errors import Error
from .event import Event, Route
from .link import MAX_LINE, Link
from .runners import Runners
from .stream import AsyncBody, Body
from .values import BytesLike, encode

if TYPE_CHECKING:
    import asyncio

Handler = Callable[..., Any]
LIFE = ("initialized", "drain", "shutdown")
"""Messages that have handlers like hooks, and are none."""

GONE = {"error": {"code": -32009, "message": "the connection to the core has ended", "data": {"kind": "gone"}}}


class Addon:
    """One addon, in one process.

    Handlers are functions or coroutines; functions run one after the other, in the main thread, unless they are `concurrent`. `permissions` are the
    calls that it makes; with `descriptors` large bodies come as memory files. After the handshake `core` is what the core said in it, `granted`
    what was granted, and `options` has the values that hold.
    """

    def __init__(self, name: str, version: str = "", permissions: Iterable[str] = (), descriptors: bool = False):
        self.name, self.version, self.permissions = name, version, list(permissions)
        self.options: dict[str, Any] = {}
        self.core: dict[str, Any] = {}
        self.granted: dict[str, Any] = {}
        self._wants_descriptors = descriptors
        self._descriptors: Descriptors | None = None
        self._hooks: list[dict[str, Any]] = []
        self._routes: dict[str, Route] = {}
        self._commands: dict[str, Route] = {}
        self._offered: list[dict[str, Any]] = []
        self._declared: list[dict[str, Any]] = []
        self._open: dict[int, Event] = {}
        self._streams: dict[int, Body | AsyncBody] = {}
        self._numbers = itertools.count(1)
        self._calls: dict[int, Callable[[dict[str, Any]], Any]] = {}
        self._longest = MAX_LINE
        self._is_over = False

    # What it declares

    def on(self, name: str, *, concurrent: bool = False, **members: Any) -> Callable[[Handler], Handler]:
        """Registers `handler(event)` for a hook, with the members of the protocol's section 5: `filter`, `content`, `decode`, `fields`, `observe`,
        `timeout_ms`, `on_failure`, `idempotent`, `order`. It returns the result; None changes nothing. Where the body is streamed it may be a
        generator `handler(event, body)`, whose pieces take the place of the body's. Also for `initialized`, `drain` and `shutdown`.
        """

        def register(handler: Handler) -> Handler:
            if self._routes.setdefault(name, Route(handler, concurrent)).handler is not handler:
                raise ValueError(f"'{name}' has a handler already")
            if name not in LIFE:
                self._hooks.append({"name": name, **members})
            return handler

        return register

    def command(self, name: str, help: str = "", arguments: str = "", result: str = "", concurrent: bool = False) -> Callable[[Handler], Handler]:
        """Registers `handler(event)` for a command: `event.params["args"]` are its arguments, what it returns is the answer."""

        def register(handler: Handler) -> Handler:
            self._commands[name] = Route(handler, concurrent)
            self._offered.append({"name": name, "help": help, "arguments": arguments, "result": result})
            return handler

        return register

    def option(self, name: str, type: str, default: Any = None, help: str = "", choices: Iterable[str] = ()) -> None:
        """Declares a setting: `options[name]` is its value. A handler of `configure` finds new ones in `event.params["options"]` and refuses them with an `Error`."""
        declared = {"name": name, "type": type, "default": default, "help": help, "choices": list(choices)}
        self._declared.append({key: value for key, value in declared.items() if value not in (None, [])})

    # What it says

    def call(self, method: str, **params: Any) -> Any:
        """Asks the core and waits for the result; `Error` if it refuses. From a function or a thread."""
        if self._runners.is_loop():
            raise RuntimeError("call would stop all coroutines: await acall")
        self._runners.hand_over()
        answer: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._ask(method, params, answer.put)
        return _result(answer.get())

    async def acall(self, method: str, **params: Any) -> Any:
        """As `call`, from a coroutine."""
        import asyncio

        loop = asyncio.get_running_loop()
        answer: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._ask(method, params, lambda message: loop.call_soon_threadsafe(_settle, answer, message))
        return _result(await answer)

    def notify(self, method: str, is_wanted: bool = True, **params: Any) -> None:
        self._link.send(self._line({"jsonrpc": "2.0", "method": method, "params": params}), is_wanted)

    def log(self, level: str, msg: str) -> None:
        """A line of the proxy's log; `level` is `debug`, `info`, `warn` or `error`."""
        self.notify("log", False, level=level, msg=msg)

    def metrics(self, name: str, value: float = 1, labels: dict[str, str] | None = None) -> None:
        """Adds to a counter of the core's; with the permission `metrics.add`."""
        self.notify("metrics.add", False, name=name, value=value, labels=labels or {})

    def _ask(self, method: str, params: dict[str, Any], arrived: Callable[[dict[str, Any]], Any]) -> None:
        number = next(self._numbers)
        line = self._line({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        self._calls[number] = arrived
        self._link.send(line)
        if self._is_over and number in self._calls:
            arrived(GONE)

    def _line(self, message: dict[str, Any]) -> bytes:
        line = encode(message).encode() + b"\n"
        self._check(line)
        return line

    def _check(self, line: bytes) -> None:
        """The core would end the connection over a line that is too long."""
        if len(line) > self._longest + 1:
            raise Error(f"the line has {len(line) - 1} bytes, and the core takes {self._longest}", -32006, "too_large")

    # What it hears

    def run(self) -> None:
        """Serves the core until it closes the connection."""
        if self._declared and "configure" not in self._routes:
            self.on("configure")(_accept)
        self._link = Link()
        number = os.environ.pop("WEIR_ADDON_FDS", None)
        if number and self._wants_descriptors:
            self._descriptors = Descriptors(int(number))
        routes = [*self._routes.values(), *self._commands.values()]
        has_turns = any(not (route.is_async or route.is_concurrent or route.handler is _accept) for route in routes)
        self._runners = Runners(self._link, self._hear, self._run, self._end)
        self._runners.serve(any(route.is_async for route in routes), has_turns)

    def _hear(self, line: bytes) -> None:
        message: dict[str, Any] = json.loads(line)
        method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
        if method is None:
            if number in self._calls:
                self._calls.pop(number)(message)
            return
        if method == "initialized":
            self.granted = params
        route = self._commands.get(params.get("name", "")) if method == "command" else self._routes.get(method)
        if route:
            if method == "shutdown":
                del self._routes[method]  # Once, whether it is said or the connection just ends.
            self._begin(Event(self, method, number, params, route))
        elif method.startswith("stream."):
            if stream := self._streams.get(params.get("s", 0)):
                stream._hear(method[7:], params)
        elif method == "cancel":
            if event := self._open.pop(params.get("id", 0), None):
                event._cancel()
        elif method == "initialize":
            self._link.send(self._line({"jsonrpc": "2.0", "id": number, "result": self._hello(params)}))
        elif number is not None:
            known = method in ("ping", "shutdown")
            self._link.send(_answer(number, {}) if known else _refusal(number, Error(f"there is no '{method}'", -32601)))

    def _hello(self, params: dict[str, Any]) -> dict[str, Any]:
        self.core, self.options = params, dict(params.get("options") or {})
        self._longest = params.get("limits", {}).get("max_line", MAX_LINE)
        if "fd" not in params.get("capabilities", ()):
            self._descriptors = None
        said = {
            "version": self.version,
            "capabilities": ["fd"] if self._descriptors else [],
            "permissions": self.permissions,
            "options": self._declared,
            "commands": self._offered,
        }
        return {"protocol": 1, "name": self.name, "hooks": self._hooks, "limits": {"max_line": MAX_LINE}} | {key: value for key, value in said.items() if value}

    def _begin(self, event: Event) -> None:
        if event.id is not None:
            self._open[event.id] = event
        if self._descriptors:
            event._take(self._descriptors)
        route = event._route
        if route.is_async:
            event._task = self._runners.spawn(self._run_async(event))
        elif route.is_concurrent:
            self._runners.put_concurrent(event)
        elif route.handler is _accept:
            self._run(event)
        else:
            self._runners.put(event)

    def _end(self) -> None:
        self._is_over = True
        for event in list(self._open.values()):
            event._cancel()
        self._open.clear()
        while self._calls:
            self._calls.popitem()[1](GONE)
        for stream in list(self._streams.values()):
            stream._hear("reset", {"why": "gone"})
        if route := self._routes.pop("shutdown", None):
            self._begin(Event(self, "shutdown", None, {}, route))

    # What handlers answer

    def _run(self, event: Event) -> None:
        if not event.is_cancelled:
            try:
                self._done(event, event._streamed() if event._route.is_generator else event._route.handler(event))
            except Exception as failure:
                self._failed(event, failure)

    async def _run_async(self, event: Event) -> None:
        try:
            self._done(event, event._streamed() if event._route.is_generator else await event._route.handler(event))
        except Exception as failure:
            self._failed(event, failure)

    def _done(self, event: Event, result: Any) -> None:
        if event.name == "configure":
            self.options = dict(event.params["options"])
        if event.id is None:
            return
        if result is None and event.name != "command":
            result = {}
        stream = None
        if event._transform and (number := event._offer(result)) is not None:
            stream = (AsyncBody if event._route.is_async else Body)(self, number, self.core["limits"]["stream_credit"])
            result = {"more": "stream", **result}
        with self._link.lock:
            line = _answer(event.id, self._with_files(result, self._descriptors) if self._descriptors else result)
            self._check(line)
            if self._open.pop(event.id, None) is None:
                return
            if stream:
                self._streams[stream._number] = stream
            self._link.send_locked(line)
        if isinstance(stream, Body):
            threading.Thread(target=self._carry, args=(stream, event._transform), daemon=True).start()
        elif stream:
            self._runners.spawn(self._carry_async(stream, event._transform))

    @staticmethod
    def _with_files(result: Any, descriptors: Descriptors) -> Any:
        """The result with large bodies as memory files, which are sent; its line must be next."""
        flow = dict(result.get("flow") or {}) if isinstance(result, dict) else {}
        for part in ("request", "response"):
            message = flow.get(part)
            if isinstance(message, dict) and isinstance(data := message.get("content"), BytesLike) and len(data) >= FROM:
                flow[part] = {**message, "content": descriptors.give(data)}
        return {**result, "flow": flow} if flow else result

    def _failed(self, event: Event, failure: Exception) -> None:
        if not isinstance(failure, Error):
            traceback.print_exception(failure)
            failure = Error(f"{type(failure).__name__}: {failure}")
        with self._link.lock:
            if event.id is not None and self._open.pop(event.id, None) is not None:
                self._link.send_locked(_refusal(event.id, failure))

    def _carry(self, stream: Body, transform: Callable[[Body], Any]) -> None:
        stream._carry(transform)
        self._streams.pop(stream._number, None)

    async def _carry_async(self, stream: AsyncBody, transform: Callable[[AsyncBody], Any]) -> None:
        try:
            await stream._carry(transform)
        finally:
            self._streams.pop(stream._number, None)


def _accept(event: Event) -> None:
    """Takes the options' values as they are."""


def _answer(number: int, result: Any) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"result":%b}\n' % (number, encode(result).encode())


def _refusal(number: int, failure: Error) -> bytes:
    message = failure.message.encode("utf-8", "replace").decode()
    return encode({"jsonrpc": "2.0", "id": number, "error": {"code": failure.code, "message": message}}).encode() + b"\n"


def _result(message: dict[str, Any]) -> Any:
    if "error" in message:
        error = message["error"]
        raise Error(error["message"], error["code"], (error.get("data") or {}).get("kind", ""))
    return message.get("result")


def _settle(answer: asyncio.Future[dict[str, Any]], message: dict[str, Any]) -> None:
    if not answer.done():
        answer.set_result(message)

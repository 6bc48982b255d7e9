"""An addon: what it declares, and what it says to the core and hears from it."""

import functools
import itertools
import json
import os
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from .descriptors import Descriptors
from .event import Event, Route
from .link import MAX_LINE, Link, start
from .runners import Runners
from .stream import Body
from .values import Error, encode

Handler = Callable[..., Any]
LIFE = ("initialized", "drain", "shutdown")  # Messages that have handlers like hooks, and are none.
GONE = {"code": -32009, "message": "the connection to the core has ended", "data": {"kind": "gone"}}


class Addon:
    """One addon, in one process.

    Handlers are functions or coroutines; functions run one after the other, in the main thread, unless they are
    `concurrent`. `permissions` are the calls that it makes; with `descriptors` large bodies come as memory files. After
    the handshake `core` is what the core said in it, `granted` what was granted, `options` has the values that hold.
    """

    def __init__(self, name: str, version: str = "", permissions: Iterable[str] = (), descriptors: bool = False):
        self._hello: dict[str, Any] = {"name": name, "version": version, "permissions": list(permissions)}
        self._hello |= {"protocol": 1, "limits": {"max_line": MAX_LINE}, "hooks": [], "options": [], "commands": []}
        self.options: dict[str, Any] = {}
        self.core: dict[str, Any] = {}
        self.granted: dict[str, Any] = {}
        self._routes: dict[str, Route] = {}
        self._open: dict[int | None, Event] = {}
        self._streams: dict[int, Body] = {}
        self._calls: dict[int, Future[Any]] = {}
        self._numbers, self._longest, self._is_over = itertools.count(1), MAX_LINE, False
        self._wants_descriptors = descriptors
        self._descriptors: Descriptors | None = None

    # What it declares

    def on(self, name: str, *, concurrent: bool = False, **members: Any) -> Callable[[Handler], Handler]:
        """Registers `handler(event)` for a hook, with the members of the protocol's section 5: `filter`, `content`,
        `decode`, `fields`, `observe`, `timeout_ms`, `on_failure`, `idempotent`, `order`. It returns the result; None
        changes nothing. Where the body is streamed it may be a generator `handler(event, body)`, whose pieces take the
        place of the body's. Also for `initialized`, `drain` and `shutdown`.
        """

        declared = None if name in LIFE else {"name": name, **members}
        return self._registered(name, concurrent, "hooks", declared)

    def command(self, name: str, *, concurrent: bool = False, **about: str) -> Callable[[Handler], Handler]:
        """Registers `handler(event)` for a command: `event.params["args"]` are its arguments, what it returns is the
        answer. `help`, `arguments` and `result` are texts for people.
        """
        return self._registered(f"command {name}", concurrent, "commands", {"name": name, **about})

    def option(self, name: str, type: str, **members: Any) -> None:
        """Declares a setting, with `default`, `help` and `choices`: `options[name]` is its value. A handler of
        `configure` finds new ones in `event.params["options"]` and refuses them with an `Error`.
        """
        self._hello["options"].append({"name": name, "type": type, **members})

    def _registered(self, name: str, concurrent: bool, kind: str, declared: Any) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            if self._routes.setdefault(name, Route(handler, concurrent)).handler is not handler:
                raise ValueError(f"'{name}' has a handler already")
            if declared:
                self._hello[kind].append(declared)
            return handler

        return register

    # What it says

    def call(self, method: str, **params: Any) -> Any:
        """Asks the core and waits for the result; `Error` if it refuses. From a function or a thread."""
        self._runners.hand_over()
        return self._ask(method, params).result()

    async def acall(self, method: str, **params: Any) -> Any:
        """As `call`, from a coroutine."""
        import asyncio

        return await asyncio.wrap_future(self._ask(method, params))

    def notify(self, method: str, is_wanted: bool = True, **params: Any) -> None:
        self._link.send(self._line(method=method, params=params), is_wanted)

    def log(self, level: str, msg: str) -> None:
        """A line of the proxy's log; `level` is `debug`, `info`, `warn` or `error`."""
        self.notify("log", False, level=level, msg=msg)

    def metrics(self, name: str, value: float = 1, labels: dict[str, str] | None = None) -> None:
        """Adds to a counter of the core's; with the permission `metrics.add`."""
        self.notify("metrics.add", False, name=name, value=value, labels=labels or {})

    def _ask(self, method: str, params: dict[str, Any]) -> Future[Any]:
        number, answer = next(self._numbers), Future[Any]()
        line = self._line(id=number, method=method, params=params)
        answer.set_running_or_notify_cancel()  # It cannot be taken back any more.
        self._calls[number] = answer
        self._link.send(line)
        if self._is_over:
            self._settle(number, {"error": GONE})
        return answer

    def _settle(self, number: int, message: dict[str, Any]) -> None:
        answer, error = self._calls.pop(number, None), message.get("error")
        if answer and error:
            answer.set_exception(Error(error["message"], error["code"], (error.get("data") or {}).get("kind", "")))
        elif answer:
            answer.set_result(message.get("result"))

    def _line(self, **message: Any) -> bytes:
        line = encode({"jsonrpc": "2.0", **message}).encode() + b"\n"
        if len(line) > self._longest + 1:  # The core would end the connection.
            why = f"the line has {len(line) - 1} bytes, and the core takes {self._longest}"
            raise Error(why, -32006, "too_large")
        return line

    # What it hears

    def run(self) -> None:
        """Serves the core until it closes the connection."""
        if self._hello["options"] and "configure" not in self._routes:
            self._hello["hooks"].append({"name": "configure"})
        self._link = Link()
        self._runners = Runners(self, any(route.is_async for route in self._routes.values()))
        self._runners.serve()

    def _hear(self, line: bytes) -> None:
        message: dict[str, Any] = json.loads(line)
        method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
        if method is None:
            return self._settle(number, message)
        if method == "initialized":
            self.granted = params
        if route := self._routes.get(f"command {params.get('name')}" if method == "command" else method):
            if method == "shutdown":
                del self._routes[method]  # Once, whether it is said or the connection just ends.
            self._begin(Event(self, method, number, params, route))
        elif method.startswith("stream."):
            if body := self._streams.get(params.get("s")):
                body._hear(method[7:], params)
        elif method == "cancel":
            if event := self._open.pop(params.get("id"), None):
                event.is_cancelled = True
                if event._route.is_async:
                    self._runners.loop.cancel(event)
        elif method == "initialize":
            self._link.send(self._line(id=number, result=self._greet(params)))
        elif method in ("configure", "ping", "shutdown"):
            self.options = params.get("options", self.options)
            self._link.send(self._line(id=number, result={}))
        elif number is not None:
            self._link.send(self._line(id=number, error={"code": -32601, "message": f"there is no '{method}'"}))

    def _greet(self, params: dict[str, Any]) -> dict[str, Any]:
        self.core, self.options = params, params.get("options") or {}
        self._longest = params.get("limits", {}).get("max_line", MAX_LINE)
        files = os.environ.pop("WEIR_ADDON_FDS", None)
        if files and self._wants_descriptors and "fd" in params.get("capabilities", ()):
            self._descriptors = Descriptors(int(files))
            self._hello["capabilities"] = ["fd"]
        return self._hello

    def _begin(self, event: Event) -> None:
        if event.id is not None:
            self._open[event.id] = event
        if self._descriptors:
            self._descriptors.take(event)
        if event._route.is_generator:
            event.stream(functools.partial(event._route.handler, event))
            self._done(event, {})
        else:
            self._runners.put(event)

    def _end(self) -> None:
        self._is_over = True
        for event in list(self._open.values()):
            event.is_cancelled = True
        self._open.clear()
        for number in list(self._calls):
            self._settle(number, {"error": GONE})
        for body in list(self._streams.values()):
            body._hear("reset", {"why": "gone"})
        if route := self._routes.pop("shutdown", None):
            self._begin(Event(self, "shutdown", None, {}, route))

    # What handlers answer

    def _done(self, event: Event, result: Any) -> None:
        if event.name == "configure":
            self.options = event.params["options"]
        if event.id is None:
            return
        if result is None and event.name != "command":
            result = {}
        body = None
        if event._transform and (number := event._opened(result)) is not None:
            body = Body(self, number, self._runners.loop if event._route.is_async else None)
            result = {"more": "stream", **result}
        with self._link.lock:
            if self._descriptors:
                result = self._descriptors.give(result)
            line = self._line(id=event.id, result=result)
            if not self._open.pop(event.id, None):
                return
            if body:
                self._streams[body._number] = body
            self._link.send(line)
        if body and body._loop:
            body._loop.run(body, body._carry_async, event._transform)
        elif body:
            start(body._carry, event._transform)

    def _failed(self, event: Event, failure: Exception) -> None:
        if not isinstance(failure, Error):
            traceback.print_exception(failure)
            failure = Error(f"{type(failure).__name__}: {failure}")
        if self._open.pop(event.id, None):
            message = failure.message.encode("utf-8", "replace").decode()
            self._link.send(self._line(id=event.id, error={"code": failure.code, "message": message}))

"""Bodies that a function of the addon's changes as they pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from . import wire
from .script import log_error


class BodyStream:
    """One body: pieces in, what the function makes of each out, and at the end what it makes of `b""`.

    What came is credited back when all that was made of it is sent. `over` is called once; with True if the body came to its end.
    """

    def __init__(self, link: Any, number: int, function: Callable, credit: int, over: Callable[[bool], None]):
        self._link, self._number, self._function, self._over = link, number, function, over
        self._credit, self._piece = credit, max(1, credit // 2)
        self._out: deque[bytes] = deque()
        self._owed = 0
        self._has_ended = False
        self.is_over = False
        self.behind: list[Callable[[], Any]] = []

    def data(self, params: dict) -> None:
        piece = wire.take_bytes(params["data"])
        self._owed += len(piece)
        self._pass(piece)

    def credit(self, params: dict) -> None:
        self._credit += params["bytes"]
        self._pump()

    def end(self, params: dict) -> None:
        self._has_ended = True
        self._pass(b"")

    def reset(self, params: dict) -> None:
        self._finish(False)

    def _pass(self, piece: bytes) -> None:
        if self.is_over:
            return
        try:
            made = self._function(piece)
            pieces = [made] if isinstance(made, (bytes, bytearray, memoryview)) else list(made or ())
        except Exception as error:
            log_error(error)
            self._notify("stream.end", status="error", message=f"the addon's function failed: {error}")
            return self._finish(False)
        self._out.extend(bytes(one) for one in pieces if one)
        self._pump()

    def _pump(self) -> None:
        while self._out and self._credit > 0 and not self.is_over:
            piece = self._out.popleft()
            size = min(self._credit, self._piece)
            if len(piece) > size:
                self._out.appendleft(piece[size:])
                piece = piece[:size]
            self._credit -= len(piece)
            self._notify("stream.data", data=wire.give_bytes(piece))
        if self._out or self.is_over:
            return
        if self._has_ended:
            self._notify("stream.end")
            return self._finish(True)
        if self._owed:
            self._notify("stream.credit", bytes=self._owed)
            self._owed = 0

    def _notify(self, method: str, **params: Any) -> None:
        self._link.notify(method, {"s": self._number, **params})

    def _finish(self, is_complete: bool) -> None:
        if not self.is_over:
            self.is_over = True
            self._over(is_complete)

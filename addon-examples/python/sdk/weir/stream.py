"""A body that passes in pieces: what the transform reads, and the rules that it need not know.

Credit is given back as pieces are asked for; what is sent waits for the core's.
"""

from __future__ import annotations

import collections
import contextlib
import threading
import traceback
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .errors import Reset
from .values import bytes_of, value_of

if TYPE_CHECKING:
    from .addon import Addon

UNSAID: Any = object()


class _Stream:
    """Both forms have the same states: open, ended by the core (`_is_whole`), reset (`_why`). One reader hears; the transform's thread or task does the rest."""

    def __init__(self, addon: Addon, number: int, credit: int):
        self._addon, self._number, self._credit = addon, number, credit
        self._room, self._owed = credit, 0
        self._pieces: collections.deque[bytes] = collections.deque()
        self._is_whole, self._why = False, None
        self._said: Any = UNSAID
        self._came: Any = None
        self.detached = False
        """Whether the rest of the body passes without the transform: it is to make what it makes of what came."""

    @property
    def trailers(self) -> Any:
        """The original's behind its last piece, pairs or None; set, they take their place."""
        return self._came if self._said is UNSAID else self._said

    @trailers.setter
    def trailers(self, pairs: Any) -> None:
        self._said = pairs

    def detach(self) -> None:
        """Wants no more than what is under way."""
        self._say("detach")

    def alive(self) -> None:
        """Says that a long piece of work is going on; the core waits for so long as the hook's `timeout_ms` without a word."""
        self._say("credit", bytes=0)

    def _say(self, what: str, **params: Any) -> None:
        self._addon.notify(f"stream.{what}", s=self._number, **params)

    def _hear(self, what: str, params: dict[str, Any]) -> None:
        if what == "data":
            self._pieces.append(bytes_of(params["data"]))
        elif what == "credit":
            self._room += params["bytes"]
        elif what == "end":
            self._came, self.detached, self._is_whole = params.get("trailers"), params.get("detached", False), True
        elif what == "reset":
            self._why = params.get("why", "")

    def _next(self) -> bytes | None:
        """The next piece; None if it has to be waited for. StopIteration at the end."""
        if self._why is not None:
            raise Reset(self._why)
        if self._owed and (not self._pieces or self._owed >= self._credit // 4):
            if not self._is_whole:
                self._say("credit", bytes=self._owed)
            self._owed = 0
        if self._pieces:
            piece = self._pieces.popleft()
            self._owed += len(piece)
            return piece
        if self._is_whole:
            raise StopIteration
        return None

    def _send(self, data: memoryview) -> memoryview:
        """Sends what there is credit for; the rest."""
        while data:
            if self._why is not None:
                raise Reset(self._why)
            piece = data[: min(self._room, self._credit // 2)]
            if not piece:
                break
            self._room -= len(piece)
            self._say("data", data=value_of(piece))
            data = data[len(piece) :]
        return data

    @contextlib.contextmanager
    def _carrying(self) -> Iterator[None]:
        """Ends the stream as what is within ends."""
        try:
            yield
            self._say("end", **({} if self._said is UNSAID else {"trailers": self._said}))
        except Reset:
            pass
        except Exception as failure:
            traceback.print_exc()
            self._say("end", status="error", message=f"{type(failure).__name__}: {failure}")


class Body(_Stream):
    """The original's pieces, each `bytes`: `for piece in body`."""

    def __init__(self, *about: Any):
        super().__init__(*about)
        self._changed = threading.Condition()

    def _hear(self, what: str, params: dict[str, Any]) -> None:
        with self._changed:
            super()._hear(what, params)
            self._changed.notify_all()

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        with self._changed:
            while (piece := self._next()) is None:
                self._changed.wait()
            return piece

    def _carry(self, transform: Callable[[Body], Iterable[Any]]) -> None:
        with self._carrying():
            for piece in transform(self):
                rest = memoryview(bytes_of(piece))
                with self._changed:
                    while rest := self._send(rest):
                        self._changed.wait()


class AsyncBody(_Stream):
    """The original's pieces, each `bytes`: `async for piece in body`."""

    def __init__(self, *about: Any):
        import asyncio

        super().__init__(*about)
        self._changed = asyncio.Event()

    def _hear(self, what: str, params: dict[str, Any]) -> None:
        super()._hear(what, params)
        self._changed.set()

    def __aiter__(self) -> AsyncBody:
        return self

    async def __anext__(self) -> bytes:
        try:
            while (piece := self._next()) is None:
                await self._wait()
            return piece
        except StopIteration:
            raise StopAsyncIteration from None

    async def _carry(self, transform: Callable[[AsyncBody], AsyncGenerator[Any, None]]) -> None:
        with self._carrying():
            async with contextlib.aclosing(transform(self)) as pieces:
                async for piece in pieces:
                    rest = memoryview(bytes_of(piece))
                    while rest := self._send(rest):
                        await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

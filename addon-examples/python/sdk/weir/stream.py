"""A body that passes in pieces: what the transform reads, and the rules that it need not know.

Credit is given back as pieces are asked for; what is sent waits for the core's.
"""

import contextlib
import queue
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from .values import Reset, bytes_of, value_of


class Body:
    """The original's pieces, each `bytes`: `for piece in body`, in coroutines `async for piece in body`.

    Behind the last one `trailers` are the original's, pairs or None; what they are changed to takes their place.
    `detached` says whether the rest passes without the transform: it is to make what it makes of what came.
    """

    def __init__(self, addon: Any, number: int, loop: Any):
        self._addon, self._number, self._loop, self._task = addon, number, loop, None
        self._credit = self._room = addon.core["limits"]["stream_credit"]
        # Who reads the connection puts, the transform's thread or task gets.
        make = loop.Queue if loop else queue.SimpleQueue
        self._pieces, self._grants = make(), make()
        self._owed, self._why = 0, None
        self.trailers: Any = None
        self._came: Any = None
        self.detached = False

    def detach(self) -> None:
        """Wants no more than what is under way."""
        self._say("detach")

    def alive(self) -> None:
        """Says that a long piece of work is going on; the core waits for so long as the hook's `timeout_ms`."""
        self._say("credit", bytes=0)

    def __iter__(self) -> "Body":
        return self

    def __next__(self) -> bytes:
        self._give_back()
        return self._take(self._pieces.get(), StopIteration)

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        self._give_back()
        return self._take(await self._pieces.get(), StopAsyncIteration)

    def _say(self, what: str, **params: Any) -> None:
        self._addon.notify(f"stream.{what}", s=self._number, **params)

    def _hear(self, what: str, params: dict[str, Any]) -> None:
        if what == "data":
            self._put(self._pieces, bytes_of(params["data"]))
        elif what == "credit":
            self._put(self._grants, params["bytes"])
        elif what == "end":
            if self.trailers is None and params.get("trailers"):
                self.trailers = [list(pair) for pair in params["trailers"]]
            self._came, self.detached = params.get("trailers"), params.get("detached", False)
            self._put(self._pieces, None)
        elif what == "reset":
            self._why = params.get("why", "")
            self._put(self._pieces, None)
            self._put(self._grants, 0)

    def _put(self, where: Any, what: Any) -> None:
        self._loop.soon(where.put_nowait, what) if self._loop else where.put(what)

    def _give_back(self) -> None:
        if self._owed and (self._pieces.empty() or self._owed >= self._credit // 4):
            self._say("credit", bytes=self._owed)
            self._owed = 0

    def _take(self, piece: bytes | None, over: type[Exception]) -> bytes:
        if piece is None or self._why is not None:
            self._pieces.put_nowait(None)  # For who asks again.
            raise over if self._why is None else Reset(self._why)
        self._owed += len(piece)
        return piece

    def _sending(self, data: memoryview) -> Iterator[None]:
        """Sends a piece of the transform's; stops whenever credit is to be waited for."""
        while data:
            if self._why is not None:
                raise Reset(self._why)
            if self._room <= 0 or not self._grants.empty():
                yield
                continue
            piece = data[: min(self._room, self._credit // 2)]
            self._room -= len(piece)
            self._say("data", data=value_of(piece))
            data = data[len(piece) :]

    def _carry(self, transform: Callable[["Body"], Any]) -> None:
        with self._ending():
            for piece in transform(self):
                for _ in self._sending(memoryview(bytes_of(piece))):
                    self._room += self._grants.get()

    async def _carry_async(self, transform: Callable[["Body"], Any]) -> None:
        with self._ending():
            async with contextlib.aclosing(transform(self)) as pieces:
                async for piece in pieces:
                    for _ in self._sending(memoryview(bytes_of(piece))):
                        self._room += await self._grants.get()

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """Ends the stream as what is within ends."""
        try:
            yield
            self._say("end", **({} if self.trailers == self._came else {"trailers": self.trailers}))
        except Reset:
            pass
        except Exception as failure:
            traceback.print_exc()
            self._say("end", status="error", message=f"{type(failure).__name__}: {failure}")
        finally:
            self._addon._streams.pop(self._number, None)

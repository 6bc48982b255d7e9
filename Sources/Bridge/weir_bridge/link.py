"""The connection to the core: lines of JSON both ways, calls, and the descriptors that travel beside them."""

from __future__ import annotations

import asyncio
import fcntl
import json
import mmap
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode

CHUNK = 1 << 18
"""Bytes that are read at once."""


class CallError(Exception):
    """What the core answered to a call that it refused: its word and its sentence."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


class Link:
    """Reads on the loop and never waits for what a message sets off; what is written in one turn of the loop leaves in one piece.

    `received` is called with every message of the core but the answers to our calls, in order; `ended` once, when the connection has.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, received: Callable[[dict], None], ended: Callable[[], None]):
        self.loop, self.received, self.ended = loop, received, ended
        self.socket = _core_socket()
        self.socket.setblocking(False)
        self.descriptors = Descriptors() if "WEIR_ADDON_FDS" in os.environ else None
        self._thread = threading.get_ident()
        self._partial: list[bytes] = []
        self._waiting: deque[dict] = deque()
        self._out: list[bytes] = []
        self._unsent = memoryview(b"")
        self._flushes = False
        self._writes = False
        self._number = 0
        self._calls: dict[int, Callable[[dict], None]] = {}
        self._is_over = False
        loop.add_reader(self.socket, self._readable)

    def send(self, message: dict) -> None:
        """Sends a message; from any thread."""
        line = (_encode(message) + "\n").encode()
        if threading.get_ident() == self._thread:
            self._queue(line)
        else:
            self.loop.call_soon_threadsafe(self._queue, line)

    def answer(self, number: int, result: Any) -> None:
        self._queue((f'{{"jsonrpc":"2.0","id":{number},"result":' + _encode(result) + "}\n").encode())

    def fail(self, number: int, message: str, code: int = -32000) -> None:
        self.send({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})

    def notify(self, method: str, params: dict) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def call(self, method: str, params: dict) -> Any:
        """Asks the core and waits for its answer, in which nothing else happens here: the core answers a call whatever we owe it.

        From the loop's thread it waits at the socket; from another, for the loop. Throws a `CallError`.
        """
        if threading.get_ident() != self._thread:
            return asyncio.run_coroutine_threadsafe(self.ask(method, params), self.loop).result()
        answers: list[dict] = []
        self._begin(method, params, answers.append)
        while not answers:
            if self._is_over:
                raise CallError("gone", f"{method}: the connection to the core has ended")
            self._flush()
            writes = [self.socket] if self._unsent else []
            select.select([self.socket], writes, [], None)
            self._read()
        if self._waiting:
            self.loop.call_soon(self._deliver)
        return _result(method, answers[0])

    async def ask(self, method: str, params: dict) -> Any:
        """Asks the core; throws a `CallError`."""
        future = self.loop.create_future()
        self._begin(method, params, lambda answer: future.done() or future.set_result(answer))
        return _result(method, await future)

    def _begin(self, method: str, params: dict, done: Callable[[dict], None]) -> None:
        self._number += 1
        self._calls[self._number] = done
        self.send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})

    def _readable(self) -> None:
        self._read()
        self._deliver()

    def _read(self) -> None:
        """Takes what has arrived: answers to their calls at once, other messages into the queue."""
        try:
            data = self.socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            return self._over()
        *lines, rest = data.split(b"\n")
        if lines:
            if self._partial:
                lines[0] = b"".join([*self._partial, lines[0]])
                self._partial.clear()
            for line in lines:
                message = _decode(line.decode())
                done = None if "method" in message else self._calls.pop(message.get("id"), None)
                if done:
                    done(message)
                elif "method" in message:
                    self._waiting.append(message)
        if rest:
            self._partial.append(rest)

    def _deliver(self) -> None:
        while self._waiting:
            self.received(self._waiting.popleft())
        if self._out:
            self._flush()
        if self._is_over:
            self.ended()

    def _over(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.loop.remove_reader(self.socket)
        self.loop.call_soon(self._deliver)
        calls, self._calls = self._calls, {}
        for done in calls.values():
            done({"error": {"message": "the connection to the core has ended", "data": {"kind": "gone"}}})

    def _queue(self, line: bytes) -> None:
        self._out.append(line)
        if not self._flushes:
            self._flushes = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushes = False
        if self._out:
            self._unsent = memoryview(b"".join([self._unsent, *self._out]))
            self._out.clear()
        if not self._unsent or self._is_over:
            return
        try:
            sent = self.socket.send(self._unsent)
            self._unsent = self._unsent[sent:]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            return self._over()
        if bool(self._unsent) != self._writes:
            self._writes = not self._writes
            if self._writes:
                self.loop.add_writer(self.socket, self._flush)
            else:
                self.loop.remove_writer(self.socket)


class Descriptors:
    """Bodies that go by descriptor: a packet with the number, sent before the line that names it."""

    def __init__(self):
        self.socket = socket.socket(fileno=int(os.environ["WEIR_ADDON_FDS"]))
        self._sent = 0

    def take(self, number: int, size: int) -> bytes:
        while True:
            text, descriptors, *_ = socket.recv_fds(self.socket, 32, 1)
            if not text:
                raise ConnectionError("the socket for descriptors has ended")
            if text == b"%d" % number:
                break
            for descriptor in descriptors:
                os.close(descriptor)
        try:
            with mmap.mmap(descriptors[0], size, mmap.MAP_SHARED, mmap.PROT_READ) as body:
                return body[:]
        finally:
            os.close(descriptors[0])

    def give(self, data: bytes) -> dict:
        """What stands for the body in an answer."""
        self._sent += 2
        descriptor = os.memfd_create("body", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
            socket.send_fds(self.socket, [b"%d" % self._sent], [descriptor])
        finally:
            os.close(descriptor)
        return {"fd": self._sent, "size": len(data)}


def _core_socket() -> socket.socket:
    if "WEIR_ADDON_FD" in os.environ:
        return socket.socket(fileno=os.dup(int(os.environ["WEIR_ADDON_FD"])))
    path = os.environ.get("WEIR_ADDON_SOCKET")
    if not path:
        raise SystemExit("neither WEIR_ADDON_FD nor WEIR_ADDON_SOCKET is set: this program is started by weir")
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def _result(method: str, answer: dict) -> Any:
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    kind = (error.get("data") or {}).get("kind", "")
    raise CallError(kind, f"{method}: {error.get('message', 'no reason given')}")

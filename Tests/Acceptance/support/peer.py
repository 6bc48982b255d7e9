"""The worker's end of one connection, driven step by step by the test itself: what it sends is exact, when it answers is its choice."""

import json
import socket
import time

from .wire import Closed, Wire


class Peer:
    """Attached at `path`; has read `initialize`, and answered it with `result` unless that is None."""

    def __init__(self, path, result: dict | None = {}, timeout: float = 8):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(str(path))
        self.wire, self.waiting, self.numbers = Wire(sock, timeout), [], 0
        self.length = 0  # of the last line, LF not counted
        self.initialize = self.read()
        self.initialized = None if result is None else self.shake(result)

    def shake(self, result: dict) -> dict | None:
        """Answers `initialize`; what was granted, None if that was refused."""
        try:
            self.answer(self.initialize, result)
            return self.read()["params"]
        except (Closed, BrokenPipeError):
            return None

    def raw(self, line: bytes) -> None:
        self.wire.send(line + b"\n")

    def send(self, **message) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode())

    def notify(self, method: str, **params) -> None:
        self.send(method=method, params=params)

    def answer(self, message: dict, result: dict | None = None) -> None:
        self.send(id=message["id"], result=result or {})

    def read(self) -> dict:
        line = self.wire.until(b"\n")
        self.length = len(line) - 1
        return json.loads(line)

    def event(self, method: str | None = None) -> dict:
        """The next line that is no answer; of that method if one is given."""
        for index, message in enumerate(self.waiting):
            if method in (None, message["method"]):
                return self.waiting.pop(index)
        while True:
            message = self.read()
            if "method" in message and method in (None, message["method"]):
                return message
            self.waiting.append(message)

    def begin(self, method: str, **params) -> int:
        self.numbers += 1
        self.send(id=self.numbers, method=method, params=params)
        return self.numbers

    def end(self, number: int) -> dict:
        """The answer to that call."""
        for index, message in enumerate(self.waiting):
            if "method" not in message and message["id"] == number:
                return self.waiting.pop(index)
        while True:
            message = self.read()
            if "method" not in message and message["id"] == number:
                return message
            self.waiting.append(message)

    def call(self, method: str, **params) -> dict:
        return self.end(self.begin(method, **params))

    def lives(self) -> bool:
        """Whether the core still talks: it refuses a call that there is not."""
        try:
            return self.call("no.such.call")["error"]["code"] == -32601
        except (Closed, ConnectionError):
            return False

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        before = self.wire.sock.gettimeout()
        self.wire.sock.settimeout(seconds)
        try:
            self.waiting.append(self.read())
            return False
        except TimeoutError:
            return True
        finally:
            self.wire.sock.settimeout(before)

    def wait_closed(self, seconds: float) -> float:
        """Reads to the end; the seconds until it came."""
        begun = time.monotonic()
        self.wire.sock.settimeout(seconds)
        try:
            while True:
                self.waiting.append(self.read())
        except Closed:
            return time.monotonic() - begun

    def close(self) -> None:
        self.wire.close()

"""A message as one side saw it, whether it came whole or not, and the reader of HTTP/1 that can tell."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from .wire import Closed

Pairs = list[tuple[bytes, bytes]]


@dataclass
class Seen:
    """A message as one side saw it. `complete` is what its framing says; `how` is the way in which it ended."""

    start: bytes = b""
    headers: Pairs = field(default_factory=list)
    body: bytes = b""
    trailers: Pairs = field(default_factory=list)
    complete: bool = False
    how: str = "nothing came"

    @property
    def status(self) -> int | None:
        return int(self.start.split(b" ")[1]) if self.start else None

    @property
    def method(self) -> bytes:
        return self.start.split(b" ")[0]

    @property
    def path(self) -> str:
        return self.start.split(b" ")[1].decode()

    def all(self, name: str) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name.encode()]

    def __repr__(self) -> str:
        return f"{self.start!r} with {len(self.body)} octets {self.body[:40]!r}, {'complete' if self.complete else 'broken off'}: {self.how}"


class Octets:
    """A connection whose end is known as one of two: closed or reset."""

    def __init__(self, sock: socket.socket):
        self.sock, self.buffer, self.end = sock, bytearray(), None

    def fill(self) -> None:
        try:
            came = self.sock.recv(1 << 20)
        except ConnectionError:
            self.end = "reset"
            raise Closed(b"") from None
        if not came:
            self.end = "closed"
            raise Closed(b"")
        self.buffer += came

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.fill()
        return self._cut(count)

    def line(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            self.fill()
        return self._cut(end + 2)[:-2]

    def rest(self) -> bytes:
        return self._cut(len(self.buffer))

    def _cut(self, count: int) -> bytes:
        made = bytes(self.buffer[:count])
        del self.buffer[:count]
        return made

    def fields(self) -> Pairs:
        found = []
        while line := self.line():
            name, _, value = line.partition(b":")
            found.append((name, value.strip()))
        return found


def read(octets: Octets, is_response: bool, method: str = "", informed: Callable = lambda seen: None) -> Seen:
    """The next message, as far as it comes. `informed` is told of each head, also of those of 1xx, which are not the message."""
    seen = Seen()
    try:
        while True:
            start = octets.line()
            seen.headers = octets.fields()
            seen.start = start
            informed(seen)
            if not (is_response and 100 <= seen.status < 200):
                break
        _body(octets, seen, is_response, method)
    except Closed:
        seen.how = octets.end
    return seen


def _body(octets: Octets, seen: Seen, is_response: bool, method: str) -> None:
    length, body = seen.all("content-length"), bytearray()
    try:
        if is_response and (method == "HEAD" or seen.status in (204, 304)):
            pass
        elif seen.all("transfer-encoding") == [b"chunked"]:
            while size := int(octets.line().split(b";")[0], 16):
                start = len(body)
                try:
                    body += octets.take(size)
                except Closed:
                    body += octets.rest()
                    raise
                assert octets.line() == b"", f"{len(body) - start} octets of a chunk without CRLF"
            seen.trailers = octets.fields()
        elif length:
            while len(body) < int(length[0]):
                if not octets.buffer:
                    octets.fill()
                body += octets.take(min(len(octets.buffer), int(length[0]) - len(body)))
        elif is_response:
            try:
                while True:
                    octets.fill()
            except Closed:
                body += octets.rest()
                if octets.end == "reset":
                    raise
        seen.complete, seen.how = True, "by its framing"
    finally:
        seen.body = bytes(body)

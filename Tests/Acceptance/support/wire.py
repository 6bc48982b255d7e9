"""Raw sockets that speak just enough HTTP/1 for a test to compare bytes."""

import socket
from dataclasses import dataclass, field


class Closed(Exception):
    """The peer closed before what was expected had come; `seen` is what did come."""

    def __init__(self, seen: bytes):
        super().__init__(f"the peer closed after {bytes(seen)!r}")
        self.seen = bytes(seen)


@dataclass
class Message:
    """One HTTP/1 message: its head as it came, its body without framing, its trailers."""

    head: bytes
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    framed: bytes = b""

    @property
    def raw(self) -> bytes:
        return self.head + self.framed

    @property
    def start(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def status(self) -> int:
        return int(self.start.split(b" ")[1])

    @property
    def method(self) -> bytes:
        return self.start.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]

    def all(self, name: str) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name.lower().encode()]

    def one(self, name: str) -> bytes | None:
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times in {self.head!r}"
        return values[0] if values else None


class Wire:
    """A connected socket with a buffer; every read is bounded by the socket's timeout."""

    def __init__(self, sock: socket.socket, timeout: float = 10):
        self.sock = sock
        self.sock.settimeout(timeout)
        self.buffer = bytearray()

    @classmethod
    def to(cls, port: int, timeout: float = 10, host: str = "127.0.0.1") -> "Wire":
        return cls(socket.create_connection((host, port), timeout=timeout), timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def fill(self) -> None:
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def take(self, count: int) -> bytes:
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.fill()
        return self.take(count)

    def until(self, marker: bytes) -> bytes:
        while marker not in self.buffer:
            self.fill()
        return self.take(self.buffer.index(marker) + len(marker))

    def to_end(self) -> bytes:
        while True:
            try:
                self.fill()
            except Closed:
                return self.take(len(self.buffer))

    def request(self) -> Message:
        """The next request, whole."""
        message = Message(self.until(b"\r\n\r\n"))
        self._body(message, to_end=False)
        return message

    def response(self, method: str = "GET") -> Message:
        """The next response, whole; one to HEAD has no body whatever its head says."""
        message = Message(self.until(b"\r\n\r\n"))
        if method != "HEAD" and message.status >= 200 and message.status not in (204, 304):
            self._body(message, to_end=True)
        return message

    def _body(self, message: Message, to_end: bool) -> None:
        length = message.all("content-length")
        if any(b"chunked" in value.lower() for value in message.all("transfer-encoding")):
            self._chunks(message)
        elif length:
            message.body = message.framed = self.exactly(int(length[0]))
        elif to_end:
            message.body = message.framed = self.to_end()

    def _chunks(self, message: Message) -> None:
        while True:
            line = self.until(b"\r\n")
            message.framed += line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            data = self.exactly(size + 2)
            assert data.endswith(b"\r\n"), "a chunk without its CRLF"
            message.framed += data
            message.body += data[:-2]
        while (line := self.until(b"\r\n")) != b"\r\n":
            name, _, value = line[:-2].partition(b":")
            message.trailers.append((name, value.strip()))
            message.framed += line
        message.framed += b"\r\n"

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

"""Clients that send one request after the other, and count what became of them."""

import threading
import time

from .h2frames import ACK, Frames, Kind, frame
from .wire import Closed, Wire


class Load:
    """A client in a thread of its own. With `reuses` it keeps its connection as long as responses say that it may, else it has a new one
    for each request; `pause` is how long it is idle between requests."""

    def __init__(self, port: int, target: str, body: bytes, reuses: bool, pause: float = 0):
        self.port, self.target, self.body, self.reuses, self.pause = port, target, body, reuses, pause
        self.head = f"GET {target} HTTP/1.1\r\nHost: load\r\n".encode()
        self.served, self.connections, self.longest = 0, 0, 0.0
        self.failures: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        wire = None
        while not self._over.is_set():
            begin = time.monotonic()
            try:
                if wire is None:
                    wire = Wire.to(self.port, 20)
                    self.connections += 1
                wire.send(self.head + (b"\r\n" if self.reuses else b"Connection: close\r\n\r\n"))
                response = wire.response()
                assert response.status == 200 and response.body == self.body, response
                self.served += 1
                if not self.reuses or b"close" in response.all("connection"):
                    wire.close()
                    wire = None
            except (OSError, Closed, AssertionError) as failure:
                self.failures.append(f"request {self.served}: {failure!r}")
                wire = None
            self.longest = max(self.longest, time.monotonic() - begin)
            if self.pause:
                self._over.wait(self.pause)

    def stop(self) -> "Load":
        self._over.set()
        self._thread.join(25)
        assert not self._thread.is_alive()
        return self

    def __str__(self) -> str:
        kind = ("keep-alive" if self.reuses else "new connections") + f", {self.pause} s between" * bool(self.pause)
        return f"{kind}: {self.served} served on {self.connections} connections, longest wait {self.longest:.2f} s"


class Answering(Frames):
    """Answers PING, by which a server learns what its client has read."""

    def _note(self, got):
        super()._note(got)
        if got.kind == Kind.PING and not got.flags & ACK:
            self.send(frame(Kind.PING, ACK, payload=got.payload))


class Http2Load(Load):
    """One stream after the other on a connection that is kept until it goes away; a stream that the server has not taken is begun anew on
    the next, as RFC 9113 6.8 has it."""

    def __init__(self, port: int, target: str, body: bytes):
        super().__init__(port, target, body, reuses=True)

    def _run(self) -> None:
        frames, stream = None, 1
        while not self._over.is_set():
            begin = time.monotonic()
            try:
                if frames is None:
                    frames, stream = Answering.client(Wire.to(self.port, 20).sock, timeout=20), 1
                    self.connections += 1
                fields = ((":method", "GET"), (":scheme", "http"), (":authority", "load"), (":path", self.target))
                frames.send(frames.headers(stream, *fields))
                answer = frames.answer(stream)
                if answer.ended:
                    assert answer.status == 200 and answer.body == self.body, answer
                    self.served += 1
                elif not frames.goaway or frames.goaway.last_stream >= stream:
                    raise AssertionError(f"stream {stream}: {answer}; {frames.goaway}")
                stream += 2
                if frames.goaway:
                    frames.close()
                    frames = None
            except (OSError, AssertionError) as failure:
                self.failures.append(f"request {self.served}: {failure!r}")
                frames = None
            self.longest = max(self.longest, time.monotonic() - begin)

    def __str__(self) -> str:
        return "HTTP/2, " + super().__str__()

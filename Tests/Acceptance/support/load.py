"""Clients that send one request after the other, and count what became of them."""

import threading
import time

from .wire import Closed, Wire


class Load:
    """A client in a thread of its own. With `reuses` it keeps its connection as long as responses say that it may, else it has a new one
    for each request; `pause` is how long it is idle between requests."""

    def __init__(self, port: int, target: str, body: bytes, reuses: bool, pause: float = 0):
        self.port, self.body, self.reuses, self.pause = port, body, reuses, pause
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

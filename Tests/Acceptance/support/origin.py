"""An origin server that records the exact bytes it received and answers scripted bytes."""

import socket
import ssl
import threading
import time
from collections.abc import Callable

from .wire import Closed, Message, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Origin:
    """Listens on loopback and gives each connection to `serve`, in its own thread."""

    def __init__(self, serve: Callable[[Wire, "Origin"], None], host: str = "127.0.0.1", port: int = 0):
        self.host = host
        self.listener = socket.create_server((host, port), backlog=128, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        self.received: list[Message] = []
        self.connections = 0
        self.tls_versions: list[str] = []
        self.failures: list[BaseException] = []
        self._changed = threading.Condition()
        self._open: set[Wire] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.authority}{path}"

    def record(self, message: Message) -> Message:
        with self._changed:
            self.received.append(message)
            self._changed.notify_all()
        return message

    def wait(self, count: int, seconds: float = 10) -> list[Message]:
        """What was received, once it is at least `count` messages."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.received) >= count, seconds)
            assert done, f"the origin received {len(self.received)} requests in {seconds} s, not {count}"
            return list(self.received)

    def wait_connections(self, count: int, seconds: float = 10) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.connections >= count, seconds), f"{self.connections} connections, not {count}"

    def wait_idle(self, seconds: float = 10) -> None:
        """Returns when no connection is open any more."""
        end = time.monotonic() + seconds
        with self._changed:
            assert self._changed.wait_for(lambda: not self._open, end - time.monotonic()), "connections stayed open"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            wire = Wire(sock)
            with self._changed:
                self.connections += 1
                self._open.add(wire)
                self._changed.notify_all()
            threading.Thread(target=self._run, args=(wire,), daemon=True).start()

    def _run(self, wire: Wire) -> None:
        try:
            self.serve(wire, self)
        except (Closed, OSError):
            pass
        except BaseException as failure:  # shown when the origin is stopped
            self.failures.append(failure)
        finally:
            wire.close()
            with self._changed:
                self._open.discard(wire)
                self._changed.notify_all()

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        self.listener.close()
        if self.failures:
            raise self.failures[0]


def answering(answer: bytes | Callable[[Message], bytes]) -> Callable[[Wire, Origin], None]:
    """Serves every request of a connection with `answer`, until the peer closes or an answer says `Connection: close`."""

    def serve(wire: Wire, origin: Origin) -> None:
        while True:
            request = origin.record(wire.request())
            data = answer(request) if callable(answer) else answer
            wire.send(data)
            if b"\r\nconnection: close\r\n" in data.lower():
                return

    return serve


def over_tls(serve: Callable[[Wire, Origin], None], leaf, alpn: list[str] | None = None) -> Callable[[Wire, Origin], None]:
    """The same service inside TLS; the versions that clients came with are kept at the origin."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.certificate, leaf.key)
    if alpn:
        context.set_alpn_protocols(alpn)

    def served(wire: Wire, origin: Origin) -> None:
        wire.sock = context.wrap_socket(wire.sock, server_side=True)
        origin.tls_versions.append(wire.sock.version())
        serve(wire, origin)

    return served


def answering_once(answer: bytes) -> Callable[[Wire, Origin], None]:
    """Answers the first request of a connection and closes."""

    def serve(wire: Wire, origin: Origin) -> None:
        origin.record(wire.request())
        wire.send(answer)

    return serve


def echo(wire: Wire, origin: Origin) -> None:
    """Sends back what comes, and ends when the client has ended."""
    try:
        while True:
            wire.fill()
            wire.send(wire.take(len(wire.buffer)))
    except Closed:
        wire.half_close()

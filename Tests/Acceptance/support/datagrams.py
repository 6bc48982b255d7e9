"""UDP as the tests see it: a server that answers each datagram, and a client's socket."""

import socket
import threading


class DatagramServer:
    """Answers each datagram with what `answer(data)` returns: bytes, a list of such, or None; keeps what came and from where."""

    def __init__(self, answer=lambda data: data, host: str = "127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((host, 0))
        self.host, self.port = self.socket.getsockname()[:2]
        self.answer, self.received = answer, []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def data(self) -> list[bytes]:
        return [data for data, _ in self.received]

    def _serve(self):
        while True:
            try:
                data, address = self.socket.recvfrom(65536)
            except OSError:
                return
            if data == b"\0end of the server":
                return self.socket.close()
            self.received.append((data, address))
            answers = self.answer(data)
            for answer in [answers] if isinstance(answers, bytes) else answers or []:
                self.socket.sendto(answer, address)

    def stop(self):
        """The thread is in `recvfrom`, which closing the socket does not end."""
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as waker:
            try:
                waker.sendto(b"\0end of the server", (self.host, self.port))
            except OSError:
                pass


def client(port: int, host: str = "127.0.0.1", timeout: float = 5) -> socket.socket:
    """A connected socket: it takes datagrams of that address and port only."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(timeout)
    made.connect((host, port))
    return made

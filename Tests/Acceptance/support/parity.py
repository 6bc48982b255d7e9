"""What a client does to one proxy, so that what comes of it can be compared with the same at another one."""

import contextlib
import ssl
import threading
import zlib
from pathlib import Path

import dns.message
import websockets.sync.client

from . import datagrams
from .certificates import Authority
from .h2frames import Frames, Setting, data, window
from .names import NameServer, answering as naming
from .origin import Origin, over_tls
from .proxy import Weir
from .tunnel import trusting
from .websocket import BINARY, CLOSE, TEXT, answer, close_payload, frame, read_frame
from .wire import Closed, Message, Wire

PACKED = zlib.compressobj(wbits=31)
GZIP = PACKED.compress(b"<html><head></head>packed</html>") + PACKED.flush()


def shown(message: Message) -> list:
    """A message as it is compared: start line, fields in order, body, trailers."""
    latin = lambda pairs: [[name.decode("latin-1"), value.decode("latin-1")] for name, value in pairs]
    return [message.start.decode("latin-1"), latin(message.headers), message.body.decode("latin-1"), latin(message.trailers)]


class Server:
    """The one that all proxies are in front of: HTTP, WebSockets and raw TCP, HTTP/2 inside TLS, and names."""

    def __init__(self, authority: Authority):
        self.gate = threading.Event()
        self.origin, self.other = Origin(self.serve), Origin(self.serve)
        self.leaf = authority.leaf("127.0.0.1", "localhost")
        self.secure = Origin(over_tls(self.serve, self.leaf))
        self.http2 = Origin(over_tls(self.streams, self.leaf, ["h2"]))
        self.tcp = Origin(self.lines)
        self.names = NameServer(naming("A 192.0.2.1"))

    def stop(self) -> None:
        for one in (self.origin, self.other, self.secure, self.http2, self.tcp, self.names):
            one.stop()

    def seen(self) -> list:
        """The requests that came since the last time."""
        found = [message for origin in (self.origin, self.other, self.secure) for message in origin.received]
        for origin in (self.origin, self.other, self.secure):
            origin.received.clear()
        return [shown(message) for message in found]

    def serve(self, wire: Wire, origin: Origin) -> None:
        while True:
            request = origin.record(wire.request())
            if request.one("sec-websocket-key"):
                wire.send(answer(request))
                return self.messages(wire)
            self.answer(wire, request, request.target.decode().partition("?")[0])

    def answer(self, wire: Wire, request: Message, path: str) -> None:
        def send(body: bytes, *headers: bytes, start: bytes = b"HTTP/1.1 200 OK") -> None:
            lines = [start, *headers, b"Content-Length: %d" % len(body)]
            wire.send(b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if request.method == b"HEAD" else body))

        match path:
            case "/heads":
                send(b"ok", b"X-Server: origin", b"Set-Cookie: first=1; Path=/; Secure", b"X-Raw: \xe9", b"set-cookie: other=2", b"X-Many: 1", b"X-Many: 2")
            case "/pages/html":
                send(b"<html><head></head><body>page</body></html>", b"Content-Type: text/html; charset=utf-8")
            case "/pages/packed":
                send(GZIP, b"Content-Type: text/html", b"Content-Encoding: gzip")
            case "/pages/latin":
                send("déjà vu".encode("latin-1"), b"Content-Type: text/plain; charset=iso-8859-1")
            case "/pages/json":
                send(b'{"password": "secret", "n": 1}', b"Content-Type: application/json")
            case "/pages/decode":
                send(GZIP, b"Content-Type: application/x-decode", b"Content-Encoding: gzip")
            case "/pages/encode":
                send(b"abc" * 99, b"Content-Type: application/x-encode")
            case "/pages/raw":
                send(b"body", b"Content-Type: application/x-raw")
            case "/pages/empty":
                wire.send(b"HTTP/1.1 204 No Content\r\nContent-Type: text/html\r\n\r\n")
            case "/pieces/response" | "/pieces/list" | "/pieces/closure" | "/pieces/as-it-is":
                self.piecemeal(wire)
            case "/tails/there":
                wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n")
            case _:
                send(b"echo " + request.body, b"Server: origin", b"Content-Type: application/octet-stream")

    def piecemeal(self, wire: Wire) -> None:
        """The second piece only goes when the client has seen the first: it waits for nobody who holds the body."""
        self.gate.clear()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none, \r\n")
        self.gate.wait(5)
        wire.send(b"3\r\ntwo\r\n0\r\n\r\n")

    @staticmethod
    def messages(wire: Wire) -> None:
        while True:
            got = read_frame(wire)
            if got.opcode == CLOSE:
                return wire.send(frame(CLOSE, got.payload or close_payload(1000)))
            if got.opcode in (TEXT, BINARY):
                wire.send(frame(got.opcode, b"echo " + got.payload))

    @staticmethod
    def lines(wire: Wire, origin: Origin) -> None:
        with contextlib.suppress(Closed):
            while True:
                wire.send(b"echo " + wire.until(b"\n"))
        wire.half_close()

    @staticmethod
    def streams(wire: Wire, origin: Origin) -> None:
        server = Frames.server(wire, (Setting.INITIAL_WINDOW_SIZE, (1 << 31) - 1))
        server.send(window(0, (1 << 31) - 65536))
        while server.until(lambda got: got.ended):
            stream = server.frames[-1].stream
            path = dict(server.answers[stream].sections[0])[b":path"]
            trailers = server.answers[stream].trailers
            body = b"up: " + str(trailers).encode()
            parts = [server.headers(stream, (":status", "200"), ("x-origin", "1"), end=False), data(stream, body, end=path != b"/tails/there")]
            if path == b"/tails/there":
                parts.append(server.headers(stream, ("x-sum", "1"), ("x-other", "2")))
            server.send(*parts)


class Client:
    """The client of one proxy, in front of `server`."""

    def __init__(self, proxy: Weir, server: Server, dns_port: int, folder: Path):
        self.proxy, self.server, self.dns_port, self.folder = proxy, server, dns_port, folder
        folder.mkdir()
        folder.chmod(0o777)

    def url(self, path: str, origin: Origin | None = None) -> str:
        return (origin or self.server.origin).url(path)

    def ask(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> list:
        lines = [f"{method} {self.url(path)} HTTP/1.1", f"Host: {self.server.origin.authority}", *headers]
        if body and "Transfer-Encoding: chunked" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        with self.proxy.connect() as wire:
            wire.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            return shown(wire.response(method))

    def refused(self, path: str) -> str:
        """How it ends where there is no answer."""
        try:
            return str(self.ask(path))
        except Closed as closed:
            return f"closed after {closed.seen!r}"

    def exchange(self, path: str, *headers: str, **options) -> dict:
        """The answer, and what the server was asked."""
        self.server.seen()
        answer = self.ask(path, *headers, **options)
        return {"answer": answer, "asked": self.server.seen()}

    def replayed(self, path: str, line: str) -> list:
        """The answer, and what the server was asked until the line is in the log, whatever came first."""
        self.server.seen()
        answer = self.ask(path)
        self.proxy.wait_log(line, 10)
        return [answer, sorted(self.server.seen())]

    def in_pieces(self, path: str, first: bytes) -> list:
        """The answer, of which `first` must be there before the server sends the rest."""
        with self.proxy.connect() as wire:
            wire.send(f"GET {self.url(path)} HTTP/1.1\r\nHost: {self.server.origin.authority}\r\n\r\n".encode())
            message = Message(wire.until(b"\r\n\r\n"))
            body = wire.until(first)
            self.server.gate.set()
            wire.buffer[:0] = body
            wire._chunks(message)
            return shown(message)

    def secure(self, path: str) -> list:
        tunnel = self.proxy.tunnel(self.server.secure.authority)
        with Wire(trusting(self.proxy.ca).wrap_socket(tunnel.sock, server_hostname="127.0.0.1")) as wire:
            wire.send(f"GET {path} HTTP/1.1\r\nHost: {self.server.secure.authority}\r\n\r\n".encode())
            return shown(wire.response())

    def http2(self, path: str) -> list:
        context = trusting(self.proxy.ca)
        context.set_alpn_protocols(["h2"])
        sock = context.wrap_socket(self.proxy.tunnel(self.server.http2.authority).sock, server_hostname="127.0.0.1")
        with Frames.client(sock) as frames:
            head = [(":method", "POST"), (":scheme", "https"), (":authority", self.server.http2.authority), (":path", path)]
            frames.send(frames.headers(1, *head, end=False), data(1, b"body", end=True))
            answer = frames.answer(1)
        # Weir says how long a body is that an addon had whole; HTTP/2 does not need it, and mitmproxy does not.
        text = lambda pairs: sorted([name.decode(), value.decode()] for name, value in pairs or [] if name != b"content-length")
        return [answer.status, text(answer.sections[0]), answer.body.decode(), text(answer.trailers)]

    def speak(self, path: str, *messages: str | bytes, code: int = 1000) -> list:
        """What comes back for each message of a WebSocket."""
        url = self.url(path).replace("http", "ws", 1)
        got = []
        with websockets.sync.client.connect(url, proxy=self.proxy.url, open_timeout=10, compression=None) as link:
            for message in messages:
                link.send(message)
                with contextlib.suppress(TimeoutError):
                    got.append(link.recv(0.5 if message == "drop" else 5))
            link.close(code, "bye")
        return [one.decode("latin-1") if isinstance(one, bytes) else one for one in got]

    def raw(self, *lines: tuple[bytes, int]) -> list:
        """What comes back in a raw tunnel: behind each line as many lines as are said, and then what else there is."""
        with self.proxy.tunnel(f"localhost:{self.server.tcp.port}") as wire:
            got = []
            for line, answers in lines:
                wire.send(line)
                got += [wire.until(b"\n").decode() for _ in range(answers)]
            wire.half_close()
            return [*got, wire.to_end().decode()]

    def name(self, name: str, kind: str = "A") -> list:
        with datagrams.client(self.dns_port) as socket:
            socket.send(dns.message.make_query(name, kind, id=4711).to_wire())
            found = dns.message.from_wire(socket.recv(4096))
        return [found.rcode(), [str(one) for one in found.question], [str(one) for one in found.answer], found.flags]

    def together(self, *paths: str) -> list:
        """The answers to requests that are open at once."""
        found = [None] * len(paths)

        def run(index: int) -> None:
            found[index] = self.ask(paths[index])

        threads = [threading.Thread(target=run, args=(index,)) for index in range(len(paths))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        return found

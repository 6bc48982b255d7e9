"""One exchange with a proxy in reverse mode, its bodies in each form that they have on the wire, and how it ended on both sides.

A form of a response is `length`, `chunked`, `close` or `h2`, one of a request `length`, `chunked` or `h2`; a client is `h1.0`, `h1` or `h2`.
"""

import socket
from collections.abc import Callable

from .h2frames import Code, Frames, Setting, data, name_of, window
from .messages import Octets, Pairs, Seen, read
from .origin import Origin
from .wire import Closed, Wire

FORMS = ["length", "chunked", "close", "h2"]
CLIENTS = ["h1", "h2"]
WIDE = (1 << 31) - 1


# HTTP/1


class Reply1:
    """A server's response in HTTP/1, in parts."""

    def __init__(self, wire: Wire, form: str):
        self.wire, self.form = wire, form

    def head(self, length: int | None = None, headers=(), status: int = 200) -> None:
        framing = {"length": f"Content-Length: {length}", "chunked": "Transfer-Encoding: chunked", "close": "Connection: close"}[self.form]
        lines = [f"HTTP/1.1 {status} X", *([] if status in (204, 304) else [framing]), *(f"{name}: {value}" for name, value in headers)]
        self.wire.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def write(self, part: bytes) -> None:
        if part:
            self.wire.send(b"%x\r\n%s\r\n" % (len(part), part) if self.form == "chunked" else part)

    def end(self, trailers=()) -> None:
        if self.form == "chunked":
            self.wire.send(b"0\r\n" + b"".join(b"%s: %s\r\n" % pair for pair in _octets(trailers)) + b"\r\n")


def _octets(pairs) -> Pairs:
    return [tuple(text.encode() if isinstance(text, str) else text for text in pair) for pair in pairs]


# HTTP/2


class Pump:
    """Sends bodies on a connection of HTTP/2 within what the peer allows."""

    def __init__(self, frames: Frames):
        self.frames, self.sent, self.total, self.initial = frames, {}, 0, None

    def send(self, stream: int, content: bytes, end: bool = False) -> None:
        view = memoryview(content)
        while view:
            if self.frames.answers.get(stream) and self.frames.answers[stream].reset is not None:
                raise Closed(b"the stream was reset")
            room = min(self._initial() + self.frames.opened.get(stream, 0) - self.sent.get(stream, 0), 65535 + self.frames.opened.get(0, 0) - self.total, 16384)
            if room <= 0:
                self.frames.next()
                continue
            part, view = view[:room], view[room:]
            self.frames.send(data(stream, bytes(part), end=end and not view))
            self.sent[stream] = self.sent.get(stream, 0) + len(part)
            self.total += len(part)
        if end and not content:
            self.frames.send(data(stream, end=True))

    def _initial(self) -> int:
        if self.initial is None:
            said = self.frames.setting(Setting.INITIAL_WINDOW_SIZE)
            self.initial = 65535 if said is None else said
        return self.initial


class Reply2:
    """A server's response in HTTP/2, in parts."""

    form = "h2"

    def __init__(self, pump: Pump, stream: int):
        self.pump, self.frames, self.stream = pump, pump.frames, stream
        self.status, self.is_first = 200, True

    def head(self, length: int | None = None, headers=(), status: int = 200) -> None:
        sized = [("content-length", str(length))] if length is not None else []
        lower = [(name.lower(), value) for name, value in headers]
        self.frames.send(Frames.headers(self.stream, (":status", str(status)), *sized, *lower, end=status in (204, 304)))

    def write(self, part: bytes) -> None:
        self.pump.send(self.stream, part)

    def end(self, trailers=()) -> None:
        self.frames.send(Frames.headers(self.stream, *trailers) if trailers else data(self.stream, end=True))


def _seen_h2(frames: Frames, stream: int) -> Seen:
    answer = frames.answers[stream]
    sections = [section for section in answer.sections if not dict(section).get(b":status", b"").startswith(b"1")]
    # Who has answered may say that it needs no more of the request (RFC 9113, 8.1).
    seen = Seen(body=bytes(answer.body), complete=answer.ended and answer.reset in (None, Code.NO_ERROR))
    if sections:
        found = dict(sections[0])
        seen.start = b"%s %s HTTP/2" % (found[b":method"], found[b":path"]) if b":path" in found else b"HTTP/2 " + found[b":status"]
        seen.headers = [pair for pair in sections[0] if not pair[0].startswith(b":")]
        seen.trailers = sections[1] if len(sections) > 1 else []
    seen.how = "by its framing" if seen.complete else "closed" if answer.reset is None else f"reset with {name_of(answer.reset)}"
    return seen


# Both


def serving(form: str, respond: Callable) -> Callable[[Wire, Origin], None]:
    """Serves each request with `respond(reply, seen)` and keeps it, complete or not, as `Seen`."""

    def serve(wire: Wire, origin: Origin) -> None:
        octets = Octets(wire.sock)

        def informed(seen: Seen) -> None:
            if seen.all("expect"):
                wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")

        while True:
            seen = read(octets, False, informed=informed)
            if seen.start:
                origin.record(seen)
            if not seen.complete:
                return
            respond(Reply1(wire, form), seen)
            if form == "close":
                return

    def serve_h2(wire: Wire, origin: Origin) -> None:
        server, handled = Frames.server(wire, (Setting.INITIAL_WINDOW_SIZE, WIDE)), set()
        server.send(window(0, WIDE - 65535))
        pump = Pump(server)
        while True:
            ended = [stream for stream, answer in server.answers.items() if answer.done and stream not in handled]
            for stream in ended:
                handled.add(stream)
                seen = origin.record(_seen_h2(server, stream))
                if seen.complete:
                    respond(Reply2(pump, stream), seen)
            if not ended:
                server.next()

    return serve_h2 if form == "h2" else serve


def giving(body: bytes | Callable[[Seen], bytes], trailers=(), headers=(), status: int = 200, size: int = 100_000) -> Callable:
    """Responds with the body, in writes of that size."""

    def respond(reply, seen: Seen) -> None:
        content = body(seen) if callable(body) else body
        # Who gives a length in HTTP/2 gives none of the trailers to a client of HTTP/1.
        reply.head(None if trailers and reply.form == "h2" else len(content), headers, status)
        if status in (204, 304):
            return
        if seen.method == b"HEAD":
            return reply.end() if reply.form == "h2" else None
        for start in range(0, len(content), size):
            reply.write(content[start : start + size])
        reply.end(trailers)

    return respond


def reverse(origin: Origin, form: str) -> str:
    """The mode of a proxy before a server that speaks in that form."""
    return f"reverse:{'h2c' if form == 'h2' else 'http'}://{origin.authority}"


def fetch(
    proxy, path: str = "/", client: str = "h1", method: str = "GET", headers=(), body: bytes | None = None, form: str = "length", trailers=(), seconds: float = 20
) -> Seen:
    """Asks the proxy, which is in reverse mode, and reads what comes until the message or the connection ends."""
    ask = _fetch_h2 if client == "h2" else _fetch_h1
    with socket.create_connection(("127.0.0.1", proxy.port), seconds) as sock:
        sock.settimeout(seconds)
        return ask(sock, path, client, method, list(headers), body, form, trailers)


def _fetch_h1(sock, path, client, method, headers, body, form, trailers) -> Seen:
    version = "1.0" if client == "h1.0" else "1.1"
    if body is not None:
        headers.append(("Transfer-Encoding", "chunked") if form == "chunked" else ("Content-Length", len(body)))
    head = [f"{method} {path} HTTP/{version}", "Host: origin.test", "Connection: close", *(f"{name}: {value}" for name, value in headers)]
    try:
        sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
        if body is not None:
            sender = Reply1(Wire(sock, sock.gettimeout()), form)
            for start in range(0, len(body), 50_000):
                sender.write(body[start : start + 50_000])
            sender.end(trailers)
    except ConnectionError:
        pass  # What it said before is still to be read.
    return read(Octets(sock), True, method)


def _fetch_h2(sock, path, client, method, headers, body, form, trailers) -> Seen:
    frames = Frames.client(sock, (Setting.INITIAL_WINDOW_SIZE, WIDE), timeout=sock.gettimeout()).settled()
    frames.send(window(0, WIDE - 65535))
    lower = [(name.lower(), str(value)) for name, value in headers]
    if body is not None and form == "length":
        lower.append(("content-length", str(len(body))))
    pseudo = ((":method", method), (":scheme", "http"), (":authority", "origin.test"), (":path", path))
    frames.send(Frames.headers(1, *pseudo, *lower, end=body is None))
    try:
        if body is not None:
            Pump(frames).send(1, body, end=not trailers)
        if trailers:
            frames.send(Frames.headers(1, *trailers))
    except (Closed, ConnectionError):
        pass  # What it said before is still to be read.
    frames.answer(1)
    return _seen_h2(frames, 1)

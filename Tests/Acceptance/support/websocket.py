"""WebSockets of the tests: frames as bytes, raw peers, and the ways through the proxy on which clients come."""

import base64
import hashlib
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import websockets.sync.client
import websockets.sync.server

from .origin import Origin
from .proxy import Weir
from .tunnel import tls_through, trusting
from .wire import Message, Wire

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"


def masked(payload: bytes, key: bytes = MASK) -> bytes:
    return bytes(byte ^ key[index & 3] for index, byte in enumerate(payload))


def frame(opcode: int, payload: bytes = b"", fin: bool = True, reserved: int = 0, mask: bytes | None = None, form: int = 0) -> bytes:
    """One frame; `form` is how many bytes its length takes behind the first, the shortest form if 0."""
    bit, size = (0x80 if mask is not None else 0), len(payload)
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if form == 2 or not form and 125 < size < 65536:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    elif form == 8 or not form and size > 65535:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    else:
        head += bytes([bit | size])
    return head + (payload if mask is None else mask + masked(payload, mask))


@dataclass
class Frame:
    """A frame as it was read, its payload without the mask."""

    opcode: int
    payload: bytes
    fin: bool = True
    reserved: int = 0
    masked: bool = False

    @property
    def code(self) -> int | None:
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.payload[:2], "big") if self.payload else None


def read_frame(wire: Wire) -> Frame:
    first, second = wire.exactly(2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(wire.exactly(2 if size == 126 else 8), "big")
    key = wire.exactly(4) if second & 0x80 else None
    payload = wire.exactly(size)
    return Frame(first & 0x0F, masked(payload, key) if key else payload, bool(first & 0x80), first >> 4 & 7, key is not None)


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason


def answer(request: Message, *headers: str) -> bytes:
    """The 101 to a handshake."""
    accept = base64.b64encode(hashlib.sha1(request.one("sec-websocket-key") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def speaking(script: Callable[[Wire], None], *headers: str) -> Callable[[Wire, Origin], None]:
    """Serves handshakes, and has the script speak and hear frames then."""

    def serve(wire: Wire, origin: Origin) -> None:
        request = origin.record(wire.request())
        if request.one("sec-websocket-key"):
            wire.send(answer(request, *headers))
            script(wire)

    return serve


def handshake(wire: Wire, authority: str, target: str = "/", *headers: str, behind: bytes = b"") -> Message:
    """Asks for a WebSocket on a connection where the request can be sent; `behind` goes in one piece with it."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {authority}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *headers]
    wire.send("\r\n".join(lines).encode() + b"\r\n\r\n" + behind)
    response = Message(wire.until(b"\r\n\r\n"))
    assert response.status == 101, response.head
    return response


class Route:
    """A way from a client through one run of the proxy to one server."""

    def __init__(self, name: str, proxy: Weir, authority: str, ca=None):
        self.name, self.proxy, self.authority, self.ca = name, proxy, authority, ca

    @property
    def is_tls(self) -> bool:
        return self.name.endswith("tls")

    def wire(self, target: str = "/", *headers: str, behind: bytes = b"") -> Wire:
        """A raw connection behind its handshake."""
        if self.name == "plain":
            wire, target = self.proxy.connect(), f"http://{self.authority}{target}"
        elif self.name == "connect-tls":
            wire = tls_through(self.proxy, self.authority)
        elif self.name == "connect":
            wire = self.proxy.tunnel(self.authority)
        else:
            wire = self.proxy.connect()
        handshake(wire, self.authority, target, *headers, behind=behind)
        return wire

    def client(self, target: str = "/", **options) -> websockets.sync.client.ClientConnection:
        """A client of the package websockets."""
        options = {"max_size": None, "open_timeout": 20, **options}
        if self.name.startswith("connect"):
            if self.is_tls:
                # The package reads and writes in two threads, which Python's ssl does not forgive while TLS 1.3 renews its tickets behind
                # the handshake: one request in some hundreds is never sent, to whatever server.
                options["ssl"] = trusting(self.proxy.ca, maximum_version=ssl.TLSVersion.TLSv1_2)
            scheme = "wss" if self.is_tls else "ws"
            return websockets.sync.client.connect(f"{scheme}://{self.authority}{target}", proxy=self.proxy.url, **options)
        assert self.name.startswith("reverse"), "the package knows no requests in absolute-form"
        return websockets.sync.client.connect(f"ws://127.0.0.1:{self.proxy.port}{target}", proxy=None, **options)


def server_context(leaf) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.certificate, leaf.key)
    return context


def random_content(random, number: int, largest: int = 4096) -> str | bytes:
    """A message that begins with its number: text or binary, mostly short."""
    size = random.choice([0, random.randrange(130), random.randrange(1000), random.randrange(largest)])
    if random.random() < 0.5:
        return f"{number} " + "".join(random.choices("lorem ipsum é€😀\n", k=size))
    return f"{number} ".encode() + (os.urandom(size) if random.random() < 0.5 else b"\xff\x00" * (size // 2))

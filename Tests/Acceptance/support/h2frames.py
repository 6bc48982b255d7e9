"""HTTP/2 frames written by hand, right or wrong, and what a peer answers to them. `hpack` reads its field sections."""

import socket
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from hpack import Decoder

from .tunnel import trusting
from .wire import Closed, Wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITY_FLAG = 0x4, 0x8, 0x20


class Kind(IntEnum):
    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8


class Code(IntEnum):
    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", length: int | None = None) -> bytes:
    """One frame; `length` is what its head says if that is to be something else than the payload's."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(Kind.SETTINGS, payload=b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def data(stream: int, content: bytes = b"", end: bool = False) -> bytes:
    return frame(Kind.DATA, END_STREAM * end, stream, content)


def ping(opaque: bytes = b"are you?") -> bytes:
    return frame(Kind.PING, payload=opaque)


def reset(stream: int, code: int = Code.CANCEL) -> bytes:
    return frame(Kind.RST_STREAM, 0, stream, struct.pack(">I", code))


def window(stream: int, increment: int) -> bytes:
    return frame(Kind.WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def goaway(last: int, code: int = Code.NO_ERROR, note: bytes = b"") -> bytes:
    return frame(Kind.GOAWAY, payload=struct.pack(">II", last, code) + note)


@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return struct.unpack(">I", self.payload[4:8] if self.kind == Kind.GOAWAY else self.payload[:4])[0]

    @property
    def last_stream(self) -> int:
        return struct.unpack(">I", self.payload[:4])[0]

    @property
    def ended(self) -> bool:
        return self.kind in (Kind.DATA, Kind.HEADERS) and bool(self.flags & END_STREAM)


@dataclass
class Answer:
    """What came on one stream so far."""

    sections: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int | None:
        """Of the last section that has one, so of the final response rather than of a 1xx before it."""
        found = [value for section in self.sections for name, value in section if name == b":status"]
        return int(found[-1]) if found else None

    @property
    def done(self) -> bool:
        return self.ended or self.reset is not None

    @property
    def trailers(self) -> list[tuple[bytes, bytes]]:
        last = self.sections[-1] if len(self.sections) > 1 else []
        return [] if any(name == b":status" for name, _ in last) else last

    def __str__(self) -> str:
        parts = [str(self.status)] * bool(self.status) + [f"{len(self.body)} bytes"] * bool(self.body) + ["ended"] * self.ended
        return ", ".join(parts + ([f"reset with {name_of(self.reset)}"] if self.reset is not None else [])) or "nothing"


def name_of(code: int) -> str:
    return Code(code).name if code in Code._value2member_map_ else f"{code:#x}"


class Frames:
    """One end of an HTTP/2 connection that does what it is told, and nothing by itself but to acknowledge SETTINGS."""

    def __init__(self, wire: Wire):
        self.wire = wire
        self.decoder = Decoder()
        self.decoder.max_allowed_table_size = 1 << 20
        self.answers: dict[int, Answer] = {}
        self.opened: dict[int, int] = {}
        self.goaway: Frame | None = None
        self.closed = False
        self.frames: list[Frame] = []
        self._section: tuple[Frame, bytes] | None = None

    @classmethod
    def client(cls, sock: socket.socket, *pairs: tuple[int, int], timeout: float = 5) -> "Frames":
        """Has sent the preface and SETTINGS."""
        made = cls(Wire(sock, timeout))
        made.send(PREFACE + settings(*pairs))
        return made

    @classmethod
    def over_tls(cls, port: int, ca: Path) -> "Frames":
        """As `client`, to a server of this machine that agrees to HTTP/2 by ALPN."""
        context = trusting(ca)
        context.set_alpn_protocols(["h2"])
        sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname="127.0.0.1")
        assert sock.selected_alpn_protocol() == "h2"
        return cls.client(sock).settled()

    @classmethod
    def server(cls, wire: Wire, *pairs: tuple[int, int]) -> "Frames":
        """Has read the client's preface and sent SETTINGS."""
        assert wire.exactly(len(PREFACE)) == PREFACE
        made = cls(wire)
        made.send(settings(*pairs))
        return made

    def send(self, *parts: bytes) -> None:
        self.wire.send(b"".join(parts))

    @staticmethod
    def section(*fields: tuple[bytes | str, bytes | str]) -> bytes:
        """Encodes a field section as literals that go into no table, so that one that is never sent does no harm to later ones."""
        octets = [[text.encode() if isinstance(text, str) else text for text in field] for field in fields]
        return b"".join(b"\x10" + _string(name) + _string(value) for name, value in octets)

    @staticmethod
    def headers(stream: int, *fields: tuple[bytes | str, bytes | str], end: bool = True, flags: int = END_HEADERS) -> bytes:
        return frame(Kind.HEADERS, flags | END_STREAM * end, stream, Frames.section(*fields))

    def next(self) -> Frame:
        """The next frame; raises `Closed` at the end."""
        head = self.wire.exactly(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        got = Frame(kind, flags, stream & 0x7FFFFFFF, self.wire.exactly(int.from_bytes(head[:3])))
        self.frames.append(got)
        self._note(got)
        return got

    def _note(self, got: Frame) -> None:
        answer = self.answers.setdefault(got.stream, Answer()) if got.stream else None
        if got.kind == Kind.SETTINGS and not got.flags & ACK:
            try:
                self.send(frame(Kind.SETTINGS, ACK))
            except OSError:
                pass  # It has ended the connection; what it said before is still to be read.
        elif got.kind == Kind.GOAWAY:
            self.goaway = got
        elif got.kind == Kind.WINDOW_UPDATE:
            self.opened[got.stream] = self.opened.get(got.stream, 0) + int.from_bytes(got.payload)
        elif answer and got.kind == Kind.RST_STREAM:
            answer.reset = got.code
        elif got.kind == Kind.DATA:
            answer.body += _unpadded(got)
            answer.ended |= got.ended
        elif got.kind in (Kind.HEADERS, Kind.CONTINUATION):
            first, block = (got, _unpadded(got)) if got.kind == Kind.HEADERS else (self._section[0], self._section[1] + got.payload)
            self._section = (first, block)
            if got.flags & END_HEADERS:
                decoded = self.decoder.decode(block, raw=True)
                answer.sections.append([(bytes(name), bytes(value)) for name, value in decoded])
                answer.ended |= first.ended

    def until(self, claim) -> bool:
        """Reads until `claim(frame)` is true; false if the connection ended before."""
        while True:
            try:
                if claim(self.next()):
                    return True
            except Closed:
                self.closed = True
                return False

    def answer(self, stream: int) -> Answer:
        """What came on the stream, once it has ended, was reset or the connection is at its end."""
        if not self.answers.setdefault(stream, Answer()).done:
            self.until(lambda _: self.answers[stream].done)
        return self.answers[stream]

    def settled(self) -> "Frames":
        """Both sides' SETTINGS are acknowledged."""
        self.until(lambda got: got.kind == Kind.SETTINGS and got.flags & ACK)
        return self

    def setting(self, which: int) -> int | None:
        """What the peer has said last."""
        said = [got.payload for got in self.frames if got.kind == Kind.SETTINGS]
        return dict(pair for payload in said for pair in struct.iter_unpack(">HI", payload)).get(which)

    def allowance(self, stream: int) -> int:
        """The octets of DATA that the peer has allowed so far on the stream, if no other sends any."""
        initial = self.setting(Setting.INITIAL_WINDOW_SIZE)
        own = (65535 if initial is None else initial) + self.opened.get(stream, 0)
        return min(own, 65535 + self.opened.get(0, 0))

    def fill(self, stream: int, most: int) -> int:
        """Sends octets of DATA until no more are allowed, or `most` are sent: how many."""
        sent = 0
        while sent < most:
            if sent == self.allowance(stream):
                self.pinged()  # what was sent before has been read, so that all that this allowed has come
                if sent == self.allowance(stream):
                    return sent
            size = min(16384, self.allowance(stream) - sent, most - sent)
            self.send(data(stream, bytes(size)))
            sent += size
        return sent

    def pinged(self, opaque: bytes = b"are you?") -> bool:
        """Whether a PING is answered: what was sent before has been read, and did not end the connection."""
        try:
            self.send(ping(opaque))
        except OSError:
            pass  # The answer is in what was received.
        return self.until(lambda got: got.kind == Kind.PING and got.flags & ACK and got.payload == opaque)

    def to_end(self) -> Frame | None:
        """The GOAWAY, once the connection has ended."""
        self.until(lambda _: False)
        return self.goaway

    def close(self) -> None:
        self.wire.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _string(octets: bytes) -> bytes:
    """A string literal without Huffman code (RFC 7541, 5.2)."""
    return _integer(len(octets), 7) + octets


def _integer(value: int, bits: int, pattern: int = 0) -> bytes:
    """RFC 7541, 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([pattern | value])
    out, value = bytearray([pattern | most]), value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def _unpadded(got: Frame) -> bytes:
    payload = got.payload
    padding = 0
    if got.flags & PADDED:
        padding, payload = payload[0], payload[1:]
    if got.kind == Kind.HEADERS and got.flags & PRIORITY_FLAG:
        payload = payload[5:]
    return payload[: len(payload) - padding]

"""What clients must not do in HTTP/2, each with the answer that RFC 9113 demands.

Every case runs against nghttpd, too, so that the table is not only Weir's word; where RFC 9113 allows several answers all of them are
listed, the first is the one it names. An endpoint may always make a connection error of a stream error (5.4.1).
"""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from support import h2frames
from support.h2frames import ACK, END_HEADERS, END_STREAM, PADDED, PREFACE, PRIORITY_FLAG, Code, Frames, Kind, Setting, name_of
from support.h2frames import data, frame, goaway, ping, settings, window
from support.nghttp2 import Nghttpd
from support.wire import Wire

FIELDS = {":method": "GET", ":scheme": "http", ":authority": "origin.test", ":path": "/hello"}
WHOLE, OPEN = END_HEADERS | END_STREAM, END_HEADERS
MALFORMED = ("reset PROTOCOL_ERROR", "400", "goaway PROTOCOL_ERROR")
"""RFC 9113, 8.1.1: a stream error; a server may answer before it."""
DEFAULT_FRAME = 16384


def fields(*more, without=(), **changed) -> list[tuple]:
    """The fields of a request: `method=`, `path=`, … change the pseudo fields, `without` leaves some out, `more` follows."""
    pseudo = FIELDS | {f":{name}": value for name, value in changed.items()}
    return [(name, value) for name, value in pseudo.items() if name not in without] + list(more)


def get(f: Frames, *more, **options) -> bytes:
    return f.headers(1, *fields(*more, **options))


def post(f: Frames, *more, **options) -> bytes:
    """A request on stream 1 whose body is still to come."""
    return f.headers(1, *fields(*more, **{"method": "POST", **options}), end=False)


def headers(block: bytes, flags: int = WHOLE, stream: int = 1) -> bytes:
    return frame(Kind.HEADERS, flags, stream, block)


def continuation(block: bytes, flags: int = 0, stream: int = 1) -> bytes:
    return frame(Kind.CONTINUATION, flags, stream, block)


@dataclass
class Case:
    name: str
    section: str
    """Of RFC 9113, or of another RFC where it is named."""
    make: Callable[[Frames], bytes]
    """The bytes after the preface, an empty SETTINGS and its acknowledgement."""
    allowed: tuple[str, ...]
    """`goaway CODE`, `reset CODE`, a status, or `ignored`: the connection goes on as if nothing had come."""


def case(name: str, section: str, make, *allowed: str) -> Case:
    return Case(name, section, make, allowed)


def too_large(f: Frames) -> int:
    """One octet more than the peer said it takes in a frame."""
    size = f.setting(Setting.MAX_FRAME_SIZE) or DEFAULT_FRAME
    assert size <= 1 << 20, f"frames of {size} octets are taken"
    return size + 1


def split(f: Frames) -> list[bytes]:
    block = f.section(*fields())
    return [block[:10], block[10:20], block[20:]]


FRAMES = [
    case("SETTINGS on a stream", "6.5", lambda f: frame(Kind.SETTINGS, 0, 1), "goaway PROTOCOL_ERROR"),
    case("SETTINGS of 5 octets", "6.5", lambda f: frame(Kind.SETTINGS, payload=b"\0\1\0\0\0"), "goaway FRAME_SIZE_ERROR"),
    case("an acknowledgement with a payload", "6.5", lambda f: frame(Kind.SETTINGS, ACK, payload=b"\0\1\0\0\0\0"), "goaway FRAME_SIZE_ERROR"),
    case("ENABLE_PUSH of 2", "6.5.2", lambda f: settings((Setting.ENABLE_PUSH, 2)), "goaway PROTOCOL_ERROR"),
    case("INITIAL_WINDOW_SIZE of 2^31", "6.5.2", lambda f: settings((Setting.INITIAL_WINDOW_SIZE, 1 << 31)), "goaway FLOW_CONTROL_ERROR"),
    case("MAX_FRAME_SIZE of 16383", "6.5.2", lambda f: settings((Setting.MAX_FRAME_SIZE, 16383)), "goaway PROTOCOL_ERROR"),
    case("MAX_FRAME_SIZE of 2^24", "6.5.2", lambda f: settings((Setting.MAX_FRAME_SIZE, 1 << 24)), "goaway PROTOCOL_ERROR"),
    case("ENABLE_CONNECT_PROTOCOL of 2", "RFC 8441, 3", lambda f: settings((Setting.ENABLE_CONNECT_PROTOCOL, 2)), "goaway PROTOCOL_ERROR"),
    case("an unknown setting", "6.5.2", lambda f: settings((0xFAFA, 7)), "ignored"),
    # nghttp2 ends the stream alone, whose window it is.
    case("a setting that makes a window too large", "6.9.2",
        lambda f: post(f) + window(1, (1 << 31) - 1 - 65535) + settings((Setting.INITIAL_WINDOW_SIZE, 65536)),
        "goaway FLOW_CONTROL_ERROR", "reset FLOW_CONTROL_ERROR"),
    case("PING of 7 octets", "6.7", lambda f: ping(b"7octets"), "goaway FRAME_SIZE_ERROR"),
    case("PING on a stream", "6.7", lambda f: frame(Kind.PING, 0, 1, b"8 octets"), "goaway PROTOCOL_ERROR"),
    case("an answer to a PING that nobody sent", "6.7", lambda f: frame(Kind.PING, ACK, 0, b"8 octets"), "ignored"),
    case("WINDOW_UPDATE of 3 octets", "6.9", lambda f: frame(Kind.WINDOW_UPDATE, payload=b"\0\0\1"), "goaway FRAME_SIZE_ERROR"),
    case("WINDOW_UPDATE of 0 for the connection", "6.9", lambda f: window(0, 0), "goaway PROTOCOL_ERROR"),
    case("WINDOW_UPDATE of 0 for a stream", "6.9", lambda f: post(f) + window(1, 0), "reset PROTOCOL_ERROR", "goaway PROTOCOL_ERROR"),
    case("a window of the connection above 2^31-1", "6.9.1", lambda f: window(0, (1 << 31) - 1), "goaway FLOW_CONTROL_ERROR"),
    case("a window of a stream above 2^31-1", "6.9.1", lambda f: post(f) + window(1, (1 << 31) - 1),
        "reset FLOW_CONTROL_ERROR", "goaway FLOW_CONTROL_ERROR"),
    case("WINDOW_UPDATE on an idle stream", "5.1", lambda f: window(1, 1), "goaway PROTOCOL_ERROR"),
    case("WINDOW_UPDATE after the end of the request", "5.1", lambda f: get(f) + window(1, 1), "200"),
    case("DATA on stream 0", "6.1", lambda f: data(0, b"x"), "goaway PROTOCOL_ERROR"),
    case("DATA on an idle stream", "5.1", lambda f: data(1, b"x"), "goaway PROTOCOL_ERROR"),
    case("DATA after the end of the request", "5.1", lambda f: get(f) + data(1, b"x"), "reset STREAM_CLOSED", "goaway STREAM_CLOSED"),
    case("HEADERS after the end of the request", "5.1", lambda f: get(f) + get(f), "reset STREAM_CLOSED", "goaway STREAM_CLOSED"),
    case("CONTINUATION after the end of the fields", "6.10", lambda f: get(f) + continuation(b"", END_HEADERS), "goaway PROTOCOL_ERROR"),
    case("DATA after RST_STREAM", "5.1", lambda f: post(f) + h2frames.reset(1) + data(1, b"x"),
        "ignored", "reset STREAM_CLOSED", "goaway STREAM_CLOSED"),
    case("more padding than DATA", "6.1", lambda f: post(f) + frame(Kind.DATA, PADDED, 1, b"\5four"), "goaway PROTOCOL_ERROR"),
    case("padded DATA of 0 octets", "6.1", lambda f: post(f) + frame(Kind.DATA, PADDED, 1), "goaway FRAME_SIZE_ERROR", "goaway PROTOCOL_ERROR"),
    case("more padding than HEADERS", "6.2", lambda f: frame(Kind.HEADERS, WHOLE | PADDED, 1, b"\xff" + f.section(*fields())), "goaway PROTOCOL_ERROR"),
    case("a DATA frame above the limit", "4.2", lambda f: post(f) + frame(Kind.DATA, 0, 1, bytes(too_large(f))),
        "reset FRAME_SIZE_ERROR", "goaway FRAME_SIZE_ERROR"),
    case("a HEADERS frame above the limit", "4.2", lambda f: headers(bytes(too_large(f))), "goaway FRAME_SIZE_ERROR"),
    case("HEADERS on stream 0", "6.2", lambda f: headers(f.section(*fields()), stream=0), "goaway PROTOCOL_ERROR"),
    case("HEADERS on an even stream", "5.1.1", lambda f: f.headers(2, *fields()), "goaway PROTOCOL_ERROR"),
    # nghttp2 takes any lower number for a stream that it has closed and forgotten, on which 5.1 lets it ignore what comes.
    case("HEADERS on a lower stream than before", "5.1.1", lambda f: f.headers(5, *fields()) + f.headers(3, *fields()),
        "goaway PROTOCOL_ERROR", "goaway STREAM_CLOSED", "ignored"),
    case("HEADERS shorter than its priority", "6.2", lambda f: headers(b"\0\0\0", WHOLE | PRIORITY_FLAG), "goaway FRAME_SIZE_ERROR", "goaway PROTOCOL_ERROR"),
    # RFC 9113 no longer reads priorities, RFC 7540 (5.3.1) made this an error.
    case("HEADERS that depend on their own stream", "5.3.2", lambda f: headers(struct.pack(">IB", 1, 15) + f.section(*fields()), WHOLE | PRIORITY_FLAG),
        "200", "reset PROTOCOL_ERROR", "goaway PROTOCOL_ERROR"),
    case("HEADERS in four frames", "6.10", lambda f: headers(split(f)[0], END_STREAM) + continuation(split(f)[1]) + continuation(b"")
        + continuation(split(f)[2], END_HEADERS), "200"),
    case("PING in place of a CONTINUATION", "6.10", lambda f: headers(split(f)[0], END_STREAM) + ping(), "goaway PROTOCOL_ERROR"),
    case("an unknown frame in place of a CONTINUATION", "5.5", lambda f: headers(split(f)[0], END_STREAM) + frame(0xBB), "goaway PROTOCOL_ERROR"),
    case("DATA in place of a CONTINUATION", "6.10", lambda f: headers(split(f)[0], 0) + data(1), "goaway PROTOCOL_ERROR"),
    case("HEADERS in place of a CONTINUATION", "6.10", lambda f: headers(split(f)[0], 0) + f.headers(3, *fields()), "goaway PROTOCOL_ERROR"),
    case("CONTINUATION of another stream", "6.10", lambda f: headers(split(f)[0], END_STREAM) + continuation(split(f)[1], stream=3), "goaway PROTOCOL_ERROR"),
    case("CONTINUATION of nothing", "6.10", lambda f: continuation(b"", END_HEADERS), "goaway PROTOCOL_ERROR"),
    case("CONTINUATION on stream 0", "6.10", lambda f: continuation(b"", END_HEADERS, 0), "goaway PROTOCOL_ERROR"),
    case("PUSH_PROMISE", "8.4", lambda f: post(f) + frame(Kind.PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + f.section(*fields())), "goaway PROTOCOL_ERROR"),
    case("PRIORITY on stream 0", "6.3", lambda f: frame(Kind.PRIORITY, 0, 0, bytes(5)), "goaway PROTOCOL_ERROR"),
    case("PRIORITY of 4 octets", "6.3", lambda f: post(f) + frame(Kind.PRIORITY, 0, 1, bytes(4)), "reset FRAME_SIZE_ERROR", "goaway FRAME_SIZE_ERROR"),
    case("PRIORITY of a stream that depends on itself", "5.3.2", lambda f: post(f) + frame(Kind.PRIORITY, 0, 1, struct.pack(">IB", 1, 15)),
        "ignored", "reset PROTOCOL_ERROR", "goaway PROTOCOL_ERROR"),
    case("PRIORITY of an idle stream", "5.1", lambda f: frame(Kind.PRIORITY, 0, 1, struct.pack(">IB", 0, 15)), "ignored"),
    case("RST_STREAM on stream 0", "6.4", lambda f: h2frames.reset(0), "goaway PROTOCOL_ERROR"),
    case("RST_STREAM of an idle stream", "6.4", lambda f: h2frames.reset(1), "goaway PROTOCOL_ERROR"),
    case("RST_STREAM of 3 octets", "6.4", lambda f: post(f) + frame(Kind.RST_STREAM, 0, 1, bytes(3)), "goaway FRAME_SIZE_ERROR"),
    case("RST_STREAM with an unknown code", "7", lambda f: post(f) + h2frames.reset(1, 0xBADC0DE), "ignored"),
    case("GOAWAY on a stream", "6.8", lambda f: frame(Kind.GOAWAY, 0, 1, bytes(8)), "goaway PROTOCOL_ERROR"),
    case("GOAWAY of 7 octets", "6.8", lambda f: frame(Kind.GOAWAY, 0, 0, bytes(7)), "goaway FRAME_SIZE_ERROR"),
    case("frames of unknown types", "4.1", lambda f: frame(0xBB, 0xFF, 0, b"what?") + frame(0xBC, 0xFF, 99, b"what?"), "ignored"),
    case("flags and a bit that mean nothing", "4.1", lambda f: frame(Kind.PING, 0xFE, 0x80000000, b"8 octets"), "ignored"),
]

COMPRESSION = "goaway COMPRESSION_ERROR"
FIELD_SECTIONS = [
    case("index 0", "RFC 7541, 6.1", lambda f: headers(b"\x80"), COMPRESSION),
    case("an index beyond the tables", "RFC 7541, 2.3.3", lambda f: headers(b"\xff\x80\x01"), COMPRESSION),
    case("a literal that is cut off", "RFC 7541, 6.2", lambda f: headers(b"\x00\x05ab"), COMPRESSION),
    case("a block that ends after a name", "RFC 7541, 6.2", lambda f: headers(b"\x00\x01a"), COMPRESSION),
    case("an integer without an end", "RFC 7541, 5.1", lambda f: headers(b"\x7f" + b"\xff" * 12), COMPRESSION),
    case("Huffman code with the end marker", "RFC 7541, 5.2", lambda f: headers(b"\x00\x01a\x84\xff\xff\xff\xff"), COMPRESSION),
    case("Huffman code padded with a whole octet", "RFC 7541, 5.2", lambda f: headers(b"\x00\x01a\x82\x1f\xff"), COMPRESSION),
    case("Huffman code padded with zeros", "RFC 7541, 5.2", lambda f: headers(b"\x00\x01a\x81\x18"), COMPRESSION),
    case("a table above the limit", "RFC 7541, 6.3", lambda f: headers(b"\x3f\xff\xff\xff\x07" + f.section(*fields())), COMPRESSION),
    case("a table size after a field", "RFC 7541, 4.2", lambda f: headers(f.section(*fields()) + b"\x20"), COMPRESSION),
]


def trailers(f: Frames, *more, end=True) -> bytes:
    return post(f) + data(1, b"x") + f.headers(1, *more, end=end)


def without(name: str):
    return lambda f: get(f, without=(name,))


def twice(name: str):
    return lambda f: f.headers(1, *fields(), (name, FIELDS[name]))


def doubled(name: str):
    """The pseudo field comes twice, before all others."""
    return lambda f: f.headers(1, (name, FIELDS[name]), *fields())


MESSAGES = [
    *(case(f"{name} is missing", "8.3.1", without(name), *MALFORMED) for name in (":method", ":scheme", ":path")),
    *(case(f"{name} twice", "8.3", doubled(name), *MALFORMED) for name in FIELDS),
    case("a pseudo field after a field", "8.3", lambda f: f.headers(1, *fields(("x-a", "b"), without=(":path",)), (":path", "/hello")), *MALFORMED),
    case("an unknown pseudo field", "8.3", lambda f: get(f, nonsense="1"), *MALFORMED),
    case("a response's pseudo field", "8.3", lambda f: get(f, status="200"), *MALFORMED),
    case("an empty :path", "8.3.1", lambda f: get(f, path=""), *MALFORMED),
    case("a :path without its slash", "8.3.1", lambda f: get(f, path="hello"), *MALFORMED),
    case("an empty :method", "RFC 9110, 9.1", lambda f: get(f, method=""), *MALFORMED),
    case("a :method with a space", "RFC 9110, 9.1", lambda f: get(f, method="GET /x"), *MALFORMED),
    case("CONNECT with :path", "8.5", lambda f: get(f, method="CONNECT", without=(":scheme",)), *MALFORMED),
    case("CONNECT with :scheme", "8.5", lambda f: get(f, method="CONNECT", without=(":path",)), *MALFORMED),
    case("CONNECT without :authority", "8.5", lambda f: f.headers(1, (":method", "CONNECT"), end=False), *MALFORMED),
    case(":protocol without CONNECT", "RFC 8441, 4", lambda f: get(f, protocol="websocket"), *MALFORMED),
    case("a field name in capitals", "8.2.1", lambda f: get(f, ("X-Upper", "1")), *MALFORMED),
    *(case(f"{name!r} as a field name", "8.2.1", lambda f, name=name: get(f, (name, "1")), *MALFORMED) for name in ("", "a b", "a:b", "a\0b", "a\r\nb", "a\x7f")),
    *(
        case(f"{value!r} as a field value", "8.2.1", lambda f, value=value: get(f, ("x-a", value)), *MALFORMED)
        for value in ("a\rb", "a\nb", "a\0b", "a\r\nx-b: c")
    ),
    # RFC 9113 calls them malformed (8.2.1) and lets a receiver strip them all the same (RFC 9110, 5.5).
    *(case(f"{value!r} as a field value", "8.2.1", lambda f, value=value: get(f, ("x-a", value)), *MALFORMED, "200") for value in (" a", "a\t")),
    *(
        case(f"the field {name}", "8.2.2", lambda f, name=name, value=value: get(f, (name, value)), *MALFORMED)
        for name, value in {"connection": "close", "keep-alive": "300", "proxy-connection": "close", "upgrade": "h2c"}.items()
    ),
    case("the field transfer-encoding", "8.2.2", lambda f: post(f, ("transfer-encoding", "chunked")) + data(1, b"0\r\n\r\n", end=True), *MALFORMED),
    case("te: gzip", "8.2.2", lambda f: get(f, ("te", "gzip")), *MALFORMED),
    case("te: trailers", "8.2.2", lambda f: get(f, ("te", "trailers")), "200"),
    case("content-length without a body", "8.1.1", lambda f: get(f, ("content-length", "1")), *MALFORMED),
    case("a body above content-length", "8.1.1", lambda f: post(f, ("content-length", "1")) + data(1, b"xx", end=True), *MALFORMED),
    case("a body below content-length", "8.1.1", lambda f: post(f, ("content-length", "3")) + data(1, b"xx", end=True), *MALFORMED),
    case("trailers before content-length is reached", "8.1.1",
        lambda f: post(f, ("content-length", "3")) + data(1, b"xx") + f.headers(1, ("x-sum", "2")), *MALFORMED),
    case("two lengths", "8.1.1", lambda f: post(f, ("content-length", "2"), ("content-length", "3")) + data(1, b"xx", end=True), *MALFORMED),
    case("a length that is no number", "8.1.1", lambda f: post(f, ("content-length", "2x")) + data(1, b"xx", end=True), *MALFORMED),
    case("trailers with a pseudo field", "8.1", lambda f: trailers(f, (":path", "/other")), *MALFORMED),
    case("trailers that do not end the request", "8.1", lambda f: trailers(f, ("x-sum", "1"), end=False), *MALFORMED),
    case("trailers in capitals", "8.2.1", lambda f: trailers(f, ("X-Sum", "1")), *MALFORMED),
]
TABLE = FRAMES + FIELD_SECTIONS + MESSAGES


class Subject:
    """Who is asked: a port that speaks HTTP/2 in cleartext and serves /hello."""

    def __init__(self, port: int):
        self.port = port

    def connect(self) -> Frames:
        return Frames.client(socket.create_connection(("127.0.0.1", self.port), 5)).settled()

    def raw(self) -> Frames:
        return Frames(Wire.to(self.port, 5))


@pytest.fixture(scope="module")
def nghttpd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nghttpd")
    (folder / "hello").write_text("hello\n")
    server = Nghttpd(folder / "run", folder)
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["nghttpd", "weir"])
def subject(request, nghttpd):
    """nghttpd itself, then Weir in front of it."""
    if request.param == "nghttpd":
        return Subject(nghttpd.port)
    return Subject(request.getfixturevalue("module_weir")(modes=[f"reverse:h2c://{nghttpd.authority}"]).port)


def outcome(f: Frames, wanted: tuple[str, ...]) -> str:
    """What has become of the connection and of stream 1."""
    try:
        only_end = all(word.startswith("goaway") for word in wanted)
        if only_end or not f.pinged():
            end = f.to_end()
            return f"goaway {name_of(end.code)}" if end else "the end without GOAWAY"
        if "ignored" not in wanted:
            f.answer(1)
        got = f.answers.get(1)
        if got and got.reset is not None and got.status is None:
            return f"reset {name_of(got.reset)}"
        return str(got.status) if got and got.status else "ignored"
    except TimeoutError:
        return f"nothing in 5 s, {f.answers.get(1)}, GOAWAY: {f.goaway}"


@pytest.mark.parametrize("preface", [PREFACE[:-3] + b"X\r\n", PREFACE[:-1] + b"\r", PREFACE[:14] + b"XM\r\n\r\n"])
def test_a_wrong_preface_ends_the_connection(subject, preface):
    """RFC 9113, 3.4: without a GOAWAY if what came is not HTTP/2 at all; what serves HTTP/1, too, may say so in it."""
    with subject.raw() as f:
        f.send(preface + settings())
        came = f.wire.to_end()
    statuses = (b"HTTP/1.1 400 ", b"HTTP/1.1 505 ")
    assert not came or came.startswith(statuses) or came[:9].count(b"\0") > 2, came[:100]


@pytest.mark.parametrize("first", [ping(), frame(Kind.SETTINGS, ACK), window(0, 1), frame(0xBB)], ids=["ping", "acknowledgement", "window", "unknown"])
def test_what_comes_first_must_be_settings(subject, first):
    """RFC 9113, 3.4."""
    with subject.raw() as f:
        f.send(PREFACE + first)
        end = f.to_end()
    assert end and end.code == Code.PROTOCOL_ERROR


def test_a_client_that_leaves_may_have_its_answers_first(subject):
    """RFC 9113, 6.8: a GOAWAY ends no stream."""
    with subject.connect() as f:
        f.send(get(f) + goaway(0))
        assert f.answer(1).body == b"hello\n"


def test_streams_above_the_limit_are_refused(subject):
    """RFC 9113, 5.1.2; those below it go on unless the connection ends."""
    with subject.connect() as f:
        limit = f.setting(Setting.MAX_CONCURRENT_STREAMS)
        assert limit and 100 <= limit <= 1000, "RFC 9113, 6.5.2, recommends at least 100; there must be a limit"
        numbers = range(1, 2 * limit + 1, 2)
        f.send(*(f.headers(number, *fields(method="POST"), end=False) for number in numbers))
        f.send(f.headers(2 * limit + 1, *fields()))
        try:
            refused = f.answer(2 * limit + 1).reset
        except TimeoutError:
            refused = None
        if f.goaway:
            assert f.goaway.code == Code.PROTOCOL_ERROR
            return
        assert refused in (Code.REFUSED_STREAM, Code.PROTOCOL_ERROR), "it neither waits nor is answered"
        f.send(data(1, b"x", end=True))
        assert f.answer(1).status in (200, 405)


@pytest.mark.parametrize("violation", TABLE, ids=lambda one: one.name)
def test_a_violation_gets_the_answer_of_the_rfc(subject, violation):
    with subject.connect() as f:
        f.send(violation.make(f))
        found = outcome(f, violation.allowed)
        assert found in violation.allowed, f"RFC 9113, {violation.section}: {violation.name}"
        if not found.startswith("goaway"):
            f.send(f.headers(101, *fields()))
            assert f.answer(101).status == 200, "other streams go on"
    with subject.connect() as f:
        f.send(get(f))
        assert f.answer(1).body == b"hello\n", "other connections go on"

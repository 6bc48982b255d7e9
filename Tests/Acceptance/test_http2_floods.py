"""HTTP/2 clients that cost a server more than themselves: each is ended or held back, memory stays bounded, others are served."""

import re
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.calls import asked
from support.h2frames import END_HEADERS, END_STREAM, Code, Frames, Kind, Setting, data, frame, ping, reset, settings, window
from support.nghttp2 import Nghttpd, Nghttpx

FIELDS = [(":method", "GET"), (":scheme", "http"), (":authority", "origin.test"), (":path", "/hello")]
POST = [(":method", "POST"), *FIELDS[1:]]
MOST_GROWTH = 24 << 20
"""Bytes by which the proxy's memory may grow over what a flood sends."""
LARGE = 10 << 20


@dataclass
class Subject:
    port: int
    pid: int

    def connect(self, *pairs: tuple[int, int]) -> Frames:
        return Frames.client(socket.create_connection(("127.0.0.1", self.port), 5), *pairs).settled()

    def memory(self) -> int:
        """Resident bytes of the process and of those below it."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(Subject(self.port, int(child)).memory() for child in children) + int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def serves(self) -> None:
        with self.connect() as f:
            f.send(f.headers(1, *FIELDS))
            assert f.answer(1).body == b"hello\n"


@pytest.fixture(scope="module")
def nghttpd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nghttpd")
    (folder / "hello").write_text("hello\n")
    (folder / "large").write_bytes(bytes(LARGE))
    server = Nghttpd(folder / "run", folder, None, "--max-concurrent-streams=1000")
    yield server
    server.stop()


@pytest.fixture(params=["nghttpx", "weir"])
def front(request, tmp_path):
    """`front(port)` puts nghttpx, then Weir, in front of a server that speaks HTTP/2 in cleartext."""
    made = []

    def make(port: int) -> Subject:
        if request.param == "weir":
            proxy = request.getfixturevalue("weir")(modes=[f"reverse:h2c://127.0.0.1:{port}"])
        else:
            proxy = Nghttpx(tmp_path / "nghttpx", port, True)
            made.append(proxy)
        return Subject(proxy.port, proxy.process.pid)

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def subject(front, nghttpd):
    return front(nghttpd.port)


class Flood(threading.Thread):
    """Sends `parts` until they are all sent, the peer has ended the connection or takes no more."""

    def __init__(self, f: Frames, parts):
        super().__init__(daemon=True)
        self.f, self.parts, self.fate = f, parts, "all taken"
        self.sent = 0
        self.start()

    def run(self):
        try:
            for part in self.parts:
                self.f.send(part)
                self.sent += len(part)
        except TimeoutError:
            self.fate = "held back"
        except OSError:
            self.fate = "ended"


def resets(f: Frames):
    block = f.section(*FIELDS)
    for number in range(1, 200_000, 2):
        yield frame(Kind.HEADERS, END_HEADERS | END_STREAM, number, block) + reset(number)


def made_to_reset(f: Frames):
    """The server resets the streams, because of windows that are too large: the client says nothing of RST_STREAM."""
    block = f.section(*POST)
    for number in range(1, 200_000, 2):
        yield frame(Kind.HEADERS, END_HEADERS, number, block) + window(number, (1 << 31) - 1)


def continuations(f: Frames):
    yield frame(Kind.HEADERS, END_STREAM, 1, f.section(*FIELDS))
    for _ in range(1000):
        yield frame(Kind.CONTINUATION, 0, 1) * 100


def continued_fields(f: Frames):
    yield frame(Kind.HEADERS, END_STREAM, 1, f.section(*FIELDS))
    block = f.section(*((f"x-{n}", "v" * 100) for n in range(100)))
    for _ in range(5000):
        yield frame(Kind.CONTINUATION, 0, 1, block)


def empty_data(f: Frames):
    yield f.headers(1, *POST, end=False)
    for _ in range(2000):
        yield data(1) * 100


FLOODS = {
    "requests that are taken back": resets,
    "streams that the server must reset": made_to_reset,
    "empty CONTINUATION frames": continuations,
    "fields without end": continued_fields,
    "SETTINGS": lambda f: (settings((Setting.HEADER_TABLE_SIZE, n)) * 100 for n in range(2000)),
    "PING": lambda f: (ping() * 100 for _ in range(2000)),
    "empty DATA": empty_data,
}
TAKEN = {"empty DATA"}
"""What nghttpx takes for as long as it comes, keeping nothing of it; RFC 9113 (10.5) leaves such limits to the receiver."""


@pytest.mark.seconds(60)
@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("reads", [False, True], ids=["unread", "read"])
def test_a_flood_is_ended_and_others_are_served(subject, kind, reads):
    subject.serves()
    before = subject.memory()
    with subject.connect() as f:
        f.wire.sock.settimeout(2)
        flood = Flood(f, FLOODS[kind](f))
        if not reads:
            flood.join(30)
        try:
            end = f.to_end()  # whatever the network has kept of the flood
            flood.join(30)
            assert not end or end.code != Code.NO_ERROR
        except TimeoutError:
            assert kind in TAKEN and flood.fate == "all taken", f"{flood.sent} bytes {flood.fate}"
        begun = time.monotonic()
        subject.serves()
        assert time.monotonic() - begun < 2
        assert subject.memory() - before < MOST_GROWTH


COUNTED = {
    "requests that are taken back": "resets",
    "empty CONTINUATION frames": "continuations",
    "SETTINGS": "settings",
    "PING": "pings",
    "empty DATA": "empty_data",
}


def test_floods_are_counted_by_kind(caller, nghttpd):
    proxy, worker = caller(modes=[f"reverse:h2c://{nghttpd.authority}"], permissions=["metrics.get"])
    subject = Subject(proxy.port, proxy.process.pid)
    for round in (1, 2):
        for kind in COUNTED:
            with subject.connect() as f:
                flood = Flood(f, FLOODS[kind](f))
                f.to_end()
                flood.join(10)
        counted = {one["labels"]["kind"]: one["value"] for one in asked(worker, "metrics.get")["metrics"] if one["name"] == "weir_http2_floods"}
        assert counted == dict.fromkeys(COUNTED.values(), round)
    subject.serves()


def large_fields(f: Frames):
    """400 KiB of fields, within as many frames as that takes."""
    block = f.section(*FIELDS, *((f"x-{n}", "v" * 4000) for n in range(100)))
    parts = [block[at : at + 16384] for at in range(0, len(block), 16384)]
    yield frame(Kind.HEADERS, END_STREAM, 1, parts[0])
    for part in parts[1:-1]:
        yield frame(Kind.CONTINUATION, 0, 1, part)
    yield frame(Kind.CONTINUATION, END_HEADERS, 1, parts[-1])


def bomb(f: Frames):
    """One field of 4,000 octets, put into the dynamic table and then named 12,000 times with an octet each: 48 MB of fields."""
    added = b"\x40\x01a\x7f" + bytes([(4000 - 127) & 127 | 128, (4000 - 127) >> 7]) + b"v" * 4000
    yield frame(Kind.HEADERS, END_HEADERS | END_STREAM, 1, f.section(*FIELDS) + added + b"\xbe" * 12_000)


@pytest.mark.parametrize("fields", [large_fields, bomb], ids=lambda one: one.__name__)
def test_fields_that_are_too_large_are_refused(subject, fields):
    """RFC 9113, 10.5.1: 431, or the stream or the connection is ended; what is never done is to pass them on."""
    subject.serves()
    before = subject.memory()
    with subject.connect() as f:
        flood = Flood(f, fields(f))
        answer = f.answer(1)
        flood.join(10)
        if answer.status:
            assert answer.status in (400, 431), answer
        else:
            assert answer.reset not in (None, Code.NO_ERROR) or f.closed, answer
        if f.pinged():
            f.send(f.headers(3, *FIELDS))
            assert f.answer(3).status == 200, "the tables are still in step"
    subject.serves()
    assert subject.memory() - before < MOST_GROWTH


@pytest.mark.parametrize("streams", [1, 30])
def test_a_client_that_never_opens_its_window_costs_a_bounded_part_of_the_body(subject, streams):
    """Bodies of 10 MiB are asked for with windows of 0; one that is opened then comes whole."""
    subject.serves()
    before = subject.memory()
    with subject.connect((Setting.INITIAL_WINDOW_SIZE, 0)) as f:
        numbers = range(1, 2 * streams, 2)
        large = [*FIELDS[:3], (":path", "/large")]
        f.send(*(f.headers(number, *large) for number in numbers))
        f.until(lambda _: all(number in f.answers and f.answers[number].status for number in numbers))
        begun = time.monotonic()
        subject.serves()
        assert time.monotonic() - begun < 2
        assert f.pinged()
        assert not any(f.answers[number].body for number in numbers)
        assert subject.memory() - before < MOST_GROWTH + streams * (1 << 20)
        f.send(window(1, LARGE), window(0, LARGE))
        first = f.answer(1)
        assert first.ended and len(first.body) == LARGE


def test_one_stream_without_a_window_holds_up_no_other(subject):
    with subject.connect() as f:
        f.send(settings((Setting.INITIAL_WINDOW_SIZE, 0)), window(0, LARGE))
        f.send(f.headers(1, *FIELDS[:3], (":path", "/large")))
        f.send(f.headers(3, *FIELDS), window(3, 100))
        assert f.answer(3).body == b"hello\n"
        assert not f.answers.get(1) or not f.answers[1].body
        f.send(window(1, LARGE))
        assert len(f.answer(1).body) == LARGE


def test_a_request_body_that_the_server_does_not_take_is_held_back(front, origin):
    """The client's window is not opened beyond what the proxy keeps; whoever sends beyond it makes an error (RFC 9113, 6.9.1)."""

    def stalled(wire, origin):
        server = Frames.server(wire, (Setting.INITIAL_WINDOW_SIZE, 0))
        server.until(lambda got: got.kind == Kind.HEADERS)
        origin.record(server)
        server.until(lambda _: False)

    server = origin(stalled)
    subject = front(server.port)
    with subject.connect() as f:
        f.send(f.headers(1, *POST, end=False))
        server.wait(1)
        before, sent = subject.memory(), f.fill(1, 64 << 20)
        assert sent < 8 << 20, "the proxy took what the server did not"
        assert subject.memory() - before < MOST_GROWTH
        f.send(data(1, bytes(16384)))
        end = f.goaway if f.answer(1).reset == Code.FLOW_CONTROL_ERROR else f.to_end()
        assert end is None or end.code == Code.FLOW_CONTROL_ERROR

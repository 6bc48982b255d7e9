"""When pieces come, how they are cut, and many streams at once."""

import threading
import time

import pytest

from support.carriage import CLIENTS, FORMS, fetch, giving, reverse, serving
from support.h2frames import Frames, Setting, window

ECHO = """
@streams.on("response")
def body(stream, message):
    for piece in stream:
        stream.write(piece.upper())
    stream.end()
"""
RESPONSE = [{"name": "response", "content": "stream"}]
TEXT = "größer €uro 🐈 \u2028 \0\x01\x1f\"\\/ end\n".encode()


# Event streams


class Speaker:
    """A server of events that sends the next when it is told to."""

    def __init__(self):
        self.step = threading.Semaphore(0)

    def __call__(self, reply, seen) -> None:
        reply.head(headers=[("Content-Type", "text/event-stream")])
        for n in range(20):
            assert self.step.acquire(timeout=10)
            reply.write(b"data: event %d\n\n" % n)
        reply.end()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", ["chunked", "close", "h2"])
def test_each_event_arrives_before_the_next_is_sent(weir, origin, streaming, form, client):
    speaker = Speaker()
    proxy = weir(modes=[reverse(origin(serving(form, speaker)), form)], addons=[streaming(RESPONSE, ECHO)])
    with proxy.connect() as wire:
        if client == "h1":
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200" in wire.until(b"\r\n\r\n")
            for n in range(20):
                speaker.step.release()
                wire.until(b"DATA: EVENT %d\n\n" % n)
            assert wire.until(b"0\r\n\r\n")
        else:
            frames = Frames.client(wire.sock, timeout=10).settled()
            frames.send(frames.headers(1, (":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")))
            for n in range(20):
                speaker.step.release()
                assert frames.until(lambda got, n=n: 1 in frames.answers and frames.answers[1].body.endswith(b"DATA: EVENT %d\n\n" % n))
            assert frames.answer(1).ended


# Cuts and lines


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("line", [1024, 4096, 60_000, 1 << 20])
def test_no_line_is_longer_than_the_worker_says(weir, origin, streaming, line, client):
    bodies = {"/text": TEXT * 5000, "/octets": bytes(range(256)) * 800, "/controls": b"\0\x1f" * 60_000, "/ascii": b"abcdefgh" * 20_000}
    # The event itself is kept small, for it must fit as well.
    hooks = [{**RESPONSE[0], "fields": ["flow.request.path", "flow.response.content"]}]
    worker = streaming(hooks, ECHO, result={"limits": {"max_line": line}})
    proxy = weir(modes=[reverse(origin(serving("length", giving(lambda seen: bodies[seen.path]))), "length")], addons=[worker])
    for path, body in bodies.items():
        seen = fetch(proxy, path, client)
        assert seen.complete and seen.body == body.upper(), path
    lengths = [record["length"] for record in worker.records() if record.get("message", {}).get("method") == "stream.data"]
    assert max(lengths) <= line
    # Lines are not wasted, either: most are filled as far as the pieces of the wire go.
    assert len(lengths) < 40 + 5 * sum(map(len, bodies.values())) / min(line, 16_384)


@pytest.mark.parametrize("size", [1, 3, 1000, 65_537])
def test_text_is_cut_between_characters(weir, origin, streaming, size):
    """What is valid UTF-8 as a whole reaches the worker as text, however the server cuts it."""
    body = TEXT * (20 if size == 1 else 4000)
    worker = streaming(RESPONSE, ECHO)
    seen = fetch(weir(modes=[reverse(origin(serving("chunked", giving(body, size=size))), "chunked")], addons=[worker]))
    assert seen.complete and seen.body == body.upper()
    pieces = [message["params"]["data"] for message in worker.messages("stream.data")]
    if size > 3:
        assert all(isinstance(piece, str) for piece in pieces), "a character was cut"


def test_octets_that_are_no_text_keep_their_values(weir, origin, streaming):
    body = b"\xff\xfe" + TEXT + b"\xc3" + bytes(range(256)) + b"\xf0\x9f"
    worker = streaming(RESPONSE, ECHO)
    server = origin(serving("chunked", giving(body, size=7)))
    seen = fetch(weir(modes=[reverse(server, "chunked")], addons=[worker]))
    assert seen.complete and seen.body == body.upper()


def test_the_cores_pieces_keep_within_the_credit(weir, origin, streaming):
    """A worker that gives back 1000 octets at a time is sent no more than these."""
    code = """
@streams.on("response")
def body(stream, message):
    have = 0
    while have < worker.offered["limits"]["stream_credit"]:
        piece = stream.read()
        have += len(piece)
        stream.write(piece)
    while True:
        stream.credit(1000)
        got = 0
        while got < 1000:
            piece = stream.read()
            if piece is None:
                return stream.end()
            got += len(piece)
            stream.write(piece)
        if got > 1000:
            return stream.reset("more than the credit")
"""
    body = bytes(range(251)) * 1300
    worker = streaming(RESPONSE, code, result={"limits": {"max_line": 1 << 20}})
    seen = fetch(weir(modes=[reverse(origin(serving("length", giving(body))), "length")], addons=[worker]))
    assert seen.complete and seen.body == body, seen


# Many at once


@pytest.mark.seconds(120)
@pytest.mark.parametrize("form", FORMS)
def test_50_streams_at_once_at_one_worker(weir, origin, streaming, form):
    count, barrier = 50, threading.Barrier(51)
    worker = streaming(RESPONSE, ECHO.replace("    for piece", "    time.sleep(0.3)\n    for piece"), unrecorded=["stream.data", "stream.credit"])
    server = origin(serving(form, giving(lambda seen: (seen.path.encode() + b" says hello\n") * 20_000)))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    outcomes: dict[int, object] = {}

    def ask(n: int) -> None:
        barrier.wait(20)
        outcomes[n] = fetch(proxy, f"/number/{n}", CLIENTS[n % 2], seconds=60)

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    barrier.wait(20)
    for thread in threads:
        thread.join(90)
    assert len(outcomes) == count
    for n, seen in outcomes.items():
        assert seen.complete and seen.body == (b"/NUMBER/%d SAYS HELLO\n" % n) * 20_000, (n, seen)


@pytest.mark.seconds(60)
def test_streams_of_one_connection_do_not_wait_for_each_other(weir, origin, streaming, tmp_path):
    """The first of ten stands still at the worker; the nine others come."""
    go = tmp_path / "go"
    code = f"""
@streams.on("response")
def body(stream, message):
    while path(message) == "/slow" and not os.path.exists({str(go)!r}):
        stream.credit(0)
        time.sleep(0.05)
    for piece in stream:
        stream.write(piece.upper())
    stream.end()
"""
    body = b"some text\n" * 60_000
    worker = streaming([{**RESPONSE[0], "timeout_ms": 1000}], code, unrecorded=["stream.data", "stream.credit"])
    proxy = weir(modes=[reverse(origin(serving("length", giving(body))), "length")], addons=[worker])
    with Frames.client(proxy.connect().sock, (Setting.INITIAL_WINDOW_SIZE, (1 << 31) - 1), timeout=30).settled() as frames:
        frames.send(window(0, (1 << 31) - 65536))
        for n in range(10):
            path = f"/{n}" if n else "/slow"
            frames.send(frames.headers(2 * n + 1, (":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)))
        for n in range(1, 10):
            answer = frames.answer(2 * n + 1)
            assert answer.ended and bytes(answer.body) == body.upper(), answer
        assert not frames.answers[1].done, frames.answers[1]
        go.touch()
        assert frames.answer(1).ended and bytes(frames.answers[1].body) == body.upper()


def test_a_sign_of_life_keeps_the_deadline_off(weir, origin, streaming):
    code = """
@streams.on("response")
def body(stream, message):
    whole = b"".join(stream)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        stream.credit(0)
        time.sleep(0.1)
    stream.write(whole.upper())
    stream.end()
"""
    worker = streaming([{**RESPONSE[0], "timeout_ms": 500, "on_failure": "kill"}], code)
    begun = time.monotonic()
    seen = fetch(weir(modes=[reverse(origin(serving("length", giving(TEXT))), "length")], addons=[worker]))
    assert seen.complete and seen.body == TEXT.upper()
    assert time.monotonic() - begun > 1.4
    assert not worker.messages("stream.reset")

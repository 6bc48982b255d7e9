"""Whoever stops stops those before it, and what lies between them is bounded: the credit of each hop and the buffers of its sockets."""

import re
import socket
import threading
from pathlib import Path

import pytest

from support.carriage import Pump, fetch, giving, reverse, serving
from support.endless import BLOCK, BOUND, MIB, TOTAL, Endless, standing_still
from support.h2frames import Frames, window
from support.messages import Octets, read

CORE = 24 * MIB  # what the core's memory may grow by

# Waits with every stream until the file GO is there; a sign of life now and then keeps the deadline off.
CODE = """
def hold(stream):
    while not os.path.exists({go!r}):
        stream.credit(0)
        time.sleep(0.1)

@streams.on("request", "response")
def body(stream, message):
    {first}
    hold(stream)
    for piece in stream:
        stream.write(piece.upper())
    stream.end()
"""


def peak(proxy) -> int:
    """The most memory that the core has had, in octets."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{proxy.process.pid}/status").read_text())[1]) * 1024


def expected(change=bytes.upper) -> bytes:
    whole = BLOCK * (TOTAL // len(BLOCK) + 1)
    return change(whole[:TOTAL])


@pytest.fixture
def stalled(streaming, tmp_path):
    """A worker that reads nothing, or only a first piece, until `go()`."""
    go = tmp_path / "go"

    def make(hook: str, first: str = "pass"):
        hooks = [{"name": hook, "content": "stream", "timeout_ms": 3000}]
        code = CODE.format(go=str(go), first=first)
        return streaming(hooks, code, unrecorded=["stream.data", "stream.credit"], result={"limits": {"max_line": 1 << 20}})

    make.go = go.touch
    return make


@pytest.mark.seconds(120)
@pytest.mark.parametrize("first", ["pass", "stream.write(stream.read())"], ids=["at once", "after the first piece"])
@pytest.mark.parametrize("form", ["length", "chunked", "h2"])
def test_a_worker_that_stops_reading_stops_the_server(weir, origin, stalled, form, first):
    endless = Endless()
    server = origin(serving(form, endless))
    proxy = weir(modes=[reverse(server, form)], addons=[stalled("response", first)])
    before = peak(proxy)
    outcome = []
    client = threading.Thread(target=lambda: outcome.append(fetch(proxy, seconds=60)), daemon=True)
    client.start()
    sent = standing_still(lambda: endless.sent)
    assert sent < BOUND, "the server was not stopped"
    stalled.go()
    client.join(60)
    # What `first` read was written as it came, and its credit never came back: it is the first credit that is smaller.
    whole = expected()
    assert outcome[0].complete and len(outcome[0].body) == TOTAL and outcome[0].body.upper() == whole
    assert peak(proxy) - before < CORE, f"the core grew by {(peak(proxy) - before) >> 20} MiB"


@pytest.mark.seconds(120)
@pytest.mark.parametrize("form", ["length", "h2"])
def test_a_worker_that_stops_reading_stops_the_client(weir, origin, stalled, form):
    endless = Endless()
    server = origin(serving(form, giving(b"ok")))
    proxy = weir(modes=[reverse(server, form)], addons=[stalled("request")])
    before = peak(proxy)
    with socket.create_connection(("127.0.0.1", proxy.port), 60) as sock:
        sock.settimeout(60)
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % TOTAL)
        client = threading.Thread(target=lambda: endless.feed(sock.sendall), daemon=True)
        client.start()
        assert standing_still(lambda: endless.sent) < BOUND, "the client was not stopped"
        stalled.go()
        client.join(60)
        assert read(Octets(sock), True).body == b"ok"
    received = server.received[0]
    assert received.complete and received.body == expected()
    assert peak(proxy) - before < CORE, f"the core grew by {(peak(proxy) - before) >> 20} MiB"


@pytest.mark.seconds(120)
def test_a_window_of_http_2_stays_shut_while_the_worker_does_not_read(weir, origin, stalled):
    """The client may send what its window and the worker's credit hold, and the rest only when the worker reads."""
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[stalled("request")])
    with Frames.client(socket.create_connection(("127.0.0.1", proxy.port), 10), timeout=30).settled() as frames:
        frames.send(frames.headers(1, (":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/"), end=False))
        sent = frames.fill(1, 16 * MIB)
        assert 0 < sent < 4 * MIB
        stalled.go()
        pump = Pump(frames)
        pump.sent[1] = pump.total = sent
        pump.send(1, bytes(8 * MIB), end=True)
        assert frames.answer(1).ended and server.received[0].body == bytes(sent + 8 * MIB)


@pytest.mark.seconds(120)
@pytest.mark.parametrize("form", ["length", "h2"])
@pytest.mark.parametrize("client", ["h1", "h2"])
def test_a_client_that_does_not_read_stops_worker_and_server(weir, origin, streaming, form, client):
    code = """
@streams.on("response")
def body(stream, message):
    for piece in stream:
        stream.write(piece.upper())
    stream.end()
"""
    hooks = [{"name": "response", "content": "stream", "timeout_ms": 500}]
    worker = streaming(hooks, code, unrecorded=["stream.data", "stream.credit"])
    endless = Endless()
    server = origin(serving(form, endless))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    before = peak(proxy)
    with socket.create_connection(("127.0.0.1", proxy.port), 60) as sock:
        sock.settimeout(60)
        if client == "h1":
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        else:
            frames = Frames.client(sock, timeout=60).settled()
            frames.send(frames.headers(1, (":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")))
        sent = standing_still(lambda: endless.sent)
        assert sent < BOUND, "the server was not stopped"
        # The worker waits for its credit, which is no fault of its own: its deadline does not run.
        for _ in range(2):
            assert standing_still(lambda: endless.sent) == sent
        assert not worker.messages("stream.reset")
        if client == "h1":
            seen = read(Octets(sock), True)
            assert seen.complete and seen.body == expected(), seen
        else:
            frames.send(window(0, (1 << 31) - 65536), window(1, (1 << 31) - 65536))
            answer = frames.answer(1)
            assert answer.ended and bytes(answer.body) == expected(), answer
    assert peak(proxy) - before < CORE, f"the core grew by {(peak(proxy) - before) >> 20} MiB"

"""Streams with WebSockets (RFC 8441) beside others on one HTTP/2 connection, frame by frame."""

import socket

import pytest

from support.h2frames import Code, Frames, Setting, data, reset
from support.origin import OK, answering
from support.proxy import eventually
from support.websocket import CLOSE, TEXT, frame, speaking
from support.wire import Closed

HANDSHAKE = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "origin.test"), (":path", "/"), ("sec-websocket-version", "13")]


@pytest.fixture
def shared(weir, origin):
    """A client's connection, and a server that answers requests and speaks with WebSockets; both in the open."""
    heard = []

    def script(wire):
        wire.send(frame(TEXT, b"welcome"))
        try:
            while True:
                heard.append(wire.exactly(1))
        except Closed:
            heard.append(b"the end")

    def serve(wire, server):
        talking, plain = speaking(script), answering(OK)
        first = wire.until(b"\r\n\r\n")
        wire.buffer[:0] = first
        (talking if b"upgrade" in first.lower() else plain)(wire, server)

    server = origin(serve)
    proxy = weir(modes=[f"reverse:http://{server.authority}"])
    with Frames.client(socket.create_connection(("127.0.0.1", proxy.port), 5)).settled() as f:
        yield f, heard


def get(f: Frames, stream: int) -> bytes:
    return f.headers(stream, (":method", "GET"), (":scheme", "http"), (":authority", "origin.test"), (":path", "/plain"))


def test_a_websocket_shares_its_connection_with_requests(shared):
    f, heard = shared
    assert f.setting(Setting.ENABLE_CONNECT_PROTOCOL) == 1
    f.send(f.headers(1, *HANDSHAKE, end=False))
    f.until(lambda _: 1 in f.answers and f.answers[1].body == frame(TEXT, b"welcome"))
    assert f.answers[1].status == 200
    f.send(get(f, 3))
    assert f.answer(3).body == b"ok"
    f.send(reset(1))
    eventually(lambda: b"the end" in heard or bytes([0x80 | CLOSE]) in heard, what="the server's end of the WebSocket")
    f.send(get(f, 5))
    assert f.answer(5).body == b"ok"


def test_many_websockets_share_one_connection(shared):
    f, _ = shared
    numbers = range(1, 41, 2)
    f.send(*(f.headers(number, *HANDSHAKE, end=False) for number in numbers))
    f.until(lambda _: all(number in f.answers and f.answers[number].body == frame(TEXT, b"welcome") for number in numbers))
    f.send(get(f, 41))
    assert f.answer(41).body == b"ok"


@pytest.mark.parametrize("early", [False, True], ids=["answered", "at once"])
def test_a_wrong_frame_is_answered_with_its_code_and_ends_the_stream_alone(shared, early):
    """RFC 6455, 5.1: a client's frame without a mask; it comes behind the handshake's answer, or with the handshake."""
    f, _ = shared
    f.send(f.headers(1, *HANDSHAKE, end=False))
    if not early:
        f.until(lambda _: 1 in f.answers and f.answers[1].status == 200)
    f.send(data(1, frame(TEXT, b"bare")))
    answer = f.answer(1)
    assert answer.status == 200
    assert (1002).to_bytes(2, "big") in bytes(answer.body).removeprefix(frame(TEXT, b"welcome"))[:4]
    f.send(get(f, 3))
    assert f.answer(3).body == b"ok"


@pytest.mark.parametrize("protocol", ["connect-udp", "WebSocket2", ""])
def test_other_protocols_are_refused(shared, protocol):
    """RFC 8441, 4, and RFC 9220, 3."""
    f, _ = shared
    f.send(f.headers(1, *((name, protocol if name == ":protocol" else value) for name, value in HANDSHAKE), end=False))
    answer = f.answer(1)
    assert answer.status in (400, 501) or answer.reset == Code.PROTOCOL_ERROR, answer
    f.send(get(f, 3))
    assert f.answer(3).body == b"ok"

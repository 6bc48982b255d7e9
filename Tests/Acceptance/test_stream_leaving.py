"""One side of a stream leaves, or has enough: the others are told, and nobody goes on for nothing."""

import socket

import pytest

from support.carriage import fetch, reverse, serving
from support.endless import BOUND, TOTAL, Endless, standing_still
from support.h2frames import Frames, Kind, reset as cancelled


@pytest.mark.seconds(120)
@pytest.mark.parametrize("form", ["length", "h2"])
@pytest.mark.parametrize("how", ["h1 closes", "h2 closes", "h2 resets"])
def test_a_client_that_leaves_ends_the_stream_and_the_server(weir, origin, streaming, how, form):
    code = """
@streams.on("response")
def body(stream, message):
    for piece in stream:
        stream.write(piece)
    stream.end()
"""
    worker = streaming([{"name": "response", "content": "stream"}], code, unrecorded=["stream.data", "stream.credit"])
    endless = Endless()
    server = origin(serving(form, endless))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as sock:
        if how == "h1 closes":
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(1000)
        else:
            frames = Frames.client(sock, timeout=10).settled()
            frames.send(frames.headers(1, (":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")))
            assert frames.until(lambda got: got.kind == Kind.DATA)
        if how == "h2 resets":
            frames.send(cancelled(1))
            assert frames.pinged()
            worker.wait("stream.reset")
    (reset,) = worker.wait("stream.reset")
    assert reset["params"]["why"] == "client_gone"
    assert standing_still(lambda: endless.sent) < TOTAL
    if form == "length":
        server.wait_idle()


@pytest.mark.seconds(60)
@pytest.mark.parametrize("form", ["chunked", "h2"])
def test_an_early_end_stops_a_server_that_has_no_end(weir, origin, streaming, form):
    """The client has its whole answer; nobody waits for the rest."""
    code = "@streams.on('response')\ndef body(stream, message):\n    stream.read()\n    stream.write(b'enough')\n    stream.end()\n"
    worker = streaming([{"name": "response", "content": "stream"}], code, unrecorded=["stream.data"])
    endless = Endless()
    server = origin(serving(form, endless))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    for client in ("h1", "h2"):
        endless.sent = 0
        seen = fetch(proxy, client=client)
        assert seen.complete and seen.body == b"enough"
        assert standing_still(lambda: endless.sent) < BOUND, "the rest was awaited"


def test_a_server_that_breaks_off_resets_the_stream(weir, origin, streaming, addon):
    def respond(reply, seen):
        reply.head(1000)
        reply.write(b"x" * 400)
        reply.wire.close()

    code = """
@streams.on("response")
def body(stream, message):
    for piece in stream:
        stream.write(piece)
    stream.end()
"""
    worker = streaming([{"name": "response", "content": "stream"}], code)
    watch = addon(["error"], name="watch")
    server = origin(serving("length", respond))
    proxy = weir(modes=[reverse(server, "length")], addons=[worker, watch])
    for client in ("h1", "h2"):
        seen = fetch(proxy, client=client)
        assert not seen.complete and seen.body in (b"", b"x" * 400), seen
    assert [message["params"]["why"] for message in worker.wait("stream.reset", 2)] == ["broken", "broken"]
    watch.wait("error", 2)
    assert len(watch.messages("error")) == 2

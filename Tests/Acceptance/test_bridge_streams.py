"""Bodies that an addon of mitmproxy streams: as they are, and through a function of its own."""

import threading

from support.bridge import BOTH
from support.origin import answering


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def joined(framed: bytes) -> bytes:
    """What the chunks hold."""
    body = b""
    while framed:
        size, _, rest = framed.partition(b"\r\n")
        body, framed = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@BOTH
def test_a_function_changes_a_response_as_it_passes(bridge, origin, package):
    go_on = threading.Event()

    def serve(wire, one):
        one.record(wire.request())
        wire.send(HEAD + chunked(b"a foo "))
        assert go_on.wait(10)
        wire.send(chunked(b"b foo ", b"end") + b"0\r\n\r\n")

    server = origin(serve)
    proxy = bridge("""
        import logging

        def upper(flow):
            def change(data):
                if not data:
                    logging.info("the end of %s", flow.request.path)
                    return b"!"
                return [data[:2].upper(), data[2:].replace(b"foo", b"bar")]
            return change

        def responseheaders(flow):
            flow.response.stream = upper(flow)

        def response(flow):
            logging.info("then response, with %s", flow.response.raw_content)
        """)
    with proxy.connect() as wire:
        wire.send(f"GET {server.url('/s')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        # It comes before the server has sent all of it.
        received = wire.until(b"bar ")
        go_on.set()
        received += wire.until(b"0\r\n\r\n")
    assert joined(received.partition(b"\r\n\r\n")[2]) == b"A bar B bar ENd!"
    proxy.wait_log(r"then response, with None")
    assert proxy.log.index("the end of /s") < proxy.log.index("then response")


def test_a_request_passes_through_a_function_and_large_bodies_keep_their_order(bridge, origin):
    body = b"".join(b"%09d\n" % number for number in range(200_000))
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    # Where it is set is found in what the addon imports as well.
    bridge.write("def change(message, old, new):\n    message.stream = lambda data: data.replace(old, new)\n", "helpers.py")
    proxy = bridge("""
        import helpers

        def requestheaders(flow):
            if flow.request.path == "/through":
                helpers.change(flow.request, b"0", b"o")

        def responseheaders(flow):
            if flow.request.path == "/through":
                helpers.change(flow.response, b"1", b"i")
        """)
    answer = proxy.get(server.url("/through"), method="POST", body=body)
    assert answer.body == body.replace(b"1", b"i")
    assert server.received[0].body == body.replace(b"0", b"o")
    # What no function is set for keeps its length.
    answer = proxy.get(server.url("/past"), method="POST", body=body)
    assert (answer.body, answer.one("content-length")) == (body, b"%d" % len(body))
    assert server.received[1].one("content-length") == b"%d" % len(body)


def test_true_streams_and_a_function_that_throws_is_left_out(bridge, origin):
    go_on = threading.Event()

    def serve(wire, one):
        while True:
            request = one.record(wire.request())
            wire.send(HEAD + chunked(b"first"))
            if request.target == b"/true":
                assert go_on.wait(10)
            wire.send(chunked(b"second") + b"0\r\n\r\n")

    server = origin(serve)
    proxy = bridge("""
        import logging

        def fails(data):
            raise ValueError("not this body")

        def responseheaders(flow):
            flow.response.stream = True if flow.request.path == "/true" else fails

        def response(flow):
            logging.info("%s has %s", flow.request.path, flow.response.content)
        """)
    with proxy.connect() as wire:
        wire.send(f"GET {server.url('/true')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        wire.until(b"first")
        go_on.set()
        wire.until(b"0\r\n\r\n")
    proxy.wait_log("/true has None")
    # Before anything of it has gone on, the body passes as it was.
    assert proxy.get(server.url("/fails")).body == b"firstsecond"
    proxy.wait_log("Addon error: not this body")

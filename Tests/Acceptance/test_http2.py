"""HTTP/2 as a client and a server see it through the proxy, frame by frame, and its translation from and to HTTP/1.

`front` is nghttpx first, where that does the same, then Weir.
"""

import socket
import threading
import time

import pytest

from support.h2frames import ACK, END_HEADERS, END_STREAM, PRIORITY_FLAG, Code, Frames, Kind, Setting, data, frame, reset, window
from support.nghttp2 import Nghttpx
from support.origin import OK, answering
from support.proxy import eventually, free_port
from support.wire import Closed

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\n"


def request(path: str = "/", method: str = "GET") -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "http"), (":authority", "origin.test"), (":path", path)]


def connected(port: int, *pairs: tuple[int, int]) -> Frames:
    return Frames.client(socket.create_connection(("127.0.0.1", port), 5), *pairs).settled()


def fields(section) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in section if not name.startswith(b":")]


def answering_h2(*sections, body: bytes = b"ok", trailers=()):
    """Serves every stream of HTTP/2 with these sections and the body, and keeps the connection in `origin.received`."""

    def serve(wire, origin):
        server = origin.record(Frames.server(wire, (Setting.INITIAL_WINDOW_SIZE, (1 << 31) - 1)))
        server.send(window(0, (1 << 31) - 65536))
        while server.until(lambda got: got.ended):
            stream = server.frames[-1].stream
            parts = [server.headers(stream, *section, end=False) for section in sections or [[(":status", "200")]]]
            parts.append(data(stream, body, end=not trailers))
            if trailers:
                parts.append(server.headers(stream, *trailers))
            server.send(*parts)

    return serve


@pytest.fixture(params=["nghttpx", "weir"])
def front(request, tmp_path):
    """`front(server, http2)` puts a proxy before the server: its port."""
    made = []

    def make(server, http2: bool = False, addons=()) -> int:
        if request.param == "weir":
            scheme = "h2c" if http2 else "http"
            return request.getfixturevalue("weir")(modes=[f"reverse:{scheme}://{server.authority}"], addons=addons).port
        made.append(Nghttpx(tmp_path / f"nghttpx{len(made)}", server.port, http2))
        return made[-1].port

    yield make
    for one in made:
        one.stop()


def received(origin) -> Frames:
    """The server's end of the one connection of HTTP/2 that there was."""
    return origin.wait(1)[0]


# Translation


def test_fields_of_http_2_become_those_of_http_1(front, origin):
    """RFC 9113, 8.2.3 and 8.3.1: crumbs of cookies are joined, :authority is Host."""
    server = origin()
    with connected(front(server)) as f:
        f.send(f.headers(1, *request("/a?b=c"), ("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("x-two", "a"), ("x-two", "b")))
        assert f.answer(1).body == b"ok"
    came = server.received[0]
    assert came.start == b"GET /a?b=c HTTP/1.1"
    assert came.one("cookie") == b"a=1; b=2"
    assert (came.all("x-one"), came.all("x-two")) == ([b"1"], [b"a", b"b"])
    assert came.one("host")
    assert not came.all("transfer-encoding") and not came.all("content-length")


def test_fields_of_http_1_become_those_of_http_2(front, origin):
    """RFC 9113, 8.2: names in small letters, nothing of the connection."""
    server = origin(answering(b"HTTP/1.1 200 Fine\r\nX-One: 1\r\nX-Two: a\r\nx-two: b\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\nok"))
    with connected(front(server)) as f:
        f.send(f.headers(1, *request()))
        answer = f.answer(1)
    found = dict(fields(answer.sections[0]))
    assert (answer.status, bytes(answer.body)) == (200, b"ok")
    assert found[b"x-one"] == b"1" and found[b"content-length"] == b"2"
    assert [value for name, value in answer.sections[0] if name == b"x-two"] == [b"a", b"b"]
    assert not {b"connection", b"keep-alive", b"transfer-encoding"} & set(found)
    assert all(name == name.lower() for name, _ in answer.sections[0])


def test_weir_removes_what_connection_names(weir, origin):
    """RFC 9110, 7.6.1. nghttpx leaves it."""
    server = origin(answering(b"HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok"))
    with connected(weir(modes=[f"reverse:http://{server.authority}"]).port) as f:
        f.send(f.headers(1, *request()))
        assert b"x-hop" not in dict(f.answer(1).sections[0])


@pytest.mark.parametrize("http2", [False, True], ids=["to h1", "to h2"])
@pytest.mark.parametrize("content", [None, "whole"])
def test_trailers_pass_both_ways(weir, addon, origin, http2, content):
    if http2:
        server = origin(answering_h2(body=b"hello", trailers=[("x-sum", "12"), ("x-sum", "13")]))
    else:
        server = origin(answering(CHUNKED + b"X-Sum: 12\r\nx-sum: 13\r\n\r\n"))
    workers = [addon([{"name": "request", "content": content}, {"name": "response", "content": content}])] if content else []
    proxy = weir(modes=[f"reverse:{'h2c' if http2 else 'http'}://{server.authority}"], addons=workers)
    with connected(proxy.port) as f:
        f.send(f.headers(1, *request(method="POST"), ("trailer", "x-check"), end=False), data(1, b"body"), f.headers(1, ("x-check", "yes")))
        answer = f.answer(1)
    assert bytes(answer.body) == b"hello"
    assert answer.trailers == [(b"x-sum", b"12"), (b"x-sum", b"13")]
    if http2:
        assert received(server).answers[1].trailers == [(b"x-check", b"yes")]
    else:
        assert [(name.lower(), value) for name, value in server.received[0].trailers] == [(b"x-check", b"yes")]
    for worker in workers:
        flow = worker.wait("response")[0]["params"]["flow"]
        assert [[name.lower(), value] for name, value in flow["request"]["trailers"]] == [["x-check", "yes"]]
        assert [[name.lower(), value] for name, value in flow["response"]["trailers"]] == [["x-sum", "12"], ["x-sum", "13"]]


def test_response_trailers_of_http_1_reach_http_2(front, origin):
    with connected(front(origin(answering(CHUNKED + b"X-Sum: 12\r\n\r\n")))) as f:
        f.send(f.headers(1, *request(), ("te", "trailers")))
        answer = f.answer(1)
    assert (bytes(answer.body), answer.trailers) == (b"hello", [(b"x-sum", b"12")])


def test_a_worker_sets_trailers_of_both_messages(weir, addon, origin):
    server = origin(answering_h2())
    code = """
worker.on("request")(lambda m: {"flow": {"request": {"trailers": [["X-Check", "set"]]}}})
worker.on("response")(lambda m: {"flow": {"response": {"trailers": [["X-Set", "late"]]}}})
"""
    worker = addon([{"name": "request", "content": "whole"}, {"name": "response", "content": "whole"}], code)
    with connected(weir(modes=[f"reverse:h2c://{server.authority}"], addons=[worker]).port) as f:
        f.send(f.headers(1, *request(method="POST"), end=False), data(1, b"body", end=True))
        assert f.answer(1).trailers == [(b"x-set", b"late")]
    assert received(server).answers[1].trailers == [(b"x-check", b"set")]


@pytest.mark.parametrize("http2", [False, True], ids=["to h1", "to h2"])
def test_early_responses_come_before_the_final_one(front, origin, http2):
    if http2:
        server = origin(answering_h2([(":status", "103"), ("link", "</a.css>")], [(":status", "200")]))
    else:
        server = origin(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK))
    with connected(front(server, http2)) as f:
        f.send(f.headers(1, *request()))
        answer = f.answer(1)
    assert (answer.sections[0][0], answer.status) == ((b":status", b"103"), 200)
    assert dict(answer.sections[0])[b"link"] == b"</a.css>"


def test_a_client_that_expects_100_gets_it_before_its_body(weir, origin):
    def serve(wire, origin):
        wire.until(b"\r\n\r\n")
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert wire.exactly(4) == b"body"
        wire.send(OK)

    with connected(weir(modes=[f"reverse:http://{origin(serve).authority}"]).port) as f:
        f.send(f.headers(1, *request(method="POST"), ("expect", "100-continue"), ("content-length", "4"), end=False))
        assert f.until(lambda _: 1 in f.answers and f.answers[1].status == 100)
        f.send(data(1, b"body", end=True))
        assert f.answer(1).status == 200


@pytest.mark.parametrize("http2", [False, True], ids=["to h1", "to h2"])
@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_responses_without_a_body_end_with_their_head(front, origin, http2, method, status):
    length = [] if status == 204 else [("content-length", "1234")]

    def serve_h2(wire, origin):
        server = Frames.server(wire)
        while server.until(lambda got: got.ended):
            server.send(server.headers(server.frames[-1].stream, (":status", str(status)), *length))

    text = "".join(f"{name}: {value}\r\n" for name, value in length)
    server = origin(serve_h2 if http2 else answering(f"HTTP/1.1 {status} X\r\n{text}\r\n".encode()))
    with connected(front(server, http2)) as f:
        for stream in (1, 3):
            f.send(f.headers(stream, *request(method=method)))
            answer = f.answer(stream)
            assert (answer.status, bytes(answer.body), answer.ended) == (status, b"", True)
            assert (b"content-length", b"1234") in answer.sections[0] or status == 204


# Ends


def stalled(heads: list, ends: list, http2: bool):
    """A server that answers nothing, and notes what came and how that ended."""

    def serve_h2(wire, origin):
        server = Frames.server(wire)
        server.until(lambda got: got.kind == Kind.HEADERS)
        heads.append(server)
        server.until(lambda got: got.kind == Kind.RST_STREAM)
        ends.append(server.answers[1].reset)
        server.to_end()

    def serve(wire, origin):
        wire.until(b"\r\n\r\n")
        heads.append(wire)
        try:
            wire.exactly(1)
        except Closed:
            ends.append("closed")

    return serve_h2 if http2 else serve


@pytest.mark.parametrize("http2", [False, True], ids=["to h1", "to h2"])
def test_a_client_that_takes_its_request_back_takes_it_from_the_server(front, origin, http2):
    heads, ends = [], []
    with connected(front(origin(stalled(heads, ends, http2)), http2)) as f:
        f.send(f.headers(1, *request()))
        eventually(lambda: heads, what="the request at the server")
        f.send(reset(1))
        eventually(lambda: ends, what="the server's end of the request")
        assert f.pinged(), "the connection goes on"
    assert ends[0] in ("closed", Code.CANCEL, Code.NO_ERROR, Code.INTERNAL_ERROR)


def test_a_request_that_is_taken_back_is_an_error_of_its_flow(caller, origin):
    heads, ends, failed = [], [], []
    proxy, worker = caller(hooks=["error"], modes=[f"reverse:h2c://{origin(stalled(heads, ends, True)).authority}"])
    worker.on("error")(lambda message: failed.append(message["params"]["flow"]))
    with connected(proxy.port) as f:
        f.send(f.headers(1, *request("/taken-back")))
        eventually(lambda: heads, what="the request at the server")
        f.send(reset(1))
        flow = eventually(lambda: failed, what="the error event")[0]
    assert flow["request"]["path"] == "/taken-back"
    assert "CANCEL" in flow["error"]["msg"]


def test_a_proxy_that_stops_lets_streams_end(weir, origin):
    """RFC 9113, 6.8: a GOAWAY that names no stream first, then one that names the last; what was begun until then is answered."""
    held, go = [], []

    def serve(wire, origin):
        held.append(wire.request())
        eventually(lambda: go, 10)
        wire.send(OK)

    proxy = weir(modes=[f"reverse:http://{origin(serve).authority}"])
    with connected(proxy.port) as f:
        f.send(f.headers(1, *request()))
        eventually(lambda: held, what="the request at the server")
        proxy.terminate()
        assert f.until(lambda got: got.kind == Kind.GOAWAY)
        assert (f.goaway.code, f.goaway.last_stream) == (Code.NO_ERROR, 2**31 - 1)
        f.send(f.headers(3, *request()))
        eventually(lambda: len(held) == 2, what="the request that was on its way")
        asked = next(got for got in f.frames if got.kind == Kind.PING)
        f.send(frame(Kind.PING, ACK, payload=asked.payload))
        assert f.until(lambda got: got.kind == Kind.GOAWAY)
        assert (f.goaway.code, f.goaway.last_stream) == (Code.NO_ERROR, 3)
        go.append(True)
        assert bytes(f.answer(1).body) == bytes(f.answer(3).body) == b"ok"
        f.to_end()
    assert proxy.process.wait(10) == 0
    proxy.stopped = True


# Flow control


def test_a_paused_flow_takes_no_more_than_its_window(caller, origin):
    """A flow that an addon holds keeps what the stream's window allows; the rest comes when it goes on."""
    server, paused, go = origin(answering_h2()), threading.Event(), threading.Event()
    proxy, worker = caller(hooks=[{"name": "request", "timeout_ms": 20_000}], modes=[f"reverse:h2c://{server.authority}"])

    @worker.on("request")
    def hold(message):
        if message["params"]["flow"]["request"]["path"] == "/held":
            paused.set()
            assert go.wait(15)

    total = 6 << 20
    with connected(proxy.port) as f:
        f.send(f.headers(1, *request("/held", "POST"), end=False))
        assert paused.wait(5)
        sent = f.fill(1, total)
        assert sent < total, "nothing was held back"
        f.send(f.headers(3, *request("/other")))
        assert f.answer(3).status == 200, "other streams go on"
        go.set()
        while sent < total:
            if sent == f.allowance(1):
                f.until(lambda got: got.kind == Kind.WINDOW_UPDATE)
            size = min(16384, f.allowance(1) - sent, total - sent)
            f.send(data(1, bytes(size)))
            sent += size
        f.send(data(1, end=True))
        assert f.answer(1).status == 200
    assert any(len(answer.body) == total for one in server.received for answer in one.answers.values())


@pytest.mark.seconds(60)
@pytest.mark.parametrize("piece", [1000, 5000, 16384, 65536])
def test_a_client_that_stops_reading_gets_the_rest_when_it_goes_on(front, origin, piece):
    """The windows are wide open, so that sockets alone hold the body back, wherever that may stop it."""
    size, sent = 8 << 20, []

    def serve(wire, origin):
        while True:
            origin.record(wire.request())
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for at in range(0, size, piece):
                wire.send(bytes(min(piece, size - at)))
                sent.append(time.monotonic())

    port = front(origin(serve))
    for _ in range(5):
        sent.clear()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.connect(("127.0.0.1", port))
        with Frames.client(sock, (Setting.INITIAL_WINDOW_SIZE, (1 << 31) - 1)).settled() as f:
            f.send(window(0, (1 << 31) - 65536), f.headers(1, *request()))
            eventually(lambda: sent and time.monotonic() - sent[-1] > 0.1, 10, "the server's standstill")
            assert len(f.answer(1).body) == size


# Options


def test_priorities_are_passed_on_only_when_told(weir, origin):
    weight = b"\0\0\0\0\x63"  # on nothing, of 100
    for told in (False, True):
        server = origin(answering_h2())
        proxy = weir("--set", f"http2_priority={str(told).lower()}", modes=[f"reverse:h2c://{server.authority}"])
        with connected(proxy.port) as f:
            f.send(frame(Kind.HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, 1, weight + f.section(*request())))
            assert f.answer(1).status == 200
        came = [got for got in received(server).frames if got.kind == Kind.PRIORITY or got.kind == Kind.HEADERS and got.flags & PRIORITY_FLAG]
        assert bool(came) == told
        assert all(got.payload[4] == 0x63 for got in came)


@pytest.mark.parametrize("seconds", [1, 0])
def test_a_silent_server_is_asked_whether_it_lives(weir, origin, seconds):
    server, pings = origin(), []

    def serve(wire, origin):
        made = Frames.server(wire)
        made.until(lambda got: got.ended)
        made.send(made.headers(1, (":status", "200")))
        while made.until(lambda got: got.kind == Kind.PING and not got.flags & ACK):
            pings.append(made.frames[-1])
            made.send(frame(Kind.PING, ACK, 0, made.frames[-1].payload))

    server.serve = serve
    proxy = weir("--set", f"http2_ping_keepalive={seconds}", modes=[f"reverse:h2c://{server.authority}"])
    with connected(proxy.port) as f:
        f.send(f.headers(1, *request()))
        assert f.answer(1).status == 200
        if seconds:
            eventually(lambda: len(pings) >= 2, 5, "two PINGs")
        else:
            f.wire.sock.settimeout(2.5)
            with pytest.raises(TimeoutError):
                f.to_end()
            assert not pings


def test_http2_false_speaks_http_1_alone(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"), http2=True)
    options = ("--set", "http2=false", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    answer = weir(*options).curl(server.url(), "--http2", "-w", "%{http_version}")
    assert answer.stdout == b"hello\n1.1"
    assert server.served(1)[0].endswith("HTTP/1.1")


# A proxy port


def test_a_forward_proxy_takes_requests_in_http_2(weir, origin, addon):
    """With prior knowledge on the port itself; each stream may have a server of its own."""
    servers, worker = [origin(), origin()], addon(["request"])
    with connected(weir(addons=[worker]).port) as f:
        for number, server in enumerate(servers):
            f.send(f.headers(2 * number + 1, (":method", "GET"), (":scheme", "http"), (":authority", server.authority), (":path", f"/{number}")))
        assert [bytes(f.answer(stream).body) for stream in (1, 3)] == [b"ok", b"ok"]
    assert [server.received[0].target for server in servers] == [b"/0", b"/1"]
    assert {message["params"]["flow"]["request"]["http_version"] for message in worker.messages("request")} == {"HTTP/2.0"}


def test_connect_in_http_2_opens_a_tunnel_on_its_stream(weir, origin):
    """RFC 9113, 8.5."""
    server = origin()
    with connected(weir().port) as f:
        f.send(f.headers(1, (":method", "CONNECT"), (":authority", server.authority), end=False))
        f.until(lambda _: 1 in f.answers and f.answers[1].status)
        assert f.answers[1].status == 200
        f.send(data(1, f"GET /in-the-tunnel HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode()))
        assert f.until(lambda _: bytes(f.answers[1].body).endswith(b"\r\n\r\nok"))
        f.send(data(1, end=True))
        assert f.answer(1).ended
        assert f.pinged()
    assert server.received[0].target == b"/in-the-tunnel"


def test_connect_in_http_2_to_nobody_is_answered_and_costs_its_stream_alone(weir, origin):
    with connected(weir().port) as f:
        f.send(f.headers(1, (":method", "CONNECT"), (":authority", f"127.0.0.1:{free_port()}"), end=False))
        answer = f.answer(1)
        assert answer.status == 502 or answer.reset == Code.CONNECT_ERROR
        server = origin()
        f.send(f.headers(3, (":method", "GET"), (":scheme", "http"), (":authority", server.authority), (":path", "/")))
        assert bytes(f.answer(3).body) == b"ok"

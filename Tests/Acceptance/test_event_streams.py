"""Event streams, gRPC and upgraded connections beside hooks: each event is there within 10 ms, unless a hook asks for the whole body.

The server stamps each event with the time of its sending, and the next is sent when the one before has come; both peers are in this
process and so on one clock.
"""

import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from support.calls import asked, ended
from support.h2frames import Frames, data
from support.origin import over_tls
from support.proxy import eventually
from support.tunnel import tls_through
from support.wire import Wire
from support.websocket import TEXT, Route, frame, read_frame, speaking

EVENTS = 50
MILLISECONDS = 10
HEADS = ["requestheaders", "request", "responseheaders", "response"]
ELSEWHERE = [{"name": name, "filter": "~d elsewhere.example", "content": "whole"} for name in ("request", "response")]
WORKERS = {
    "no addon": [],
    "the whole of another host": [ELSEWHERE],
    "the head": [HEADS],
    "the decoded of another method, and the head": [[{"name": "response", "filter": "~m PUT", "content": "decoded"}], [{"name": name, "observe": True} for name in HEADS]],
    "both, twice": [ELSEWHERE, HEADS, ELSEWHERE, HEADS],
}


@pytest.fixture(params=WORKERS, ids=lambda name: name.replace(" ", "-"))
def addons(request, addon):
    """Workers that listen to *request* and *response*, but not to the bodies of the flow that is looked at."""
    return [addon(hooks, name=f"worker{number}") for number, hooks in enumerate(WORKERS[request.param])]


def stamp() -> bytes:
    return b"data: %.9f\n\n" % time.monotonic()


class Feed:
    """What a server sends: stamped events, each when it is asked for."""

    def __init__(self):
        self.wanted = threading.Semaphore(0)

    def events(self):
        for _ in range(EVENTS):
            assert self.wanted.acquire(timeout=10), "the event before has not come"
            yield stamp()

    def lags(self, receive) -> list[float]:
        """Milliseconds from the sending of each event to the end of `receive()`, which returns it."""
        found = []
        for _ in range(EVENTS):
            self.wanted.release()
            event = receive()
            found.append((time.monotonic() - float(event.strip().removeprefix(b"data: "))) * 1000)
        return found


def check(lags: list[float], what: str) -> None:
    shown = f"{what}: median {statistics.median(lags):.2f} ms, at most {max(lags):.2f} ms"
    print(shown)
    assert statistics.median(lags) <= MILLISECONDS, shown


def at_once(wire: Wire) -> None:
    """Events are small: without this the second would wait for the acknowledgement of the first."""
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def over_http1(feed: Feed, chunked: bool):
    def serve(wire, server):
        at_once(wire)
        while b"elsewhere" in (request := server.record(wire.request())).head:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + request.body[:3])
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + b"Transfer-Encoding: chunked\r\n" * chunked + b"\r\n")
        for event in feed.events():
            wire.send(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
        if chunked:
            wire.send(b"0\r\n\r\n")

    return serve


def over_http2(feed: Feed):
    def serve(wire, server):
        at_once(wire)
        f = Frames.server(wire)
        f.until(lambda got: got.stream == 1 and got.ended)
        f.send(f.headers(1, (":status", "200"), ("content-type", "text/event-stream"), end=False))
        for event in feed.events():
            f.send(data(1, event))
        f.send(data(1, end=True))
        f.to_end()

    return serve


def head(wire: Wire) -> None:
    assert b"text/event-stream" in wire.until(b"\r\n\r\n")


def next_event(wire: Wire) -> bytes:
    """Lines of chunks that stand between events are left out."""
    return wire.until(b"\n\n").rpartition(b"\r\n")[2]


@pytest.mark.parametrize("framing", ["chunked", "until close"])
@pytest.mark.parametrize("way", ["reverse", "tls"])
def test_events_over_http1(weir, origin, authority, addons, framing, way):
    feed = Feed()
    serve = over_http1(feed, framing == "chunked")
    if way == "reverse":
        server = origin(serve)
        wire = weir(modes=[f"reverse:http://{server.authority}"], addons=addons).connect()
    else:
        server = origin(over_tls(serve, authority.leaf("127.0.0.1")))
        proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=addons)
        wire = tls_through(proxy, server.authority)
    with wire:
        wire.send(f"GET /events HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        head(wire)
        check(feed.lags(lambda: next_event(wire)), f"HTTP/1, {framing}, {way}")


@pytest.mark.parametrize("server_side", [1, 2])
def test_events_over_http2(weir, origin, addons, server_side):
    feed = Feed()
    server = origin(over_http2(feed) if server_side == 2 else over_http1(feed, True))
    proxy = weir(modes=[f"reverse:{'h2c' if server_side == 2 else 'http'}://{server.authority}"], addons=addons)
    with Frames.client(socket.create_connection(("127.0.0.1", proxy.port), 5)).settled() as f:
        at_once(f.wire)
        f.send(f.headers(1, (":method", "GET"), (":scheme", "http"), (":authority", server.authority), (":path", "/events")))
        f.until(lambda _: 1 in f.answers and f.answers[1].sections)
        seen = 0

        def receive():
            nonlocal seen
            assert f.until(lambda _: f.answers[1].body.endswith(b"\n\n") and len(f.answers[1].body) > seen)
            event = bytes(f.answers[1].body[seen:])
            seen += len(event)
            return event

        check(feed.lags(receive), f"HTTP/2 to HTTP/{server_side}")
        assert f.answer(1).ended and not f.answers[1].reset


def test_the_filter_decides_for_each_flow(weir, origin, addon):
    """The worker that wants another host's bodies gets them, on the connection on which an event stream follows."""
    feed = Feed()
    worker, server = addon(ELSEWHERE), origin(over_http1(feed, True))
    proxy = weir("--set", "keep_host_header=true", modes=[f"reverse:http://{server.authority}"], addons=[worker])
    with proxy.connect() as wire:
        wire.send(b"POST /a HTTP/1.1\r\nHost: elsewhere.example\r\nContent-Length: 3\r\n\r\nabc")
        assert wire.response().body == b"abc"
        wire.send(b"GET /events HTTP/1.1\r\nHost: here.example\r\n\r\n")
        head(wire)
        check(feed.lags(lambda: next_event(wire)), "behind a flow whose bodies were held")
    assert [event["params"]["flow"]["request"]["content"] for event in worker.messages("response")] == ["abc"]


RECORDING = {
    "flow file": ["-w", "flows.mitm"],
    "HAR": ["--set", "hardump=flows.har"],
    "printed": ["--set", "flow_detail=3"],
    "stored": ["--set", "store_content=true"],
}


@pytest.mark.parametrize("how", RECORDING)
def test_recording_waits_for_no_end(weir, origin, how, tmp_path):
    feed = Feed()
    server = origin(over_http1(feed, True))
    proxy = weir(*RECORDING[how], modes=[f"reverse:http://{server.authority}"])
    sent = []

    def receive():
        sent.append(next_event(wire))
        return sent[-1]

    with proxy.connect() as wire:
        wire.send(f"GET /events HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        head(wire)
        check(feed.lags(receive), how)
        wire.until(b"0\r\n\r\n")
    proxy.stop()
    written = {"flow file": proxy.out.parent / "flows.mitm", "HAR": proxy.out.parent / "flows.har", "printed": proxy.out}
    if how in written:
        assert sent[-1].strip() in written[how].read_bytes(), "the events are in the record"


def test_a_stored_event_stream_has_its_body_at_its_end(caller, origin):
    feed = Feed()
    server = origin(over_http1(feed, True))
    proxy, worker = caller("--set", "store_content=true", modes=[f"reverse:http://{server.authority}"])
    with proxy.connect() as wire:
        wire.send(f"GET /events HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        for _ in range(EVENTS):
            feed.wanted.release()
        body = wire.response().body
    flow = asked(worker, "flow.get", id=ended(worker)[0]["id"], content="whole")["flow"]
    assert flow["response"]["content"] == body.decode()


def test_a_hook_that_asks_for_the_whole_gets_it_at_the_end(weir, origin, addon):
    feed = Feed()
    worker, server = addon([{"name": "response", "content": "whole"}]), origin(over_http1(feed, True))
    with weir(modes=[f"reverse:http://{server.authority}"], addons=[worker]).connect() as wire:
        wire.send(f"GET /events HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        for _ in range(EVENTS):
            feed.wanted.release()
        body = wire.response().body
    assert body.count(b"data: ") == EVENTS
    assert worker.wait("response")[0]["params"]["flow"]["response"]["content"] == body.decode()


class Echo:
    """gRPC: `Down` sends stamped messages, `Both` answers each with how long it was under way, and a stamp."""

    def __init__(self, feed: Feed):
        self.feed = feed
        self.server = grpc.server(ThreadPoolExecutor(4))
        handlers = {
            "Down": grpc.unary_stream_rpc_method_handler(lambda message, context: feed.events()),
            "Both": grpc.stream_stream_rpc_method_handler(self.both),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    @staticmethod
    def both(messages, context):
        for message in messages:
            lag = (time.monotonic() - float(message)) * 1000
            yield b"%.6f %.9f" % (lag, time.monotonic())


@pytest.fixture
def echo():
    made = Echo(Feed())
    yield made
    made.server.stop(0).wait(10)


def test_grpc_server_streaming(weir, echo, addons):
    proxy = weir(modes=[f"reverse:h2c://127.0.0.1:{echo.port}"], addons=addons)
    with grpc.insecure_channel(f"127.0.0.1:{proxy.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        call = channel.unary_stream("/test.Echo/Down")(b"", timeout=20)
        check(echo.feed.lags(lambda: next(call)), "gRPC, from the server")
        assert call.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("stored", [False, True], ids=["passed", "stored"])
def test_grpc_both_ways(weir, echo, addons, stored):
    proxy = weir("--set", f"store_content={str(stored).lower()}", modes=[f"reverse:h2c://127.0.0.1:{echo.port}"], addons=addons)
    up, down = [], []
    with grpc.insecure_channel(f"127.0.0.1:{proxy.port}", [("grpc.enable_http_proxy", 0)]) as channel:
        turn = threading.Semaphore(0)

        def messages():
            for _ in range(EVENTS):
                assert turn.acquire(timeout=10), "the answer before has not come"
                yield b"%.9f" % time.monotonic()

        call = channel.stream_stream("/test.Echo/Both")(messages(), timeout=20)
        for _ in range(EVENTS):
            turn.release()
            lag, sent = map(float, next(call).split())
            up.append(lag)
            down.append((time.monotonic() - sent) * 1000)
    check(up, "gRPC, from the client")
    check(down, "gRPC, back to it")


def test_an_upgraded_connection(weir, origin, addons):
    feed = Feed()

    def serve(wire, server):
        at_once(wire)
        server.record(wire.request())
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: events\r\n\r\n")
        for event in feed.events():
            wire.send(event)

    server = origin(serve)
    with weir(modes=[f"reverse:http://{server.authority}"], addons=addons).connect() as wire:
        wire.send(f"GET / HTTP/1.1\r\nHost: {server.authority}\r\nConnection: Upgrade\r\nUpgrade: events\r\n\r\n".encode())
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        check(feed.lags(lambda: wire.until(b"\n\n")), "upgraded")


@pytest.mark.parametrize("streamed", [False, True], ids=["decided", "streamed"])
def test_a_websocket_of_whose_messages_nobody_wants_to_hear(weir, origin, addons, streamed):
    feed = Feed()

    def script(wire):
        at_once(wire)
        for event in feed.events():
            wire.send(frame(TEXT, event))

    server = origin(speaking(script))
    proxy = weir("--set", f"stream_websockets={str(streamed).lower()}", modes=[f"reverse:http://{server.authority}"], addons=addons)
    with Route("reverse", proxy, server.authority).wire() as wire:
        check(feed.lags(lambda: read_frame(wire).payload), "WebSocket")


def test_listeners_were_there(weir, origin, addons):
    """What the other tests of this file rest on: the workers of a run are asked, or would be."""
    server = origin()
    proxy = weir("--set", "keep_host_header=true", modes=[f"reverse:http://{server.authority}"], addons=addons)
    with proxy.connect() as wire:
        wire.send(b"PUT / HTTP/1.1\r\nHost: elsewhere.example\r\nContent-Length: 0\r\n\r\n")
        assert wire.response("PUT").status == 200
    for worker in addons:
        eventually(lambda worker=worker: worker.messages("response"), what=f"an event at {worker.name}")

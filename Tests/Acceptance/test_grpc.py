"""gRPC's own client and server, through reverse mode and through CONNECT: every message in its time, trailers and status intact.

Each exchange runs without a proxy first.
"""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

SERVICE = "test.Echo"
SECONDS = 15
INITIAL = (("x-first", "head"), ("x-bits-bin", bytes(range(256))))
FINAL = (("x-last", "trailer"), ("x-last", "again"), ("x-sum-bin", b"\0\xff"))
DETAILS = "no such thing: 100 % größer\nthan 1 line"


class Echo:
    """The service; `arrived` has every message in the moment it came, `left` the calls that ended early."""

    def __init__(self):
        self.arrived, self.left, self.metadata = queue.Queue(), queue.Queue(), queue.Queue()
        self.go = threading.Semaphore(0)
        self.server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1)])
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Down": grpc.unary_stream_rpc_method_handler(self.down),
            "Up": grpc.stream_unary_rpc_method_handler(self.up),
            "Both": grpc.stream_stream_rpc_method_handler(self.both),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "FailLate": grpc.unary_stream_rpc_method_handler(self.fail_late),
            "Wait": grpc.unary_stream_rpc_method_handler(self.wait),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    def unary(self, message: bytes, context) -> bytes:
        self.metadata.put([(key, value) for key, value in context.invocation_metadata() if key.startswith("x-")])
        context.send_initial_metadata(INITIAL)
        context.set_trailing_metadata(FINAL)
        return message

    def down(self, message: bytes, context):
        """Each message waits for `go`, so a client that is shown the last one was shown it before the next was made."""
        for n in range(int(message)):
            assert self.go.acquire(timeout=SECONDS)
            yield b"%d" % n
        context.set_trailing_metadata(FINAL)

    def up(self, messages, context) -> bytes:
        received = []
        for message in messages:
            received.append(message)
            self.arrived.put(message)
        context.set_trailing_metadata(FINAL)
        return b"+".join(received)

    def both(self, messages, context):
        context.send_initial_metadata(INITIAL)
        for message in messages:
            yield b"echo " + message
        context.set_trailing_metadata(FINAL)

    def fail(self, message: bytes, context) -> bytes:
        context.set_trailing_metadata(FINAL)
        context.abort(grpc.StatusCode.NOT_FOUND, DETAILS)

    def fail_late(self, message: bytes, context):
        yield b"one"
        yield b"two"
        context.set_trailing_metadata(FINAL)
        context.abort(grpc.StatusCode.DATA_LOSS, DETAILS)

    def wait(self, message: bytes, context):
        """Sends one message, then nothing until the call ends."""
        ended = threading.Event()
        context.add_callback(ended.set)
        context.add_callback(lambda: self.left.put(message))
        yield b"first"
        ended.wait(SECONDS)


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.server.stop(0).wait(SECONDS)


WAYS = ["without a proxy", "reverse:h2c", "reverse:https", "connect", "connect with tls"]


@pytest.fixture(params=WAYS)
def open_channel(request, echo, authority):
    """`open_channel(*arguments, addons=…)` starts the server and, but for the first way, a proxy: a channel to the one through the other."""
    channels, way = [], request.param
    secure = way in ("reverse:https", "connect with tls")
    if secure:
        leaf = authority.leaf("127.0.0.1", "localhost")
        credentials = grpc.ssl_server_credentials([(leaf.key.read_bytes(), leaf.certificate.read_bytes())])
        port = echo.server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = echo.server.add_insecure_port("127.0.0.1:0")

    def make(*arguments: str, **options) -> grpc.Channel:
        target, ca, settings = f"127.0.0.1:{port}", authority.certificate, [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
        if way != WAYS[0]:
            modes = [f"{way}://{target}"] if way.startswith("reverse") else ["regular"]
            trusted = ("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
            proxy = request.getfixturevalue("weir")(*trusted, *arguments, modes=modes, **options)
            ca = proxy.ca
            if way.startswith("reverse"):
                target = f"127.0.0.1:{proxy.port}"
            else:
                settings = [settings[0], ("grpc.enable_http_proxy", 1), ("grpc.http_proxy", proxy.url)]
        echo.server.start()
        if secure:
            channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca.read_bytes()), settings)
        else:
            channel = grpc.insecure_channel(target, settings)
        channels.append(channel)
        return channel

    make.way = way
    yield make
    for one in channels:
        one.close()


def kept(metadata, wanted) -> bool:
    """Whether all of `wanted` is there, in its order; gRPC adds fields of its own."""
    names = {name for name, _ in wanted}
    return tuple((key, value) for key, value in metadata if key in names) == wanted


@pytest.mark.parametrize("size", [0, 1, 70_000, 5 << 20])
def test_unary_calls(open_channel, echo, size):
    """Messages of every size, metadata in both directions, as text and as octets."""
    call, message = open_channel().unary_unary(f"/{SERVICE}/Unary"), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sent = (("x-asked", "yes"), ("x-octets-bin", b"\0\1\xff"))
    for _ in range(3):
        answer, told = call.with_call(message, metadata=sent, timeout=SECONDS)
        assert answer == message
        assert told.code() == grpc.StatusCode.OK
        assert kept(told.initial_metadata(), INITIAL) and kept(told.trailing_metadata(), FINAL)
        assert echo.metadata.get(timeout=5) == list(sent)


def test_server_streaming_delivers_each_message_before_the_next_is_made(open_channel, echo):
    call = open_channel().unary_stream(f"/{SERVICE}/Down")(b"20", timeout=SECONDS)
    for n in range(20):
        echo.go.release()
        assert next(call) == b"%d" % n
    assert next(call, None) is None
    assert call.code() == grpc.StatusCode.OK and kept(call.trailing_metadata(), FINAL)


def test_client_streaming_delivers_each_message_before_the_next_is_sent(open_channel, echo):
    messages = [b"%d" % n for n in range(20)]

    def one_by_one():
        for message in messages:
            yield message
            assert echo.arrived.get(timeout=SECONDS) == message

    answer, told = open_channel().stream_unary(f"/{SERVICE}/Up").with_call(one_by_one(), timeout=SECONDS)
    assert answer == b"+".join(messages)
    assert kept(told.trailing_metadata(), FINAL)


def test_both_ways_at_once(open_channel):
    """The client sends a message only once it was answered the last one."""
    questions: queue.Queue = queue.Queue()
    call = open_channel().stream_stream(f"/{SERVICE}/Both")(iter(questions.get, None), timeout=SECONDS)
    for n in range(50):
        questions.put(b"%d" % n)
        assert next(call) == b"echo %d" % n
    assert kept(call.initial_metadata(), INITIAL)
    questions.put(None)
    assert next(call, None) is None
    assert call.code() == grpc.StatusCode.OK and kept(call.trailing_metadata(), FINAL)


def test_many_calls_at_once(open_channel):
    call = open_channel().unary_unary(f"/{SERVICE}/Unary")
    calls = [call.future(b"%d" % n, timeout=SECONDS) for n in range(200)]
    assert [one.result() for one in calls] == [b"%d" % n for n in range(200)]


@pytest.mark.parametrize("method, code, before", [("Fail", grpc.StatusCode.NOT_FOUND, []), ("FailLate", grpc.StatusCode.DATA_LOSS, [b"one", b"two"])])
def test_a_failure_keeps_its_status_details_and_trailers(open_channel, method, code, before):
    """Before the first message the status comes in a head without a body, after it in the trailers."""
    call, received = open_channel().unary_stream(f"/{SERVICE}/{method}")(b"", timeout=SECONDS), []
    with pytest.raises(grpc.RpcError) as failed:
        for message in call:
            received.append(message)
    assert received == before
    assert failed.value.code() == code
    assert failed.value.details() == DETAILS
    assert kept(failed.value.trailing_metadata(), FINAL)


def test_an_unknown_method_is_unimplemented(open_channel):
    with pytest.raises(grpc.RpcError) as failed:
        open_channel().unary_unary(f"/{SERVICE}/Nothing")(b"", timeout=SECONDS)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("why", ["cancelled", "deadline"])
def test_a_call_that_the_client_gives_up_ends_at_the_server(open_channel, echo, why):
    channel = open_channel()
    call = channel.unary_stream(f"/{SERVICE}/Wait")(b"to be left", timeout=1 if why == "deadline" else SECONDS)
    assert next(call) == b"first"
    if why == "cancelled":
        call.cancel()
    with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
        next(call)
    assert call.code() == (grpc.StatusCode.CANCELLED if why == "cancelled" else grpc.StatusCode.DEADLINE_EXCEEDED)
    assert echo.left.get(timeout=5) == b"to be left", "the server's handler runs on"
    answer = channel.unary_unary(f"/{SERVICE}/Unary")(b"after", timeout=SECONDS)
    assert answer == b"after", "the connection goes on"


EDIT = """
@worker.on("response")
def response(message):
    trailers = message["params"]["flow"]["response"]["trailers"]
    edited = [[name, {"grpc-status": "9", "x-last": "edited"}.get(name, value)] for name, value in trailers]
    return {"flow": {"response": {"trailers": edited + [["x-added", "late"]]}}}
"""


@pytest.mark.parametrize("open_channel", WAYS[1:], indirect=True)
def test_a_worker_that_asks_for_the_whole_response_edits_its_trailers(open_channel, addon):
    worker = addon([{"name": "response", "content": "whole", "filter": "~u /test.Echo"}], EDIT)
    with pytest.raises(grpc.RpcError) as failed:
        open_channel(addons=[worker]).unary_unary(f"/{SERVICE}/Unary")(b"hello", timeout=SECONDS)
    assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    trailers = failed.value.trailing_metadata()
    assert kept(trailers, (("x-last", "edited"), ("x-last", "edited"), ("x-sum-bin", b"\0\xff"), ("x-added", "late")))
    flow = worker.wait("response")[0]["params"]["flow"]
    assert flow["request"]["http_version"] == flow["response"]["http_version"] == "HTTP/2.0"
    assert dict(flow["response"]["trailers"])["grpc-status"] == "0"
    assert flow["response"]["content"] == "\0\0\0\0\5hello"
    assert ["te", "trailers"] in flow["request"]["headers"]


@pytest.mark.parametrize("open_channel", WAYS[1:], indirect=True)
def test_a_worker_that_looks_at_heads_delays_no_message(open_channel, echo, addon):
    worker = addon(["requestheaders", "request", "responseheaders", "response"])
    call = open_channel(addons=[worker]).unary_stream(f"/{SERVICE}/Down")(b"5", timeout=SECONDS)
    for n in range(5):
        echo.go.release()
        assert next(call) == b"%d" % n
    assert next(call, None) is None
    assert call.code() == grpc.StatusCode.OK and kept(call.trailing_metadata(), FINAL)
    assert worker.events()[-4:] == ["requestheaders", "request", "responseheaders", "response"]

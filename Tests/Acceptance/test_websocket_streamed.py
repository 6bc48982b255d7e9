"""`stream_websockets`: frames go as they come, their messages are recorded on the side."""

import base64
import contextlib
import os
import random
import re
import threading

import pytest
import websockets.sync.client
from conftest import attach
from support.calls import asked, ended
from support.proxy import eventually, peak
from support.websocket import BINARY, CLOSE, CONTINUATION, MASK, PING, PONG, TEXT, Route, close_payload, frame, random_content, read_frame, speaking
from support.wire import Closed
from test_websocket_events import LARGE, PERMISSIONS, echo, live, newest
from test_websocket_http2 import nghttpx, port_of
from websockets.exceptions import ConnectionClosed

__all__ = ["nghttpx"]
STREAM = ("--set", "stream_websockets=true")
MIB = 1 << 20
UNHEEDED = r"WebSocket http://\S+ \(flow \S+\): what the answer to 'websocket_message' changes, drops or holds has no effect"


@pytest.fixture
def versions(serving, nghttpx):
    """`versions(start, handler, http2, …)` calls `start(*arguments, modes=…)` for a proxy to such a server; the way through both."""

    def make(start, handler, http2: bool, *arguments, compression=None, **options):
        port = port_of(serving(handler, compression=compression))
        port = nghttpx(port).port if http2 else port
        made = start(*STREAM, *arguments, modes=[f"reverse:{'h2c' if http2 else 'http'}://127.0.0.1:{port}"], **options)
        proxy = made[0] if isinstance(made, tuple) else made
        entry = nghttpx(proxy.port, http2=True).port if http2 else proxy.port
        return made, Way(entry)

    return make


class Way:
    def __init__(self, port: int):
        self.port = port

    def client(self, **options):
        options = {"max_size": None, "open_timeout": 20, "compression": None, **options}
        return websockets.sync.client.connect(f"ws://127.0.0.1:{self.port}/chat", proxy=None, **options)


def by_parts(parts, arrived: threading.Semaphore):
    """A message in fragments, of which each is sent when the one before has arrived."""
    for part in parts:
        yield part
        assert arrived.acquire(timeout=10), "the fragment did not arrive before the next was sent"


@pytest.mark.parametrize("compression", ["deflate", None])
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_each_fragment_arrives_before_the_next_is_sent_and_nothing_waits_for_an_addon(weir, versions, addon, http2, compression):
    never = addon([{"name": "websocket_message", "timeout_ms": 60_000}], '@worker.on("websocket_message")\ndef wait(event): return SILENT\n')
    parts = [f"part {number} " * 20 for number in range(5)]
    arrived = [threading.Semaphore(0), threading.Semaphore(0)]
    heard = []

    def hear(connection, side):
        heard.append([])
        for part in connection.recv_streaming():
            heard[-1].append(part)
            arrived[side].release()

    def serve(connection):
        hear(connection, 0)
        connection.send(by_parts(parts, arrived[1]))
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    proxy, way = versions(weir, serve, http2, compression=compression, addons=[never])
    with way.client(compression=compression) as client:
        assert bool(client.protocol.extensions) == bool(compression)
        client.send(by_parts(parts, arrived[0]))
        hear(client, 1)
        proxy.process.kill() if False else None
    assert [[part for part in parts if part] for parts in heard] == [parts, parts]


@pytest.mark.seconds(120)
@pytest.mark.parametrize("compression", ["deflate", None])
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_messages_arrive_as_they_are_and_are_recorded_so(caller, versions, http2, compression):
    choice = random.Random(f"{http2} {compression}")
    sent = [random_content(choice, number) for number in range(500)]
    (_, worker), way = versions(caller, echo, http2, compression=compression, hooks=["websocket_message"], permissions=PERMISSIONS, **LARGE)
    seen = []
    worker.on("websocket_message")(lambda event: seen.append(newest(event)))
    with way.client(compression=compression) as client:
        for at, message in enumerate(sent):
            half = len(message) // 2
            client.send(iter([message[:half], message[half:]]) if at % 3 == 0 else message)
            assert client.recv(timeout=20) == message
    flow = asked(worker, "flow.get", id=ended(worker)[0]["id"], content="whole")["flow"]
    recorded = flow["websocket"]["messages"]
    assert [(m[0], m[1], content(m)) for m in recorded] == [
        (1 if isinstance(message, str) else 2, from_client, message.encode() if isinstance(message, str) else message)
        for message in sent
        for from_client in (True, False)
    ]
    assert not any(m[4] or m[5] for m in recorded)
    # Every message has had its event before the flow's end, those of one side in their order.
    for from_client in (True, False):
        assert [content(m) for m in seen if m[1] is from_client] == [content(m) for m in recorded if m[1] is from_client]
    assert (flow["websocket"]["close_code"], flow["websocket"]["closed_by_client"]) == (1000, True)


def content(message) -> bytes:
    return message[2].encode() if isinstance(message[2], str) else base64.b64decode(message[2]["b64"])


@pytest.mark.seconds(120)
@pytest.mark.parametrize("compression", ["deflate", None])
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("form", ["one frame", "fragments"])
def test_a_message_of_64_mib_passes_in_bounded_memory(caller, versions, http2, compression, form):
    block = os.urandom(MIB)
    got = []

    def serve(connection):
        size = 0
        for part in connection.recv_streaming():
            size += len(part)
            got.append(part == block if form == "fragments" and part else True)
        connection.send(str(size))
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    (proxy, worker), way = versions(caller, serve, http2, compression=compression, hooks=["websocket_message"], permissions=PERMISSIONS)
    seen = []
    worker.on("websocket_message")(lambda event: seen.append(newest(event)))
    with way.client(compression=compression) as client:
        before = peak(proxy.process)
        client.send(block * 64 if form == "one frame" else iter([block] * 64))
        assert client.recv(timeout=60) == str(64 * MIB)
    assert all(got)
    grown = peak(proxy.process) - before
    assert grown < 24 * MIB, f"{grown / MIB:.1f} MiB more"
    flow = ended(worker)[0]
    kept = asked(worker, "flow.get", id=flow["id"], content="whole")
    assert kept["messages_before"] == 1 and [content(m) for m in kept["flow"]["websocket"]["messages"]] == [str(64 * MIB).encode()]
    assert [content(m) for m in seen] == [str(64 * MIB).encode()]
    proxy.wait_log(r"a message of client 127\.0\.0\.1:\d+ has more than 4194304 bytes: it passes without being recorded")


def test_what_is_too_large_is_said_once_and_messages_up_to_the_limit_are_recorded(caller, versions):
    (proxy, worker), way = versions(caller, echo, False, "--set", "websocket_message_limit=100b", permissions=PERMISSIONS)
    with way.client() as client:
        for size in (100, 101, 5000, 100):
            client.send("x" * size)
            assert len(client.recv()) == size
    flow = ended(worker)[0]
    kept = asked(worker, "flow.get", id=flow["id"], content="whole")
    assert [len(m[2]) for m in kept["flow"]["websocket"]["messages"]] == [100, 100] and kept["messages_before"] == 6
    assert len(re.findall("has more than 100 bytes", proxy.log)) == 1


# What addons can do


def test_edits_drops_and_holds_have_no_effect_and_that_is_said_once(caller, versions):
    def decide(event):
        message = newest(event)
        if message[2] == "edit":
            return {"flow": {"comment": "seen", "websocket": {"messages": [[*message[:2], "edited", *message[3:]]]}}}
        if message[2] == "drop":
            return {"flow": {"websocket": {"messages": [[*message[:4], True, False]]}}}
        if message[2] == "empty":
            return {"flow": {"websocket": {"messages": []}}}
        return {"flow": {"intercepted": True}} if message[2] == "hold" else {"flow": {"websocket": {"messages": [message]}}}

    (proxy, worker), way = versions(caller, echo, False, hooks=["websocket_message"], permissions=PERMISSIONS)
    worker.on("websocket_message")(decide)
    words = ["same", "edit", "drop", "empty", "hold", "last"]
    for number in (1, 2):
        with way.client() as client:
            client.send("same")
            assert client.recv() == "same"
            eventually(lambda: len(worker_events(worker)) >= 2)
            assert len(re.findall(UNHEEDED, proxy.log)) == number - 1, "an answer that repeats the message changes nothing"
            for word in words[1:]:
                client.send(word)
                assert client.recv() == word
        flow = asked(worker, "flow.get", id=ended(worker, number)[-1]["id"], content="whole")["flow"]
        assert [(m[1], m[2], m[4]) for m in flow["websocket"]["messages"]] == [(side, word, False) for word in words for side in (True, False)]
        assert (flow["comment"], flow["intercepted"]) == ("seen", False)
        assert len(re.findall(UNHEEDED, proxy.log)) == number, "once for each flow"


def worker_events(worker) -> list:
    return [line for line in open(worker.record_path) if '"method": "websocket_message"' in line]


def test_interception_does_not_hold_messages_and_that_is_said_once(caller, versions):
    (proxy, worker), way = versions(caller, echo, False, "--set", "intercept=~websocket & ~b hold", permissions=PERMISSIONS)
    with way.client() as client:
        for _ in range(3):
            client.send("hold this")
            assert client.recv() == "hold this"
    assert not ended(worker)[0]["intercepted"]
    assert len(re.findall("intercept has no effect on its messages", proxy.log)) == 1


@pytest.mark.parametrize("how", ["call", "reply", "policy"])
def test_a_kill_still_ends_both_sides(caller, versions, how):
    hooks = [{"name": "websocket_message", "on_failure": "kill" if how == "policy" else "continue"}]
    (_, worker), way = versions(caller, echo, False, hooks=hooks, permissions=PERMISSIONS)
    answers = {"reply": {"kill": True}, "policy": {"flow": {"websocket": 7}}}
    worker.on("websocket_message")(lambda event: answers.get(how))
    with way.client() as client:
        if how == "call":
            asked(worker, "flow.kill", id=live(worker))
        else:
            client.send("x")
        with pytest.raises(ConnectionClosed):
            while client.recv(timeout=5):
                pass
        assert client.protocol.close_code == 1006
    flow = ended(worker)[0]
    assert flow["error"]["msg"] == "Connection killed." if how != "policy" else "failed in 'websocket_message'" in flow["error"]["msg"]


def test_events_that_nobody_answers_hold_up_nothing_and_are_bounded(caller, versions):
    go_on = threading.Event()
    hooks = [{"name": "websocket_message", "timeout_ms": 20_000}]
    (proxy, worker), way = versions(caller, echo, False, hooks=hooks, permissions=PERMISSIONS, **LARGE)
    worker.on("websocket_message")(lambda event: go_on.wait(15) and None)
    with way.client() as client:
        for number in range(1500):
            client.send(str(number))
            assert client.recv(timeout=10) == str(number)
        proxy.wait_log("messages come faster than 'websocket_message' is answered: some have no event")
        go_on.set()
    flow = asked(worker, "flow.get", id=ended(worker)[0]["id"], content="whole")["flow"]
    assert [m[2] for m in flow["websocket"]["messages"]] == [str(number) for number in range(1500) for _ in range(2)], "all are recorded"
    assert len(re.findall("some have no event", proxy.log)) == 1
    assert len(worker_events(worker)) == 2 * 1025, "one at the worker and 1024 behind it, either way"


# At the wire


@pytest.fixture
def sides(weir, origin, tmp_path):
    """`sides(*arguments, hooks=…)` is a raw client, a raw server, and an attached worker, all behind the handshake."""
    stack = contextlib.ExitStack()

    def make(*arguments, hooks=(), headers=(), **options):
        met, over = [], threading.Event()
        stack.callback(over.set)

        def script(wire):
            met.append(wire)
            over.wait(25)

        server = origin(speaking(script, *headers))
        proxy, worker = attach(
            weir, tmp_path, *STREAM, *arguments, hooks=list(hooks), permissions=PERMISSIONS, modes=[f"reverse:http://{server.authority}"]
        )
        client = stack.enter_context(Route("reverse", proxy, server.authority).wire("/", *headers))
        return client, eventually(lambda: met and met[0], what="the server's side"), worker, proxy

    with stack:
        yield make


def test_frames_go_byte_for_byte_as_they_come(sides):
    client, server, *_ = sides()
    data = frame(TEXT, b"Hello, Wor", fin=False, mask=b"\x01\x02\x03\x04") + frame(CONTINUATION, b"ld" * 100, mask=b"\x05\x06\x07\x08")
    for at, byte in enumerate(data):
        client.send(bytes([byte]))
        # A head goes when it is whole, what follows byte by byte.
        heads = {6: 6, 16 + 8: 8}
        if at + 1 in heads:
            assert server.exactly(heads[at + 1]) == data[at + 1 - heads[at + 1] : at + 1]
        elif 6 <= at < 16 or at >= 24:
            assert server.exactly(1) == bytes([byte])


def test_an_injected_message_waits_for_the_end_of_the_one_that_passes(sides):
    client, server, worker, _ = sides(hooks=["websocket_message"])
    seen = []
    worker.on("websocket_message")(lambda event: seen.append(newest(event)))
    client.send(frame(TEXT, b"one ", fin=False, mask=MASK))
    assert read_frame(server).payload == b"one "
    name = live(worker)
    asked(worker, "inject.websocket", id=name, to_client=False, content="injected")
    asked(worker, "inject.websocket", id=name, to_client=True, content="to the client")
    assert read_frame(client).payload == b"to the client", "the other way is free"
    client.send(frame(CONTINUATION, b"two ", fin=False, mask=MASK) + frame(CONTINUATION, b"three", mask=MASK))
    heard = [read_frame(server) for _ in range(3)]
    assert [(f.opcode, f.payload, f.fin, f.masked) for f in heard] == [
        (CONTINUATION, b"two ", False, True),
        (CONTINUATION, b"three", True, True),
        (TEXT, b"injected", True, True),
    ]
    eventually(lambda: len(seen) == 3, what="the events")
    assert {(m[1], m[2], m[5]) for m in seen} == {(True, "one two three", False), (True, "injected", True), (False, "to the client", True)}


def test_a_ping_is_answered_when_the_frame_that_passes_the_other_way_is_over(sides):
    client, server, *_ = sides()
    whole = frame(BINARY, bytes(range(200)))
    server.send(whole[:50])
    assert client.exactly(50) == whole[:50]
    client.send(frame(PING, b"old", mask=MASK) + frame(PING, b"new", mask=MASK))
    assert [read_frame(server).payload for _ in range(2)] == [b"old", b"new"], "they are passed on at once"
    server.send(whole[50:])
    assert client.exactly(len(whole) - 50) == whole[50:]
    pong = read_frame(client)
    assert (pong.opcode, pong.payload) == (PONG, b"new")


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_violation_inside_a_frame_ends_the_other_side_inside_that_frame(sides, side):
    client, server, worker, _ = sides(hooks=["websocket_error", "websocket_end"])
    ends = []
    for name in ("websocket_error", "websocket_end"):
        worker.on(name)(lambda event, name=name: ends.append((name, event["params"]["flow"])))
    this, other = (client, server) if side == "client" else (server, client)
    whole = frame(TEXT, b"text \xff and more", mask=bytes(4) if side == "client" else None)
    good = whole.index(b"\xff")
    this.send(whole[:good])
    assert other.exactly(good) == whole[:good]
    this.send(whole[good:])
    assert read_frame(this).code == 1007
    assert other.to_end() == b"", "a close frame there would be part of the text"
    eventually(lambda: len(ends) == 2, what="the events of the end")
    assert "broke the WebSocket protocol: expected text in UTF-8" in ends[0][1]["error"]["msg"]
    assert (ends[1][1]["websocket"]["close_code"], ends[1][1]["websocket"]["closed_by_client"]) == (1007, side == "client")


def test_a_client_that_leaves_inside_a_frame_is_no_end_of_the_message(sides):
    client, server, worker, _ = sides(hooks=["websocket_message"])
    whole = frame(BINARY, bytes(100), mask=bytes(4))
    client.send(whole[:50])
    assert server.exactly(50) == whole[:50]
    client.half_close()
    assert server.to_end() == b""
    flow = ended(worker)[0]
    assert "ended the connection inside a message" in flow["error"]["msg"] and flow["websocket"]["close_code"] == 1006


def test_the_close_handshake_goes_between_the_frames_of_the_other_side(sides):
    client, server, worker, _ = sides()
    server.send(frame(BINARY, b"first", fin=False))
    assert read_frame(client).payload == b"first"
    client.send(frame(CLOSE, close_payload(4000, b"enough"), mask=MASK))
    assert read_frame(server).code == 4000
    server.send(frame(CONTINUATION, b"last") + frame(CLOSE, close_payload(4000)))
    assert [read_frame(client).payload, read_frame(client).code] == [b"last", 4000]
    assert client.to_end() == b""
    flow = asked(worker, "flow.get", id=ended(worker)[0]["id"], content="whole")["flow"]
    assert [content(m) for m in flow["websocket"]["messages"]] == [b"firstlast"]
    assert (flow["websocket"]["close_code"], flow["websocket"]["closed_by_client"]) == (4000, True)


def test_a_receiver_that_does_not_read_holds_up_its_sender_in_the_middle_of_a_message(sides):
    client, server, worker, proxy = sides()
    before = peak(proxy.process)
    size = 256 * MIB
    head = frame(BINARY, b"", mask=bytes(4), form=8)[:2] + size.to_bytes(8, "big") + bytes(4)
    client.send(head)
    client.sock.settimeout(1)
    block, sent = bytes(MIB), 0
    with pytest.raises(TimeoutError):
        while sent < size:
            sent += client.sock.send(block[: size - sent])
    assert sent < 64 * MIB, "sockets' buffers, and a little of ours"
    assert peak(proxy.process) - before < 8 * MIB
    client.sock.settimeout(20)

    def send_rest():
        for start in range(sent, size, MIB):
            client.send(block[: size - start])

    sender = threading.Thread(target=send_rest)
    sender.start()
    left = len(head) + size
    while left:
        left -= len(server.sock.recv(min(left, MIB)))
    sender.join(10)
    assert peak(proxy.process) - before < 8 * MIB

"""Raw TCP flows: what passes, what addons see and change of it, and how flows end."""

import base64
import hashlib
import os
import socket
import struct
import threading

import pytest

from support.calls import ALL, asked, ended, flows, refused, standing
from support.flow_files import as_json, states
from support.origin import echo, over_tls
from support.proxy import eventually, free_port
from support.tunnel import tls_through, trusting
from support.wire import Closed, Wire
from support.worker import Worker

NAMES = ["tcp_start", "tcp_message", "tcp_end", "tcp_error"]
PERMISSIONS = [*ALL, "inject.tcp"]


def contents(value):
    """The octets of a byte string of the wire."""
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def shown(worker, name="tcp_message"):
    """What the worker was shown: who sent it, and what."""
    events = [message["params"] for message in worker.messages(name)]
    return [(message[0], contents(message[1])) for event in events for message in event["flow"]["messages"]]


def joined(pairs, from_client):
    return b"".join(content for sender, content in pairs if sender == from_client)


def recording(wire, origin):
    """Keeps what comes, and answers with its length when the client has ended."""
    data = origin.record(wire.to_end())
    wire.send(str(len(data)).encode())


def reset(wire):
    """Closes so that the other side sees a reset."""
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


class Through:
    """How a client comes to a server: in a CONNECT tunnel, or at a reverse proxy for it."""

    def __init__(self, way, start):
        self.way, self.start = way, start

    def __call__(self, server, *arguments, **options):
        modes = ["regular"] if self.way == "connect" else [f"reverse:tcp://{server.authority}"]
        started = self.start(*arguments, modes=modes, **options)
        self.proxy = started[0] if isinstance(started, tuple) else started
        self.server = server
        return started

    def wire(self):
        return self.proxy.tunnel(self.server.authority) if self.way == "connect" else self.proxy.connect()


@pytest.fixture(params=["connect", "reverse"])
def way(request):
    return request.param


@pytest.fixture
def through(way, weir):
    return Through(way, weir)


@pytest.fixture
def called(weir, caller):
    """A client through a reverse proxy, with an attached worker."""
    return Through("reverse", lambda *arguments, **options: caller(*arguments, permissions=PERMISSIONS, **options))


EDIT = """
@worker.on("tcp_message")
def message(message):
    [[from_client, content, time]] = message["params"]["flow"]["messages"]
    if content == "drop\\n":
        return {"flow": {"messages": [[from_client, "", time]]}}
    if content == "drop too\\n":
        return {"flow": {"messages": []}}
    if content == "bytes\\n":
        return {"flow": {"messages": [[from_client, {"b64": "/wA="}, time]]}}
    if isinstance(content, str):
        return {"flow": {"messages": [[from_client, content.replace("cat", "dog" if from_client else "cats"), time]]}}
"""


def test_messages_are_changed_and_dropped_on_the_wire_both_ways(through, origin, addon):
    got, dropped = [], threading.Event()

    def serve(wire, origin):
        for _ in range(2):
            got.append(wire.until(b"\n"))
        wire.send(b"a cat\n")
        got.append(wire.exactly(2))
        wire.send(b"drop\n")
        assert dropped.wait(10)
        wire.send(b"end\n")
        wire.half_close()
        got.append(wire.to_end())

    worker = addon(NAMES, EDIT)
    through(origin(serve), addons=[worker])
    with through.wire() as wire:
        for number, line in enumerate([b"one cat\n", b"drop\n", b"drop too\n", b"two\n"]):
            wire.send(line)
            eventually(lambda: len(shown(worker)) > number, what=f"the message {line}")
        assert wire.until(b"\n") == b"a cats\n"
        wire.send(b"bytes\n")
        eventually(lambda: (False, b"drop\n") in shown(worker), what="the message that is dropped")
        dropped.set()
        assert wire.to_end() == b"end\n"
    worker.wait("tcp_end")
    eventually(lambda: len(got) == 4, what="the client's end at the server")
    assert got == [b"one dog\n", b"two\n", b"\xff\0", b""]
    assert worker.events().count("tcp_error") == 0 and worker.events()[0] == "tcp_start" and worker.events()[-1] == "tcp_end"


def test_events_come_in_order_and_each_message_comes_alone(weir, origin, addon):
    names = ["client_connected", "http_connect", "server_connect", "server_connected", "http_connected", "next_layer", *NAMES]
    worker = addon([*names, "server_disconnected", "client_disconnected"])
    server = origin(echo)
    proxy = weir(addons=[worker])
    with proxy.tunnel(server.authority) as wire:
        for number in range(5):
            wire.send(b"%d" % number)
            assert wire.exactly(1) == b"%d" % number
        wire.half_close()
        assert wire.to_end() == b""
    worker.wait("client_disconnected")
    worker.wait("server_disconnected")
    # The server's connection may be gone before the flow's last event is.
    order = [name for name in worker.events() if name != "server_disconnected"]
    assert order[:-1] == ["client_connected", "next_layer", *names[1:6], "tcp_start", *["tcp_message"] * 10, "tcp_end"]
    assert shown(worker) == [(sender, b"%d" % number) for number in range(5) for sender in (True, False)]
    events = [message["params"] for message in worker.messages("tcp_message")]
    assert [event["messages_before"] for event in events] == list(range(10))
    start, end = worker.messages("tcp_start")[0]["params"], worker.messages("tcp_end")[0]["params"]
    assert (start["flow"]["type"], start["flow"]["messages"], start["messages_before"]) == ("tcp", [], 0)
    assert start["flow"]["server_conn"]["address"] == [server.host, server.port]
    assert (end["flow"]["messages"], end["messages_before"], end["flow"]["error"]) == ([], 10, None)
    assert len({event["flow"]["id"] for event in events + [start, end]}) == 1
    assert end["flow"]["client_conn"]["peername"] == list(events[0]["flow"]["client_conn"]["peername"])


def test_a_hook_that_asked_for_contents_is_shown_the_kept_messages_at_the_end(through, origin, addon):
    worker = addon([{"name": "tcp_end", "content": "whole"}, "tcp_message"])
    through(origin(echo), "--set", "store_messages=3", addons=[worker])
    with through.wire() as wire:
        for number in range(4):
            wire.send(b"%d" % number)
            assert wire.exactly(1) == b"%d" % number
    end = worker.wait("tcp_end")[0]["params"]
    assert [message[:2] for message in end["flow"]["messages"]] == [[False, "2"], [True, "3"], [False, "3"]]
    assert end["messages_before"] == 5


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_side_that_has_ended_still_receives_and_its_messages_go_before_its_end(called, origin, first):
    """The last message of the side that ends waits in its hook, while the other side speaks on."""
    release, arrived, got = threading.Event(), threading.Event(), []

    def serve(wire, origin):
        if first == "client":
            wire.send(b"other side")
            got.append(wire.to_end())
            arrived.set()
            wire.send(b"late answer")
        else:
            wire.send(b"last words")
            wire.half_close()
            got.append(wire.to_end())
            arrived.set()

    proxy, worker = called(origin(serve), hooks=NAMES)
    seen = []

    @worker.on("tcp_message")
    def message(message):
        [[from_client, content, time]] = message["params"]["flow"]["messages"]
        seen.append(content)
        if content == "last words":
            assert release.wait(10)
            return {"flow": {"messages": [[from_client, "LAST WORDS", time]]}}

    with called.wire() as wire:
        if first == "client":
            wire.send(b"last words")
            wire.half_close()
            assert wire.exactly(10) == b"other side"
            assert not arrived.is_set()
            release.set()
            assert wire.to_end() == b"late answer"
            assert got == [b"LAST WORDS"]
        else:
            eventually(lambda: "last words" in seen, what="the server's message")
            wire.send(b"client goes on")
            eventually(lambda: "client goes on" in seen, what="the client's message")
            release.set()
            assert wire.to_end() == b"LAST WORDS"
            wire.send(b", and on")
            wire.half_close()
            assert arrived.wait(10)
            assert got == [b"client goes on, and on"]
    flow = ended(worker)[0]
    assert (flow["type"], flow["error"]) == ("tcp", None)


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_the_server_may_speak_first_where_it_is_connected_to(through, origin, addon, strategy):
    if strategy == "lazy" and through.way == "connect":
        strategy = "eager"

    def greeting(wire, origin):
        wire.send(b"220 ready\r\n")
        wire.send(b"you said " + wire.until(b"\n"))

    worker = addon(NAMES, EDIT)
    through(origin(greeting), "--set", f"connection_strategy={strategy}", addons=[worker])
    with through.wire() as wire:
        assert wire.until(b"\n") == b"220 ready\r\n"
        wire.send(b"a cat\n")
        assert wire.to_end() == b"you said a dog\n"
    worker.wait("tcp_end")
    assert [sender for sender, _ in shown(worker)][:2] == [False, True]


def test_tls_inside_is_intercepted_and_its_plaintext_is_the_flows(through, origin, addon, authority):
    server = origin(over_tls(echo, authority.leaf("localhost")))
    worker = addon([*NAMES, "tls_clienthello"], EDIT)
    server.host = "localhost"
    through(server, "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    raw = through.wire()
    with Wire(trusting(through.proxy.ca).wrap_socket(raw.sock, server_hostname="localhost")) as wire:
        wire.send(b"a cat\n")
        assert wire.until(b"\n") == b"a dog\n"
        wire.send(b"bytes\n")
        assert wire.exactly(2) == b"\xff\0"
    worker.wait("tcp_end")
    assert shown(worker) == [(True, b"a cat\n"), (False, b"a dog\n"), (True, b"bytes\n"), (False, b"\xff\0")]
    start, last = worker.messages("tcp_start")[0]["params"]["flow"], worker.messages("tcp_message")[-1]["params"]["flow"]
    assert start["client_conn"]["sni"] == "localhost" and start["client_conn"]["tls_version"] == "TLSv1.3"
    assert last["server_conn"]["tls_version"] == "TLSv1.3"


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.seconds(60)
def test_large_transfers_pass_unchanged_both_ways(through, origin, addon, listens):
    up, down = os.urandom(12_000_000), os.urandom(12_000_000)
    digests = []

    def serve(wire, origin):
        sender = threading.Thread(target=lambda: (wire.send(down), wire.half_close()))
        sender.start()
        digests.append(hashlib.sha256(wire.to_end()).hexdigest())
        sender.join()

    worker = addon(NAMES if listens else ["tcp_end", "tcp_error"])
    through(origin(serve), "-q", addons=[worker])
    with through.wire() as wire:
        wire.send(b"\0")
        sender = threading.Thread(target=lambda: (wire.send(up), wire.half_close()))
        sender.start()
        assert hashlib.sha256(wire.to_end()).digest() == hashlib.sha256(down).digest()
        sender.join()
    worker.wait("tcp_end", seconds=20)
    eventually(lambda: digests, what="the server's end")
    assert digests == [hashlib.sha256(b"\0" + up).hexdigest()]
    if listens:
        assert joined(shown(worker), True) == b"\0" + up and joined(shown(worker), False) == down
        assert max(len(content) for _, content in shown(worker)) <= 32 * 1024
    assert not worker.messages("tcp_error")


def test_a_reader_that_is_slow_gets_everything_though_the_sender_has_ended(through, origin):
    """More than the sockets hold, towards a client that has ended its side already: what waits must not be thrown away."""
    data = os.urandom(8_000_000)

    def serve(wire, origin):
        wire.to_end()
        wire.send(data)

    server = origin(serve)
    through(server, "-q")
    with through.wire() as wire:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        wire.send(b"\0ask")
        wire.half_close()
        first = wire.exactly(1000)
        assert hashlib.sha256(first + wire.to_end()).digest() == hashlib.sha256(data).digest()


def test_a_waiting_message_stops_its_own_side_and_not_the_other(called, origin):
    release, received = threading.Event(), []

    def serve(wire, origin):
        wire.send(b"hello")
        received.append(wire.to_end())

    proxy, worker = called(origin(serve), hooks=["tcp_message"])
    worker.on("tcp_message")(lambda message: release.wait(20) and None if message["params"]["flow"]["messages"][0][0] else None)
    proxy_limit = 16_000_000
    with called.wire() as wire:
        wire.sock.settimeout(1)
        sent, piece = 0, os.urandom(65536)
        try:
            while sent < proxy_limit:
                sent += wire.sock.send(piece)
        except TimeoutError:
            pass
        assert sent < proxy_limit, "the proxy reads without an end while a worker is asked"
        assert wire.exactly(5) == b"hello"
        wire.sock.settimeout(10)
        release.set()
        wire.half_close()
        assert wire.to_end() == b""
    eventually(lambda: received, what="the server's end")
    assert len(received[0]) == sent


@pytest.mark.parametrize("policy", ["continue", "kill"])
def test_a_worker_that_hangs_costs_its_policy(through, origin, addon, policy):
    hook = {"name": "tcp_message", "timeout_ms": 300, "on_failure": policy}
    worker = addon([hook, "tcp_end", "tcp_error"], '@worker.on("tcp_message")\ndef message(message):\n    return SILENT\n')
    through(origin(echo), addons=[worker])
    with through.wire() as wire:
        wire.send(b"hello")
        if policy == "continue":
            assert wire.exactly(5) == b"hello"
        else:
            with pytest.raises(Closed):
                wire.exactly(5)
    if policy == "continue":
        worker.wait("tcp_end")
    else:
        error = worker.wait("tcp_error")[0]["params"]["flow"]["error"]["msg"]
        assert "tcp_message" in error and not worker.messages("tcp_end")


def test_injected_bytes_reach_either_side_with_events_of_their_own(called, origin):
    proxy, worker = called(origin(echo), hooks=NAMES)

    @worker.on("tcp_message")
    def message(message):
        [[from_client, content, time]] = message["params"]["flow"]["messages"]
        return {"flow": {"messages": [[from_client, content.replace("lower", "LOWER") if isinstance(content, str) else content, time]]}}

    with called.wire() as wire:
        wire.send(b"hello")
        assert wire.exactly(5) == b"hello"
        id = flows(worker)[0]["id"]
        assert asked(worker, "inject.tcp", id=id, to_client=True, content="to the client, lower") == {}
        assert wire.exactly(20) == b"to the client, LOWER"
        assert asked(worker, "inject.tcp", id=id, to_client=False, content={"b64": "/w=="}) == {}
        assert wire.exactly(1) == b"\xff"
        flow = asked(worker, "flow.get", id=id, content="whole")["flow"]
        assert [message[:2] for message in flow["messages"]] == [
            *([True, "hello"], [False, "hello"], [False, "to the client, LOWER"]),
            *([True, {"b64": "/w=="}], [False, {"b64": "/w=="}]),
        ]
        for wrong in ({"content": ""}, {"content": 1}, {"to_client": "yes", "content": "x"}, {"to_client": True}):
            assert refused(worker, "inject.tcp", id=id, **{"to_client": True, **wrong})["code"] == -32602
        wire.half_close()
        assert wire.to_end() == b""
    ended(worker)
    assert refused(worker, "inject.tcp", id=id, to_client=True, content="x")["data"]["kind"] == "conflict"
    assert refused(worker, "inject.tcp", id="none", to_client=True, content="x")["data"]["kind"] == "no_flow"


def test_nothing_is_injected_into_a_flow_of_http(called, caller, origin):
    proxy, worker = caller("--set", "intercept=~q", permissions=PERMISSIONS)
    server = origin()
    client = threading.Thread(target=lambda: proxy.get(server.url("/")), daemon=True)
    client.start()
    flow = standing(worker)
    assert "no TCP connection" in refused(worker, "inject.tcp", id=flow["id"], to_client=True, content="x")["message"]
    asked(worker, "flow.resume", id=flow["id"])
    client.join(10)


@pytest.mark.parametrize("kind", ["call", "reply", "error"])
def test_a_killed_flow_ends_both_sides_and_has_the_error_event(called, origin, kind):
    left = threading.Event()

    def serve(wire, origin):
        try:
            while True:
                wire.fill()
                wire.send(wire.take(len(wire.buffer)))
        except Closed:
            left.set()

    proxy, worker = called(origin(serve), hooks=NAMES)

    @worker.on("tcp_message")
    def message(message):
        if message["params"]["flow"]["messages"][0][1] == "kill":
            return {"kill": True} if kind == "reply" else {"flow": {"error": {"msg": "Connection killed.", "timestamp": 1}}}

    errors = []
    worker.on("tcp_error")(lambda message: errors.append(message["params"]["flow"]["error"]["msg"]))
    with called.wire() as wire:
        wire.send(b"hello")
        assert wire.exactly(5) == b"hello"
        if kind == "call":
            id = flows(worker)[0]["id"]
            assert asked(worker, "flow.get", id=id)["killable"] is True
            assert asked(worker, "flow.kill", id=id) == {}
        else:
            wire.send(b"kill")
        with pytest.raises((Closed, ConnectionError)):
            wire.exactly(4)
    assert left.wait(10)
    flow = ended(worker)[0]
    assert flow["error"]["msg"] == "Connection killed." and errors == ["Connection killed."]
    assert refused(worker, "flow.kill", id=flow["id"])["data"]["kind"] == "conflict"


def test_a_client_that_breaks_off_and_a_server_that_does_are_errors(called, origin):
    def serve(wire, origin):
        if wire.exactly(1) == b"s":
            reset(wire)
        else:
            wire.to_end()

    proxy, worker = called(origin(serve), hooks=["tcp_error", "tcp_end"])
    events = []
    worker.on("tcp_error")(lambda message: events.append(message["params"]["flow"]["error"]["msg"]))
    worker.on("tcp_end")(lambda message: events.append("end"))
    with called.wire() as wire:
        wire.send(b"s")
        with pytest.raises(ConnectionResetError):
            wire.sock.recv(1)
    eventually(lambda: len(events) == 1, what="the error of the server's reset")
    wire = called.wire()
    wire.send(b"c")
    eventually(lambda: len(called.server.received) == 0 and flows(worker), what="the second flow")
    reset(wire)
    eventually(lambda: len(events) == 2, what="the error of the client's reset")
    assert "server's connection was lost" in events[0] and "client's connection was lost" in events[1]


def test_a_server_that_cannot_be_reached_is_an_error_of_the_flow(weir, addon):
    worker = addon([*NAMES, "server_connect_error"])
    port = free_port()
    proxy = weir("--set", "connection_strategy=lazy", addons=[worker])
    with proxy.tunnel(f"127.0.0.1:{port}") as wire:
        wire.send(b"\0\1")
        assert wire.to_end() == b""
    error = worker.wait("tcp_error")[0]["params"]["flow"]
    assert worker.events() == ["tcp_start", "server_connect_error", "tcp_error"]
    assert f"cannot connect to 127.0.0.1:{port}" in error["error"]["msg"]


def test_intercepted_messages_stand_still_are_changed_and_go_on(called, origin):
    proxy, worker = called(origin(echo), "--set", "intercept=~bq stop")
    with called.wire() as wire:
        wire.send(b"go")
        assert wire.exactly(2) == b"go"
        wire.send(b"stop")
        flow = standing(worker)
        whole = asked(worker, "flow.get", id=flow["id"], content="whole")["flow"]
        assert [message[1] for message in whole["messages"]] == ["go", "go", "stop"]
        whole["messages"][2][1] = "changed"
        assert asked(worker, "flow.set", id=flow["id"], flow={"messages": whole["messages"]}) == {}
        assert asked(worker, "flow.resume", id=flow["id"]) == {}
        assert wire.exactly(7) == b"changed"
        wire.send(b"stop again")
        standing(worker)
        assert asked(worker, "flow.kill", id=flow["id"]) == {}
        with pytest.raises((Closed, ConnectionError)):
            wire.exactly(1)


def test_flows_are_marked_listed_and_written_like_others(called, origin, tmp_path):
    path = tmp_path / "saved.mitm"
    proxy, worker = called(origin(echo), "-w", str(path), "--set", "flow_detail=3")
    with called.wire() as wire:
        wire.send(b"hello\xff")
        assert wire.exactly(6) == b"hello\xff"
        [flow] = flows(worker, filter="~tcp")
        assert asked(worker, "flow.mark", id=flow["id"], marker=":red_circle:") == {}
        wire.send(b"bye\n")
        assert wire.exactly(4) == b"bye\n"
    [flow] = ended(worker)
    [saved] = eventually(lambda: path.exists() and states(path), what="the flow in the file")
    ours = asked(worker, "flow.get", id=flow["id"], content="whole")["flow"]
    assert as_json(saved) == ours
    assert (saved["type"], saved["marked"], saved["error"]) == ("tcp", ":red_circle:", None)
    assert [(message[0], contents(message[1])) for message in ours["messages"]] == [
        (sender, content) for content in (b"hello\xff", b"bye\n") for sender in (True, False)
    ]
    peer = f"{flow['client_conn']['peername'][0]}:{flow['client_conn']['peername'][1]}"
    lines = proxy.printed.splitlines()
    assert lines[0] == f"{peer} -> tcp -> {called.server.authority}" and lines[1].strip().startswith("hello")
    assert f"{peer} <- tcp <- {called.server.authority}" in lines


def test_a_flow_that_lives_at_the_programs_end_is_written(weir, origin, tmp_path):
    path = tmp_path / "saved.mitm"
    server = origin(echo)
    proxy = weir("-w", str(path), modes=[f"reverse:tcp://{server.authority}"])
    with proxy.connect() as wire:
        wire.send(b"hello")
        assert wire.exactly(5) == b"hello"
        proxy.stop()
    [saved] = states(path)
    assert [as_json(message[1]) for message in saved["messages"]] == ["hello", "hello"]


def test_hosts_that_are_named_are_raw_though_they_look_like_http(weir, origin, addon, authority):
    raw, inside, other = origin(), origin(over_tls(lambda wire, origin: answer(wire), authority.leaf("localhost"))), origin()

    def answer(wire):
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntls")

    worker = addon([*NAMES, "request"])
    proxy = weir(
        *("--tcp", f"127.0.0.1:{raw.port}$", "--tcp", f"^localhost:{inside.port}$"),
        *("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}"),
        addons=[worker],
    )
    request = b"GET /x HTTP/1.1\r\nhost:y\r\n\r\n"
    with proxy.tunnel(raw.authority) as wire:
        wire.send(request)
        assert wire.response().body == b"ok"
    worker.wait("tcp_end")
    assert shown(worker)[0] == (True, request) and raw.received[0].head == request
    with tls_through(proxy, f"localhost:{inside.port}") as wire:
        wire.send(request)
        assert wire.response().body == b"tls"
    worker.wait("tcp_end", 2)
    assert shown(worker)[2] == (True, request)
    assert "request" not in worker.events()
    with proxy.tunnel(other.authority) as wire:
        wire.send(request)
        assert wire.response().body == b"ok"
    worker.wait("request")


def test_a_named_host_needs_no_more_bytes_than_the_first(weir, origin, addon):
    """The beginning of what could become a method: only the name of its host says that nothing follows."""
    server = origin(lambda wire, origin: (origin.record(wire.exactly(2)), wire.send(b"ok"), wire.to_end()))
    proxy = weir("--tcp", server.authority)
    with proxy.tunnel(server.authority) as wire:
        wire.send(b"AB")
        assert wire.exactly(2) == b"ok"


def test_without_rawtcp_what_is_not_http_is_refused(weir, origin, addon):
    worker = addon(NAMES)
    server = origin(echo)
    proxy = weir("--set", "rawtcp=false", addons=[worker])
    with proxy.tunnel(server.authority) as wire:
        wire.send(b"\0\1\2\r\n\r\n")
        assert wire.response().status == 400
    with proxy.tunnel(server.authority) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.until(b"\r\n").startswith(b"HTTP/1.1 502"), "the echo is no response"
    assert worker.events() == []


def test_ignored_hosts_have_no_flow(weir, origin, addon):
    worker = addon([*NAMES, "next_layer"])
    server = origin(echo)
    proxy = weir("--set", "ignore_hosts=127.0.0.1", addons=[worker])
    with proxy.tunnel(server.authority) as wire:
        wire.send(b"\0hello")
        assert wire.exactly(6) == b"\0hello"
    assert [message["params"]["layer"] for message in worker.messages("next_layer")] == ["http", "ignore"]
    assert worker.events() == ["next_layer"] * 2


def test_messages_are_seen_from_the_moment_on_at_which_somebody_looks(weir, origin, tmp_path):
    server, path = origin(echo), tmp_path / "socket"
    proxy = weir("-q", "--addon-socket", str(path), modes=[f"reverse:tcp://{server.authority}"])
    with proxy.connect() as wire:
        for number in range(3):
            wire.send(b"unseen")
            assert wire.exactly(6) == b"unseen"
        seen, ready = [], threading.Event()
        worker = Worker(tmp_path / "late.jsonl", ["tcp_message"], threads=True, attach=path)
        worker.on("initialized")(lambda message: ready.set())
        worker.on("tcp_message")(lambda message: seen.append(message["params"]))
        threading.Thread(target=worker.run, daemon=True).start()
        assert ready.wait(5)
        wire.send(b"seen")
        assert wire.exactly(4) == b"seen"
    assert [event["flow"]["messages"][0][1] for event in seen] == ["seen", "seen"]
    assert [event["messages_before"] for event in seen] == [6, 7]


def test_many_small_pieces_arrive_in_order(through, origin, addon):
    worker = addon(["tcp_message", "tcp_end"])
    server = origin(recording)
    through(server, addons=[worker])
    data = b"\0" + bytes(range(256)) * 8
    with through.wire() as wire:
        wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            wire.send(bytes([byte]))
        wire.half_close()
        assert wire.to_end() == str(len(data)).encode()
    worker.wait("tcp_end")
    assert server.received == [data] and joined(shown(worker), True) == data

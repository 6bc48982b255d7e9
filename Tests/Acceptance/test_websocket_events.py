"""The events of WebSockets: their order and content, what addons decide, calls, kills, and what is printed and kept."""

import contextlib
import threading

import pytest
from websockets.exceptions import ConnectionClosed

from conftest import attach
from support.calls import ALL, asked, ended, flows, refused, standing
from support.proxy import eventually, run_to_end
from support.websocket import BINARY, CLOSE, MASK, TEXT, Route, close_payload, frame, read_frame, speaking
from support.wire import Closed
from test_event_orders import EAGER, ENDS, HOOKS, PLAIN, START

EVENTS = [f"websocket_{name}" for name in ("handshake", "start", "message", "error", "end")]
PERMISSIONS = [*ALL, "inject.websocket"]
LARGE = {"limits": {"max_line": 1 << 24}}


def echo(connection) -> None:
    with contextlib.suppress(ConnectionClosed):
        for message in connection:
            connection.send(message)


@pytest.fixture
def chat(weir, serving, tmp_path):
    """`chat(hooks, *arguments)` is a client that speaks with an echo through a proxy, and a worker attached to that."""
    clients = contextlib.ExitStack()

    def start(hooks=(), *arguments, handlers={}, **options):
        server = serving(echo)
        proxy, worker = attach(
            weir, tmp_path, *arguments, hooks=list(hooks), permissions=PERMISSIONS, modes=[f"reverse:http://{server}"]
        )
        for name, handler in handlers.items():
            worker.on(name)(handler)
        return clients.enter_context(Route("reverse", proxy, server).client("/chat", **options)), proxy, worker

    with clients:
        yield start


def newest(event):
    return event["params"]["flow"]["websocket"]["messages"][-1]


def live(worker):
    return eventually(lambda: [flow for flow in flows(worker) if flow["websocket"]], what="a live WebSocket")[0]["id"]


# Order and content


@pytest.mark.parametrize("route, expected", [("reverse", PLAIN), ("connect-tls", EAGER)])
def test_the_order_of_events(through, serving, addon, authority, route, expected):
    worker = addon(HOOKS + EVENTS)
    server = serving(echo, authority.leaf("127.0.0.1") if route.endswith("tls") else None)
    way = through(route, server, addons=[worker])
    with way.client() as client:
        for number in range(3):
            client.send(str(number))
            assert client.recv() == str(number)
    worker.wait("client_disconnected")
    worker.wait("websocket_end")
    way.proxy.stop()
    events = [event for event in worker.events()[len(START) : -1] if event not in ENDS]
    before = expected.index("request")
    dialled = ("server_connect", "server_connected")
    http = [*expected[:before], "websocket_handshake", *expected[before:]]
    assert [event for event in events if event not in dialled] == [
        *(event for event in http if event not in dialled),
        *("websocket_start", *["websocket_message"] * 6, "websocket_end"),
    ]


def test_a_message_event_has_one_message_and_the_count_of_those_before(through, serving, addon):
    worker = addon(["response", *EVENTS[1:-1], {"name": "websocket_end", "content": "none"}])
    whole = addon([{"name": "websocket_end", "content": "whole"}], name="whole")
    server = serving(echo)
    way = through("reverse", server, addons=[worker, whole])
    with way.client() as client:
        for content in ("one", b"t\xffo", "three"):
            client.send(content)
            assert client.recv() == content
    messages = [event["params"] for event in worker.wait("websocket_message", 6)]
    assert [params["messages_before"] for params in messages] == list(range(6))
    assert all(len(params["flow"]["websocket"]["messages"]) == 1 for params in messages)
    shown = [params["flow"]["websocket"]["messages"][0] for params in messages]
    assert [(kind, from_client, content) for kind, from_client, content, *_ in shown] == [
        *((1, True, "one"), (1, False, "one"), (2, True, {"b64": "dP9v"}), (2, False, {"b64": "dP9v"}), (1, True, "three"), (1, False, "three"))
    ]
    assert all(message[4:] == [False, False] for message in shown)
    start, end = worker.wait("websocket_start")[0]["params"], worker.wait("websocket_end")[0]["params"]
    assert (start["messages_before"], start["flow"]["websocket"]["messages"]) == (0, [])
    assert start["flow"]["response"]["status_code"] == 101
    assert worker.wait("response")[0]["params"]["flow"]["websocket"]["messages"] == [], "what follows is known in *response*"
    assert (end["messages_before"], end["flow"]["websocket"]["messages"]) == (6, [])
    end = whole.wait("websocket_end")[0]["params"]
    assert (end["messages_before"], end["flow"]["websocket"]["messages"]) == (0, shown)
    assert end["flow"]["websocket"]["close_code"] == 1000 and end["flow"]["websocket"]["closed_by_client"] is True


def test_the_handshake_event_can_change_or_answer_the_request(weir, serving, addon, origin):
    worker = addon(
        ["websocket_handshake"],
        """
@worker.on("websocket_handshake")
def handshake(event):
    request = event["params"]["flow"]["request"]
    if request["path"] == "/no":
        return {"flow": {"response": {"status_code": 403, "content": "no sockets"}}}
    return {"flow": {"request": {"path": "/changed", "headers": request["headers"] + [["X-Seen", "1"]]}}}
""",
    )
    server = origin(speaking(lambda wire: None))
    run = weir(addons=[worker], modes=[f"reverse:http://{server.authority}"])
    Route("reverse", run, server.authority).wire("/asked").close()
    request = server.wait(1)[0]
    assert (request.target, request.one("x-seen")) == (b"/changed", b"1")
    with run.connect() as wire:
        wire.send(b"GET /no HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n")
        answer = wire.response()
    assert (answer.status, answer.body) == (403, b"no sockets")
    assert run.get(run.url + "/no").status == 502, "a plain request is no handshake, to which this server knows no answer"
    assert len(worker.messages("websocket_handshake")) == 2


# Decisions


def test_a_message_is_edited_or_dropped_and_keeps_its_type(chat):
    def decide(event):
        message = newest(event)
        if message[1]:
            changed = {"edit": [2, True, "edited", 0, False, True], "drop": [*message[:4], True, False]}.get(message[2])
            if message[2] == "empty":
                return {"flow": {"websocket": {"messages": []}}}
            return {"flow": {"comment": "seen", "websocket": {"messages": [changed]}}} if changed else None

    client, _, worker = chat(["websocket_message"], handlers={"websocket_message": decide})
    for content in ("edit", "drop", "empty", "last"):
        client.send(content)
    assert [client.recv(), client.recv()] == ["edited", "last"]
    flow = asked(worker, "flow.get", id=live(worker), content="whole")["flow"]
    assert flow["comment"] == "seen"
    assert [(m[0], m[1], m[2], m[4], m[5]) for m in flow["websocket"]["messages"] if m[1]] == [
        *((1, True, "edited", False, False), (1, True, "drop", True, False), (1, True, "empty", True, False), (1, True, "last", False, False))
    ]


def test_a_text_that_is_no_utf8_is_refused(chat):
    handlers = {"websocket_message": lambda event: {"flow": {"websocket": {"messages": [[1, True, {"b64": "/w=="}, 0, False, False]]}}}}
    client, proxy, _ = chat(["websocket_message"], handlers=handlers)
    client.send("as it was")
    assert client.recv() == "as it was"
    proxy.wait_log(r"flow.websocket.messages\[0\]\[2\].*bad_state")


def test_one_direction_waits_while_the_other_goes_on(chat):
    go_on = threading.Event()
    client, _, _ = chat(["websocket_message"], handlers={"websocket_message": lambda event: go_on.wait(10) and None if newest(event)[2] == "wait" else None})
    client.send("first")
    assert client.recv() == "first"
    client.send("wait")
    client.send("behind it")
    # What the server has to say is not held up; its ping is answered through us as well.
    assert client.ping().wait(5)
    with pytest.raises(TimeoutError):
        client.recv(timeout=0.2)
    go_on.set()
    assert [client.recv(), client.recv()] == ["wait", "behind it"]


def test_messages_of_one_direction_stay_in_order_while_each_is_decided(chat):
    client, _, worker = chat(["websocket_message"])
    for number in range(200):
        client.send(str(number))
    assert [client.recv() for _ in range(200)] == [str(number) for number in range(200)]


def test_an_intercepted_message_stands_still_and_can_be_edited_meanwhile(chat):
    client, _, worker = chat((), "--set", "intercept=~websocket & ~bq hold")
    client.send("pass")
    assert client.recv() == "pass"
    client.send("hold this")
    flow = standing(worker)
    messages = asked(worker, "flow.get", id=flow["id"], content="whole")["flow"]["websocket"]["messages"]
    assert [message[2] for message in messages] == ["pass", "pass", "hold this"]
    messages[-1][2] = "edited"
    asked(worker, "flow.set", id=flow["id"], flow={"websocket": {"messages": messages}})
    with pytest.raises(TimeoutError):
        client.recv(timeout=0.2)
    asked(worker, "flow.resume", id=flow["id"])
    assert client.recv() == "edited"


# Injection


def test_injected_messages_reach_either_side_and_have_events(chat):
    client, _, worker = chat(["websocket_message"])
    seen = []
    worker.on("websocket_message")(lambda event: seen.append(newest(event)))
    name = live(worker)
    asked(worker, "inject.websocket", id=name, to_client=True, content="for the client")
    asked(worker, "inject.websocket", id=name, to_client=True, content={"b64": "/wA="}, is_text=False)
    asked(worker, "inject.websocket", id=name, to_client=False, content="for the server")
    assert [client.recv(), client.recv(), client.recv()] == ["for the client", b"\xff\x00", "for the server"]
    assert [(m[0], m[1], m[2], m[5]) for m in seen] == [
        *((1, False, "for the client", True), (2, False, {"b64": "/wA="}, True)),
        *((1, True, "for the server", True), (1, False, "for the server", False)),
    ]


def test_what_cannot_be_injected_is_refused_with_its_reason(chat, origin):
    client, proxy, worker = chat((), "--set", "websocket_message_limit=100b")
    name = live(worker)

    def kind(**params):
        return refused(worker, "inject.websocket", **{"id": name, "to_client": True, "content": "x", **params})["data"]["kind"]

    assert kind(id="nobody") == "no_flow"
    assert kind(to_client="yes") == "invalid_params"
    assert kind(content=7) == "invalid_params"
    assert kind(is_text="no") == "invalid_params"
    assert kind(content={"b64": "/w=="}) == "bad_state"
    assert kind(content="x" * 101) == "too_large"
    client.close()
    ended(worker)
    assert kind() == "conflict"
    proxy.get(proxy.url + "/plain")
    plain = next(flow["id"] for flow in ended(worker, 2) if flow["id"] != name)
    assert kind(id=plain) == "conflict"
    assert client.protocol.close_code == 1000


def test_more_than_may_wait_is_not_injected(chat):
    go_on = threading.Event()
    client, _, worker = chat([{"name": "websocket_message", "timeout_ms": 20_000}])
    worker.on("websocket_message")(lambda event: go_on.wait(15) and None)
    name = live(worker)
    # The first stands at the worker, the others wait behind it.
    for number in range(1025):
        asked(worker, "inject.websocket", id=name, to_client=True, content=str(number))
    assert refused(worker, "inject.websocket", id=name, to_client=True, content="x")["data"]["kind"] == "overloaded"
    asked(worker, "inject.websocket", id=name, to_client=False, content="the other way")
    go_on.set()
    received = [client.recv(timeout=10) for _ in range(1026)]
    received.remove("the other way")
    assert received == [str(number) for number in range(1025)]


def test_injection_needs_its_permission(weir, serving, tmp_path):
    server = serving(echo)
    proxy, worker = attach(weir, tmp_path, modes=[f"reverse:http://{server}"])
    with Route("reverse", proxy, server).client():
        error = refused(worker, "inject.websocket", id=live(worker), to_client=True, content="x")
    assert error["data"]["kind"] == "denied"


# The end


@pytest.mark.parametrize("how", ["call", "reply", "policy"])
def test_a_kill_ends_both_sides(weir, origin, tmp_path, how):
    over = threading.Event()

    def script(wire):
        with contextlib.suppress(Closed):
            while read_frame(wire).opcode != CLOSE:
                pass
        over.set()

    server = origin(speaking(script))
    hooks = [*EVENTS[3:], {"name": "websocket_message", "on_failure": "kill" if how == "policy" else "continue"}]
    proxy, worker = attach(weir, tmp_path, hooks=hooks, permissions=PERMISSIONS, modes=[f"reverse:http://{server.authority}"])
    ends = []
    for name in EVENTS[3:]:
        worker.on(name)(lambda event, name=name: ends.append((name, event["params"]["flow"])))
    answers = {"reply": {"kill": True}, "policy": {"flow": {"websocket": 7}}}
    worker.on("websocket_message")(lambda event: answers.get(how))
    with Route("reverse", proxy, server.authority).wire() as client:
        client.send(frame(TEXT, b"x", mask=MASK))
        if how == "call":
            asked(worker, "flow.kill", id=live(worker))
        with pytest.raises(Closed):
            read_frame(client)
    assert over.wait(5)
    eventually(lambda: len(ends) == 2, what="the events of the end")
    assert [name for name, _ in ends] == ["websocket_error", "websocket_end"]
    socket, error = ends[1][1]["websocket"], ends[1][1]["error"]["msg"]
    assert (socket["close_code"], socket["closed_by_client"]) == (1006, None)
    assert error == "Connection killed." if how != "policy" else "failed in 'websocket_message'" in error
    flow = ended(worker)[0]
    assert flow["error"]["msg"] == error and not flows(worker)


def test_a_client_that_leaves_ends_a_flow_that_stands_still(weir, origin, tmp_path):
    heard = []
    server = origin(speaking(lambda wire: heard.append(read_frame(wire))))
    proxy, worker = attach(weir, tmp_path, "--set", "intercept=~websocket & ~b hold", modes=[f"reverse:http://{server.authority}"])
    client = Route("reverse", proxy, server.authority).wire()
    client.send(frame(TEXT, b"hold", mask=MASK))
    standing(worker)
    client.reset()
    flow = ended(worker)[0]
    assert (flow["websocket"]["close_code"], flow["websocket"]["closed_by_client"], flow["intercepted"]) == (1006, True, False)
    eventually(lambda: heard, what="the server's close frame")
    assert heard[0].code == 1001, "the message itself was not let go"


def test_the_proxys_end_tells_both(weir, origin):
    heard = []
    server = origin(speaking(lambda wire: heard.append(read_frame(wire))))
    run = weir(modes=[f"reverse:http://{server.authority}"])
    with Route("reverse", run, server.authority).wire() as client:
        run.stop()
        assert read_frame(client).code == 1001
        eventually(lambda: heard, what="a close frame")
    assert heard[0].code == 1001


# What is kept and printed


def test_the_flow_keeps_the_newest_messages_within_its_bounds(chat):
    client, _, worker = chat((), "--set", "store_messages=8")
    name = live(worker)
    for number in range(50):
        client.send(str(number))
        assert client.recv() == str(number)
        kept = asked(worker, "flow.get", id=name, content="whole")
        count = len(kept["flow"]["websocket"]["messages"])
        assert count <= 8 and kept["messages_before"] + count == 2 * number + 2
        assert [message[2] for message in kept["flow"]["websocket"]["messages"][-2:]] == [str(number)] * 2
    without = asked(worker, "flow.get", id=name)
    assert (without["messages_before"], without["flow"]["websocket"]["messages"]) == (100, [])


def test_the_flow_keeps_few_bytes_and_always_the_newest_message(chat):
    client, _, worker = chat((), "--set", "store_message_bytes=1000")
    name = live(worker)
    for size in (10, 400, 500, 5000, 3):
        client.send("x" * size)
        assert len(client.recv()) == size
        messages = asked(worker, "flow.get", id=name, content="whole")["flow"]["websocket"]["messages"]
        assert len(messages[-1][2]) == size
        assert sum(len(message[2]) for message in messages) <= 1000 or len(messages) == 1


def test_a_decision_holds_for_a_message_that_the_flow_has_let_go_of(chat):
    go_on = threading.Event()

    def decide(event):
        if newest(event)[2] == "slow":
            go_on.wait(10)
            return {"flow": {"websocket": {"messages": [[1, True, "changed", 0, False, False]]}}}

    client, _, worker = chat(["websocket_message"], "--set", "store_messages=1", handlers={"websocket_message": decide})
    name = live(worker)
    client.send("slow")
    eventually(lambda: asked(worker, "flow.get", id=name)["messages_before"] == 1, what="the slow message")
    asked(worker, "inject.websocket", id=name, to_client=True, content="meanwhile")
    assert client.recv() == "meanwhile"
    go_on.set()
    assert client.recv() == "changed"


@pytest.mark.parametrize("listens", [False, True])
def test_a_receiver_that_does_not_read_holds_up_its_sender(weir, origin, addon, listens):
    """What the proxy takes in for somebody who does not read is bounded."""
    done = threading.Event()
    taken = []

    def script(wire):
        done.wait(20)
        while (heard := read_frame(wire)).opcode != CLOSE:
            taken.append(len(heard.payload))

    server = origin(speaking(script))
    run = weir("--quiet", modes=[f"reverse:http://{server.authority}"], addons=[addon(["websocket_message"], result=LARGE)] * listens)
    with Route("reverse", run, server.authority).wire() as client:
        client.sock.settimeout(1)
        data, sent = frame(BINARY, bytes(65536), mask=bytes(4)), 0
        with pytest.raises(TimeoutError):
            while sent < 256 << 20:
                sent += client.sock.send(data[sent % len(data) :])
        assert sent < 64 << 20, "sockets' buffers, and a little of ours"
        client.sock.settimeout(20)
        done.set()
        client.send(data[sent % len(data) :] + frame(CLOSE, mask=MASK))
        eventually(lambda: sum(taken) == (sent // len(data) + 1) * 65536, 20, "everything that was sent")


def test_messages_and_the_end_are_printed(weir, origin):
    def script(wire):
        read_frame(wire)
        wire.send(frame(BINARY, b"\x01\x1b[31m") + frame(CLOSE, close_payload(1000, b"done")))
        read_frame(wire)

    server = origin(speaking(script))
    run = weir("--set", "flow_detail=3", modes=[f"reverse:http://{server.authority}"])
    with Route("reverse", run, server.authority).wire("/chat") as client:
        client.send(frame(TEXT, "grüße".encode(), mask=MASK))
        read_frame(client)
        assert read_frame(client).code == 1000
        client.send(frame(CLOSE, close_payload(1000), mask=MASK))
        peer = client.sock.getsockname()[1]
    eventually(lambda: "WebSocket closed" in run.printed, what="the end")
    lines = run.printed.splitlines()
    at = f"127.0.0.1:{peer}"
    assert f"{at} -> WebSocket text message -> {server.authority}/chat" in lines
    assert f"{at} <- WebSocket binary message <- {server.authority}/chat" in lines
    assert "    grüße" in lines and "    \\x01\\x1b[31m" in lines
    assert any(line.endswith("<< WebSocket closed by server: 1000 done, 2 messages") for line in lines)


def test_a_saved_websocket_has_its_messages(weir, origin, tmp_path, addon):
    file = tmp_path / "flows.mitm"

    def script(wire):
        while (heard := read_frame(wire)).opcode != CLOSE:
            wire.send(frame(TEXT, heard.payload))
        wire.send(frame(CLOSE, heard.payload))

    server = origin(speaking(script))
    run = weir("-w", str(file), modes=[f"reverse:http://{server.authority}"])
    with Route("reverse", run, server.authority).wire() as client:
        for text in (b"one", b"two"):
            client.send(frame(TEXT, text, mask=MASK))
            assert read_frame(client).payload == text
        client.send(frame(CLOSE, close_payload(1000), mask=MASK))
        read_frame(client)
    eventually(lambda: "101" in run.printed, what="the flow")
    run.stop()
    worker = addon([*EVENTS[:-1], {"name": "websocket_end", "content": "whole"}])
    again = weir("-r", str(file), "-n", addons=[worker], wait=False)
    again.process.wait(10)
    again.stopped = True
    assert worker.events() == ["websocket_start", *["websocket_message"] * 4, "websocket_end"]
    assert [(event["params"]["messages_before"], newest(event)[2]) for event in worker.messages("websocket_message")] == [
        *((0, "one"), (1, "one"), (2, "two"), (3, "two"))
    ]
    assert len(worker.messages("websocket_end")[0]["params"]["flow"]["websocket"]["messages"]) == 4
    assert again.printed.count("WebSocket text message") == 4
    shown = run_to_end("flow", "show", "--file", str(file), "~websocket").stdout
    assert shown.count("WebSocket text message") == 4 and "WebSocket closed by client: 1000, 4 messages" in shown and "    two\n" in shown

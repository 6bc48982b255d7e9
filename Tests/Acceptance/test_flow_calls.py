"""What a worker may ask of the core about live flows, kills wherever a flow stands, and flows that stand still."""

import os
import socket
import threading
import time

import pytest

from support.calls import Getting, asked, ended, flows, refused, standing
from support.flow_files import as_json, mitmproxy, states
from support.origin import OK, answering
from support.proxy import ROOT, eventually, free_port, run_to_end
from support.wire import Closed

def test_an_intercepted_flow_is_listed_changed_and_resumed(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "intercept=~u /stop & ~q")
    client = Getting(proxy, server.url("/stop"))
    flow = standing(worker)
    assert (flow["request"]["path"], flow["response"], flow["type"]) == ("/stop", None, "http")
    assert not server.received
    assert asked(worker, "flow.get", id=flow["id"])["flow"]["request"] == flow["request"]
    assert asked(worker, "flow.set", id=flow["id"], flow={"request": {"path": "/gone-on", "headers": [["Host", "x"], ["X-A", "1"]]}}) == {}
    assert not server.received, "a change alone does not let it go on"
    assert asked(worker, "flow.resume", id=flow["id"]) == {}
    assert client.end().status == 200
    assert (server.received[0].target, server.received[0].one("x-a")) == (b"/gone-on", b"1")
    assert eventually(lambda: not flows(worker), what="the end of the flow") and proxy.get(server.url("/other")).status == 200


def test_setting_intercepted_to_false_lets_it_go_on_and_a_response_set_meanwhile_answers(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "intercept=~q")
    client = Getting(proxy, server.url("/"))
    flow = standing(worker)
    change = {"intercepted": False, "response": {"status_code": 418, "content": "teapot"}}
    assert asked(worker, "flow.set", id=flow["id"], flow=change) == {}
    answer = client.end()
    assert (answer.status, answer.body, server.received) == (418, b"teapot", [])


def test_responses_are_intercepted_as_well(caller, origin):
    proxy, worker = caller("--set", "intercept=~s")
    client = Getting(proxy, origin().url("/"))
    flow = standing(worker)
    assert flow["response"]["status_code"] == 200
    asked(worker, "flow.set", id=flow["id"], flow={"response": {"status_code": 404}})
    asked(worker, "flow.resume", id=flow["id"])
    assert client.end().status == 404


def test_an_intercepted_flow_ends_with_its_time_or_with_its_client(caller, origin):
    proxy, worker = caller("--set", "intercept=~u /stop & ~q", "--set", "intercept_timeout=0.3", hooks=["error"])
    begun = time.monotonic()
    assert proxy.get(origin().url("/stop")).status == 200
    assert 0.25 < time.monotonic() - begun < 5


def test_an_intercepted_flow_whose_client_leaves_is_over(caller, origin):
    server, ended = origin(), []
    proxy, worker = caller("--set", "intercept=~q", hooks=["error"])
    worker.on("error")(lambda message: ended.append(message["params"]["flow"]["error"]["msg"]))
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        standing(worker)
    assert eventually(lambda: not flows(worker), what="the end of the flow")
    assert len(ended) == 1 and "closed the connection" in ended[0]


def test_intercept_active_switches_it_off_and_a_bad_filter_is_refused(weir, origin):
    assert weir("--set", "intercept=~q", "--set", "intercept_active=false").get(origin().url()).status == 200
    done = run_to_end("--listen-host", "127.0.0.1", "-p", str(free_port()), "--set", "intercept=~nothing")
    assert done.returncode == 2 and "option intercept" in done.stderr


def half_response(wire, server):
    server.record(wire.request())
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    wire.to_end()


def no_handshake(wire, server):
    wire.to_end()


STAGES = ["dialling", "request body", "response head", "response body", "intercepted", "in an event"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_ends_the_flow_wherever_it_stands_with_one_error_event(stage, caller, origin):
    errors = []
    serve = {"dialling": no_handshake, "response body": half_response}.get(stage, lambda wire, server: wire.to_end())
    server = origin(answering(OK) if stage in ("intercepted", "in an event") else serve)
    options = ["--set", "intercept=~s"] if stage == "intercepted" else []
    options += ["--set", "connection_strategy=lazy"]
    modes = [f"reverse:https://{server.authority}"] if stage == "dialling" else ["regular"]
    hooks = ["error"] + ([{"name": "response", "timeout_ms": 9000}] if stage == "in an event" else [])
    proxy, worker = caller(*options, hooks=hooks, modes=modes)
    worker.on("error")(lambda message: errors.append(message["params"]["flow"]["error"]["msg"]))
    worker.on("response")(lambda message: time.sleep(3))
    with proxy.connect() as wire:
        target = "/" if stage == "dialling" else server.url("/")
        body = "Content-Length: 100\r\n\r\npart" if stage == "request body" else "\r\n"
        wire.send(f"POST {target} HTTP/1.1\r\nHost: x\r\n{body}".encode())
        if stage == "response body":
            assert wire.until(b"half")
        if stage in ("intercepted", "in an event"):
            eventually(lambda: [flow for flow in flows(worker) if flow["response"]], what="a response")
        if stage in ("intercepted",):
            standing(worker)
        if stage in ("dialling", "request body", "response head"):
            server.wait_connections(1)
            time.sleep(0.1)
        (flow,) = flows(worker)
        begun = time.monotonic()
        assert asked(worker, "flow.kill", id=flow["id"]) == {}
        rest = wire.to_end()
        assert time.monotonic() - begun < 1, "at once"
        assert b"200 OK" not in rest, rest
    assert eventually(lambda: errors, what="the error event") == ["Connection killed."]
    time.sleep(0.1)
    assert errors == ["Connection killed."] and not flows(worker)


@pytest.mark.parametrize("by", ["call", "state"])
def test_a_connect_request_is_killed_in_the_middle_of_its_event(by, caller, origin):
    server, errors = origin(), []
    proxy, worker = caller(hooks=[{"name": "http_connect", "timeout_ms": 9000}, "http_connect_error"])
    worker.on("http_connect")(lambda message: time.sleep(3))
    worker.on("http_connect_error")(lambda message: errors.append(message["params"]["flow"]["error"]["msg"]))
    with proxy.connect() as wire:
        wire.send(f"CONNECT {server.authority} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        (flow,) = eventually(lambda: flows(worker), what="the flow")
        assert flow["request"]["method"] == "CONNECT"
        begun = time.monotonic()
        if by == "call":
            asked(worker, "flow.kill", id=flow["id"])
        else:
            asked(worker, "flow.set", id=flow["id"], flow={"error": {"msg": "Connection killed.", "timestamp": 1}})
        assert wire.to_end() == b"" and time.monotonic() - begun < 1
    assert eventually(lambda: errors, what="the error event") == ["Connection killed."]
    assert flows(worker, live=None) == [] and server.connections == 0


def test_setting_the_killed_error_kills(caller, origin):
    proxy, worker = caller("--set", "intercept=~q")
    client = Getting(proxy, origin().url("/"))
    flow = standing(worker)
    asked(worker, "flow.set", id=flow["id"], flow={"error": {"msg": "Connection killed.", "timestamp": 1}})
    assert client.end() is None


def test_calls_in_the_middle_of_an_event_are_answered(caller, origin):
    seen = []
    proxy, worker = caller(hooks=["request"])
    worker.on("request")(lambda message: seen.append(asked(worker, "flow.get", id=message["params"]["flow"]["id"])["flow"]["id"]))
    assert proxy.get(origin().url()).status == 200
    assert len(seen) == 1


def test_lists_take_a_filter_and_fields(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "intercept=~q")
    clients = [Getting(proxy, server.url(path)) for path in ("/a", "/b")]
    eventually(lambda: len(flows(worker)) == 2, what="two flows")
    (one,) = flows(worker, filter="~u /b", fields=["request.path", "intercepted"])
    assert set(one) == {"id", "intercepted", "request"} and one["request"] == {"path": "/b"}
    for flow in flows(worker):
        asked(worker, "flow.resume", id=flow["id"])
    assert [client.end().status for client in clients] == [200, 200]


BAD = [
    ("flow.get", {}, -32602, "invalid_params"),
    ("flow.get", {"id": 7}, -32602, "invalid_params"),
    ("flow.get", {"id": "none"}, -32012, "no_flow"),
    ("flow.get", {"content": "all"}, -32003, "bad_state"),
    ("flow.set", {}, -32602, "invalid_params"),
    ("flow.set", {"flow": []}, -32003, "bad_state"),
    ("flow.set", {"flow": {"id": "other"}}, -32004, "read_only"),
    ("flow.set", {"flow": {"request": {"method": "X", "port": "80"}}}, -32003, "bad_state"),
    ("flow.list", {"filter": "~"}, -32602, "invalid_params"),
    ("flow.list", {"filter": 1}, -32602, "invalid_params"),
    ("flow.list", {"fields": ["request.colour"]}, -32003, "bad_state"),
    ("flow.list", {"fields": "id"}, -32003, "bad_state"),
    ("flow.paint", {}, -32601, "method_not_found"),
]


def test_what_is_wrong_with_a_call_is_said_and_changes_nothing(caller, origin):
    proxy, worker = caller("--set", "intercept=~q")
    client = Getting(proxy, origin().url("/"))
    flow = standing(worker)
    for method, params, code, kind in BAD:
        if method in ("flow.get", "flow.set") and "id" not in params and params:
            params = {**params, "id": flow["id"]}
        error = refused(worker, method, **params)
        assert (error["code"], error["data"]["kind"]) == (code, kind), (method, params, error)
    error = refused(worker, "flow.set", id=flow["id"], flow={"request": {"method": "X", "port": "80"}})
    assert error["data"]["path"] == "flow.request.port"
    assert asked(worker, "flow.get", id=flow["id"])["flow"] == flow
    asked(worker, "flow.resume", id=flow["id"])
    assert client.end().status == 200
    for method in ("flow.resume", "flow.kill"):
        assert refused(worker, method, id=flow["id"])["data"]["kind"] == "conflict"


def test_a_flow_that_does_not_stand_still_cannot_be_resumed(caller, origin):
    proxy, worker = caller()
    client = Getting(proxy, origin(lambda wire, server: (server.record(wire.request()), time.sleep(0.5), wire.send(OK))).url("/"))
    (flow,) = eventually(lambda: flows(worker), what="a flow")
    assert refused(worker, "flow.resume", id=flow["id"])["data"]["kind"] == "conflict"
    assert client.end().status == 200


def test_permissions_are_what_was_asked_for_and_allowed(caller, origin):
    proxy, worker = caller("--set", "addon_permissions=flow.list", permissions=["flow.list", "flow.kill"])
    assert asked(worker, "flow.list") == {"flows": [], "evicted": 0}
    assert refused(worker, "flow.kill", id="x")["data"]["kind"] == "denied"
    assert refused(worker, "flow.get", id="x")["data"]["kind"] == "denied"


def test_a_permission_that_does_not_exist_fails_the_handshake(addon):
    worker = addon([], result={"permissions": ["flow.paint"]})
    done = run_to_end("--listen-host", "127.0.0.1", "-p", str(free_port()), "--addon", worker.spec)
    assert done.returncode == 1 and "permissions[0]: there is no permission 'flow.paint'" in done.stderr


@pytest.mark.parametrize("example", ["python/hold/hold.py", "node/hold/hold.js"])
def test_the_examples_hold_flows_for_a_second_and_let_them_go_on_kill_them_or_send_them_again(example, weir, origin):
    server = origin()
    proxy = weir(addons=[str(ROOT / "addon-examples" / example)], level=None)
    begun = time.monotonic()
    assert proxy.get(server.url("/")).status == 200
    assert time.monotonic() - begun < 0.9, "without the header nothing is held"
    assert proxy.get(server.url("/"), "x-hold: go").status == 200
    assert 1 <= time.monotonic() - begun < 5
    assert server.received[1].one("x-held") == example.split("/")[0].encode()
    with pytest.raises(Closed) as closed:
        proxy.get(server.url("/"), "x-hold: kill")
    assert closed.value.seen == b"" and len(server.received) == 2
    assert proxy.get(server.url("/again"), "x-hold: twice").status == 200
    once, again = server.wait(4)[2:]
    assert (once.target, once.one("x-hold")) == (again.target, again.one("x-hold")) == (b"/again", b"twice")
    eventually(lambda: proxy.printed.count("/again") == 2, what="the record of both")
    assert len(server.received) == 4, "what was replayed is not replayed again"


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.seconds(90)
def test_ten_thousand_intercepted_flows_whose_clients_leave_cost_nothing(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "intercept=~q", "-q")
    request = f"GET {server.url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    def batch(count):
        wires = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(count)]
        for wire in wires:
            wire.sendall(request)
        eventually(lambda: len(flows(worker, fields=["intercepted"], filter="~q")) == count, 20, f"{count} intercepted flows")
        for wire in wires:
            wire.close()
        assert eventually(lambda: not flows(worker, fields=["intercepted"]), 20, "their end")

    for _ in range(12):
        batch(250)  # The store of ended flows has been full for a while then.
    before = resident(proxy.process.pid)
    for _ in range(40):
        batch(250)
    assert asked(worker, "flow.list", filter="~c 999")["evicted"] == 52 * 250 - 200
    assert resident(proxy.process.pid) < before * 1.1


def test_flows_of_every_type_are_kept_listed_and_changed(caller, tmp_path):
    files = [tmp_path / f"{kind}.mitm" for kind in ("tcp", "udp", "dns", "http-response")]
    mitmproxy("make", tmp_path)
    (tmp_path / "all.mitm").write_bytes(b"".join(path.read_bytes() for path in files))
    saved = {state["id"]: as_json(state) for path in files for state in states(path)}
    proxy, worker = caller("-r", str(tmp_path / "all.mitm"))
    listed = ended(worker, len(saved))
    assert {flow["id"]: flow["type"] for flow in listed} == {id: state["type"] for id, state in saved.items()}
    assert all(flow["messages"] == [] for flow in listed if flow["type"] in ("tcp", "udp")), "messages are left out of lists"
    some = flows(worker, live=False, filter="~tcp | ~dns", fields=["type", "messages", "request.questions"])
    assert {flow["type"] for flow in some} == {"tcp", "dns"}
    assert all(("request" in flow) == (flow["type"] == "dns") for flow in some)
    assert refused(worker, "flow.list", fields=["nonsense"])["data"]["path"] == "nonsense"
    for kind in ("tcp", "udp", "dns"):
        state = next(state for state in saved.values() if state["type"] == kind)
        id = state["id"]
        assert asked(worker, "flow.get", id=id, content="whole")["flow"] == state
        assert asked(worker, "flow.mark", id=id) == {} and asked(worker, "flow.comment", id=id, comment="seen") == {}
        answer = asked(worker, "flow.get", id=id, content="whole")
        assert (answer["modified"], answer["live"], answer["flow"]["comment"]) == (True, False, "seen")
        assert asked(worker, "flow.revert", id=id) == {}
        assert asked(worker, "flow.get", id=id, content="whole")["flow"] == state
        copy = asked(worker, "flow.duplicate", id=id)["id"]
        assert asked(worker, "flow.get", id=copy, content="whole")["flow"] == {**state, "id": copy}
        assert "only requests of HTTP" in refused(worker, "flow.replay", id=id)["message"]
        assert refused(worker, "flow.set", id=id, flow={"type": "http"})["data"]["kind"] == "read_only"
        assert refused(worker, "flow.kill", id=id)["data"]["kind"] == "conflict"
    id = next(state["id"] for state in saved.values() if state["type"] == "tcp" and state["messages"])
    whole = asked(worker, "flow.get", id=id, content="whole")["flow"]
    whole["messages"][0][1] = "changed"
    assert asked(worker, "flow.set", id=id, state=whole) == {}
    assert asked(worker, "flow.get", id=id, content="whole")["flow"]["messages"] == whole["messages"]

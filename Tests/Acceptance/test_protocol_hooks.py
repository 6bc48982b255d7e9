"""What a worker may ask of a hook: filter, observe, deadline, and the handshake that grants it."""

import time

import pytest

from support.origin import answering
from support.proxy import free_port, run_to_end


def test_initialize_says_what_the_specification_says_and_initialized_what_was_granted(weir, addon, origin):
    worker = addon([{"name": "request", "timeout_ms": 700, "on_failure": "kill", "content": "whole", "filter": "~m GET"}, "response"])
    assert weir(addons=[worker]).get(origin().url()).status == 200
    first, second = worker.messages()[:2]
    assert (first["method"], second["method"]) == ("initialize", "initialized")
    assert first["jsonrpc"] == "2.0" and first["id"] >= 1
    assert first["params"]["protocol"] == [1]
    assert first["params"]["limits"] and first["params"]["options"]["mode"]
    assert "id" not in second
    granted = {hook["name"]: hook for hook in second["params"]["hooks"]}
    assert granted["request"]["timeout_ms"] == 700
    assert (granted["request"]["on_failure"], granted["request"]["content"]) == ("kill", "whole")
    assert granted["response"]["timeout_ms"] == 5000


def test_an_event_carries_its_deadline_and_attempt(weir, addon, origin):
    worker = addon([{"name": "request", "timeout_ms": 900}])
    assert weir(addons=[worker]).get(origin().url()).status == 200
    message = worker.messages("request")[0]
    assert 0 < message["params"]["timeout_ms"] <= 900
    assert message["params"]["attempt"] == 1
    assert message["jsonrpc"] == "2.0" and isinstance(message["id"], int)


STATE = {
    *("version", "type", "id", "error", "client_conn", "server_conn", "intercepted", "is_replay", "marked", "metadata", "comment"),
    *("timestamp_created", "backup", "request", "response", "websocket"),
}
REQUEST = {
    *("http_version", "headers", "content", "trailers", "timestamp_start", "timestamp_end", "host", "port", "method", "scheme"),
    *("authority", "path"),
}
RESPONSE = {"http_version", "headers", "content", "trailers", "timestamp_start", "timestamp_end", "status_code", "reason"}
CONNECTION = {
    *("peername", "sockname", "id", "transport_protocol", "error", "tls", "certificate_list", "alpn", "alpn_offers", "cipher"),
    *("cipher_list", "tls_version", "sni", "timestamp_start", "timestamp_end", "timestamp_tls_setup"),
}


def test_the_state_has_the_members_of_mitmproxys_flow_format(weir, addon, origin):
    worker, server, before = addon(["response"]), origin(), time.time()
    assert weir(addons=[worker]).get(server.url("/p?q")).status == 200
    flow = worker.messages("response")[0]["params"]["flow"]
    assert STATE <= set(flow)
    assert REQUEST <= set(flow["request"]) and RESPONSE <= set(flow["response"])
    assert CONNECTION | {"mitmcert", "proxy_mode"} <= set(flow["client_conn"])
    assert CONNECTION | {"address", "timestamp_tcp_setup", "via"} <= set(flow["server_conn"])
    assert (flow["version"], flow["type"], flow["intercepted"], flow["marked"]) == (21, "http", False, "")
    assert len(flow["id"]) == 36
    request, response = flow["request"], flow["response"]
    assert (request["host"], request["port"], request["path"], request["scheme"]) == ("127.0.0.1", server.port, "/p?q", "http")
    assert (request["authority"], request["method"], request["http_version"]) == ("", "GET", "HTTP/1.1")
    assert (response["status_code"], response["reason"]) == (200, "OK")
    assert flow["server_conn"]["address"] == ["127.0.0.1", server.port]
    assert flow["client_conn"]["peername"][0] == "127.0.0.1"
    assert flow["client_conn"]["proxy_mode"] == "regular"
    assert before <= request["timestamp_start"] <= response["timestamp_start"] <= response["timestamp_end"] <= time.time()


def test_a_hook_that_names_fields_is_sent_these_and_the_id_and_may_change_others(weir, addon, origin):
    wanted = ["flow.request.method", "flow.response.headers"]
    code = "@worker.on('response')\ndef response(params): return {'flow': {'response': {'status_code': 404}}}"
    worker = addon([{"name": "response", "fields": wanted}], code)
    answer = weir(addons=[worker]).get(origin().url("/p"))
    params = worker.messages("response")[0]["params"]
    assert set(params) == {"flow", "timeout_ms", "attempt"}
    assert set(params["flow"]) == {"id", "request", "response"}
    assert params["flow"]["request"] == {"method": "GET"} and set(params["flow"]["response"]) == {"headers"}
    assert answer.status == 404 and answer.body, "what was not sent is kept"
    assert worker.messages("initialized")[0]["params"]["hooks"][0]["fields"] == wanted


def test_fields_that_an_event_does_not_have_fail_the_handshake(addon):
    worker = addon([{"name": "response", "fields": ["flow.response.colour"]}])
    done = run_to_end("--listen-host", "127.0.0.1", "-p", str(free_port()), "--addon", worker.spec)
    assert done.returncode == 1
    assert "hooks[0].fields[0]: 'flow.response.colour': Response has no member 'colour'" in done.stderr


FILTERS = [
    ("~u /yes", True),
    ("/yes", True),
    ("~u /no", False),
    ("~d 127.0.0.1", True),
    ("~d example", False),
    ("~m POST", True),
    ("~m get", False),
    ("~m post", True),
    ("~hq X-Asked:.*yes", True),
    ("~h x-asked", True),
    ("~tq text/plain", True),
    ("~t json", False),
    ("~b body", True),
    ("~b nothing", False),
    ("~q", True),
    ("~s", False),
    ("~e", False),
    ("~m POST & ~u /yes", True),
    ("~m POST & !~u /yes", False),
    ("~u /no | ~m POST", True),
    ("!(~u /no | ~m GET)", True),
    ("(~u /no | ~m GET) & ~q", False),
    ("! ~all", False),
]


@pytest.mark.parametrize("expression, wanted", FILTERS)
def test_a_filter_is_evaluated_before_the_worker_is_asked(weir, addon, origin, expression, wanted):
    content = {"content": "whole"} if "~b" in expression else {}
    worker = addon([{"name": "request", "filter": expression, **content}])
    proxy = weir(addons=[worker])
    answer = proxy.get(origin().url("/yes"), "X-Asked: yes", "Content-Type: text/plain", method="POST", body=b"the body")
    assert answer.status == 200
    assert worker.events() == (["request"] if wanted else [])


@pytest.mark.parametrize(
    "expression, wanted",
    [
        *(("~c 200", True), ("~c 404", False), ("~s", True), ("~q", False), ("~hs X-Answered", True), ("~hq X-Answered", False)),
        *(("~ts css", True), ("~a", True), ("~bs ok", True), ("~bq ok", False), ("~s & ~c 200 & ~m GET", True)),
    ],
)
def test_a_filter_on_the_response(weir, addon, origin, expression, wanted):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nX-Answered: 1\r\nContent-Length: 2\r\n\r\nok"))
    worker = addon([{"name": "response", "filter": expression, "content": "whole"}])
    assert weir(addons=[worker]).get(server.url()).status == 200
    assert worker.events() == (["response"] if wanted else [])


def test_an_observer_gets_a_notification_and_delays_nobody(weir, addon, origin):
    code = "worker.on('request')(lambda message: time.sleep(2))"
    worker = addon([{"name": "request", "observe": True}], code)
    proxy, begun = weir(addons=[worker]), time.monotonic()
    for _ in range(3):
        assert proxy.get(origin().url()).status == 200
    assert time.monotonic() - begun < 1.5
    assert "id" not in worker.wait("request")[0]


def test_what_an_observer_answers_changes_nothing(weir, addon, origin):
    code = """
@worker.on("request")
def request(message):
    worker.send({"jsonrpc": "2.0", "id": None, "result": {"flow": {"request": {"path": "/changed"}}}})
    worker.send({"jsonrpc": "2.0", "id": 4711, "result": {"kill": True}})
"""
    worker, server = addon([{"name": "request", "observe": True}, "response"], code), origin()
    assert weir(addons=[worker]).get(server.url("/as-it-was")).status == 200
    assert server.received[0].target == b"/as-it-was"


@pytest.mark.parametrize("policy", ["continue", "kill"])
def test_a_deadline_ends_the_wait_by_the_policy_of_the_hook(weir, addon, origin, policy):
    worker = addon([{"name": "request", "timeout_ms": 300, "on_failure": policy}], "worker.on('request')(lambda message: SILENT)")
    proxy, server = weir(addons=[worker]), origin()
    begun = time.monotonic()
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.response().status == 200 if policy == "continue" else wire.to_end() == b""
    assert 0.25 < time.monotonic() - begun < 2
    assert len(server.received) == (1 if policy == "continue" else 0)
    proxy.wait_log("worker.*(300 ms|timeout|time|deadline)")
    assert len(worker.messages("initialize")) == 1, "a late worker keeps its connection"


def test_a_late_reply_is_counted_and_changes_nothing(weir, addon, origin):
    code = """
@worker.on("request")
def request(message):
    if path(message) == "/late":
        time.sleep(0.6)
        return {"flow": {"request": {"path": "/too-late"}}}
"""
    worker, server = addon([{"name": "request", "timeout_ms": 200}], code), origin()
    proxy = weir("-v", addons=[worker])
    assert proxy.get(server.url("/late")).status == 200
    proxy.wait_log("late")
    assert proxy.get(server.url("/next")).status == 200
    assert [request.target for request in server.received] == [b"/late", b"/next"]
    assert len(worker.messages("initialize")) == 1


def test_replies_may_come_in_any_order(weir, addon, origin):
    import threading

    code = """
held = []
@worker.on("request")
def request(message):
    held.append(message)
    if len(held) == 20:
        for one in reversed(held):
            flow = {"request": {"path": "/answered" + one["params"]["flow"]["request"]["path"]}}
            worker.send({"jsonrpc": "2.0", "id": one["id"], "result": {"flow": flow}})
    return SILENT
"""
    worker, answers = addon([{"name": "request", "timeout_ms": 9000}], code), {}
    server = origin(answering(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.target) + request.target))
    proxy = weir(addons=[worker])

    def get(n: int) -> None:
        answers[n] = proxy.get(server.url(f"/{n}")).body

    threads = [threading.Thread(target=get, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert answers == {n: f"/answered/{n}".encode() for n in range(20)}


def test_the_worker_is_told_when_the_client_leaves(weir, addon, origin):
    worker, server = addon([{"name": "request", "timeout_ms": 8000}], "worker.on('request')(lambda message: SILENT)"), origin()
    proxy = weir(addons=[worker])
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        event = worker.wait("request")[0]
    cancel = worker.wait("cancel")[0]
    assert cancel["params"]["id"] == event["id"]
    assert "id" not in cancel
    assert server.connections == 0


def test_a_body_above_the_line_limit_of_the_worker_fails_its_event_by_the_policy(weir, addon, origin):
    """A worker that states no limit gets lines of at most 60,000 bytes; a longer one is never sent, nor cut."""
    worker, server = addon([{"name": "request", "content": "whole"}]), origin()
    body = b"x" * 300_000
    proxy = weir(addons=[worker])
    assert proxy.get(server.url(), method="POST", body=body).status == 200
    assert server.received[0].body == body
    proxy.wait_log("too_large")
    for line in worker.file.read_bytes().splitlines():
        assert len(line) < 70_000
    assert worker.messages("request") == []


def test_a_worker_that_states_a_limit_gets_longer_lines(weir, addon, origin):
    worker = addon([{"name": "request", "content": "whole"}], result={"limits": {"max_line": 1_000_000}})
    server, body = origin(), "x" * 300_000
    assert weir(addons=[worker]).get(server.url(), method="POST", body=body.encode()).status == 200
    assert worker.messages("request")[0]["params"]["flow"]["request"]["content"] == body


def test_no_line_holds_a_line_separator_of_unicode(weir, addon, origin):
    code = "worker.on('request')(lambda message: {'flow': message['params']['flow']})"
    worker, server = addon([{"name": "request", "content": "whole"}], code), origin()
    body = "a\u0085b\u2028c\u2029d".encode()
    assert weir(addons=[worker]).get(server.url(), method="POST", body=body).status == 200
    assert server.received[0].body == body
    assert worker.messages("request")[0]["params"]["flow"]["request"]["content"] == body.decode()


def test_an_event_stream_is_not_buffered_by_a_hook_without_content(weir, addon, origin):
    import threading

    step = threading.Event()

    def serve(wire, server):
        server.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert step.wait(10)
        wire.send(b"data: 2\n\n")

    worker, server = addon(["requestheaders", "request", "responseheaders", "response"]), origin(serve)
    with weir(addons=[worker]).connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert b"data: 1\n\n" in wire.until(b"data: 1\n\n")
        step.set()
        assert b"data: 2\n\n" in wire.until(b"data: 2\n\n")

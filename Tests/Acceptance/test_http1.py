"""HTTP/1.0 and HTTP/1.1 as a client and an origin see them through the proxy."""

import threading

import pytest

from support.origin import OK, answering, answering_once
from support.proxy import eventually
from support.wire import Closed


def ask(wire, server, path="/", *lines: str, method="GET", body=b"", version="HTTP/1.1") -> None:
    head = [f"{method} {server.url(path)} {version}", f"Host: {server.authority}", *lines, "", ""]
    wire.send("\r\n".join(head).encode() + body)


CHUNKED = b"5;ext=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n"


@pytest.mark.parametrize("content", [None, "none", "whole"])
def test_chunked_bodies_and_trailers_pass_both_ways(weir, origin, addon, content):
    server = origin(
        answering(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + CHUNKED + b"X-Sum: 12\xff\r\nx-sum: 13\r\n\r\n"
        )
    )
    workers = [addon([{"name": "request", "content": content}, {"name": "response", "content": content}])] if content else []
    with weir(addons=workers).connect() as wire:
        ask(wire, server, "/", "Transfer-Encoding: chunked", "Trailer: X-Check", method="POST", body=CHUNKED + b"X-Check: yes\r\n\r\n")
        answer = wire.response()
    assert answer.body == server.received[0].body == b"hello world"
    assert answer.trailers == [(b"X-Sum", b"12\xff"), (b"x-sum", b"13")]
    assert server.received[0].trailers == [(b"X-Check", b"yes")]
    for worker in workers:
        flow = worker.messages("response")[0]["params"]["flow"]
        if content == "whole":
            assert flow["request"]["trailers"] == [["X-Check", "yes"]]
            assert flow["response"]["trailers"] == [["X-Sum", {"b64": "MTL/"}], ["x-sum", "13"]]


@pytest.mark.parametrize("content", ["none", "whole"])
@pytest.mark.parametrize("body", [b"Content-Length: 2\r\n\r\nok", b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Old: early\r\n\r\n"])
def test_a_worker_can_set_trailers(weir, origin, addon, content, body):
    server = origin(answering(b"HTTP/1.1 200 OK\r\n" + body))
    code = """
for name in ("request", "response"):
    worker.on(name)(lambda m, name=name: {"flow": {name: {"trailers": [["X-Set", "late"]]}}})
"""
    hooks = [{"name": name, "content": content} for name in ("request", "response")]
    with weir(addons=[addon(hooks, code)]).connect() as wire:
        ask(wire, server, "/", "Content-Length: 5", method="POST", body=b"hello")
        answer = wire.response()
    assert (answer.body, answer.trailers) == (b"ok", [(b"X-Set", b"late")])
    assert (server.received[0].body, server.received[0].trailers) == (b"hello", [(b"X-Set", b"late")])


def test_a_head_response_keeps_its_length_and_has_no_body(weir, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"))
    with weir().connect() as wire:
        for _ in range(2):
            ask(wire, server, method="HEAD")
            assert wire.response("HEAD").one("content-length") == b"1234"


@pytest.mark.parametrize("start", [b"204 No Content", b"304 Not Modified", b"304 Not Modified\r\nContent-Length: 99"])
def test_204_and_304_have_no_body_and_keep_the_connection(weir, origin, start):
    server = origin(answering(b"HTTP/1.1 " + start + b"\r\n\r\n"))
    with weir().connect() as wire:
        for _ in range(2):
            ask(wire, server)
            answer = wire.response()
            assert answer.head == b"HTTP/1.1 " + start + b"\r\n\r\n"


def test_curl_uploads_two_megabytes_with_expect_100_continue(weir, origin, tmp_path):
    server = origin()
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(range(256)) * 8192)
    answer = weir().curl(server.url("/put"), "-H", "Expect: 100-continue", "--expect100-timeout", "8", "-T", upload, "-w", "%{time_total}")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(b"ok")
    assert float(answer.stdout[2:]) < 4, "nobody sent 100, curl waited"
    assert server.received[0].body == upload.read_bytes()


def test_expect_100_continue_gets_its_100_before_the_body_is_sent(weir, origin):
    server = origin()

    def serve(wire, origin):
        request = wire.until(b"\r\n\r\n")
        if b"expect" in request.lower():
            wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.exactly(4)
        wire.send(OK)

    server.serve = serve
    with weir().connect() as wire:
        ask(wire, server, "/", "Expect: 100-continue", "Content-Length: 4", method="POST")
        assert wire.response().status == 100
        wire.send(b"body")
        assert wire.response().status == 200


@pytest.mark.parametrize("content", [None, "whole"])
def test_other_1xx_responses_are_relayed_before_the_final_one(weir, origin, addon, content):
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLINK: b\r\n\r\n"
    server = origin(answering(early + b"HTTP/1.1 102 Processing\r\n\r\n" + OK))
    workers = [addon([{"name": "response", "content": content}])] if content else []
    with weir(addons=workers).connect() as wire:
        ask(wire, server)
        assert wire.response().head == early
        assert wire.response().status == 102
        assert wire.response().raw == OK
    for worker in workers:
        assert [m["params"]["flow"]["response"]["status_code"] for m in worker.messages("response")] == [200]


def test_keep_alive_serves_many_requests_on_one_connection_each_side(weir, origin):
    server = origin()
    with weir().connect() as wire:
        for n in range(20):
            ask(wire, server, f"/{n}")
            assert wire.response().raw == OK
    assert [request.target for request in server.received] == [f"/{n}".encode() for n in range(20)]
    assert server.connections == 1


def test_an_http_1_0_client_gets_its_response_and_the_connection_is_closed(weir, origin):
    server = origin()
    with weir().connect() as wire:
        ask(wire, server, version="HTTP/1.0")
        answer = wire.response()
        assert (answer.status, answer.body) == (200, b"ok")
        assert wire.to_end() == b""


def test_an_http_1_0_client_that_asks_for_keep_alive_is_kept(weir, origin):
    server = origin()
    with weir().connect() as wire:
        for _ in range(2):
            ask(wire, server, "/", "Connection: keep-alive", version="HTTP/1.0")
            assert wire.response().body == b"ok"


def test_an_http_1_0_client_never_sees_chunks(weir, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED + b"\r\n"))
    with weir().connect() as wire:
        ask(wire, server, "/", "Connection: keep-alive", version="HTTP/1.0")
        answer = wire.response()
        assert not answer.all("transfer-encoding")
        assert answer.body == b"hello world"


def test_an_http_1_0_server_ends_its_body_by_closing(weir, origin):
    server = origin(answering_once(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nuntil the end"))
    with weir().connect() as wire:
        ask(wire, server)
        assert wire.response().body == b"until the end"


def test_a_response_without_length_ends_where_the_server_closes(weir, origin):
    server = origin(answering_once(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 300_000))
    with weir().connect() as wire:
        ask(wire, server)
        assert wire.response().body == b"z" * 300_000


def test_pipelined_requests_are_answered_in_order(weir, origin, addon):
    server = origin(answering(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.target) + request.target))
    code = """
@worker.on("request")
def request(message):
    time.sleep(0.3 if path(message).endswith("0") else 0)
"""
    with weir(addons=[addon(["request"], code, threads=True)]).connect() as wire:
        requests = [f"GET {server.url(f'/{n}')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n" for n in range(12)]
        requests[5] = f"POST {server.url('/5')} HTTP/1.1\r\nHost: {server.authority}\r\nContent-Length: 5\r\n\r\nGET /"
        wire.send("".join(requests).encode())
        assert [wire.response().body for _ in range(12)] == [f"/{n}".encode() for n in range(12)]


def test_every_byte_of_a_request_may_come_alone(weir, origin):
    server = origin()
    with weir().connect() as wire:
        wire.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
        data = f"POST {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        for byte in data + CHUNKED + b"X-T: 1\r\n\r\n":
            wire.send(bytes([byte]))
        assert wire.response().body == b"ok"
    assert server.received[0].body == b"hello world"


def test_connection_close_of_the_client_closes_after_the_response(weir, origin):
    server = origin()
    with weir().connect() as wire:
        ask(wire, server, "/", "Connection: close")
        assert wire.response().body == b"ok"
        assert wire.to_end() == b""


def test_connection_close_of_the_server_is_not_reused(weir, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"))
    proxy = weir()
    for _ in range(2):
        with proxy.connect() as wire:
            ask(wire, server)
            assert wire.response().body == b"ok"
    assert server.connections == 2


def test_absolute_form_becomes_origin_form_and_reverse_mode_takes_both(weir, origin):
    server = origin()
    proxy = weir(modes=[f"reverse:http://{server.authority}"])
    with proxy.connect() as wire:
        wire.send(f"GET /origin HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.response().status == 200
        ask(wire, server, "/absolute?q")
        assert wire.response().status == 200
    assert [request.target for request in server.received] == [b"/origin", b"/absolute?q"]


def test_absolute_form_without_a_path_asks_for_the_root(weir, origin):
    server = origin()
    with weir().connect() as wire:
        ask(wire, server, "")
        assert wire.response().status == 200
    assert server.received[0].start == b"GET / HTTP/1.1"


def test_hop_by_hop_proxy_headers_do_not_reach_the_origin(weir, origin):
    server = origin()
    with weir().connect() as wire:
        ask(wire, server, "/", "Proxy-Connection: keep-alive", "Connection: x-hop, keep-alive", "X-Hop: mine", "X-End: theirs")
        assert wire.response().status == 200
    received = server.received[0]
    assert received.all("proxy-connection") == []
    assert received.one("x-end") == b"theirs"


@pytest.mark.parametrize("content", [None, "whole"])
def test_an_upgrade_is_relayed_as_bytes_both_ways(weir, origin, addon, content):
    def serve(wire, server):
        server.record(wire.request())
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst")
        while True:
            if not wire.buffer:
                wire.fill()
            wire.send(wire.take(len(wire.buffer)))

    server = origin(serve)
    workers = [addon([{"name": "request", "content": content}, {"name": "response", "content": content}])] if content else []
    with weir(addons=workers).connect() as wire:
        ask(wire, server, "/", "Connection: Upgrade", "Upgrade: echo")
        answer = wire.response()
        assert (answer.status, answer.one("upgrade")) == (101, b"echo")
        assert wire.exactly(5) == b"first"
        for data in (b"\0\xff\r\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 500_000):
            sender = threading.Thread(target=wire.send, args=(data,))
            sender.start()
            assert wire.exactly(len(data)) == data
            sender.join()
        wire.half_close()
        assert wire.to_end() == b""
    server.wait_idle()


def test_a_refused_upgrade_leaves_the_connection_http(weir, origin):
    server = origin()
    with weir().connect() as wire:
        for _ in range(2):
            ask(wire, server, "/", "Connection: Upgrade", "Upgrade: echo")
            assert wire.response().raw == OK


def test_an_early_response_reaches_the_client_before_the_request_body_is_whole(weir, origin):
    def serve(wire, server):
        server.record(type("Head", (), {"head": wire.until(b"\r\n\r\n")}))
        wire.send(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
        wire.to_end()

    server = origin(serve)
    with weir().connect() as wire:
        ask(wire, server, "/", "Content-Length: 1000000", method="POST", body=b"x" * 1000)
        answer = wire.response()
        assert (answer.status, answer.body) == (413, b"big")


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"]
)
def test_a_server_that_closes_in_mid_body_is_seen_as_truncation_and_as_an_error_event(weir, origin, addon, start):
    server = origin(answering_once(start + b"y" * 400))
    worker = addon(["response", "error"])
    with weir(addons=[worker]).connect() as wire:
        ask(wire, server)
        with pytest.raises(Closed):
            wire.response()
    message = worker.wait("error")[0]["params"]["flow"]["error"]["msg"]
    # *response* fires when the head is there, for this worker did not ask for the body; the end of the flow is *error*.
    assert worker.events() == ["response", "error"]
    assert "clos" in message.lower(), message


def dropping_the_second(wire, server) -> None:
    """Answers one request of its first connection and closes when a second comes; later connections are served well."""
    if server.connections > 1:
        return answering(OK)(wire, server)
    server.record(wire.request())
    wire.send(OK)
    server.record(wire.request())


def test_a_get_is_tried_again_once_when_its_pooled_connection_was_closed(weir, origin):
    server = origin(dropping_the_second)
    with weir().connect() as wire:
        for path in ("/first", "/again"):
            ask(wire, server, path)
            assert wire.response().raw == OK
    assert [request.target for request in server.received] == [b"/first", b"/again", b"/again"]
    assert server.connections == 2


def test_a_post_is_not_tried_again(weir, origin):
    server = origin(dropping_the_second)
    with weir().connect() as wire:
        ask(wire, server, "/first")
        assert wire.response().raw == OK
        ask(wire, server, "/post", "Content-Length: 4", method="POST", body=b"body")
        assert wire.response().status == 502
    assert [request.target for request in server.received] == [b"/first", b"/post"]


def test_a_get_is_not_tried_again_on_a_fresh_connection(weir, origin):
    server = origin(lambda wire, server: server.record(wire.request()) and None)
    with weir().connect() as wire:
        ask(wire, server)
        assert wire.response().status == 502
    assert server.connections == 1


def test_an_idle_pooled_connection_that_the_server_closed_is_replaced_unseen(weir, origin):
    server = origin(answering_once(OK))
    with weir().connect() as wire:
        for n in range(5):
            ask(wire, server, f"/{n}")
            assert wire.response().raw == OK
            server.wait_idle()
    assert [request.target for request in server.received] == [b"/%d" % n for n in range(5)]


def test_large_bodies_pass_both_ways_without_loss(weir, origin):
    body = bytes(range(256)) * 40_000
    server = origin(answering(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body))
    with weir().connect(timeout=20) as wire:
        sender = threading.Thread(target=ask, args=(wire, server, "/", f"Content-Length: {len(body)}"), kwargs={"method": "PUT", "body": body})
        sender.start()
        assert wire.response().body == body
        sender.join()


def test_an_endless_response_is_relayed_as_it_comes(weir, origin):
    step = threading.Semaphore(0)

    def serve(wire, server):
        server.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for n in range(3):
            assert step.acquire(timeout=10)
            wire.send(b"data: %d\n\n" % n)

    server = origin(serve)
    with weir().connect() as wire:
        ask(wire, server)
        wire.until(b"\r\n\r\n")
        for n in range(3):
            step.release()
            assert b"data: %d\n\n" % n in wire.until(b"data: %d\n\n" % n)


def test_a_client_that_says_no_more_while_it_waits_has_left(weir, origin):
    """Most proxies take it so: it is the only sign of a client that closes its connection."""
    released = threading.Event()

    def slow(wire, server):
        server.record(wire.request())
        released.wait(5)
        wire.send(OK)

    server = origin(slow)
    with weir().connect() as wire:
        ask(wire, server)
        eventually(lambda: server.received, 5, "the request at the server")
        wire.half_close()
        assert wire.to_end() == b""
    released.set()


def test_a_client_that_resets_leaves_no_connection_behind(weir, origin):
    def stall(wire, server):
        server.record(wire.request())
        wire.to_end()

    server = origin(stall)
    proxy = weir()
    wire = proxy.connect()
    ask(wire, server)
    server.wait(1)
    wire.reset()
    server.wait_idle()
    eventually(lambda: proxy.process.poll() is None, 1)

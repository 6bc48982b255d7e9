"""The order of events, as a worker sees it that subscribed to every hook."""

import re
import socket
import ssl
import threading

import pytest

from support.proxy import eventually, free_port
from support.tunnel import tls_through, trusting

HOOKS = [
    *("load", "running", "configure", "done"),
    *("client_connected", "client_disconnected"),
    *("server_connect", "server_connected", "server_connect_error", "server_disconnected"),
    *("tls_clienthello", "tls_start_client", "tls_start_server"),
    *("tls_established_client", "tls_established_server", "tls_failed_client", "tls_failed_server"),
    *("next_layer", "http_connect", "http_connected", "http_connect_error"),
    *("requestheaders", "request", "responseheaders", "response", "error"),
]
START = ["load", "configure", "running"]
ENDS = ["client_disconnected", "server_disconnected"]


def order(run, worker) -> list[str]:
    """Everything that happened, checked to begin and to end as every run does; without the start, `done` and the
    closing of the two connections, whose order is free."""
    if "client_connected" in worker.events():
        worker.wait("client_disconnected", worker.events().count("client_connected"))
    run.stop()
    events = worker.events()
    assert events[: len(START)] == START
    assert events[-1] == "done" and events.count("done") == 1, events
    connections = len(worker.messages("server_connected"))
    assert len(worker.messages("server_disconnected")) == connections, "each connected server is disconnected once"
    return [event for event in events[len(START) : -1] if event not in ENDS]


PLAIN = ["client_connected", "next_layer", "requestheaders", "request", "server_connect", "server_connected", "responseheaders", "response"]
EAGER = [
    *("client_connected", "next_layer", "http_connect", "server_connect", "server_connected", "http_connected"),
    *("next_layer", "tls_clienthello", "tls_start_server", "tls_established_server", "tls_start_client", "tls_established_client"),
    *("next_layer", "requestheaders", "request", "responseheaders", "response"),
]
LAZY = [
    *("client_connected", "next_layer", "http_connect", "http_connected"),
    *("next_layer", "tls_clienthello", "tls_start_client", "tls_established_client"),
    *("next_layer", "requestheaders", "request", "server_connect", "server_connected", "tls_start_server", "tls_established_server"),
    *("responseheaders", "response"),
]


@pytest.fixture
def everything(addon):
    return addon(HOOKS)


def test_plain_http(weir, everything, origin):
    run, server = weir(addons=[everything]), origin()
    assert run.get(server.url()).status == 200
    assert order(run, everything) == PLAIN


def test_a_body_that_passes_and_ends_its_connection_is_no_error(weir, everything, origin):
    read = threading.Event()

    def serve(wire, origin):
        origin.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        # The rest comes while the proxy is in the middle of passing it on.
        assert read.wait(5)
        wire.send(b"4\r\nlast\r\n0\r\n\r\n")

    run, server = weir(addons=[everything]), origin(serve)
    with run.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\nConnection: close\r\n\r\n".encode())
        wire.until(b"first\r\n")
        read.set()
        assert wire.until(b"0\r\n\r\n") == b"4\r\nlast\r\n0\r\n\r\n"
    assert order(run, everything) == PLAIN


def test_plain_http_in_reverse_mode_dials_when_the_request_is_ready(weir, everything, origin):
    server = origin()
    run = weir(addons=[everything], modes=[f"reverse:http://{server.authority}"])
    assert run.get(run.url + "/").status == 200
    events = order(run, everything)
    assert events[0] == "client_connected"
    for earlier, later in zip(PLAIN[2:], PLAIN[3:]):
        if later not in ("server_connect", "server_connected") and earlier not in ("server_connect", "server_connected"):
            assert events.index(earlier) < events.index(later)
    assert events.index("server_connect") < events.index("server_connected") < events.index("responseheaders")


@pytest.mark.parametrize("strategy, expected", [("eager", EAGER), ("lazy", LAZY)])
def test_https_through_connect(weir, everything, nginx, authority, strategy, expected):
    server = nginx(authority.leaf("127.0.0.1"))
    run = weir(
        *("--set", f"connection_strategy={strategy}", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}"),
        addons=[everything],
    )
    answer = run.curl(server.url())
    assert answer.stdout == b"hello\n", answer.stderr
    assert order(run, everything) == expected


def test_two_requests_of_one_connection_share_its_connection_events(weir, everything, origin):
    run, server = weir(addons=[everything]), origin()
    with run.connect() as wire:
        for _ in range(2):
            wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
            assert wire.response().status == 200
    assert order(run, everything) == PLAIN + ["requestheaders", "request", "responseheaders", "response"]


def test_dial_failure_of_a_plain_request(weir, everything):
    run = weir(addons=[everything])
    answer = run.get(f"http://127.0.0.1:{free_port()}/")
    assert answer.status == 502
    expected = ["client_connected", "next_layer", "requestheaders", "request", "server_connect", "server_connect_error", "error"]
    assert order(run, everything) == expected
    assert everything.messages("error")[0]["params"]["flow"]["error"]["msg"]


def test_dial_failure_under_an_eager_connect(weir, everything):
    run, target = weir(addons=[everything]), f"127.0.0.1:{free_port()}"
    with run.connect() as wire:
        wire.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        answer = wire.response()
    assert answer.status == 502 and answer.body
    expected = ["client_connected", "next_layer", "http_connect", "server_connect", "server_connect_error", "http_connect_error"]
    assert order(run, everything) == expected


def test_a_client_that_rejects_our_certificate(weir, everything, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    run = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[everything])
    with pytest.raises(ssl.SSLCertVerificationError):
        tls_through(run, server.authority, trusting(authority.certificate))
    run.wait_log(r"certificate.*weir-ca-cert|weir-ca-cert.*certificate|does not trust")
    assert order(run, everything) == EAGER[: EAGER.index("tls_established_client")] + ["tls_failed_client"]
    failed = everything.messages("tls_failed_client")[0]["params"]
    assert failed["client_conn"]["error"]
    # The same server as before the handshake: an addon may know it by its address.
    begun = everything.messages("tls_start_client")[0]["params"]["server_conn"]
    assert failed["server_conn"]["id"] == begun["id"] and failed["server_conn"]["peername"] == begun["peername"] is not None


def test_a_connect_refused_by_a_worker(weir, everything, addon, origin):
    server = origin()
    refusing = addon(
        ["http_connect"],
        """
@worker.on("http_connect")
def refuse(message):
    return {"flow": {"response": {"status_code": 403, "headers": [["X-Why", "rule"]], "content": "no tunnels today"}}}
""",
        name="refusing",
    )
    run = weir(addons=[refusing, everything])
    with run.connect() as wire:
        wire.send(f"CONNECT {server.authority} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        answer = wire.response()
    assert (answer.status, answer.one("x-why"), answer.body) == (403, b"rule", b"no tunnels today")
    assert order(run, everything) == ["client_connected", "next_layer", "http_connect", "http_connect_error"]
    assert server.connections == 0


def test_a_response_set_in_request_still_fires_the_response_events(weir, everything, addon, origin):
    server = origin()
    answering = addon(
        ["request"], 'worker.on("request")(lambda m: {"flow": {"response": {"status_code": 418, "content": "short"}}})', name="answering"
    )
    run = weir(addons=[answering, everything])
    assert run.get(server.url()).status == 418
    assert order(run, everything) == ["client_connected", "next_layer", "requestheaders", "request", "responseheaders", "response"]
    assert server.connections == 0


def test_a_response_set_in_requestheaders_still_reads_the_body_and_fires_request(weir, everything, addon, origin):
    server = origin()
    answering = addon(
        ["requestheaders"],
        'worker.on("requestheaders")(lambda m: {"flow": {"response": {"status_code": 418, "content": "short"}}})',
        name="answering",
    )
    run = weir(addons=[answering, everything])
    assert run.get(server.url(), method="POST", body=b"x" * 200_000).status == 418
    assert order(run, everything) == ["client_connected", "next_layer", "requestheaders", "request", "responseheaders", "response"]


def test_a_refused_request_begins_with_requestheaders_and_ends_with_error(weir, everything):
    run = weir(addons=[everything])
    with run.connect() as wire:
        wire.send(b"GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        assert wire.response().status == 400
    assert order(run, everything) == ["client_connected", "next_layer", "requestheaders", "error"]


def test_a_client_that_leaves_while_the_server_is_slow_ends_the_flow_with_error(weir, everything, origin):
    def stall(wire, server):
        server.record(wire.request())
        wire.to_end()

    server = origin(stall)
    run = weir(addons=[everything])
    with run.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        server.wait(1)
    everything.wait("error")
    assert order(run, everything) == [*PLAIN[:6], "error"]


def test_a_client_that_connects_and_leaves_has_only_its_two_events(weir, everything):
    run = weir(addons=[everything])
    run.connect().close()
    everything.wait("client_disconnected")
    assert order(run, everything) == ["client_connected"]


def test_done_is_last_even_with_connections_open_at_shutdown(weir, everything, origin):
    run, server = weir(addons=[everything]), origin()
    with run.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.response().status == 200
        run.stop()
    events = everything.events()
    assert events[-1] == "done"
    assert events.count("client_disconnected") == events.count("server_disconnected") == 1


OLD_NAMES = {
    "start": "load",
    "log": "add_log",
    "clientconnect": "client_connected",
    "clientdisconnect": "client_disconnected",
    "serverconnect": "server_connect",
    "serverdisconnect": "server_disconnected",
}


def test_a_worker_receives_each_event_under_the_name_that_it_subscribed_with(weir, addon, origin):
    old, new = addon([*OLD_NAMES, "done"], name="old"), addon([*OLD_NAMES.values(), "done"], name="new")
    run, server = weir("-v", addons=[old, new]), origin()
    assert run.get(server.url()).status == 200
    run.stop()
    for worker, names in ((old, OLD_NAMES), (new, OLD_NAMES.values())):
        assert set(worker.events()) == {*names, "done"}
    flow_of_old = [OLD_NAMES[e] for e in old.events() if e not in ("log", "done")]
    assert flow_of_old == [e for e in new.events() if e not in ("add_log", "done")]
    assert flow_of_old[0] == "load"
    assert old.events()[-1] == new.events()[-1] == "done"


def test_log_entries_have_a_text_and_a_level(weir, addon):
    worker = addon(["add_log"])
    run = weir(addons=[worker])
    run.get(f"http://127.0.0.1:{free_port()}/")
    entry = worker.wait("add_log")[0]["params"]["entry"]
    assert isinstance(entry["msg"], str) and entry["msg"]
    assert entry["level"] in ("debug", "info", "alert", "warn", "error")


def test_tick_comes_more_than_once_a_second_and_only_to_subscribers(weir, addon):
    ticking, other = addon(["tick"], name="ticking"), addon(["running", "done"], name="other")
    run = weir(addons=[ticking, other])
    ticking.wait("tick", 3, seconds=3)
    run.stop()
    assert other.events() == ["running", "done"]


def test_configure_comes_once_at_the_start_with_every_option(weir, addon):
    worker = addon(["configure"])
    run = weir("--set", "ssl_insecure=true", addons=[worker])
    message = worker.wait("configure")[0]
    run.stop()
    assert worker.events() == ["configure"]
    updated, options = message["params"]["updated"], message["params"]["options"]
    assert {"mode", "listen_port", "listen_host", "confdir", "ssl_insecure", "connection_strategy", "flow_detail"} <= set(updated)
    assert set(updated) <= set(options)
    assert options["ssl_insecure"] is True
    assert options["connection_strategy"] == "eager"
    assert re.fullmatch(r"\d+", str(options["listen_port"]))


def test_the_core_waits_for_load_and_configure_before_a_port_is_open(weir, addon):
    worker = addon(["load", "configure", "running"], "worker.on('load', 'configure')(lambda message: time.sleep(0.5))")
    run = weir(addons=[worker])
    assert worker.events()[:2] == ["load", "configure"]
    worker.wait("running")
    assert worker.events() == START
    with socket.create_connection(("127.0.0.1", run.port), timeout=5):
        pass
    eventually(lambda: worker.events() == START, 1)


def test_several_workers_receive_an_event_one_after_another_in_the_order_of_the_command_line(weir, addon, origin):
    add = """
@worker.on("request", "response")
def add(message):
    side = message["method"]
    headers = message["params"]["flow"][side]["headers"]
    return {{"flow": {{side: {{"headers": headers + [["X-Chain", {name!r}]]}}}}}}
"""
    chain = [addon(["request", "response"], add.format(name=name), name=name) for name in ("one", "two", "three")]
    run, server = weir(addons=chain), origin()
    assert run.get(server.url()).all("x-chain") == [b"one", b"two", b"three"]
    assert server.received[0].all("x-chain") == [b"one", b"two", b"three"]

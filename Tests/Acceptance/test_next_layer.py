"""next_layer: what a worker may make of a connection, and what it may not."""

import pytest

from support.origin import over_tls
from support.tunnel import alternative_names, tls_through, trusting
from support.wire import Closed


def choosing(**choices: str) -> str:
    """A worker's code that answers the proxy's own choice with another."""
    return f"""
@worker.on("next_layer")
def layer(message):
    choice = {choices!r}.get(message["params"]["layer"])
    return {{"layer": choice}} if choice else {{}}
"""


def echo(wire, origin):
    try:
        while True:
            wire.fill()
            wire.send(wire.take(len(wire.buffer)))
    except Closed:
        wire.half_close()


@pytest.fixture
def chosen(weir, addon, authority):
    """A proxy with a worker that chooses; its other hooks show what came of it."""

    def make(*arguments, mode="regular", **choices):
        worker = addon(["next_layer", "tls_clienthello", "request"], choosing(**choices))
        trust = f"ssl_verify_upstream_trusted_ca={authority.certificate}"
        return weir("--set", trust, *arguments, modes=[mode], addons=[worker]), worker

    return make


def test_http_may_be_taken_for_raw_bytes(chosen, origin):
    server = origin(echo)
    proxy, worker = chosen(http="tcp")
    with proxy.tunnel(server.authority) as wire:
        wire.send(b"GET /  HTTP/1.1\r\n\0\r\n\r\n")
        assert wire.exactly(22) == b"GET /  HTTP/1.1\r\n\0\r\n\r\n"
    assert worker.messages("request") == []


@pytest.mark.parametrize("choice", ["tcp", "ignore"])
def test_tls_may_be_left_to_its_client(chosen, nginx, authority, choice):
    server = nginx(authority.leaf("localhost", "real.example"))
    proxy, worker = chosen(tls=choice)
    with tls_through(proxy, f"localhost:{server.port}", trusting(authority.certificate)) as wire:
        assert "real.example" in alternative_names(wire)
        wire.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.response().body == b"hello\n"
    assert [message["params"]["layer"] for message in worker.messages("next_layer")] == ["http", "tls"]
    assert set(worker.events()) == {"next_layer"}


def test_what_is_ignored_may_be_looked_into(chosen, nginx, authority):
    server = nginx(authority.leaf("localhost"))
    proxy, worker = chosen("--set", "ignore_hosts=.*", ignore="tls")
    assert proxy.curl(f"https://localhost:{server.port}/hello").stdout == b"hello\n"
    assert worker.wait("request")


def test_raw_bytes_may_be_taken_for_http(chosen, origin):
    server = origin()
    proxy, worker = chosen(mode=f"reverse:tcp://{server.authority}", tcp="http")
    assert proxy.get(f"{proxy.url}/a").body == b"ok"
    assert worker.wait("request")[0]["params"]["flow"]["request"]["path"] == "/a"


def test_what_was_agreed_in_tls_stays_when_http2_is_taken_for_raw_bytes(chosen, origin, authority):
    """Both sides have agreed on h2; the bytes, which are none, pass all the same."""
    server = origin(over_tls(echo, authority.leaf("localhost"), alpn=["h2"]))
    proxy, worker = chosen(http="tcp")
    context = trusting(proxy.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with tls_through(proxy, f"localhost:{server.port}", context) as wire:
        assert wire.sock.selected_alpn_protocol() == "h2"
        wire.send(b"no frames at all")
        assert wire.exactly(16) == b"no frames at all"


@pytest.mark.parametrize(
    "choice, why",
    [("tls", "the client has not sent a ClientHello"), ("banana", "expected tls, http, tcp, dns or ignore"), ("socks5", "expected tls")],
)
def test_a_choice_that_does_not_fit_is_refused_and_ours_stays(chosen, origin, choice, why):
    server = origin()
    proxy, worker = chosen(http=choice)
    with proxy.tunnel(server.authority) as wire:
        wire.send(f"GET / HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.response().body == b"ok"
    proxy.wait_log(f"next_layer cannot be '{choice}': {why}.*the proxy's own choice stays")
    assert worker.wait("request")


def test_http_is_refused_where_a_client_begins_tls(chosen, nginx, authority):
    server = nginx(authority.leaf("localhost"))
    proxy, worker = chosen(tls="http")
    assert proxy.curl(f"https://localhost:{server.port}/hello").stdout == b"hello\n"
    proxy.wait_log("next_layer cannot be 'http': the client has sent a ClientHello")


def test_bytes_without_a_server_cannot_be_passed_on(chosen, origin):
    server = origin()
    proxy, worker = chosen(http="tcp")
    assert proxy.get(server.url()).body == b"ok"
    proxy.wait_log("next_layer cannot be 'tcp': it is not known yet which server is meant")


def test_raw_bytes_may_be_taken_for_dns(weir, origin, addon):
    """A tunnel to a name server: the query is asked of the server that the client chose, and is a flow."""
    query = bytes.fromhex("abcd01000001000000000000") + b"\x01a\x07example\0" + bytes.fromhex("00010001")
    answer = bytes.fromhex("81800001000100000000") + query[12:] + bytes.fromhex("c00c000100010000003c0004c0000207")

    def serve(wire, origin):
        size = int.from_bytes(wire.exactly(2), "big")
        asked = wire.exactly(size)
        reply = asked[:2] + answer
        wire.send(len(reply).to_bytes(2, "big") + reply)
        wire.to_end()

    server, worker = origin(serve), addon(["next_layer", "dns_response"], choosing(tcp="dns"))
    proxy = weir(addons=[worker])
    with proxy.tunnel(server.authority) as wire:
        wire.send(len(query).to_bytes(2, "big") + query)
        size = int.from_bytes(wire.exactly(2), "big")
        assert wire.exactly(size) == query[:2] + answer
    flow = worker.wait("dns_response")[0]["params"]["flow"]
    assert flow["request"]["questions"][0]["name"] == "a.example"
    assert flow["server_conn"]["address"] == ["127.0.0.1", server.port] and server.connections == 1

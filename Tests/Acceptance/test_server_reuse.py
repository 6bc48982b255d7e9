"""The option server_reuse: connections to servers that clients leave to each other."""

import threading

import pytest

from support.origin import OK, answering, over_tls
from support.proxy import eventually
from support.tunnel import alternative_names, trusting
from support.wire import Closed

ALL = ("--set", "server_reuse=all")


@pytest.fixture
def reverse(weir, origin):
    """`reverse(server, *arguments)` starts a reverse proxy for a server that clients leave connections to each other."""
    return lambda server, *arguments, **options: weir(*ALL, *arguments, modes=[f"reverse:http://{server.authority}"], **options)


def test_what_one_client_leaves_serves_the_next(weir, origin, reverse):
    server, other = origin(), origin()
    proxy = reverse(server)
    for _ in range(5):
        assert proxy.get(proxy.url).body == b"ok"
    assert server.connections == 1
    own = weir(modes=[f"reverse:http://{other.authority}"])
    for _ in range(2):
        assert own.get(own.url).body == b"ok"
    assert other.connections == 2, "unless it is asked for, every client has its own"


def test_in_tls_too_with_the_names_of_the_servers_certificate(weir, authority, origin):
    server = origin(over_tls(answering(OK), authority.leaf("127.0.0.1", "also.example")))
    proxy = weir(*ALL, "-v", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", modes=[f"reverse:https://{server.authority}"])
    for number in range(3):
        with proxy.connect() as wire:
            wire.sock = trusting(proxy.ca).wrap_socket(wire.sock, server_hostname="127.0.0.1")
            assert "also.example" in alternative_names(wire)
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert wire.response().body == b"ok"
        eventually(lambda: proxy.log.count("client disconnect") > number, 10, "the client's end noticed")
    assert server.connections == 1


def test_two_at_a_time_have_two(origin, reverse):
    server = origin()
    proxy = reverse(server)
    with proxy.connect() as one, proxy.connect() as two:
        for wire in (one, two, one, two):
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert wire.response().body == b"ok"
    assert server.connections == 2


def test_a_request_that_cannot_be_sent_again_has_its_own(origin, reverse):
    server = origin()
    proxy = reverse(server)
    assert proxy.get(proxy.url).status == 200
    assert proxy.get(proxy.url, method="POST", body=b"x").status == 200
    assert server.connections == 2
    with proxy.connect() as wire:
        for method in ("GET", "POST"):
            wire.send(f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
            assert wire.response().status == 200
    assert server.connections == 2, "what has served a client once is that client's"


def test_one_that_dies_while_nobody_has_it_costs_nobody(origin, reverse):
    def serve(wire, origin):
        origin.record(wire.request())
        wire.send(OK)

    server = origin(serve)
    proxy = reverse(server)
    for _ in range(3):
        assert proxy.get(proxy.url).body == b"ok"
    assert server.connections == 3


def test_what_says_something_unasked_is_closed(origin, reverse):
    client_has_left = threading.Event()

    def serve(wire, origin):
        origin.record(wire.request())
        wire.send(OK)
        if client_has_left.wait(10):
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
        with pytest.raises(Closed):
            wire.request()

    server = origin(serve)
    proxy = reverse(server)
    assert proxy.get(proxy.url).body == b"ok"
    client_has_left.set()
    server.wait_idle()
    assert proxy.get(proxy.url).body == b"ok"


@pytest.mark.parametrize("side", ["request", "response"])
def test_who_authenticates_a_connection_keeps_it_to_himself(origin, reverse, side):
    def serve(wire, origin):
        while True:
            origin.record(wire.request())
            extra = b"WWW-Authenticate: Negotiate abc\r\n" if side == "response" and len(origin.received) == 1 else b""
            wire.send(b"HTTP/1.1 200 OK\r\n" + extra + b"Content-Length: 2\r\n\r\nok")

    server = origin(serve)
    proxy = reverse(server)
    assert proxy.get(proxy.url, *(["Authorization: NTLM abc"] if side == "request" else [])).status == 200
    for _ in range(2):
        assert proxy.get(proxy.url).status == 200
    assert server.connections == 2


def test_an_addon_that_follows_connections_sees_one_for_each_client(origin, reverse, addon):
    server, worker = origin(), addon(["server_connect", "server_disconnected"])
    proxy = reverse(server, addons=[worker])
    for _ in range(2):
        assert proxy.get(proxy.url).status == 200
    eventually(lambda: worker.events().count("server_disconnected") == 2, 10, "both connections ended")
    assert server.connections == 2


def test_they_are_few_and_not_kept_for_long(origin, reverse):
    server = origin()
    proxy = reverse(server, "--set", "server_reuse_limit=1", "--set", "server_reuse_timeout=1")
    with proxy.connect() as one, proxy.connect() as two:
        for wire in (one, two):
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert wire.response().body == b"ok"
    server.wait_idle()
    assert proxy.get(proxy.url).status == 200 and server.connections == 3

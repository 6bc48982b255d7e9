"""reverse:tcp and reverse:tls: the server is connected to at once, what passes is bytes, and TLS is where the mode says."""

import hashlib
import os
import threading

import pytest

from support.origin import echo, over_tls
from support.proxy import free_port
from support.tunnel import alternative_names, trusting
from support.wire import Wire


def greeting(wire, origin):
    """Speaks first, then echoes one line."""
    wire.send(b"220 ready\r\n")
    wire.send(b"you said " + wire.until(b"\n"))


@pytest.fixture
def trusting_weir(weir, authority):
    return lambda *arguments, **options: weir(
        "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", *arguments, **options
    )


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_bytes_pass_both_ways_and_so_does_a_half_close(weir, origin, strategy):
    server = origin(echo)
    proxy = weir("--set", f"connection_strategy={strategy}", modes=[f"reverse:tcp://{server.authority}"])
    data = os.urandom(3_000_000)
    with proxy.connect() as wire:
        wire.send(data[:1000])
        assert wire.exactly(1000) == data[:1000]
        sender = threading.Thread(target=lambda: (wire.send(data[1000:]), wire.half_close()))
        sender.start()
        assert hashlib.sha256(wire.to_end()).digest() == hashlib.sha256(data[1000:]).digest()
        sender.join()


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_a_server_may_speak_first(weir, origin, strategy):
    server = origin(greeting)
    proxy = weir("--set", f"connection_strategy={strategy}", modes=[f"reverse:tcp://{server.authority}"])
    with proxy.connect() as wire:
        assert wire.until(b"\n") == b"220 ready\r\n"
        wire.send(b"EHLO\r\n")
        assert wire.to_end() == b"you said EHLO\r\n"


def test_what_looks_like_http_is_not_read_as_http(weir, origin):
    server = origin(echo)
    proxy = weir(modes=[f"reverse:tcp://{server.authority}"])
    odd = b"GET /  HTTP/1.1\nHost : x\n\n\0" * 3
    with proxy.connect() as wire:
        wire.send(odd)
        assert wire.exactly(len(odd)) == odd


def test_the_server_is_connected_to_before_the_client_says_anything(weir, origin, addon):
    server = origin(greeting)
    worker = addon(["client_connected", "server_connect", "server_connected", "next_layer"])
    proxy = weir(modes=[f"reverse:tcp://{server.authority}"], addons=[worker])
    with proxy.connect() as wire:
        assert wire.until(b"\n") == b"220 ready\r\n"
    assert worker.events()[:4] == ["client_connected", "server_connect", "server_connected", "next_layer"]
    assert worker.messages("next_layer")[0]["params"]["layer"] == "tcp"


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_server_that_cannot_be_reached_ends_the_client_and_is_named(weir, scheme):
    port = free_port()
    proxy = weir(modes=[f"reverse:{scheme}://127.0.0.1:{port}"])
    with proxy.connect() as wire:
        assert wire.to_end() == b""
    proxy.wait_log(rf"cannot connect to 127\.0\.0\.1:{port}: connection refused")


def test_a_client_without_tls_reaches_a_tls_server(trusting_weir, origin, authority):
    server = origin(over_tls(echo, authority.leaf("localhost")))
    proxy = trusting_weir(modes=[f"reverse:tls://localhost:{server.port}"])
    with proxy.connect() as wire:
        wire.send(b"hello")
        assert wire.exactly(5) == b"hello"
        wire.half_close()
        assert wire.to_end() == b""
    assert server.tls_versions == ["TLSv1.3"]


def test_a_client_with_tls_is_shown_a_certificate_of_ours_like_the_servers(trusting_weir, origin, authority):
    server = origin(over_tls(echo, authority.leaf("localhost", "other.example")))
    proxy = trusting_weir(modes=[f"reverse:tls://localhost:{server.port}"])
    raw = proxy.connect()
    with Wire(trusting(proxy.ca).wrap_socket(raw.sock, server_hostname="localhost")) as wire:
        wire.send(b"hello")
        assert wire.exactly(5) == b"hello"
        assert {"localhost", "other.example"} <= alternative_names(wire)
    assert server.tls_versions == ["TLSv1.3"]


@pytest.mark.parametrize("scheme", ["tls", "tcp"])
def test_a_greeting_inside_tls_reaches_a_client_with_tls(trusting_weir, origin, authority, scheme):
    """With tls the greeting is there before the client's first byte; with tcp only behind its ClientHello."""
    server = origin(over_tls(greeting, authority.leaf("localhost")))
    proxy = trusting_weir(modes=[f"reverse:{scheme}://localhost:{server.port}"])
    raw = proxy.connect()
    with Wire(trusting(proxy.ca).wrap_socket(raw.sock, server_hostname="localhost")) as wire:
        assert wire.until(b"\n") == b"220 ready\r\n"
        wire.send(b"a\n")
        assert wire.exactly(11) == b"you said a\n"
    assert server.tls_versions == ["TLSv1.3"]


def test_a_greeting_inside_tls_reaches_a_client_without_tls(trusting_weir, origin, authority):
    server = origin(over_tls(greeting, authority.leaf("localhost")))
    proxy = trusting_weir(modes=[f"reverse:tls://localhost:{server.port}"])
    with proxy.connect() as wire:
        assert wire.until(b"\n") == b"220 ready\r\n"
        wire.send(b"a\n")
        assert wire.exactly(11) == b"you said a\n"


def test_curl_speaks_tls_through_reverse_tcp_to_a_tls_server(trusting_weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = trusting_weir(modes=[f"reverse:tcp://{server.authority}"])
    answer = proxy.curl(f"https://127.0.0.1:{proxy.port}/hello", "--noproxy", "*")
    assert answer.stdout == b"hello\n", answer.stderr
    assert "ssl=TLSv1.3" in server.served(1)[0]


def test_a_server_that_does_not_verify_ends_the_client(weir, origin, authority):
    server = origin(over_tls(echo, authority.leaf("localhost")))
    proxy = weir(modes=[f"reverse:tls://localhost:{server.port}"])
    with proxy.connect() as wire:
        wire.send(b"hello")
        assert wire.to_end() == b""
    proxy.wait_log("localhost.*(verif|certificate)")
    server.failures.clear()


def test_an_ignored_server_of_reverse_tls_gets_the_clients_own_tls(trusting_weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = trusting_weir("--set", "ignore_hosts=127.0.0.1", modes=[f"reverse:tls://{server.authority}"])
    answer = proxy.curl(f"https://127.0.0.1:{proxy.port}/hello", "--noproxy", "*", "--cacert", str(authority.certificate))
    assert answer.stdout == b"hello\n", answer.stderr

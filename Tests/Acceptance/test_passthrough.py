"""What is passed through: untouched bytes, no flows, and hosts that are learned from clients that reject our certificate."""

import hashlib
import os
import ssl
import threading

import pytest

from support.proxy import eventually
from support.tunnel import tls_through, trusting
from support.wire import Closed, Wire

UNTRUSTED = 60  # curl's exit status for a certificate that it does not accept
SIZE = 3_000_000


def client_hello(name: str = "shop.example") -> bytes:
    """The first bytes of a real TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


class Mirror:
    """A server that takes SIZE bytes behind a ClientHello and sends as many random ones; it knows the hash of both."""

    def __init__(self):
        self.answer = os.urandom(SIZE)
        self.received = hashlib.sha256()

    def __call__(self, wire, origin):
        wire.fill()
        sender = threading.Thread(target=lambda: (wire.send(self.answer), wire.half_close()))
        sender.start()
        try:
            while True:
                wire.fill()
                self.received.update(wire.take(len(wire.buffer)))
        except Closed:
            pass
        sender.join()


def exchange(wire: Wire, sent: bytes) -> bytes:
    """Sends everything while everything is received."""
    sender = threading.Thread(target=lambda: (wire.send(sent), wire.half_close()))
    sender.start()
    received = wire.to_end()
    sender.join()
    return received


def connect(proxy, mode: str, server) -> Wire:
    if mode == "regular":
        return proxy.tunnel(server.authority)
    wire = proxy.connect()
    if mode == "socks5":
        host, port = server.authority.split(":")
        wire.send(b"\5\1\0\5\1\0\3" + bytes([len(host)]) + host.encode() + int(port).to_bytes(2, "big"))
        assert wire.exactly(12)[:4] == b"\5\0\5\0"
    return wire


@pytest.mark.parametrize("pattern", ["shop.example", r"^127\.0\.0\.1:\d+$"], ids=["by the name in TLS", "by address and port"])
@pytest.mark.parametrize("mode", ["regular", "socks5", "reverse:https", "reverse:tcp"])
def test_bytes_are_untouched_both_ways(weir, origin, addon, mode, pattern):
    mirror = Mirror()
    server = origin(mirror)
    worker = addon(["next_layer", "tls_clienthello", "request", "tcp_message"])
    spec = f"{mode}://{server.authority}" if mode.startswith("reverse") else mode
    proxy = weir("--set", f"ignore_hosts={pattern}", modes=[spec], addons=[worker])
    sent = client_hello() + os.urandom(SIZE)
    with connect(proxy, mode, server) as wire:
        received = exchange(wire, sent)
    assert hashlib.sha256(received).digest() == hashlib.sha256(mirror.answer).digest()
    server.wait_idle()
    assert mirror.received.digest() == hashlib.sha256(sent).digest()
    chosen = [message["params"]["layer"] for message in worker.messages("next_layer")]
    assert chosen == (["http", "ignore"] if mode == "regular" else ["ignore"])
    assert set(worker.events()) == {"next_layer"}
    assert proxy.printed == ""


def test_a_server_that_speaks_first_is_passed_through_by_its_address(weir, origin, addon):
    server, worker = origin(lambda wire, origin: wire.send(b"220 ready\r\n")), addon(["next_layer", "tcp_message"])
    proxy = weir("--set", "ignore_hosts=127.0.0.1", modes=["socks5"], addons=[worker])
    with connect(proxy, "socks5", server) as wire:
        assert wire.to_end() == b"220 ready\r\n"
    assert worker.events() == ["next_layer"]
    assert worker.messages("next_layer")[0]["params"]["layer"] == "ignore"


def test_a_worker_may_pass_a_connection_through(weir, nginx, authority, addon):
    code = """
@worker.on("tls_clienthello")
def hello(message):
    return {"ignore_connection": message["params"]["client_hello"]["sni"] == "localhost"}
"""
    leaf = authority.leaf("localhost", "127.0.0.1")
    server, worker = nginx(leaf), addon(["tls_clienthello", "request"], code)
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    with tls_through(proxy, f"localhost:{server.port}", trusting(authority.certificate)) as wire:
        assert wire.sock.getpeercert(True) == ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())
        wire.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.response().body == b"hello\n"
    assert worker.messages("request") == [] and proxy.printed == ""
    assert proxy.curl(server.url()).stdout == b"hello\n", "another name is intercepted"
    worker.wait("request")


def test_allow_hosts_passes_everything_else_through(weir, nginx, authority):
    leaf = authority.leaf("localhost", "127.0.0.1")
    server = nginx(leaf)
    proxy = weir("--set", "allow_hosts=^localhost:", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    with tls_through(proxy, server.authority, trusting(authority.certificate)) as wire:
        assert wire.sock.getpeercert(True) == ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())
    with tls_through(proxy, f"localhost:{server.port}") as wire:
        assert wire.sock.getpeercert(True) != ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())


# Learning


@pytest.fixture
def learning(weir, nginx, authority):
    """A proxy that learns, a server, and two clients of it: one that trusts us and one that trusts the server's authority alone."""

    def make(after: int, seconds: int = 600):
        server = nginx(authority.leaf("localhost", "127.0.0.1"))
        proxy = weir(
            *("--set", f"tls_passthrough_after={after}", "--set", f"tls_passthrough_seconds={seconds}"),
            *("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}"),
        )
        url = f"https://localhost:{server.port}/hello"

        def pinned(url=url):
            return proxy.curl(url, "--cacert", str(authority.certificate))

        return proxy, server, pinned, lambda: proxy.curl(url)

    return make


def test_a_host_whose_clients_reject_us_is_passed_through(learning):
    proxy, server, pinned, trusting_us = learning(after=2)
    assert pinned().returncode == UNTRUSTED
    assert "passed through" not in proxy.log
    assert pinned().returncode == UNTRUSTED
    line = proxy.wait_log(rf"TLS with localhost:{server.port} is passed through for 600 seconds: .* 2 times in a row").group()
    assert pinned().stdout == b"hello\n"
    assert trusting_us().returncode == UNTRUSTED, "for everybody"
    assert proxy.log.count(line) == 1
    assert pinned(server.url()).returncode == UNTRUSTED, "the other name of the same server is not concerned"


def test_a_success_makes_the_count_begin_anew(learning):
    proxy, server, pinned, trusting_us = learning(after=2)
    for _ in range(3):
        assert pinned().returncode == UNTRUSTED
        assert trusting_us().stdout == b"hello\n"
    assert "passed through" not in proxy.log


def test_when_its_time_is_over_a_host_is_tried_again(learning):
    proxy, server, pinned, trusting_us = learning(after=2, seconds=1)
    pinned(), pinned()
    proxy.wait_log("is passed through for 1 seconds")
    eventually(lambda: trusting_us().stdout == b"hello\n", 5, "interception")
    assert pinned().returncode == UNTRUSTED, "once is not enough after a success"
    assert trusting_us().stdout == b"hello\n"


def test_nothing_is_learned_unless_told(learning):
    proxy, server, pinned, trusting_us = learning(after=0)
    for _ in range(4):
        assert pinned().returncode == UNTRUSTED
    assert trusting_us().stdout == b"hello\n"

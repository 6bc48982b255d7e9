"""SOCKS 5: curl as the client, and raw bytes where curl cannot err."""

import socket
import struct
import subprocess

import pytest

from support.proxy import free_port
from support.wire import Wire

REFUSED = 97  # curl's exit status for a SOCKS proxy that says no


@pytest.fixture
def socks(weir):
    return lambda *arguments, **options: weir(*arguments, modes=["socks5"], **options)


def curl(proxy, url, *arguments, scheme="socks5h", login=""):
    return proxy.curl(url, "-x", f"{scheme}://{login}127.0.0.1:{proxy.port}", *arguments)


def named(host: str, port: int) -> bytes:
    return b"\3" + bytes([len(host)]) + host.encode() + struct.pack("!H", port)


def ask(wire: Wire, target: bytes, command: int = 1) -> int:
    """Sends a greeting without authentication and a request; the code of the reply."""
    wire.send(b"\5\1\0" + bytes([5, command, 0]) + target)
    assert wire.exactly(2) == b"\5\0"
    return reply(wire)


def reply(wire: Wire) -> int:
    version, code, _, kind = wire.exactly(4)
    assert version == 5
    wire.exactly({1: 4, 4: 16}[kind] + 2)
    return code


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_plain_http_goes_through(socks, origin, addon, scheme, strategy):
    server, worker = origin(), addon(["request"])
    proxy = socks("--set", f"connection_strategy={strategy}", addons=[worker])
    answer = curl(proxy, f"http://localhost:{server.port}/a", "-4", scheme=scheme)
    assert answer.stdout == b"ok", answer.stderr
    assert server.received[0].target == b"/a"
    request = worker.wait("request")[0]["params"]["flow"]["request"]
    assert (request["host"], request["port"]) == ("localhost" if scheme == "socks5h" else "127.0.0.1", server.port)


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_https_is_intercepted(socks, nginx, authority, strategy):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = socks("--set", f"connection_strategy={strategy}", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    answer = curl(proxy, server.url())
    assert answer.stdout == b"hello\n", answer.stderr
    assert f"GET https://{server.authority}/hello" in proxy.printed


def test_the_events_are_those_of_a_tunnel(socks, nginx, authority, addon):
    hooks = "client_connected server_connect server_connected next_layer tls_clienthello tls_start_server request".split()
    server, worker = nginx(authority.leaf("127.0.0.1")), addon(hooks)
    proxy = socks("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    assert curl(proxy, server.url()).stdout == b"hello\n"
    assert worker.events() == hooks[:6] + ["next_layer", "request"]
    assert worker.messages("request")[0]["params"]["flow"]["client_conn"]["proxy_mode"] == "socks5"


def test_an_ipv6_address_as_the_server(socks, origin):
    server = origin(host="::1")
    proxy = socks()
    answer = curl(proxy, server.url(), scheme="socks5")
    assert answer.stdout == b"ok", answer.stderr
    with proxy.connect() as wire:
        assert ask(wire, b"\4" + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack("!H", server.port)) == 0


def test_raw_bytes_pass_and_a_server_may_speak_first(socks, origin):
    def serve(wire, origin):
        wire.send(b"220 ready\r\n")
        wire.send(b"you said " + wire.until(b"\n"))

    server, proxy = origin(serve), socks()
    with proxy.connect() as wire:
        assert ask(wire, named("127.0.0.1", server.port)) == 0
        assert wire.until(b"\n") == b"220 ready\r\n"
        wire.send(b"hello\n")
        assert wire.to_end() == b"you said hello\n"


def test_what_is_sent_ahead_of_the_reply_is_the_tunnels(socks, origin):
    server, proxy = origin(), socks()
    request = f"GET /ahead HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode()
    with proxy.connect() as wire:
        wire.send(b"\5\1\0\5\1\0" + named("127.0.0.1", server.port) + request)
        assert wire.exactly(2) == b"\5\0"
        assert reply(wire) == 0
        assert wire.response().body == b"ok"


def test_a_lazy_proxy_grants_before_it_connects(socks, origin):
    server = origin()
    proxy = socks("--set", "connection_strategy=lazy")
    with proxy.connect() as wire:
        assert ask(wire, named("127.0.0.1", server.port)) == 0
        assert server.connections == 0
        wire.send(f"GET / HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.response().body == b"ok"


@pytest.mark.parametrize("command", [0, 2, 3, 9])
def test_other_commands_are_refused_with_code_7(socks, command):
    proxy = socks()
    with proxy.connect() as wire:
        assert ask(wire, named("127.0.0.1", 80), command) == 7
        assert wire.to_end() == b""
    proxy.wait_log(f"command {command} is not supported")


def test_failures_have_their_codes(socks, addon):
    code = """
@worker.on("server_connect")
def connect(message):
    if message["params"]["server_conn"]["address"][0] == "forbidden.example":
        return {"server_conn": {"error": "not today"}}
"""
    proxy = socks(addons=[addon(["server_connect"], code)])
    cases = [("127.0.0.1", free_port(), 5), ("no-such-name.invalid", 80, 4), ("127.0.0.1", proxy.port, 2), ("forbidden.example", 80, 2)]
    for host, port, expected in cases:
        with proxy.connect() as wire:
            assert ask(wire, named(host, port)) == expected, host
            assert wire.to_end() == b""
    proxy.wait_log("forbidden.example:80.*not today")


def test_what_is_not_socks_is_closed_and_named(socks):
    proxy = socks()
    assert proxy.curl("http://127.0.0.1:1/").returncode != 0
    proxy.wait_log("expected SOCKS version 5.*HTTP proxy")


# Who may come in


def test_proxyauth_is_asked_once_for_all_that_comes_through(socks, origin, addon):
    server, worker = origin(), addon(["request"])
    proxy = socks("--set", "proxyauth=anna:secret", addons=[worker])
    for login in ("anna:wrong@", "other:secret@", ""):
        answer = curl(proxy, server.url(), login=login)
        assert answer.returncode == REFUSED, (login, answer)
    assert server.connections == 0
    answer = curl(proxy, server.url(), login="anna:secret@")
    assert answer.stdout == b"ok", answer.stderr
    assert worker.wait("request")[0]["params"]["flow"]["metadata"]["proxyauth"] == ["anna", "secret"]
    assert server.received[0].all("proxy-authorization") == []


def test_proxyauth_with_an_htpasswd_file(socks, origin, tmp_path):
    file = tmp_path / "htpasswd"
    subprocess.run(["htpasswd", "-cbB", file, "anna", "secret"], check=True, capture_output=True)
    server, proxy = origin(), socks("--set", f"proxyauth=@{file}")
    assert curl(proxy, server.url(), login="anna:wrong@").returncode == REFUSED
    assert curl(proxy, server.url(), login="anna:secret@").stdout == b"ok"


def test_workers_see_and_decide_who_comes_in(socks, origin, addon):
    code = """
@worker.on("socks5_auth")
def auth(message):
    name = message["params"]["username"]
    return {"valid": True} if name == "guest" else {"valid": False} if name == "anna" else {}
"""
    server, worker = origin(), addon(["socks5_auth"], code)
    proxy = socks("--set", "proxyauth=anna:secret", addons=[worker])
    assert curl(proxy, server.url(), login="guest:any@").stdout == b"ok"
    assert curl(proxy, server.url(), login="anna:secret@").returncode == REFUSED
    assert curl(proxy, server.url(), login="other:any@").returncode == REFUSED
    seen = [message["params"] for message in worker.wait("socks5_auth", 3)]
    assert [(one["username"], one["password"], one["valid"]) for one in seen] == [
        *(("guest", "any", False), ("anna", "secret", True), ("other", "any", False)),
    ]
    assert seen[0]["client_conn"]["proxy_mode"] == "socks5"


def test_without_proxyauth_names_are_shown_to_workers_and_nobody_must_have_one(socks, origin, addon):
    server, worker = origin(), addon(["socks5_auth"])
    proxy = socks(addons=[worker])
    assert curl(proxy, server.url()).stdout == b"ok"
    assert worker.messages("socks5_auth") == []
    assert curl(proxy, server.url(), login="anna:secret@").stdout == b"ok"
    assert worker.wait("socks5_auth")[0]["params"]["valid"] is True

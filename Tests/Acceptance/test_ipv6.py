"""IPv6 wherever IPv4 works, and names that have addresses of both kinds of which one is dead."""

import os
import time

import pytest

from support.namespaces import Road, with_hosts
from support.origin import OK, answering, over_tls
from support.proxy import free_port
from support.tunnel import tls_through
from support.wire import Wire


@pytest.mark.parametrize("form", ["mode", "option"])
def test_clients_come_by_ipv6(weir, origin, addon, form):
    server, worker, port = origin(), addon(["client_connected"]), free_port()
    if form == "mode":
        proxy = weir(modes=[f"regular@[::1]:{port}"], ports=[port], addons=[worker])
    else:
        proxy = weir("--set", "listen_host=::1", addons=[worker])
        port = proxy.port
    answer = proxy.curl(server.url(), "-x", f"http://[::1]:{port}")
    assert answer.stdout == b"ok", answer.stderr
    client = worker.wait("client_connected")[0]["params"]["client_conn"]
    assert client["peername"][0] == "::1" and client["sockname"] == ["::1", port]


def test_one_port_serves_a_mode_for_each_kind_of_address(weir, origin):
    one, other, port = origin(), origin(host="::1"), free_port()
    modes = [f"reverse:http://{one.authority}@127.0.0.1:{port}", f"reverse:http://{other.authority}@[::1]:{port}"]
    weir(modes=modes, ports=[port])
    for host, server in (("127.0.0.1", one), ("::1", other)):
        with Wire.to(port, host=host) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.response().body == b"ok"
        assert server.received[0].one("host") == server.authority.encode()


@pytest.mark.parametrize("scheme", ["https", "tls"])
def test_reverse_mode_speaks_tls_to_an_ipv6_server(weir, origin, authority, scheme):
    server = origin(over_tls(answering(OK), authority.leaf("::1")), host="::1")
    trust = f"ssl_verify_upstream_trusted_ca={authority.certificate}"
    proxy = weir("--set", trust, modes=[f"reverse:{scheme}://{server.authority}"])
    assert proxy.get(f"{proxy.url}/a").body == b"ok"
    assert server.tls_versions == ["TLSv1.3"]


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_requests_and_tunnels_to_ipv6_literals(weir, origin, authority, strategy):
    plain, secure = origin(host="::1"), origin(over_tls(answering(OK), authority.leaf("::1")), host="::1")
    trust = f"ssl_verify_upstream_trusted_ca={authority.certificate}"
    proxy = weir("--set", trust, "--set", f"connection_strategy={strategy}")
    assert proxy.curl(plain.url("/p")).stdout == b"ok"
    answer = proxy.curl(f"https://{secure.authority}/s")
    assert answer.stdout == b"ok", answer.stderr
    assert [server.received[0].one("host") for server in (plain, secure)] == [plain.authority.encode(), secure.authority.encode()]
    with tls_through(proxy, secure.authority, name="::1") as wire:
        assert ("IP Address", "0:0:0:0:0:0:0:1") in wire.sock.getpeercert()["subjectAltName"]


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
@pytest.mark.parametrize("end", ["refused", "silent"])
@pytest.mark.parametrize("dead", [0, 1], ids=["IPv4", "IPv6"])
def test_a_name_with_one_dead_address_is_reached_by_the_other(weir, origin, tmp_path, dead, end):
    """Happy Eyeballs: an address that does not answer holds up the attempt at the other one for a quarter of a second."""
    road = Road()
    try:
        with road.server.entered():
            server = origin(host=Road.SERVER[1 - dead], port=80)
        if end == "silent":
            family, field = ("ip", "ip") if dead == 0 else ("ip6", "ip6")
            road.server.filter(
                f"table {family} quiet {{\n chain in {{\n type filter hook input priority filter\n"
                f" {field} daddr {Road.SERVER[dead]} tcp dport 80 drop\n }}\n}}\n"
            )
        hosts = with_hosts(tmp_path / "hosts", "".join(f"{address} two.example\n" for address in Road.SERVER))
        with road.router.entered():
            proxy = weir(within=hosts)
            begun = time.monotonic()
            answer = proxy.get("http://two.example/")
            took = time.monotonic() - begun
        assert answer.status == 200, answer.body
        assert took < 3 and len(server.received) == 1
    finally:
        road.remove()

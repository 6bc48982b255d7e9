"""Transparent mode: a router whose firewall redirects its clients' connections to the proxy."""

import os

import pytest

from support.namespaces import Road
from support.origin import OK, answering, over_tls
from support.tunnel import alternative_names, trusting
from support.wire import Wire

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

REDIRECT = """\
table {family} nat {{
    chain incoming {{
        type nat hook prerouting priority dstnat
        tcp dport != {port} redirect to :{port}
    }}
}}
"""


@pytest.fixture
def road():
    made = Road()
    yield made
    made.remove()


class Site:
    """The road with a proxy on its router, to which all that comes through is redirected."""

    def __init__(self, road, weir, origin):
        self.road, self._weir, self._origin = road, weir, origin

    def proxy(self, *arguments, **options):
        with self.road.router.entered():
            run = self._weir("--listen-host", "", *arguments, modes=["transparent"], **options)
        for family in ("ip", "ip6"):
            self.road.router.filter(REDIRECT.format(family=family, port=run.port))
        return run

    def server(self, serve=None, family: int = 0, port: int = 80):
        with self.road.server.entered():
            return self._origin(serve, host=Road.SERVER[family], port=port)

    def curl(self, proxy, url: str, *arguments):
        with self.road.client.entered():
            return proxy.curl(url, "--noproxy", "*", *arguments)

    def connect(self, server) -> Wire:
        with self.road.client.entered():
            return Wire.to(server.port, host=server.host)


@pytest.fixture
def site(road, weir, origin):
    return Site(road, weir, origin)


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_http_goes_where_the_client_wanted(site, addon, family, strategy):
    worker = addon(["client_connected", "server_connect", "next_layer", "request"])
    server = site.server(family=family)
    proxy = site.proxy("--set", f"connection_strategy={strategy}", addons=[worker])
    answer = site.curl(proxy, server.url("/a").replace(":80/", "/"), "-H", "Host: shop.example")
    assert answer.stdout == b"ok", answer.stderr
    assert server.received[0].target == b"/a" and server.received[0].one("host") == b"shop.example"
    flow = worker.wait("request")[0]["params"]["flow"]
    assert (flow["request"]["host"], flow["request"]["port"]) == (Road.SERVER[family], 80)
    assert flow["client_conn"]["proxy_mode"] == "transparent"
    eager = ["client_connected", "server_connect", "next_layer", "request"]
    assert worker.events() == (eager if strategy == "eager" else ["client_connected", "next_layer", "request", "server_connect"])


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_tls_is_intercepted_under_the_name_that_the_client_asked_for(site, authority, addon, family):
    worker = addon([{"name": "request", "filter": "~d shop.example"}])
    server = site.server(over_tls(answering(OK), authority.leaf("shop.example")), family, 8443)
    proxy = site.proxy("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    host = f"[{server.host}]" if family else server.host
    answer = site.curl(proxy, "https://shop.example:8443/b", "--resolve", f"shop.example:8443:{host}")
    assert answer.stdout == b"ok", answer.stderr
    assert server.received[0].target == b"/b" and server.tls_versions == ["TLSv1.3"]
    assert worker.wait("request")[0]["params"]["flow"]["server_conn"]["sni"] == "shop.example"


def test_raw_bytes_pass_and_a_server_may_speak_first(site):
    def serve(wire, origin):
        wire.send(b"220 ready\r\n")
        wire.send(b"you said " + wire.until(b"\n"))

    server = site.server(serve, port=25)
    site.proxy()
    with site.connect(server) as wire:
        assert wire.until(b"\n") == b"220 ready\r\n"
        wire.send(b"a\n")
        assert wire.to_end() == b"you said a\n"


@pytest.mark.parametrize("pattern", ["shop.example:8443", "^10.77.2.2:8443$"], ids=["by its name", "by its address"])
def test_an_ignored_server_is_passed_through_untouched(site, authority, pattern):
    server = site.server(over_tls(answering(OK), authority.leaf("shop.example", "real.example")), port=8443)
    site.proxy("--set", f"ignore_hosts={pattern}")
    raw = site.connect(server)
    with Wire(trusting(authority.certificate).wrap_socket(raw.sock, server_hostname="shop.example")) as wire:
        assert "real.example" in alternative_names(wire)


def test_an_ignored_server_is_known_by_the_host_field_too(site):
    server = site.server()
    proxy = site.proxy("--set", "ignore_hosts=quiet.example")
    assert site.curl(proxy, server.url(), "-H", "Host: quiet.example").stdout == b"ok"
    assert site.curl(proxy, server.url(), "-H", "Host: loud.example").stdout == b"ok"
    proxy.stop()
    assert len(server.received) == 2 and proxy.printed.count("GET http://10.77.2.2/") == 1


@pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
def test_a_connection_that_was_not_redirected_is_closed_and_named(site, family):
    proxy = site.proxy()
    with site.road.client.entered():
        wire = Wire.to(proxy.port, host=Road.ROUTER[family])
    with wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.to_end() == b""
    proxy.wait_log(r"the connection to .* was not redirected to us; transparent mode needs a rule of the firewall")


def test_a_server_that_cannot_be_reached_ends_the_client_and_is_named(site):
    proxy = site.proxy()
    with site.road.client.entered():
        wire = Wire.to(81, host=Road.SERVER[0])
    with wire:
        assert wire.to_end() == b""
    proxy.wait_log("cannot connect to 10.77.2.2:81: connection refused")


def test_a_worker_may_send_a_connection_elsewhere(site, addon):
    code = """
@worker.on("server_connect")
def connect(message):
    return {"server_conn": {"address": ["fd77:2::2", 8080]}}
"""
    server = site.server(family=1, port=8080)
    proxy = site.proxy(addons=[addon(["server_connect"], code)])
    assert site.curl(proxy, "http://10.77.2.2/moved").stdout == b"ok"
    assert server.received[0].target == b"/moved"

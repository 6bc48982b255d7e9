"""Mode upstream: everything goes on to another proxy, some of which others have written."""

import base64

import pytest

from support.origin import OK, answering
from support.proxy import free_port
from support.tunnel import alternative_names, tls_through, trusting
from support.upstream import Mitmproxy, MitmproxyOverTLS, Tinyproxy

KINDS = [Tinyproxy, Mitmproxy, MitmproxyOverTLS]
LOGIN = "anna:secret"


@pytest.fixture
def upstream(tmp_path):
    made = []

    def make(kind, **options):
        made.append(kind(tmp_path / f"upstream{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def through(weir, authority, tmp_path):
    """A proxy that goes through the upstream one, and trusts it and the origins."""

    def make(proxy, *arguments, **options):
        trusted = tmp_path / "trusted.pem"
        own = proxy.ca.read_bytes() if isinstance(proxy, Mitmproxy) else b""
        trusted.write_bytes(authority.certificate.read_bytes() + own)
        return weir("--set", f"ssl_verify_upstream_trusted_ca={trusted}", *arguments, modes=[proxy.mode], **options)

    return make


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
@pytest.mark.parametrize("kind", KINDS)
def test_http_and_https_go_through(upstream, through, origin, nginx, authority, addon, kind, strategy):
    plain, secure, worker = origin(), nginx(authority.leaf("127.0.0.1")), addon(["response", "http_connect_upstream"])
    other = upstream(kind)
    proxy = through(other, "--set", f"connection_strategy={strategy}", addons=[worker])
    assert proxy.curl(plain.url("/a?b")).stdout == b"ok"
    answer = proxy.curl(secure.url())
    assert answer.stdout == b"hello\n", answer.stderr
    assert plain.received[0].target == b"/a?b" and plain.received[0].one("host") == plain.authority.encode()
    assert str(plain.port) in other.log and str(secure.port) in other.log
    for message, server in zip(worker.wait("response", 2), (plain, secure)):
        connection = message["params"]["flow"]["server_conn"]
        assert connection["via"] == [other.scheme, ["127.0.0.1", other.port]]
        assert connection["address"] == ["127.0.0.1", server.port]
        assert connection["peername"] == ["127.0.0.1", other.port]
    asked = [message["params"]["flow"]["request"] for message in worker.messages("http_connect_upstream")]
    assert [(one["method"], one["port"]) for one in asked] == [("CONNECT", secure.port)], "http needs no tunnel"


@pytest.mark.parametrize("kind", KINDS)
def test_upstream_auth_is_for_requests_and_tunnels(upstream, through, origin, nginx, authority, kind):
    plain, secure, other = origin(), nginx(authority.leaf("127.0.0.1")), upstream(kind, login=LOGIN)
    proxy = through(other, "--set", f"upstream_auth={LOGIN}")
    assert proxy.curl(plain.url()).stdout == b"ok"
    assert proxy.curl(secure.url()).stdout == b"hello\n"
    assert plain.received[0].all("proxy-authorization") == []


@pytest.mark.parametrize("kind", [Tinyproxy, Mitmproxy])
def test_missing_or_wrong_credentials_are_a_clear_error(upstream, through, nginx, authority, kind):
    secure, other = nginx(authority.leaf("127.0.0.1")), upstream(kind, login=LOGIN)
    for arguments in ((), ("--set", "upstream_auth=anna:wrong")):
        proxy = through(other, *arguments)
        refused = proxy.curl(secure.url(), "-w", "%{http_connect}")
        assert refused.stdout.endswith(b"502"), refused
        status = "407|401" if kind is Tinyproxy else "407"
        proxy.wait_log(rf"upstream proxy 127\.0\.0\.1:{other.port} refused CONNECT {secure.authority}: ({status}) .*")
        proxy.stop()


# Bytes towards the proxy


def tunnelling(wire, origin):
    """A proxy that grants CONNECT and is the server behind it as well."""
    while True:
        request = origin.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n" if request.method == b"CONNECT" else OK)


def test_a_plain_request_is_sent_in_absolute_form(weir, origin):
    other = origin()
    proxy = weir("--set", f"upstream_auth={LOGIN}", modes=[f"upstream:{other.authority}"])
    for url in ("http://a.example/b?c=d", "http://a.example:8080/", "http://[2001:db8::1]/x"):
        assert proxy.get(url, "X-Own: 1").body == b"ok"
    assert [request.target for request in other.received] == [
        *(b"http://a.example/b?c=d", b"http://a.example:8080/", b"http://[2001:db8::1]/x"),
    ]
    first = other.received[0]
    assert first.one("host") == b"a.example" and first.one("x-own") == b"1"
    assert first.one("proxy-authorization") == b"Basic " + base64.b64encode(LOGIN.encode())


CHOOSING = """
@worker.on("request")
def request(message):
    first = message["params"]["flow"]["request"]["path"][1:].partition("/")[0]
    return {"flow": {"request": {"via": CHOICES[first]}}} if first in CHOICES else {}
"""


def test_an_addon_chooses_the_way_of_each_request(weir, origin, addon):
    usual, other, server = origin(), origin(), origin()
    choices = {"other": ["http", ["127.0.0.1", other.port]], "straight": None, "nobody": ["http", ["127.0.0.1", free_port()]], "bad": ["tls", ["a", 1]]}
    worker = addon(["request", "response"], CHOOSING.replace("CHOICES", repr(choices)))
    proxy = weir("--set", f"upstream_auth={LOGIN}", modes=[f"upstream:{usual.authority}"], addons=[worker])
    for first in ("usual", "other", "straight", "bad"):
        assert proxy.get(server.url(f"/{first}")).status == 200
    assert proxy.get(server.url("/nobody")).status == 502
    proxy.wait_log(r"flow\.request\.via\[0\]: expected http or https, found 'tls'")
    assert [request.target for request in usual.received] == [server.url("/usual").encode(), server.url("/bad").encode()]
    assert [request.target for request in other.received] == [server.url("/other").encode()]
    assert [request.target for request in server.received] == [b"/straight"], "no URL, and no credentials for the proxy"
    assert not server.received[0].all("proxy-authorization")
    ways = [message["params"]["flow"]["server_conn"]["via"] for message in worker.messages("response")]
    assert ways == [["http", ["127.0.0.1", usual.port]], choices["other"], None, ["http", ["127.0.0.1", usual.port]]]


def test_who_must_not_see_a_request_does_not_choose_its_way(weir, origin, addon):
    server, other = origin(), origin()
    worker = addon(["request"], CHOOSING.replace("CHOICES", repr({"a": ["http", ["127.0.0.1", other.port]]})))
    proxy = weir("--set", "addon_hide=authorization", addons=[worker])
    assert proxy.get(server.url("/a")).status == 200 and not other.received
    proxy.wait_log(r"flow\.request\.via: it was not granted this change")


def test_a_chosen_proxy_opens_tunnels_too(weir, upstream, nginx, authority, addon):
    secure, other = nginx(authority.leaf("127.0.0.1")), upstream(Tinyproxy)
    worker = addon(["request"], CHOOSING.replace("CHOICES", repr({"other": ["http", ["127.0.0.1", other.port]]})))
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", addons=[worker])
    assert [proxy.get(f"https://{secure.authority}/{path}").status for path in ("", "other")] == [200, 200]
    assert other.log.count(f"CONNECT {secure.authority} HTTP/1.1") == 1


def test_options_of_a_whole_server_keeps_its_meaning(weir, origin):
    other = origin()
    proxy = weir(modes=[f"upstream:{other.authority}"])
    proxy.get("http://a.example", method="OPTIONS")
    assert other.received[0].start == b"OPTIONS http://a.example HTTP/1.1"


def test_one_connection_serves_the_requests_to_one_server(weir, origin):
    other = origin()
    proxy = weir(modes=[f"upstream:{other.authority}"])
    with proxy.connect() as wire:
        for path in ("1", "2"):
            wire.send(f"GET http://a.example/{path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
            assert wire.response().body == b"ok"
    assert other.connections == 1


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_plain_http_inside_a_tunnel_stays_inside_one(weir, origin, strategy):
    other = origin(tunnelling)
    proxy = weir(
        *("--set", f"connection_strategy={strategy}", "--set", f"upstream_auth={LOGIN}"), modes=[f"upstream:{other.authority}"]
    )
    with proxy.tunnel("a.example:80") as wire:
        wire.send(b"GET /inside HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert wire.response().body == b"ok"
    connect, inside = other.wait(2)
    assert connect.start == b"CONNECT a.example:80 HTTP/1.1" and connect.one("host") == b"a.example:80"
    assert connect.one("proxy-authorization") == b"Basic " + base64.b64encode(LOGIN.encode())
    assert inside.start == b"GET /inside HTTP/1.1"
    assert inside.all("proxy-authorization") == [], "the server is not told who we are to the proxy"


def test_an_upgrade_goes_through_a_tunnel(weir, origin):
    other = origin(tunnelling)
    proxy = weir(modes=[f"upstream:{other.authority}"])
    proxy.get("http://a.example/chat", "Upgrade: thing")
    with proxy.connect() as wire:
        wire.send(b"GET http://a.example/chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: thing\r\n\r\n")
        wire.response()
    assert [request.start for request in other.wait(3)[1:]] == [b"CONNECT a.example:80 HTTP/1.1", b"GET /chat HTTP/1.1"]


def test_a_server_that_speaks_first_is_heard_through_the_tunnel(weir, origin):
    def serve(wire, origin):
        origin.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n220 ready\r\n")
        wire.send(b"you said " + wire.until(b"\n"))

    other = origin(serve)
    proxy = weir(modes=[f"upstream:{other.authority}"])
    with proxy.tunnel("mail.example:25") as wire:
        assert wire.until(b"\n") == b"220 ready\r\n"
        wire.send(b"a\n")
        assert wire.to_end() == b"you said a\n"


def test_much_that_comes_right_behind_the_proxys_consent_is_all_there(weir, origin):
    """More than one read, before the tunnel has been taken over."""
    greeting = b"".join(b"220-%06d\r\n" % number for number in range(30_000))

    def serve(wire, origin):
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n" + greeting)

    other = origin(serve)
    proxy = weir(modes=[f"upstream:{other.authority}"])
    for _ in range(5):
        with proxy.tunnel("mail.example:25") as wire:
            assert wire.to_end() == greeting


def test_workers_may_change_what_the_proxy_is_sent(weir, origin, addon):
    code = """
@worker.on("http_connect_upstream")
def connect(message):
    return {"flow": {"request": {"headers": message["params"]["flow"]["request"]["headers"] + [["X-Own", "1"]]}}}
"""
    other, worker = origin(tunnelling), addon(["server_connect", "http_connect_upstream", "server_connected", "http_connected"], code)
    proxy = weir(modes=[f"upstream:{other.authority}"], addons=[worker])
    with proxy.tunnel("a.example:80"):
        assert other.wait(1)[0].one("x-own") == b"1"
    assert worker.events() == ["server_connect", "http_connect_upstream", "server_connected", "http_connected"]


def test_ipv6_everywhere(weir, origin):
    other = origin(tunnelling, host="::1")
    proxy = weir(modes=[f"upstream:http://[::1]:{other.port}"])
    assert proxy.get("http://a.example/").body == b"ok"
    with proxy.tunnel("[2001:db8::1]:80") as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert wire.response().body == b"ok"
    assert b"CONNECT [2001:db8::1]:80 HTTP/1.1" in [request.start for request in other.received]


def test_an_ignored_server_is_passed_through_the_tunnel_untouched(through, upstream, nginx, authority):
    secure = nginx(authority.leaf("127.0.0.1", "real.example"))
    proxy = through(upstream(Tinyproxy), "--set", "ignore_hosts=127.0.0.1")
    with tls_through(proxy, secure.authority, trusting(authority.certificate)) as wire:
        assert "real.example" in alternative_names(wire)


def test_replayed_requests_go_through_as_well(weir, origin, tmp_path):
    other = origin()
    file = tmp_path / "flows"
    first = weir("-w", str(file), modes=[f"upstream:{other.authority}"])
    assert first.get("http://a.example/once").body == b"ok"
    first.stop()
    weir("-C", str(file), "--set", f"upstream_auth={LOGIN}", modes=[f"upstream:{other.authority}"])
    again = other.wait(2)[1]
    assert again.target == b"http://a.example/once" and again.all("proxy-authorization") != []


# What goes wrong


def failing(answer: bytes):
    def serve(wire, origin):
        origin.record(wire.request())
        wire.send(answer)

    return serve


@pytest.mark.parametrize(
    "answer, says",
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "refused CONNECT a.example:443: 503 Busy"),
        (b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", "refused CONNECT a.example:443: 407 Who; see the option upstream_auth"),
        (b"SSH-2.0-x\r\n\r\n", "answered CONNECT a.example:443 with something that is not HTTP"),
        (b"", "closed the connection before it answered CONNECT a.example:443"),
    ],
)
def test_failures_name_the_proxy_and_the_target(weir, origin, addon, answer, says):
    other, worker = origin(failing(answer)), addon(["server_connected", "server_connect_error", "http_connect_error"])
    proxy = weir(modes=[f"upstream:{other.authority}"], addons=[worker])
    refused = proxy.curl("https://a.example/", "-w", "%{http_connect}")
    assert refused.stdout.endswith(b"502")
    proxy.wait_log(f"upstream proxy {other.authority} {says}")
    assert worker.events() == ["server_connect_error", "http_connect_error"]
    assert says in worker.messages("server_connect_error")[0]["params"]["server_conn"]["error"]


def test_a_proxy_that_is_not_there_is_named_with_the_target(weir):
    port = free_port()
    proxy = weir(modes=[f"upstream:http://127.0.0.1:{port}"])
    answer = proxy.get("http://a.example/")
    assert answer.status == 502
    assert f"cannot connect to upstream proxy 127.0.0.1:{port} for a.example:80: Connection refused".encode() in answer.body


def test_a_proxy_that_never_answers_is_given_up(weir, origin):
    other = origin(lambda wire, origin: wire.to_end())
    proxy = weir("--set", "connect_timeout=1", modes=[f"upstream:{other.authority}"])
    refused = proxy.curl("https://a.example/", "-w", "%{http_connect}")
    assert refused.stdout.endswith(b"504")
    proxy.wait_log(f"upstream proxy {other.authority} did not open a way to a.example:443 within 1 seconds")


def test_a_proxy_whose_certificate_does_not_verify_is_named(weir, upstream, authority):
    other = upstream(MitmproxyOverTLS)
    proxy = weir("--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}", modes=[other.mode])
    assert proxy.get("http://a.example/").status == 502
    proxy.wait_log(f"TLS with upstream proxy 127.0.0.1:{other.port}: .*(verif|certificate)")


def test_the_upstream_proxys_own_refusal_of_a_plain_request_is_passed_on(weir, origin):
    other = origin(answering(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"))
    proxy = weir(modes=[f"upstream:{other.authority}"])
    answer = proxy.get("http://a.example/")
    assert (answer.status, answer.one("proxy-authenticate")) == (407, b'Basic realm="x"')

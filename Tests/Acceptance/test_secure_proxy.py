"""The proxy's own port spoken to over TLS, as browsers do with a secure web proxy."""

import os
import ssl

import pytest

from support.origin import answering, over_tls
from support.tunnel import alternative_names, trusting
from support.upstream import Tinyproxy
from support.wire import Wire


@pytest.fixture(params=["regular", "upstream"])
def proxy(request, weir, tmp_path, authority, addon):
    """A proxy that goes to servers itself or through another one, with a worker."""
    worker = addon(["request"])
    other = Tinyproxy(tmp_path / "upstream") if request.param == "upstream" else None
    trust = f"ssl_verify_upstream_trusted_ca={authority.certificate}"
    run = weir("--set", trust, "--set", "proxyauth=anna:secret", modes=[other.mode if other else "regular"], addons=[worker])
    run.worker = worker
    yield run
    if other:
        other.stop()


def curl(proxy, url, *arguments, login="anna:secret"):
    return proxy.curl(url, "-x", f"https://{login}@127.0.0.1:{proxy.port}", "--proxy-cacert", str(proxy.ca), *arguments)


def test_http_goes_through(proxy, origin):
    server = origin()
    answer = curl(proxy, server.url("/a"))
    assert answer.stdout == b"ok", answer.stderr
    assert server.received[0].target == b"/a" and server.received[0].all("proxy-authorization") == []
    client = proxy.worker.wait("request")[0]["params"]["flow"]["client_conn"]
    assert client["tls"] is True and client["tls_version"] == "TLSv1.3"


def test_https_goes_through_as_tls_in_tls(proxy, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    answer = curl(proxy, server.url())
    assert answer.stdout == b"hello\n", answer.stderr
    assert f"GET https://{server.authority}/hello" in proxy.printed


def test_large_bodies_go_through_both_ways_as_tls_in_tls(proxy, origin, authority, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(os.urandom(3_000_000))

    def mirrored(request):
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body

    server = origin(over_tls(answering(mirrored), authority.leaf("127.0.0.1")))
    answer = curl(proxy, f"https://{server.authority}/", "--http1.1", "-H", "Expect:", "--data-binary", f"@{body}")
    assert answer.stdout == body.read_bytes(), answer.stderr[:200]


def test_who_is_not_admitted_is_told_so(proxy, origin):
    answer = curl(proxy, origin().url(), "-w", "%{http_code}", login="anna:wrong")
    assert answer.stdout.endswith(b"407"), answer


def test_the_port_has_a_certificate_for_its_address(proxy):
    with Wire(trusting(proxy.ca).wrap_socket(proxy.connect().sock, server_hostname="127.0.0.1")) as wire:
        assert alternative_names(wire) == {"127.0.0.1"}


def test_a_client_that_does_not_trust_us_is_named_with_advice(proxy, origin, authority):
    with pytest.raises(ssl.SSLCertVerificationError):
        trusting(authority.certificate).wrap_socket(proxy.connect().sock, server_hostname="127.0.0.1")
    proxy.wait_log("TLS handshake for this proxy failed: .*install CONFDIR/weir-ca-cert.pem")

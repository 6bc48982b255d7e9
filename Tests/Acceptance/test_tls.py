"""TLS on both sides: the authority's files, leaf names, verification, resumption, key log, and tunnels that are not TLS."""

import ssl
import stat
import subprocess

import pytest

from support.certificates import Authority, openssl
from support.proxy import eventually
from support.tunnel import alternative_names, tls_through, trusting


def trust(authority) -> tuple[str, str]:
    return "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}"


def fetch(wire, authority: str, path: str = "/hello"):
    wire.send(f"GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    return wire.response()


def test_the_first_start_makes_the_authority(weir, tmp_path):
    confdir = tmp_path / "made" / "here"
    proxy = weir(confdir=confdir)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in confdir.iterdir() if path.is_file()}
    assert modes["weir-ca.pem"] == 0o600
    assert modes["weir-ca.p12"] == 0o600
    assert {"weir-ca-cert.pem", "weir-ca-cert.cer", "weir-ca-cert.p12"} <= set(modes)
    text = openssl("x509", "-in", proxy.ca, "-noout", "-text")
    assert "CA:TRUE" in text
    for part in ("private key", "PRIVATE KEY"):
        assert part not in proxy.ca.read_text()
    openssl("pkcs12", "-in", confdir / "weir-ca.p12", "-passin", "pass:", "-nodes", "-out", tmp_path / "out.pem")
    assert "PRIVATE KEY" in (tmp_path / "out.pem").read_text()


def test_a_later_start_keeps_the_authority(weir, tmp_path):
    confdir = tmp_path / "kept"
    first = weir(confdir=confdir)
    before = {path.name: path.read_bytes() for path in confdir.iterdir() if path.is_file()}
    first.stop()
    weir(confdir=confdir)
    assert {name: (confdir / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("name", ["weir-ca.pem", "mitmproxy-ca.pem"])
def test_an_existing_authority_file_is_used(weir, tmp_path, nginx, authority, name):
    """The format of mitmproxy: an RSA key in its traditional form and the certificate in one file."""
    confdir = tmp_path / "existing"
    confdir.mkdir()
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    openssl("genrsa", "-traditional", "-out", key, "2048")
    openssl(
        *("req", "-x509", "-new", "-key", key, "-days", "30", "-subj", "/CN=mitmproxy/O=mitmproxy", "-out", certificate),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    (confdir / name).write_text(key.read_text() + certificate.read_text())
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority), confdir=confdir)
    wire = tls_through(proxy, server.authority, trusting(certificate))
    assert fetch(wire, server.authority).body == b"hello\n"


def test_an_eager_leaf_carries_the_names_of_the_upstream_certificate(weir, nginx, authority):
    server = nginx(authority.leaf("shop.example", "*.alt.example", "127.0.0.1"))
    wire = tls_through(weir(*trust(authority)), server.authority, name="shop.example")
    assert {"shop.example", "*.alt.example", "127.0.0.1"} <= alternative_names(wire)
    subject = dict(pair for part in wire.sock.getpeercert()["subject"] for pair in part)
    assert subject["commonName"] == "shop.example"


def test_a_lazy_leaf_carries_the_name_that_the_client_asked_for_and_the_address(weir, nginx, authority):
    server = nginx(authority.leaf("shop.example", "alt.example", "127.0.0.1"))
    wire = tls_through(weir(*trust(authority), "--set", "connection_strategy=lazy"), server.authority, name="shop.example")
    names = alternative_names(wire)
    assert "shop.example" in names
    assert "alt.example" not in names
    assert fetch(wire, server.authority).body == b"hello\n"


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_an_address_literal_without_sni_is_an_address_entry(weir, nginx, authority, strategy):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority), "--set", f"connection_strategy={strategy}")
    plain = proxy.tunnel(server.authority)
    sock = trusting(proxy.ca, check_hostname=False).wrap_socket(plain.sock)
    assert ("IP Address", "127.0.0.1") in sock.getpeercert()["subjectAltName"]
    sock.close()


def test_a_leaf_is_valid_now_and_not_for_longer_than_browsers_allow(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority))
    certificate = tls_through(proxy, server.authority).sock.getpeercert()
    life = ssl.cert_time_to_seconds(certificate["notAfter"]) - ssl.cert_time_to_seconds(certificate["notBefore"])
    assert life <= 398 * 86400


def test_openssl_verifies_the_chain_and_the_name(weir, nginx, authority):
    server = nginx(authority.leaf("shop.example", "127.0.0.1"))
    proxy = weir(*trust(authority))
    done = subprocess.run(
        [
            *("openssl", "s_client", "-proxy", f"127.0.0.1:{proxy.port}", "-connect", server.authority, "-servername", "shop.example"),
            *("-CAfile", proxy.ca, "-verify_return_error", "-verify_hostname", "shop.example", "-x509_strict"),
        ],
        input=b"GET /hello HTTP/1.0\r\nHost: shop.example\r\n\r\n",
        capture_output=True,
        timeout=20,
    )
    assert b"Verify return code: 0 (ok)" in done.stdout, done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_an_upstream_certificate_that_nobody_vouches_for_is_a_502_that_says_why(weir, addon, nginx, authority, strategy):
    server, worker = nginx(authority.leaf("127.0.0.1")), addon(["request", "error", "tls_failed_server"])
    proxy = weir("--set", f"connection_strategy={strategy}", addons=[worker])
    answer = proxy.curl(server.url(), "-w", "%{http_code}")
    assert answer.stdout.endswith(b"502"), answer
    assert b"certificate" in answer.stdout.lower() and b"issuer" in answer.stdout.lower()
    assert "certificate" in worker.wait("error")[0]["params"]["flow"]["error"]["msg"].lower()
    worker.wait("tls_failed_server")
    assert server.served() == []


@pytest.mark.parametrize("strategy", ["eager", "lazy"])
def test_an_upstream_certificate_for_another_name_is_refused(weir, nginx, authority, strategy):
    server = nginx(authority.leaf("other.example"))
    proxy = weir(*trust(authority), "--set", f"connection_strategy={strategy}")
    answer = proxy.curl(server.url(), "-w", "%{http_code}")
    assert answer.stdout.endswith(b"502"), answer
    assert b"127.0.0.1" in answer.stdout or b"mismatch" in answer.stdout.lower()


def test_ssl_insecure_accepts_any_upstream_certificate(weir, nginx, authority):
    server = nginx(authority.leaf("other.example"))
    answer = weir("--set", "ssl_insecure=true").curl(server.url())
    assert answer.stdout == b"hello\n", answer.stderr


def test_an_upstream_that_is_vouched_for_by_another_authority_is_refused(weir, nginx, tmp_path, authority):
    other = Authority(tmp_path / "other", "Another authority")
    server = nginx(other.leaf("127.0.0.1"))
    answer = weir(*trust(authority)).curl(server.url(), "-w", "%{http_code}")
    assert answer.stdout.endswith(b"502"), answer


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_client_resumes_its_session(weir, nginx, authority, version):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority))
    context = trusting(proxy.ca, maximum_version=ssl.TLSVersion[version])
    first = tls_through(proxy, server.authority, context)
    assert fetch(first, server.authority).status == 200
    session = first.sock.session
    first.close()
    second = tls_through(proxy, server.authority, context, session=session)
    assert second.sock.session_reused
    assert fetch(second, server.authority).body == b"hello\n"


def test_a_resumed_session_still_gets_the_right_upstream(weir, nginx, authority):
    one, two = nginx(authority.leaf("127.0.0.1")), nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority))
    context = trusting(proxy.ca)
    first = tls_through(proxy, one.authority, context)
    fetch(first, one.authority)
    second = tls_through(proxy, two.authority, context, session=first.sock.session)
    assert fetch(second, two.authority, "/second").body == b"GET /second\n"
    assert any("/second" in line for line in two.served(1))


def test_upstream_sessions_are_resumed(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"), extra="ssl_session_cache shared:s:1m; ssl_session_tickets on;")
    proxy = weir(*trust(authority))
    for _ in range(3):
        assert proxy.curl(server.url()).stdout == b"hello\n"
    reused = [line.split("reused=")[1].split()[0] for line in server.served(3)]
    assert reused[0] == "." and "r" in reused[1:], server.served()


def test_sslkeylogfile_receives_the_secrets_of_both_sides(weir, nginx, authority, tmp_path):
    log, server = tmp_path / "keys.log", nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority), env={"SSLKEYLOGFILE": str(log)})
    assert fetch(tls_through(proxy, server.authority), server.authority).status == 200
    lines = eventually(lambda: log.exists() and log.read_text().splitlines(), 5, "the key log")
    secrets = [line for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")]
    assert len(secrets) == 2
    assert len({line.split()[1] for line in secrets}) == 2, "one client random for each side"


def test_a_client_below_the_minimum_version_is_refused(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority), "--set", "tls_version_client_min=TLS1_3")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls_through(proxy, server.authority, trusting(proxy.ca, maximum_version=ssl.TLSVersion.TLSv1_2))
    assert fetch(tls_through(proxy, server.authority), server.authority).status == 200


def test_the_maximum_version_towards_the_server_is_honoured(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority), "--set", "tls_version_server_max=TLS1_2")
    assert proxy.curl(server.url()).stdout == b"hello\n"
    assert "ssl=TLSv1.2" in server.served(1)[0]


def test_ciphers_of_the_client_side_are_honoured(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority), "--set", "ciphers_client=ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
    wire = tls_through(proxy, server.authority, trusting(proxy.ca, maximum_version=ssl.TLSVersion.TLSv1_2))
    assert wire.sock.cipher()[0] in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384")


def test_a_certificate_of_the_operator_is_shown_for_its_name(weir, nginx, authority, tmp_path):
    leaf = authority.leaf("own.example")
    both = tmp_path / "own.pem"
    both.write_text(leaf.key.read_text() + leaf.certificate.read_text())
    named, other = nginx(authority.leaf("own.example")), nginx(authority.leaf("else.example"))
    proxy = weir(*trust(authority), "--set", f"certs=own.example={both}")
    own = tls_through(proxy, named.authority, trusting(authority.certificate), name="own.example")
    assert own.sock.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())
    tls_through(proxy, other.authority, name="else.example")


def test_a_client_certificate_is_presented_to_the_server(weir, nginx, authority, tmp_path):
    server = nginx(authority.leaf("127.0.0.1"), extra=f"ssl_client_certificate {authority.certificate}; ssl_verify_client on;")
    leaf = authority.leaf("client.example", subject="the client")
    both = tmp_path / "client.pem"
    both.write_text(leaf.key.read_text() + leaf.certificate.read_text())
    proxy = weir(*trust(authority), "--set", f"client_certs={both}")
    assert proxy.curl(server.url()).stdout == b"hello\n"
    assert "the client" in server.served(1)[0]


def test_a_flow_tells_what_tls_was_spoken_on_both_sides(weir, addon, nginx, authority):
    server, worker = nginx(authority.leaf("shop.example", "127.0.0.1")), addon(["response"])
    wire = tls_through(weir(*trust(authority), addons=[worker]), server.authority, name="shop.example")
    assert fetch(wire, "shop.example").status == 200
    flow = worker.wait("response")[0]["params"]["flow"]
    assert flow["request"]["scheme"] == "https"
    for side in (flow["client_conn"], flow["server_conn"]):
        assert (side["tls"], side["tls_version"], side["sni"]) == (True, "TLSv1.3", "shop.example")
        assert side["cipher"] and side["timestamp_tls_setup"] > 0
    assert "BEGIN CERTIFICATE" in flow["server_conn"]["certificate_list"][0]


def test_alpn_offers_http_1_1(weir, nginx, authority):
    server = nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*trust(authority))
    context = trusting(proxy.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    wire = tls_through(proxy, server.authority, context)
    assert wire.sock.selected_alpn_protocol() in ("http/1.1", None)
    assert fetch(wire, server.authority).status == 200


def test_a_hello_in_many_pieces_is_understood(weir, nginx, authority):
    server = nginx(authority.leaf("shop.example", "127.0.0.1"))
    proxy = weir(*trust(authority))
    plain = proxy.tunnel(server.authority)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(proxy.ca).wrap_bio(incoming, outgoing, server_hostname="shop.example")
    plain.sock.setsockopt(6, 1, 1)
    while True:
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        for byte in outgoing.read():
            plain.send(bytes([byte]))
        if done:
            break
        incoming.write(plain.sock.recv(65536))
    assert tls.version() == "TLSv1.3"


def echoing(banner: bytes):
    def serve(wire, server):
        wire.send(banner)
        while True:
            if not wire.buffer:
                wire.fill()
            wire.send(wire.take(len(wire.buffer)))

    return serve


def test_a_tunnel_to_a_server_that_speaks_first_is_relayed(weir, origin, addon):
    worker = addon(["request", "error"])
    server = origin(echoing(b"220 mail.example ready\r\n"))
    proxy = weir(addons=[worker])
    with proxy.tunnel(server.authority) as wire:
        assert wire.until(b"\r\n") == b"220 mail.example ready\r\n"
        for data in (b"EHLO me\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 1000):
            wire.send(data)
            assert wire.exactly(len(data)) == data
        wire.half_close()
        assert wire.to_end() == b""
    assert worker.events() == []


@pytest.mark.parametrize("first", [b"\x00\x01\x02\x03binary", b"SSH-2.0-client\r\n", b"\x16\xff\xffnot really tls", b"{json}\n"])
def test_a_tunnel_to_a_server_that_waits_for_binary_is_relayed(weir, origin, first):
    server = origin(echoing(b""))
    with weir().tunnel(server.authority) as wire:
        wire.send(first)
        assert wire.exactly(len(first)) == first
        wire.send(b"more")
        assert wire.exactly(4) == b"more"


def test_plain_http_in_a_tunnel_is_http(weir, origin, addon):
    server, worker = origin(), addon(["request"])
    with weir(addons=[worker]).tunnel(server.authority) as wire:
        assert fetch(wire, server.authority, "/in-a-tunnel").body == b"ok"
    flow = worker.wait("request")[0]["params"]["flow"]
    assert (flow["request"]["scheme"], flow["request"]["path"]) == ("http", "/in-a-tunnel")


def test_the_server_closing_a_tunnel_closes_it_for_the_client(weir, origin):
    server = origin(lambda wire, server: wire.send(b"bye\n"))
    with weir().tunnel(server.authority) as wire:
        assert wire.to_end() == b"bye\n"

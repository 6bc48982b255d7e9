"""The rules of the operator: options that change, answer or refuse what goes through, without an addon."""

import base64
import gzip
import re
import subprocess

import pytest

from support.calls import ended
from support.origin import answering, answering_once
from support.proxy import run_to_end
from support.tunnel import tls_through, trusting
from support.wire import Closed


def rules(**options) -> list[str]:
    """Arguments that set options; a list sets one several times."""
    arguments = []
    for name, values in options.items():
        for value in values if isinstance(values, list) else [values]:
            arguments += ["--set", f"{name}={value}"]
    return arguments


@pytest.mark.parametrize(
    "value, says",
    [
        ("modify_headers=/bad", r"option modify_headers: expected \[/filter\]/name/\[@\]value, found '/bad'"),
        ("modify_headers=|X-A|@/nonexistent", r"cannot open '/nonexistent'"),
        ("modify_body=/ab(/c", r"option modify_body: .*missing closing parenthesis \(at character 4\)"),
        (r"modify_body=/a/\\7", r"there is no group 7"),
        ("map_remote=/~nope/a/b", r"option map_remote: .*filter '~nope'.*at character"),
        ("map_local=|a|/nonexistent", r"there is no file or folder '/nonexistent'"),
        ("block_list=/~u x/299", r"'299' is not a status"),
        ("proxyauth=nobody", r"option proxyauth"),
        ("proxyauth=@/nonexistent", r"cannot open '/nonexistent'"),
        ("proxyauth=ldap:server:user:word:tree", r"LDAP cannot be asked"),
        ("upstream_auth=nobody", r"option upstream_auth"),
        ("stickycookie=~nope", r"option stickycookie"),
        ("ignore_hosts=a(", r"option ignore_hosts: 'a\(': .*at character 3"),
        ("body_size_limit=3x", r"option body_size_limit: expected .*size.*found '3x'"),
        ("server_replay_extra=418", r"expected one of forward, kill, 204"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_at_the_start(value, says):
    done = run_to_end("--listen-host", "127.0.0.1", "-p", "0", "--set", value)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert re.search(says, done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_modify_headers_on_both_sides(weir, origin, tmp_path):
    (tmp_path / "value").write_text("from a file\n")
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n\r\nok"))
    proxy = weir(*rules(modify_headers=["/~q/X-Request/one", "/~q/X-Gone/", f"|~s|X-Response|@{tmp_path}/value", "/~s/Server/"]))
    answer = proxy.get(server.url(), "X-Gone: 1", "X-Request: 0")
    assert (answer.one("x-response"), answer.one("server"), answer.one("x-request")) == (b"from a file", None, None)
    received = server.received[0]
    assert (received.one("x-request"), received.one("x-gone"), received.one("x-response")) == (b"one", None, None)
    (tmp_path / "value").write_text("and read anew")
    assert proxy.get(server.url()).one("x-response") == b"and read anew"


def test_modify_body_of_coded_bodies_on_both_sides(weir, origin):
    packed = gzip.compress(b"hello world")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    server = origin(answering(head + packed))
    proxy = weir(*rules(modify_body=[r"/~s/(hello) (?P<what>\w+)/\g<what> \\1", "/~q/secret/***"]))
    done = proxy.curl(server.url(), "--compressed", "-d", "my secret word")
    assert done.stdout == b"world hello", done.stderr
    assert server.received[0].body == b"my *** word"
    answer = proxy.get(server.url())
    assert answer.one("content-encoding") == b"gzip" and gzip.decompress(answer.body) == b"world hello"


def test_bodies_that_no_rule_wants_are_passed_on_as_they_come(weir, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n"))
    proxy = weir(*rules(modify_body="/~u other/a/b", modify_headers="/X/1"))
    assert proxy.get(server.url("/this")).one("transfer-encoding") == b"chunked"
    assert proxy.get(server.url("/other")).body == b"bbcbbc"


def test_map_remote_sends_requests_elsewhere(weir, origin):
    server = origin()
    proxy = weir(*rules(map_remote=rf"|http://(\w+)\.test/|http://{server.authority}/from-\1/"))
    assert proxy.get("http://front.test/a?b").body == b"ok"
    received = server.received[0]
    assert (received.target, received.one("host")) == (b"/from-front/a?b", server.authority.encode())


def test_map_local_answers_with_files_and_404_beside_them(weir, origin, tmp_path):
    root = tmp_path / "www"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("<p>home")
    (root / "sub" / "a b.css").write_text("body {}")
    (tmp_path / "outside").write_text("secret")
    server = origin()
    proxy = weir(*rules(map_local=[f"|//site.test/|{root}", f"|//file.test|{tmp_path}/outside"]))
    home = proxy.get("http://site.test/")
    assert (home.status, home.body, home.one("content-type")) == (200, b"<p>home", b"text/html")
    css = proxy.get("http://site.test/sub/a%20b.css?v=1")
    assert (css.body, css.one("content-type")) == (b"body {}", b"text/css")
    assert proxy.get("http://file.test/whatever").body == b"secret"
    for path in ("none", "../outside", "%2e%2e/outside", "sub/..%2f..%2foutside", "%00"):
        assert proxy.get(f"http://site.test/{path}").status == 404, path
    assert proxy.get(server.url()).body == b"ok"


def test_block_list_answers_or_closes_and_says_so_to_workers(caller, origin):
    server = origin()
    proxy, worker = caller(*rules(block_list=["/~u ads/404", ":~d evil.test:444"]))
    blocked = proxy.get(server.url("/ads"))
    assert (blocked.status, blocked.body) == (404, b"")
    with pytest.raises(Closed):
        proxy.get("http://evil.test/")
    found = ended(worker, 2)
    assert [flow["metadata"] for flow in found] == [{"blocklisted": True}] * 2
    assert found[1]["error"]["msg"] == "Connection killed."
    assert proxy.get(server.url("/other")).body == b"ok" and len(server.received) == 1


def test_anticache_and_anticomp(weir, origin):
    server = origin()
    proxy = weir(*rules(anticache="true", anticomp="true"))
    proxy.get(server.url(), "If-None-Match: x", "If-Modified-Since: y", "Accept-Encoding: gzip")
    received = server.received[0]
    assert received.one("if-none-match") is received.one("if-modified-since") is None
    assert received.one("accept-encoding") == b"identity"


def test_sticky_cookies_and_authorization(weir, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/in\r\n\r\n"))
    proxy = weir(*rules(stickycookie=".", stickyauth="."))
    proxy.curl(server.url("/"), "-u", "name:word")
    proxy.get(server.url("/in/x"))
    received = server.received[1]
    assert received.one("cookie") == b"a=1; b=2"
    assert received.one("authorization") == b"Basic " + base64.b64encode(b"name:word")


def test_upstream_auth_in_reverse_mode(weir, origin):
    server = origin()
    proxy = weir(*rules(upstream_auth="name:word"), modes=[f"reverse:http://{server.authority}"])
    proxy.get(f"{proxy.url}/")
    assert server.received[0].one("authorization") == b"Basic " + base64.b64encode(b"name:word")


def status(done: subprocess.CompletedProcess) -> bytes:
    return done.stdout.rsplit(b"\n", 1)[-1]


@pytest.mark.parametrize("kind", ["-B", "-m", "-s", "-5"])
def test_proxyauth_with_the_files_of_htpasswd(weir, nginx, authority, tmp_path, kind):
    made = subprocess.run(["htpasswd", "-nb", kind, "name", "word"], capture_output=True, text=True, check=True)
    (tmp_path / "users").write_text("# people\n" + made.stdout)
    plain, secure = nginx(), nginx(authority.leaf("127.0.0.1"))
    proxy = weir(*rules(proxyauth=f"@{tmp_path}/users", ssl_verify_upstream_trusted_ca=authority.certificate))
    code = ["-o", "/dev/null", "-w", "\n%{http_code} %{http_connect}"]
    assert status(proxy.curl(plain.url(), *code)) == b"407 000"
    assert status(proxy.curl(plain.url(), *code, "-U", "name:Word")) == b"407 000"
    assert status(proxy.curl(plain.url(), *code, "-U", "name:word")) == b"200 000"
    assert status(proxy.curl(secure.url(), *code, "-U", "name:nope")) == b"000 407"
    assert status(proxy.curl(secure.url(), *code, "-U", "name:word")) == b"200 200"


def test_proxyauth_asks_once_a_tunnel_and_hides_the_answer(weir, origin):
    server = origin()
    proxy = weir(*rules(proxyauth="name:word"))
    header = b"Proxy-Authorization: Basic " + base64.b64encode(b"name:word")
    with proxy.connect() as wire:
        target = server.authority.encode()
        wire.send(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n" % (target, target, header))
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        for _ in range(2):
            wire.send(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % target)
            assert wire.response().status == 200
    answer = proxy.get(server.url())
    assert (answer.status, answer.one("proxy-authenticate")) == (407, b'Basic realm="weir"')
    assert proxy.get(server.url(), header.decode()).body == b"ok"
    assert len(server.received) == 3 and all(not request.all("proxy-authorization") for request in server.received)


@pytest.mark.parametrize("option", ["ignore_hosts", "allow_hosts"])
def test_hosts_that_are_passed_through_keep_their_own_tls(weir, nginx, authority, option):
    one, other = nginx(authority.leaf("127.0.0.1")), nginx(authority.leaf("127.0.0.1"))
    passed = one if option == "ignore_hosts" else other
    proxy = weir(*rules(**{option: rf"127\.0\.0\.1:{one.port}$", "ssl_verify_upstream_trusted_ca": authority.certificate}))
    with tls_through(proxy, passed.authority, trusting(authority.certificate)) as wire:
        wire.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().body == b"hello\n"
    seen = one if passed is other else other
    assert proxy.curl(seen.url()).stdout == b"hello\n"
    assert passed.authority not in proxy.printed


def test_hosts_are_ignored_by_the_name_in_the_clienthello_and_in_reverse_mode(weir, nginx, authority):
    server = nginx(authority.leaf("secret.test"))
    proxy = weir(*rules(ignore_hosts="^SECRET.test:"))
    with tls_through(proxy, server.authority, trusting(authority.certificate), name="secret.test") as wire:
        wire.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().body == b"hello\n"
    reverse = weir(*rules(ignore_hosts="127.0.0.1"), modes=[f"reverse:https://{server.authority}"])
    done = reverse.curl(
        f"https://secret.test:{reverse.port}/hello", "--noproxy", "*", "--cacert", str(authority.certificate), "--resolve",
        f"secret.test:{reverse.port}:127.0.0.1",
    )
    assert done.stdout == b"hello\n", done.stderr


def test_hosts_are_ignored_by_the_host_field_of_a_plain_request(weir, origin):
    server = origin()
    proxy = weir(*rules(ignore_hosts="^plain.test:", modify_headers="/X-Seen/yes"))
    for host, seen in ((b"plain.test", None), (b"other.test", b"yes")):
        with proxy.tunnel(server.authority) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHo")
            wire.send(b"st: " + host + b"\r\n\r\n")
            assert wire.response().status == 200
        assert server.wait(1)[-1].one("x-seen") == seen


def test_a_request_body_above_the_limit_is_answered_with_413(caller, origin):
    server = origin()
    proxy, worker = caller(*rules(body_size_limit="1k"))
    assert proxy.get(server.url(), method="POST", body=bytes(1024)).status == 200
    assert proxy.get(server.url(), method="POST", body=bytes(1025)).status == 413
    assert len(server.received) == 1
    with proxy.connect() as wire:
        wire.send(f"POST {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        wire.send(b"400\r\n" + bytes(1024) + b"\r\n")
        wire.send(b"1\r\nx\r\n0\r\n\r\n")
        assert wire.response().status == 413
    assert "body_size_limit" in ended(worker, 3)[-1]["error"]["msg"]


def test_a_response_body_above_the_limit_is_answered_with_502_or_breaks_off(weir, origin):
    announced = origin(answering_once(b"HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n" + bytes(1025)))
    proxy = weir(*rules(body_size_limit="1k"))
    assert proxy.get(announced.url()).status == 502
    chunk = b"400\r\n" + bytes(1024) + b"\r\n"
    unknown = origin(answering_once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + b"0\r\n\r\n"))
    try:
        assert proxy.get(unknown.url()).status == 502
    except Closed:
        pass
    proxy.wait_log("body_size_limit")


def test_workers_see_a_flow_as_after_the_rules_before_them(weir, origin, addon):
    server = origin()
    worker = addon(["request"])
    proxy = weir(*rules(anticomp="true", modify_headers="/X-Late/1", map_remote="/path/changed"), addons=[worker])
    proxy.get(server.url("/path"), "Accept-Encoding: gzip")
    request = worker.wait("request")[0]["params"]["flow"]["request"]
    headers = {name.lower(): value for name, value in request["headers"]}
    assert headers["accept-encoding"] == "identity" and headers["x-late"] == "1", "anticomp and requestheaders come before"
    assert request["path"] == "/path", "map_remote comes behind the workers in request"
    assert server.received[0].target == b"/changed"


def test_server_replay_gives_recorded_responses_without_the_server(weir, caller, origin, tmp_path):
    count = iter(range(10))
    server = origin(answering(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % next(count)))
    recording = weir(*rules(hardump=tmp_path / "flows.har"))
    for _ in range(2):
        assert recording.get(server.url("/a?t=1"), method="POST", body=b"asked").status == 200
    recording.stop()
    ignored = rules(server_replay_ignore_params="t", server_replay_extra="404")
    proxy, worker = caller("-S", str(tmp_path / "flows.har"), *ignored)
    answers = [proxy.get(server.url(f"/a?t={number}"), method="POST", body=b"asked") for number in range(3)]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"0"), (200, b"1"), (404, b"")]
    assert proxy.get(server.url("/a?t=1"), method="POST", body=b"other").status == 404
    assert len(server.received) == 2
    assert [flow["is_replay"] for flow in ended(worker, 4)] == ["response"] * 4


def test_server_replay_of_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "bad").write_text("nothing of the kind")
    for file, says in ((tmp_path / "bad", "byte 0: expected the length"), (tmp_path / "none", "No such file")):
        done = run_to_end("--listen-host", "127.0.0.1", "-p", "0", "-S", str(file))
        assert done.returncode == 2 and re.search(f"option server_replay: .*{says}", done.stderr), done.stderr

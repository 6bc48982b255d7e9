"""The library for Go and its examples, over real traffic and in the cage that addons are in by default."""

import gzip
import os
import socket
import subprocess

import pytest

from support.calls import asked, refused
from support.origin import answering
from support.proxy import ROOT, eventually
from support.wire import Closed

pytest.register_assert_rewrite("support.probe_cases")

from support.probe_cases import *  # noqa: E402, F403

GO = ROOT / "addon-examples/go"
OFFLINE = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}


@pytest.fixture(scope="module")
def language():
    return "go"


@pytest.fixture(scope="module")
def by_descriptor():
    return True


@pytest.fixture(scope="module", autouse=True)
def built():
    subprocess.run([GO / "build"], check=True, timeout=120)


@pytest.fixture
def header():
    return GO / "header/header"


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    (folder / "go.mod").write_text(f"module probe\n\ngo 1.19\n\nrequire weir v0.0.0\n\nreplace weir => {GO}/sdk\n")
    (folder / "probe.go").write_text((ROOT / "Tests/Acceptance/support/probe.go").read_text())
    subprocess.run(["go", "build", "-o", "probe", "."], cwd=folder, env=OFFLINE, check=True, timeout=120)
    return folder / "probe"


def test_the_librarys_own_tests_pass():
    done = subprocess.run(["go", "test", "./..."], cwd=GO / "sdk", env=OFFLINE, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


# redact

BODIES = {
    rb'{"user": "a",  "password":"p", "n": 1.10, "z":[1,2]}': rb'{"user": "a",  "password":"***", "n": 1.10, "z":[1,2]}',
    rb'[{"a":{"Token" :' + b"\n" + rb' {"x":["]}",1]}, "b":12345678901234567890}}]': rb'[{"a":{"Token" :' + b"\n" + rb' "***", "b":12345678901234567890}}]',
    rb'{"token":null,"secret":-1.5e3 ,"pass\u0077ord":true}': rb'{"token":"***","secret":"***" ,"pass\u0077ord":"***"}',
    rb'{"a":"the \"token\": is, {","b":["token","x"]}': rb'{"a":"the \"token\": is, {","b":["token","x"]}',
    b'{"token":1}\n{"token":"a"}\n': b'{"token":"***"}\n{"token":"***"}\n',
    b'{"a":1,"token":"it breaks o': b'{"a":1,"token":"***"',
    b'{"token":["it breaks", {"o': b'{"token":"***"',
    b'{"a":"\xff","token":"\xfe"}': b'{"a":"\xff","token":"***"}',
    b"[" * 5000 + b'{"token":[{}]}': b"[" * 5000 + b'{"token":"***"}',
    b"": b"",
    b"no JSON": b"no JSON",
}


def answered_alike(*headers: str):
    """The body that was sent, with these headers."""
    return answering(lambda request: ("\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(request.body)}", *headers]) + "\r\n\r\n").encode() + request.body)


def redacting(weir, *arguments: str):
    return weir(*arguments, addons=[str(GO / "redact/redact")], level=None)


def test_redact_masks_members_both_ways_and_leaves_every_other_byte(weir, origin):
    plain, json_only = origin(answered_alike("Content-Type: text/plain")), origin(answering(b""))
    run = redacting(weir)
    for body, wanted in BODIES.items():
        # What the server gets is masked; what it sends back is no JSON by its type, and is what it got.
        response = run.get(plain.url(), "Content-Type: application/json", method="POST", body=body)
        assert plain.received[-1].body == wanted and response.body == wanted, body
        assert run.get(plain.url(), "Content-Type: text/plain", method="POST", body=body).body == body
        json_only.serve = answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert run.get(json_only.url()).body == wanted, body


def test_redact_takes_its_names_from_an_option(weir, origin):
    server = origin(answered_alike("Content-Type: application/json"))
    run = redacting(weir, "--set", "redact_members=b", "--set", "redact_members=größe")
    body = '{"a":1,"b":2,"größe":3,"token":4}'.encode()
    assert run.get(server.url(), method="POST", body=body).body == '{"a":1,"b":"***","größe":"***","token":4}'.encode()


def test_redact_reads_what_is_packed_and_what_is_large(weir, origin):
    large = b'{"a":[' + b'{"token":"x","n":1.0},' * 150_000 + b"1]}"
    packed = gzip.compress(large, 1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    server = origin(answering(head + packed))
    for granted in ("all", "body.read"):
        response = redacting(weir, "--set", f"addon_permissions={granted}").get(server.url())
        assert gzip.decompress(response.body) == large.replace(b'"x"', b'"***"')


def test_redact_lets_nothing_pass_that_it_cannot_read(weir, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: unknown\r\nContent-Length: 3\r\n\r\nabc"))
    run = redacting(weir)
    with pytest.raises(Closed):
        run.get(server.url())
    run.wait_log("expected a byte string, found .*omitted")


# ratelimit


def limiting(weir, rate: float, burst: int, *arguments: str):
    return weir("--set", f"ratelimit_rate={rate}", "--set", f"ratelimit_burst={burst}", *arguments, addons=[str(GO / "ratelimit/ratelimit")], level=None)


def test_ratelimit_lets_a_burst_pass_and_says_when_to_come_again(weir, origin):
    server = origin()
    run = limiting(weir, 0.01, 3)
    responses = [run.get(server.url()) for _ in range(5)]
    assert [response.status for response in responses] == [200, 200, 200, 429, 429]
    assert 90 <= int(responses[3].one("retry-after")) <= 100 and responses[3].body
    assert len(server.received) == 3


def test_ratelimit_gives_more_as_time_passes(weir, origin):
    server = origin()
    run = limiting(weir, 5, 1)
    assert run.get(server.url()).status == 200
    eventually(lambda: run.get(server.url()).status == 429, what="the end of the burst")
    eventually(lambda: run.get(server.url()).status == 200, what="another request")


def test_ratelimit_counts_each_client_for_itself(weir, origin):
    server = origin()
    run = limiting(weir, 0.01, 1)

    def status(source: str) -> int:
        with socket.create_connection(("127.0.0.1", run.port), 10, (source, 0)) as sock:
            sock.sendall(f"GET {server.url()} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            return int(sock.recv(12).split()[1])

    assert [status(source) for source in ("127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.2")] == [200, 200, 429, 200, 429]


def test_ratelimit_refuses_values_without_sense(weir, caller):
    run, worker = caller(addons=[str(GO / "ratelimit/ratelimit")], permissions=["options.set"], level=None)
    for option in ({"ratelimit_rate": 0}, {"ratelimit_burst": 0}):
        assert refused(worker, "options.set", options=option)["data"]["kind"] == "vetoed"
    asked(worker, "options.set", options={"ratelimit_rate": 1, "ratelimit_burst": 1})

"""Flows as commands and as raw messages: beside those of the real mitmproxy, and run against an origin."""

import gzip
import json
import subprocess

import pytest

from support import mitmproxy
from support.origin import OK
from support.proxy import BINARY, run_to_end
from test_har_reading import entry, written

FORMATS = ["curl", "httpie", "raw", "raw_request", "raw_response"]


def headers(*pairs: str) -> list[dict]:
    return [dict(zip(("name", "value"), pair.split(": ", 1))) for pair in pairs]


TEXT = {"mimeType": "text/plain", "text": "a 'quoted' \"body\" with $dollars, `ticks` & \\ and % signs"}
FLOWS = {
    "plain": entry(request__headers=headers("Host: h")),
    "with a host of its own": entry(request__url="https://h:8443/x?y=1&z='", request__headers=headers("Host: other.example:8443", "Accept: */*")),
    "compressed": entry(request__headers=headers("Host: h", "Accept-Encoding: gzip", "User-Agent: it's me")),
    "put": entry(request__method="PUT", request__headers=headers("Content-Type: text/plain"), request__postData=TEXT),
    "delete": entry(request__method="DELETE"),
    "json": entry(request__method="POST", request__headers=headers("Content-Type: application/json"), request__postData={"text": '{"ü": "€"}'}),
    "coded": entry(request__method="POST", request__headers=headers("Content-Encoding: gzip", "Content-Type: a/b"), request__postData={"text": "text"}),
    "answer": entry(response__headers=headers("A: b", "Content-Length: 5"), response__content={"text": "hello"}),
    "coded answer": entry(response__headers=headers("Content-Encoding: gzip", "Content-Length: 1"), response__content={"text": "hello"}),
    "chunked answer": entry(response__headers=headers("Transfer-Encoding: chunked"), response__content={"text": "hello" * 9}),
    "binary answer": entry(response__headers=headers("Content-Length: 4"), response__content={"text": "/wD+Cg==", "encoding": "base64"}),
    "address": entry(serverIPAddress="192.0.2.1", request__url="http://name.example:81/"),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """All flows in one file, and their states in the same order."""
    path = written(tmp_path_factory.mktemp("exports") / "x.har", *FLOWS.values())
    done = run_to_end("flow", "show", "--json", "--file", str(path), "~all")
    return path, [json.loads(line) for line in done.stdout.splitlines()]


def exported(path, name, which, *arguments) -> bytes:
    done = subprocess.run([BINARY, "flow", "export", "--file", path, *arguments, name, which], capture_output=True, timeout=10)
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_zero_length(message: bytes) -> bytes:
    """mitmproxy says `content-length: 0` of messages that had no such field, because it sets the body anew."""
    return message.replace(b"content-length: 0\r\n", b"").replace(b"content-length", b"Content-Length")


@pytest.mark.parametrize("name", FORMATS)
def test_exports_are_those_of_mitmproxy(name, archive):
    path, states = archive
    theirs = mitmproxy.export(name, states)
    for which, state, other in zip(FLOWS, states, theirs):
        assert isinstance(other, bytes), (which, other)
        end = b"\n" if name in ("curl", "httpie") else b""
        assert exported(path, name, state["id"]) == without_zero_length(other) + end, which


def test_curl_keeps_the_address_if_asked(archive):
    path, states = archive
    state = states[list(FLOWS).index("address")]
    (theirs,) = mitmproxy.export("curl", [state], keep_address=True)
    assert exported(path, "curl", state["id"], "--preserve-original-ip") == theirs + b"\n"
    assert b"--resolve 'name.example:81:[192.0.2.1]'" in theirs


SENT = {
    "get": ("GET", ["Accept: text/plain", "X-Quote: it's \"so\" $HOME `x`"], b""),
    "get with a body": ("GET", ["Content-Type: text/plain"], b"body"),
    "post": ("POST", ["Content-Type: text/plain"], b"a=1&b='2' $HOME `id` %s \\n"),
    "a file's name": ("POST", ["Content-Type: text/plain"], b"@/etc/passwd"),
    "lines": ("POST", ["Content-Type: text/plain"], b"one\r\ntwo\n\tthree\n"),
    "octets": ("POST", ["Content-Type: application/octet-stream"], bytes(range(256)) + b"%d%%\\x41'-"),
    "UTF-8": ("PATCH", ["Content-Type: text/plain"], "ünï 🎉".encode()),
    "latin-1": ("PUT", ["Content-Type: text/plain; charset=iso-8859-1"], "ünï".encode("latin-1")),
    "coded": ("POST", ["Content-Type: text/plain", "Content-Encoding: gzip"], gzip.compress(b"text\n")),
    "head": ("HEAD", [], b""),
    "options": ("OPTIONS", [], b""),
    "empty field": ("GET", ["X-Empty:"], b""),
    "cookies": ("GET", ["Cookie: a=1; b=\"2\"", "X-Twice: 1", "X-Twice: 2"], b""),
}


@pytest.fixture
def dumped(weir, origin, tmp_path):
    """An origin, and a file with a flow to it for each of `SENT`."""

    def serve(wire, server):
        message = server.record(wire.request())
        wire.send(OK.split(b"\r\n\r\n")[0] + b"\r\n\r\n" if message.method == b"HEAD" else OK)

    server, path = origin(serve), tmp_path / "x.har"
    proxy = weir("--set", f"hardump={path}")
    for number, (method, fields, body) in enumerate(SENT.values()):
        # curl adds these three where they are missing, so that they must be there to be compared.
        proxy.get(server.url(f"/{number}?a=b&c"), "User-Agent: x/1", *fields, *([] if "Accept: text/plain" in fields else ["Accept: a/b"]), method=method, body=body)
    proxy.stop()
    return server, path


def test_a_curl_command_sends_the_same_request(dumped):
    server, path = dumped
    before = list(server.received)
    for number, (name, (method, fields, body)) in enumerate(SENT.items()):
        command = exported(path, "curl", f"~u /{number}\\?").decode()
        done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 and done.stdout.endswith(b"ok" if method != "HEAD" else b"\r\n\r\n"), (name, done)
        was, now = before[number], server.received[-1]
        assert (now.method, now.target) == (was.method, was.target), name
        assert now.body == (b"text\n" if name == "coded" else was.body), name
        dropped = (b"content-length", b"connection") + ((b"content-encoding",) if name == "coded" else ())
        kept = [(field.lower(), value) for field, value in was.headers if field.lower() not in dropped]
        assert sorted(kept) == sorted((field.lower(), value) for field, value in now.headers if field.lower() not in dropped), name


def test_a_raw_request_is_what_was_sent(dumped):
    server, path = dumped
    for number, name in enumerate(SENT):
        was = server.received[number]
        body = b"text\n" if name == "coded" else was.body
        raw = exported(path, "raw_request", f"~u /{number}\\?")
        assert raw.endswith(b"\r\n\r\n" + body) and raw.startswith(was.start + b"\r\n"), name


def test_commands_of_several_flows_are_a_line_each_and_raw_takes_one(archive):
    path, states = archive
    assert exported(path, "curl", "~m DELETE | ~m PUT").count(b"\n") == 2
    done = run_to_end("flow", "export", "--file", str(path), "raw", "~m DELETE | ~m PUT")
    assert (done.returncode, done.stdout) == (1, "") and "2 flows match, and raw takes one" in done.stderr


def test_an_archive_of_some_flows_goes_to_a_file(archive, tmp_path):
    path, states = archive
    out = tmp_path / "out.har"
    assert exported(path, "har", "~m POST", "-o", out) == b""
    entries = json.loads(out.read_bytes())["log"]["entries"]
    assert [entry["request"]["method"] for entry in entries] == ["POST", "POST"]
    done = run_to_end("flow", "export", "--file", str(path), "-o", str(out), "har", "~m NONE")
    assert done.returncode == 1 and "no flow matches" in done.stderr
    assert len(json.loads(out.read_bytes())["log"]["entries"]) == 2, "a filter that matches nothing empties no file"


UNEXPORTABLE = [
    ("raw_response", entry(response__status=0), "the flow has no response"),
    ("raw_response", entry(response__content={"size": 9}), "the response's body was not kept"),
    ("curl", entry(request__method="CONNECT", request__url="https://h:443/"), "CONNECT is no request"),
]


@pytest.mark.parametrize("name, flow, reason", UNEXPORTABLE)
def test_what_cannot_be_exported_is_said(name, flow, reason, tmp_path):
    path = written(tmp_path / "x.har", flow)
    done = run_to_end("flow", "export", "--file", str(path), name, "~all")
    assert (done.returncode, done.stdout) == (1, "") and reason in done.stderr

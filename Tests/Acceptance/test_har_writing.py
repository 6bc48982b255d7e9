"""HAR files that the proxy writes, beside those that the real mitmproxy writes of the same flows."""

import gzip
import json
import os
import signal
import zlib

import pytest

from support import mitmproxy
from support.origin import OK
from support.proxy import eventually, free_port, run_to_end
from support.wire import Closed

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(200))


def response(*headers: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


FORM = "Content-Type: application/x-www-form-urlencoded"
COOKIES = ("Set-Cookie: a=1; Path=/x; HttpOnly; SameSite=Lax", 'Set-Cookie: b="q;r"; Domain=h; Secure; Expires=Thu, 01 Jan 2026 00:00:00 GMT')

# Name, request (method, path, headers, body), response.
EXCHANGES = {
    "plain": (("GET", "/", (), b""), OK),
    "query": (("GET", "/?a=1&b=%20x+y&&c&d=%C3%BC&e=1=2#no", (), b""), OK),
    "cookies": (("GET", "/", ("Cookie: x=1; y=\"a;b\"; z", "Cookie: w=2"), b""), response(*COOKIES, body=b"ok")),
    "form": (("POST", "/", (FORM,), b"a=1&b=%C3%BC+x&c"), OK),
    "json": (("PUT", "/", ("Content-Type: application/json",), '{"ü": "€"}'.encode()), response("Content-Type: application/json", body='{"é": 1}'.encode())),
    "patch without a body": (("PATCH", "/", ("Content-Length: 0",), b""), OK),
    "binary up": (("POST", "/", ("Content-Type: application/octet-stream",), PNG), OK),
    "binary down": (("GET", "/", (), b""), response("Content-Type: image/png", body=PNG)),
    "gzip": (("GET", "/", (), b""), response("Content-Type: text/plain; charset=utf-8", "Content-Encoding: gzip", body=gzip.compress("grün ".encode() * 100))),
    "deflate": (("GET", "/", (), b""), response("Content-Type: text/plain", "Content-Encoding: deflate", body=zlib.compress(b"text " * 50))),
    "undecodable": (("GET", "/", (), b""), response("Content-Type: text/plain", "Content-Encoding: gzip", body=b"this is no gzip")),
    "latin-1": (("GET", "/", (), b""), response("Content-Type: text/plain; charset=iso-8859-1", body="café mit Äpfeln, und noch mehr Text".encode("latin-1"))),
    "no charset": (("GET", "/", (), b""), response("Content-Type: text/plain", body="caf\u00e9 with enough text behind it".encode())),
    "charset in a meta": (("GET", "/", (), b""), response("Content-Type: text/html", body='<html><head><META CHARSET="windows-1251"></head> and text: Привет'.encode("cp1251"))),
    "charset in a style sheet": (("GET", "/", (), b""), response("Content-Type: text/css", body=b'@charset "utf-8"; a { content: "\xe2\x86\x92" }')),
    "gb2312": (("GET", "/", (), b""), response("Content-Type: text/plain; charset=gb2312", body="some text and 汉字".encode("gb18030"))),
    "redirect": (("GET", "/old", (), b""), response("Location: /new?x=1", body=b"", status="302 Found")),
    "many fields": (("GET", "/", ("X-A: 1", "X-A: 2", "x-empty:"), b""), response("X-B: 1", "x-b: 2", "Content-Type: a/b", "Content-Type: c/d", body=b"x")),
    "reason": (("GET", "/", (), b""), response(body=b"x", status="404 Nix da, M\xfcller")),
    "no content": (("DELETE", "/thing", (), b""), b"HTTP/1.1 204 No Content\r\n\r\n"),
    "head": (("HEAD", "/", (), b""), b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
    "control characters": (("POST", "/", ("Content-Type: text/plain",), b"a\x00b\x7f\n\"\\c, and a longer rest of the text"), OK),
}


def run(proxy, server, names):
    for name in names:
        (method, path, headers, body), _ = EXCHANGES[name]
        proxy.get(server.url(path), *headers, method=method, body=body)


@pytest.fixture
def recorded(weir, origin, addon, tmp_path):
    """Runs exchanges; gives the archive's entries and the states that a worker saw of the same flows."""

    def record(names, *arguments):
        answers = iter([EXCHANGES[name][1] for name in names])

        def serve(wire, server):
            try:
                while True:
                    server.record(wire.request())
                    wire.send(next(answers))
            except Closed:
                pass

        worker = addon([{"name": "response", "content": "whole"}])
        path = tmp_path / "x.har"
        proxy = weir("--set", f"hardump={path}", *arguments, addons=[worker])
        run(proxy, origin(serve), names)
        proxy.stop()
        return json.loads(path.read_bytes())["log"]["entries"], [message["params"]["flow"] for message in worker.messages("response")]

    return record


def without_times(entry):
    return {**entry, "startedDateTime": None, "time": None, "timings": sorted(entry["timings"])}


def test_entries_are_those_of_mitmproxy_field_by_field(recorded):
    names = list(EXCHANGES)
    ours, states = recorded(names)
    theirs = mitmproxy.har(states)["log"]["entries"]
    assert len(ours) == len(theirs) == len(names)
    for name, mine, other in zip(names, ours, theirs):
        mine, other = without_times(mine), without_times(other)
        # mitmproxy counts the characters of a Python expression here; ours is checked below.
        for message in ("request", "response"):
            mine[message].pop("headersSize"), other[message].pop("headersSize")
        assert mine == other, name


def test_the_archive_around_the_entries_is_that_of_mitmproxy(recorded, tmp_path):
    _, states = recorded(["plain"])
    ours = json.loads((tmp_path / "x.har").read_bytes())["log"]
    theirs = mitmproxy.har(states)["log"]
    assert list(ours) == list(theirs) and (ours["version"], ours["pages"]) == (theirs["version"], theirs["pages"])
    assert ours["creator"]["name"] == "weir" and ours["creator"].keys() == theirs["creator"].keys()


def test_sizes_of_heads_are_those_on_the_wire(recorded):
    (entry,), _ = recorded(["cookies"])
    request, answer = EXCHANGES["cookies"]
    assert entry["response"]["headersSize"] == len(answer.split(b"\r\n\r\n")[0]) + 4
    lines = sum(len(field["name"]) + len(field["value"]) + 4 for field in entry["request"]["headers"])
    assert entry["request"]["headersSize"] == len("GET / HTTP/1.1\r\n") + lines + 2


def test_times_are_in_order_and_a_connection_is_counted_once(recorded):
    (first, second), states = recorded(["plain", "form"])
    assert first["timings"]["connect"] > 0 and first["timings"]["ssl"] == -1
    for entry, state in zip((first, second), states):
        parts = [value for value in entry["timings"].values() if value >= 0]
        assert entry["time"] == pytest.approx(sum(parts), abs=0.01) and entry["time"] > 0
    theirs = mitmproxy.har(states)["log"]["entries"]
    assert [entry["startedDateTime"] for entry in (first, second)] == [entry["startedDateTime"] for entry in theirs]


def test_what_mitmproxy_would_lose_is_kept(weir, origin, tmp_path):
    path = tmp_path / "x.har"
    proxy = weir("--set", f"hardump={path}")
    body = b"\xff\xfe not UTF-8, whatever the type says"
    server = origin()
    proxy.get(server.url(), "Content-Type: text/plain; charset=utf-8", method="DELETE", body=body)
    proxy.get(f"http://127.0.0.1:{free_port()}/", "X-A: caf\xe9")
    proxy.stop()
    sent, failed = json.loads(path.read_bytes())["log"]["entries"]
    assert sent["request"]["postData"]["encoding"] == "base64"
    assert failed["response"]["status"] == 0 and failed["response"]["_error"] and failed["response"]["_transferSize"] == 0
    assert {"name": "X-A", "value": "café"} in failed["request"]["headers"]
    first, second = read(path)
    assert first["request"]["content"] == {"b64": "//4gbm90IFVURi04LCB3aGF0ZXZlciB0aGUgdHlwZSBzYXlz"}
    assert second["response"] is None and second["error"]["msg"] == failed["response"]["_error"]


def read(path):
    done = run_to_end("flow", "show", "--json", "--file", str(path), "~all")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_was_written_is_read_again(recorded, tmp_path):
    names = [name for name in EXCHANGES if name != "head"]
    _, states = recorded(names)
    again = read(tmp_path / "x.har")
    for name, before, after in zip(names, states, again):
        for message, members in (("request", ("method", "path", "host", "port", "http_version")), ("response", ("status_code", "reason"))):
            for member in members:
                if name == "query" and member == "path":
                    continue  # The fragment, which no client should send, is gone.
                assert before[message][member] == after[message][member], (name, message, member)
        assert before["request"]["headers"] == after["request"]["headers"], name
        if name in ("gzip", "deflate", "undecodable"):
            continue
        assert (before["request"]["content"] or "") == (after["request"]["content"] or ""), name
        assert (before["response"]["content"] or "") == (after["response"]["content"] or ""), name


def test_mitmproxy_reads_what_was_written(recorded, tmp_path):
    names = [name for name in EXCHANGES if name != "undecodable"]
    _, states = recorded(names)
    for before, after in zip(states, mitmproxy.read(tmp_path / "x.har"), strict=True):
        assert (before["request"]["method"], before["response"]["status_code"]) == (after["request"]["method"], after["response"]["status_code"])


def test_a_compressed_archive_and_one_on_standard_output(weir, origin, tmp_path):
    server, packed = origin(), tmp_path / "x.zhar"
    first, second = weir("--set", f"hardump={packed}"), weir("-q", "--set", "hardump=-")
    for proxy in (first, second):
        for n in range(5):
            proxy.get(server.url(f"/{n}"))
    assert second.printed == "", "the standard output gets the whole archive at the end"
    first.stop(), second.stop()
    for text in (zlib.decompress(packed.read_bytes()), second.printed):
        assert len(json.loads(text)["log"]["entries"]) == 5
    assert len(read(packed)) == 5
    assert packed.stat().st_mode & 0o777 == 0o600


def test_a_crash_leaves_every_flow_that_had_ended(weir, origin, tmp_path):
    path, server = tmp_path / "x.har", origin()
    proxy = weir("--set", f"hardump={path}")
    for n in range(20):
        proxy.get(server.url(f"/{n}"))
    eventually(lambda: path.read_bytes().count(b"startedDateTime") == 20, what="20 entries in the file")
    os.kill(proxy.process.pid, signal.SIGKILL)
    proxy.process.wait(5)
    proxy.stopped = True
    done = run_to_end("flow", "ls", "--file", str(path))
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 20)
    assert "ends before its closing brackets, behind 20 entries" in done.stderr


def test_requests_that_could_not_be_read_leave_the_archive_readable(weir, origin, tmp_path):
    path, server = tmp_path / "x.har", origin()
    proxy = weir("--set", f"hardump={path}")
    with proxy.connect() as wire:
        wire.send(b"this is no HTTP\r\n\r\n")
        assert wire.response().status == 400
    with proxy.tunnel(server.authority) as wire:
        wire.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().status == 200
    proxy.stop()
    assert [state["request"]["method"] for state in read(path)] == ["OPTIONS"]


def test_a_path_that_cannot_be_written_is_known_at_the_start(tmp_path):
    done = run_to_end("--listen-host", "127.0.0.1", "-p", str(free_port()), "--set", f"hardump={tmp_path}/none/x.har")
    assert done.returncode == 1 and "option hardump: " in done.stderr and "No such file" in done.stderr


def test_a_disk_that_becomes_full_is_logged_once_and_the_proxy_goes_on(weir, origin, tmp_path):
    """A pipe whose reader goes away stands for the disk."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    server, proxy = origin(), weir("--set", f"hardump={pipe}")
    proxy.get(server.url("/1"))
    eventually(lambda: b"/1" in os.read(reader, 1 << 16), what="the first entry")
    os.close(reader)
    for n in range(3):
        assert proxy.get(server.url(f"/{n}")).status == 200
    proxy.wait_log("hardump: .*Broken pipe; no further flow is written to it")
    proxy.stop()
    assert proxy.log.count("hardump") == 1

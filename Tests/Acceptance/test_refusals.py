"""Ambiguous messages are refused: 400 to a client, 502 for a server, each with a body that names what was wrong."""

import re

import pytest

from support.origin import Origin
from support.wire import Wire

URL = b"http://127.0.0.1:1/"
HOST = b"Host: 127.0.0.1:1"


def with_headers(*lines: bytes, method: bytes = b"POST", version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join([method + b" " + URL + b" " + version, HOST, *lines, b"", b""])


def with_start(line: bytes) -> bytes:
    return line + b"\r\n" + HOST + b"\r\n\r\n"


def chunks(data: bytes) -> bytes:
    return with_headers(b"Transfer-Encoding: chunked") + data


# What is sent, and what the refusal must name.
REQUESTS = {
    "both framing headers": (with_headers(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", "transfer-encoding"),
    "both framing headers, other order": (
        with_headers(b"Transfer-Encoding: chunked", b"Content-Length: 0") + b"0\r\n\r\n",
        "transfer-encoding",
    ),
    "two different lengths": (with_headers(b"Content-Length: 1", b"Content-Length: 2") + b"ab", "content-length"),
    "two different lengths in one line": (with_headers(b"Content-Length: 1, 2") + b"ab", "content-length"),
    "a negative length": (with_headers(b"Content-Length: -1"), "content-length"),
    "a length with a plus": (with_headers(b"Content-Length: +1") + b"a", "content-length"),
    "a hexadecimal length": (with_headers(b"Content-Length: 0x1") + b"a", "content-length"),
    "a length in words": (with_headers(b"Content-Length: one") + b"a", "content-length"),
    "an empty length": (with_headers(b"Content-Length:"), "content-length"),
    "a length beyond 64 bits": (with_headers(b"Content-Length: 99999999999999999999999") + b"a", "content-length"),
    "chunked twice": (with_headers(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", "transfer-encoding"),
    "chunked twice in two lines": (
        with_headers(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        "transfer-encoding",
    ),
    "chunked not last": (with_headers(b"Transfer-Encoding: chunked, gzip"), "transfer-encoding"),
    "an unknown transfer coding": (with_headers(b"Transfer-Encoding: xchunked"), "transfer-encoding"),
    "identity": (with_headers(b"Transfer-Encoding: identity") + b"0\r\n\r\n", "transfer-encoding"),
    "chunked with a vertical tab": (with_headers(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n", "control character"),
    "chunked in HTTP/1.0": (with_headers(b"Transfer-Encoding: chunked", version=b"HTTP/1.0") + b"0\r\n\r\n", "transfer-encoding"),
    "a bare CR in a value": (with_headers(b"X-A: a\rb"), "CR"),
    "a folded line": (with_headers(b"X-A: a\r\n b"), "fold|whitespace|obs-fold"),
    "a folded line after the start line": (b"GET " + URL + b" HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n\r\n", "fold|whitespace|space"),
    "a space before the colon": (with_headers(b"X-A : a"), "space|colon|name"),
    "a tab before the colon": (with_headers(b"Content-Length\t: 0"), "space|colon|name|tab"),
    "NUL in a value": (with_headers(b"X-A: a\0b"), "NUL"),
    "NUL in a name": (with_headers(b"X\0A: b"), "NUL|name"),
    "NUL in the target": (with_start(b"GET " + URL + b"\0 HTTP/1.1"), "NUL|target|control"),
    "a line without a colon": (with_headers(b"X-A"), "colon"),
    "an empty name": (with_headers(b": value"), "name"),
    "a name that is no token": (with_headers(b"X(A): value"), "name"),
    "a name with an octet above 127": (with_headers(b"X\xffA: value"), "name"),
    "a method that is no token": (with_start(b"G@T " + URL + b" HTTP/1.1"), "method"),
    "no version": (with_start(b"GET " + URL), "version|request line|start line|HTTP/"),
    "an unknown major version": (with_start(b"GET " + URL + b" HTTP/3.0"), "version"),
    "a version in lower case": (with_start(b"GET " + URL + b" http/1.1"), "version"),
    "a version of two digits": (with_start(b"GET " + URL + b" HTTP/1.10"), "version"),
    "a space within the target": (with_start(b"GET " + URL + b"a b HTTP/1.1"), "target|space|request line|version|start line"),
    "two hosts": (with_headers(HOST), "host"),
    "a bad chunk size": (chunks(b"xyz\r\nabc\r\n0\r\n\r\n"), "chunk"),
    "an empty chunk size": (chunks(b"\r\nabc\r\n0\r\n\r\n"), "chunk"),
    "a negative chunk size": (chunks(b"-1\r\na\r\n0\r\n\r\n"), "chunk"),
    "a chunk size with 0x": (chunks(b"0x1\r\na\r\n0\r\n\r\n"), "chunk"),
    "a chunk size beyond 64 bits": (chunks(b"10000000000000001\r\na\r\n0\r\n\r\n"), "chunk"),
    "chunk data that is too long": (chunks(b"1\r\nabc\r\n0\r\n\r\n"), "chunk"),
    "a chunk size line that ends with a bare CR": (chunks(b"1\ra\r\n0\r\n\r\n"), "chunk|CR"),
    "an endless chunk extension": (chunks(b"1;" + b"e" * 200_000 + b"\r\na\r\n0\r\n\r\n"), "chunk|long"),
    "a trailer with a space before the colon": (chunks(b"0\r\nX-T : a\r\n\r\n"), "space|colon|name|trailer"),
    "a trailer with NUL": (chunks(b"0\r\nX-T: \0\r\n\r\n"), "NUL|trailer"),
    "an over-long start line": (with_start(b"GET " + URL + b"a" * 300_000 + b" HTTP/1.1"), "long|large|limit"),
    "an over-long header line": (with_headers(b"X-A: " + b"a" * 2_000_000), "long|large|limit"),
    "too many headers": (with_headers(*[b"X-%d: a" % n for n in range(50_000)]), "many|long|large|limit"),
    "CONNECT without a port": (b"CONNECT 127.0.0.1 HTTP/1.1\r\n" + HOST + b"\r\n\r\n", "port|authority|target|CONNECT"),
    "CONNECT with a path": (b"CONNECT /a HTTP/1.1\r\n" + HOST + b"\r\n\r\n", "port|authority|target|CONNECT"),
    "CONNECT with a port beyond 65535": (b"CONNECT a:65536 HTTP/1.1\r\n" + HOST + b"\r\n\r\n", "port|authority|target|CONNECT"),
}


def headers(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([start, *lines, b"", b""])


def chunked(data: bytes) -> bytes:
    return headers(b"Transfer-Encoding: chunked") + data


RESPONSES = {
    "both framing headers": (headers(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", "transfer-encoding"),
    "two different lengths": (headers(b"Content-Length: 1", b"Content-Length: 2") + b"ab", "content-length"),
    "two different lengths in one line": (headers(b"Content-Length: 1, 2") + b"ab", "content-length"),
    "a negative length": (headers(b"Content-Length: -1"), "content-length"),
    "a length in words": (headers(b"Content-Length: one"), "content-length"),
    "a length beyond 64 bits": (headers(b"Content-Length: 99999999999999999999999"), "content-length"),
    "chunked twice": (headers(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", "transfer-encoding"),
    "a bare CR in a value": (headers(b"X-A: a\rb", b"Content-Length: 0"), "CR"),
    "a folded line": (headers(b"X-A: a\r\n b", b"Content-Length: 0"), "fold|whitespace"),
    "a space before the colon": (headers(b"X-A : a", b"Content-Length: 0"), "space|colon|name"),
    "NUL in a value": (headers(b"X-A: a\0b", b"Content-Length: 0"), "NUL"),
    "NUL in the reason": (headers(b"Content-Length: 0", start=b"HTTP/1.1 200 O\0K"), "NUL|reason|status line"),
    "a line without a colon": (headers(b"X-A", b"Content-Length: 0"), "colon"),
    "an empty name": (headers(b": value", b"Content-Length: 0"), "name"),
    "a name that is no token": (headers(b"X(A): value", b"Content-Length: 0"), "name"),
    "a status below 100": (headers(b"Content-Length: 0", start=b"HTTP/1.1 99 Low"), "status"),
    "a status in words": (headers(b"Content-Length: 0", start=b"HTTP/1.1 abc OK"), "status"),
    "a status of four digits": (headers(b"Content-Length: 0", start=b"HTTP/1.1 2000 OK"), "status"),
    "an unknown major version": (headers(b"Content-Length: 0", start=b"HTTP/2.0 200 OK"), "version"),
    "a version in lower case": (headers(b"Content-Length: 0", start=b"http/1.1 200 OK"), "version|status line"),
    "no HTTP at all": (b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "version|status line|HTTP"),
    "nothing": (b"", "closed"),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
    "101 that nobody asked for": (headers(b"Upgrade: x", b"Connection: Upgrade", start=b"HTTP/1.1 101 Switching"), "101|upgrade|switch"),
    "an over-long header line": (headers(b"X-A: " + b"a" * 2_000_000, b"Content-Length: 0"), "long|large|limit"),
    "too many headers": (headers(*[b"X-%d: a" % n for n in range(50_000)], b"Content-Length: 0"), "many|long|large|limit"),
    "a bad chunk size": (chunked(b"xyz\r\nabc\r\n0\r\n\r\n"), "chunk"),
    "a negative chunk size": (chunked(b"-1\r\na\r\n0\r\n\r\n"), "chunk"),
    "a chunk size beyond 64 bits": (chunked(b"10000000000000001\r\na\r\n0\r\n\r\n"), "chunk"),
    "chunk data that is too long": (chunked(b"1\r\nabc\r\n0\r\n\r\n"), "chunk"),
    "a trailer with a space before the colon": (chunked(b"0\r\nX-T : a\r\n\r\n"), "space|colon|name|trailer"),
    "a body that ends early": (headers(b"Content-Length: 10") + b"12345", "closed"),
    "chunks that end early": (chunked(b"5\r\n123"), "closed"),
}


def serve(wire, origin) -> None:
    request = wire.request()
    wire.send(list(RESPONSES.values())[int(request.target[1:])][0])


@pytest.fixture(scope="module")
def run(module_weir, tmp_path_factory):
    """One proxy for the whole table, its worker, and an origin that answers `/n` with row n. The worker asks for whole
    bodies, so that what is wrong in a body is found before the head has been passed on."""
    from support.addon import Addon

    hooks = ["requestheaders", {"name": "request", "content": "whole"}, {"name": "response", "content": "whole"}, "error"]
    worker = Addon(tmp_path_factory.mktemp("refusals"), "worker", hooks)
    origin = Origin(serve)
    yield module_weir(addons=[worker]), worker, origin
    origin.stop()


def refused(wire: Wire, status: tuple[int, ...], names: str) -> None:
    answer = wire.response()
    assert answer.status in status, answer.raw
    text = answer.body.decode()
    assert re.search(names, text, re.IGNORECASE), f"the body does not name {names}: {text}"
    assert b"close" in b",".join(answer.all("connection")).lower()
    assert wire.to_end() == b"", "the connection stays open"


def error_event(worker, before: int) -> str:
    return worker.wait("error", before + 1)[-1]["params"]["flow"]["error"]["msg"]


@pytest.mark.parametrize("case", REQUESTS)
def test_a_bad_request_is_refused(run, case):
    proxy, worker, _ = run
    data, names = REQUESTS[case]
    before = len(worker.messages("error"))
    with proxy.connect() as wire:
        try:
            wire.send(data)
        except ConnectionError:
            pass  # refused before all of it was sent
        refused(wire, (400, 414, 431) if "over-long" in case or "too many" in case else (400, 505) if "version" in case else (400,), names)
    if not case.startswith("CONNECT"):
        assert re.search(names, error_event(worker, before), re.IGNORECASE)


@pytest.mark.parametrize("case", RESPONSES)
def test_a_bad_response_is_refused(run, case):
    proxy, worker, origin = run
    names = RESPONSES[case][1]
    before, seen = len(worker.messages("error")), len(worker.messages("response"))
    with proxy.connect() as wire:
        wire.send(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % origin.url(f"/{list(RESPONSES).index(case)}").encode())
        answer = wire.response()
    assert answer.status == 502, answer.raw[:500]
    assert re.search(names, answer.body.decode(), re.IGNORECASE), f"the body does not name {names}: {answer.body.decode()}"
    assert re.search(names, error_event(worker, before), re.IGNORECASE)
    assert len(worker.messages("response")) == seen


def test_a_good_request_before_a_bad_one_is_answered(run, origin):
    proxy, server = run[0], origin()
    with proxy.connect() as wire:
        good = f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode()
        wire.send(good + REQUESTS["a space before the colon"][0])
        assert wire.response().body == b"ok"
        refused(wire, (400,), "space|colon|name")
    assert len(server.received) == 1


def test_bytes_after_a_refused_request_are_never_read_as_a_request(run, origin):
    proxy, server = run[0], origin()
    hidden = f"GET {server.url('/hidden')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode()
    with proxy.connect() as wire:
        wire.send(with_headers(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + hidden)
        refused(wire, (400,), "transfer-encoding")
    assert proxy.get(server.url("/seen")).status == 200
    assert [request.target for request in server.received] == [b"/seen"]


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1", b"OPTIONS * HTTP/1.1"])
def test_a_request_to_the_proxy_itself_is_refused(run, start):
    with run[0].connect() as wire:
        wire.send(start + b"\r\nHost: 127.0.0.1:%d\r\n\r\n" % run[0].port)
        assert wire.response().status in (400, 502)


def test_a_request_to_our_own_port_does_not_loop(run):
    answer = run[0].get(f"http://127.0.0.1:{run[0].port}/")
    assert answer.status in (400, 502)


def test_identical_lengths_twice_are_no_conflict(run, origin):
    """RFC 9112, 6.3: a list of one and the same decimal value may be taken as that value, or refused; never forwarded as it is."""
    server = origin()
    with run[0].connect() as wire:
        wire.send(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab" % server.url().encode())
        answer = wire.response()
    assert answer.status in (200, 400)

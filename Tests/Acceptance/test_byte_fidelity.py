"""What no addon changed is identical at the other end, byte for byte, also after a worker returned the whole state."""

import pytest

from support.origin import answering

RETURN_WHOLE_STATE = """
@worker.on("requestheaders", "request", "responseheaders", "response")
def whole(message):
    return {"flow": message["params"]["flow"]}
"""

HIGH = bytes(range(0x80, 0x100))

REQUEST_HEADERS = [
    b"hOST: %s",
    b"User-agent: odd Case/1.0",
    b"x-HIGH: " + HIGH,
    b"X-utf8: gr\xc3\xbc\xc3\x9fe \xe2\x80\xa8 \xc2\x85",
    b"Cookie: a=1",
    b"cookie: b=2",
    b"COOKIE: c=\xff",
    b"X-Empty:",
    b"X-Spaces: a  b\tc",
    b"X-Long: " + b"v" * 5000,
    b"Accept: */*",
    b"accept: text/html;q=0.9, \"quoted \\\" string\"",
    b"~!#$%&'*+-.^_`|: every token character",
]

RESPONSE_HEADERS = [
    b"content-TYPE: text/plain; charset=latin-1",
    b"Set-Cookie: a=1; Path=/",
    b"SET-COOKIE: b=2; Path=/\x80\xfe",
    b"Set-Cookie: a=1; Path=/",
    b"set-cookie: c=3",
    b"X-Hi: " + HIGH,
    b"X-Sep: \xe2\x80\xa8\xe2\x80\xa9\xc2\x85",
    b"ETag: W/\"odd\"",
    b"Date: not a date",
    b"Vary: a",
    b"vary: b",
]

BODY = bytes(range(256)) * 40


def head(start: bytes, lines: list[bytes]) -> bytes:
    return b"\r\n".join([start, *lines, b"", b""])


def exchange(proxy, server, target: bytes, lines: list[bytes], body: bytes = b"", method: bytes = b"GET"):
    lines = [lines[0] % server.authority.encode(), *lines[1:]]
    with proxy.connect() as wire:
        wire.send(head(method + b" " + server.url("").encode() + target + b" HTTP/1.1", lines) + body)
        answer = wire.response()
    return lines, server.wait(1)[-1], answer


@pytest.fixture(params=["no worker", "none", "whole"])
def workers(request, addon):
    """No worker, one that gets heads only, and one that gets bodies; both return all they got."""
    if request.param == "no worker":
        return []
    names = ["requestheaders", "request", "responseheaders", "response"]
    return [addon([{"name": name, "content": request.param} for name in names], RETURN_WHOLE_STATE)]


def test_heads_and_bodies_arrive_as_they_were_sent(weir, origin, workers):
    response = head(b"HTTP/1.1 200 \xe4\xf6\xfc Reason", [*RESPONSE_HEADERS, b"content-length: %d" % len(BODY)]) + BODY
    server = origin(answering(response))
    proxy = weir(addons=workers)
    lines = [*REQUEST_HEADERS, b"Content-length: %d" % len(BODY)]
    sent, received, answer = exchange(proxy, server, b"/p%20a/%e9?q=1&r=%zz", lines, BODY, b"POST")
    assert received.head == head(b"POST /p%20a/%e9?q=1&r=%zz HTTP/1.1", sent)
    assert received.body == BODY
    assert answer.raw == response
    for worker in workers:
        assert worker.events() == ["requestheaders", "request", "responseheaders", "response"]


def test_raw_bytes_in_the_target_arrive_as_they_were_sent(weir, origin, workers):
    server, proxy = origin(), weir(addons=workers)
    _, received, answer = exchange(proxy, server, b"/\xe9\xff\xc3\xa9?\x80=\xfe", REQUEST_HEADERS)
    assert received.target == b"/\xe9\xff\xc3\xa9?\x80=\xfe"
    assert answer.status == 200


def test_an_unusual_method_and_reason_survive(weir, origin, workers):
    response = b"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"
    server, proxy = origin(answering(response)), weir(addons=workers)
    _, received, answer = exchange(proxy, server, b"/", REQUEST_HEADERS, method=b"pUrGe!")
    assert received.method == b"pUrGe!"
    assert answer.raw == response


def test_a_body_that_is_not_utf8_survives_a_worker_that_returns_it(weir, origin, workers):
    for body in (b"", b"\xff", b"\xc3", b'{"json": "\xe2\x80\xa8"}', b"\0\r\n" * 100, b"\xed\xa0\x80 a lone surrogate"):
        server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)))
        proxy = weir(addons=workers)
        lines = [b"Host: %s", b"Content-Length: %d" % len(body)]
        _, received, answer = exchange(proxy, server, b"/", lines, body, b"PUT")
        assert (received.body, answer.body) == (body, body)


def test_repeated_headers_reach_a_worker_as_ordered_pairs_with_odd_octets_in_base64(weir, origin, addon):
    worker = addon(["response"])
    server = origin(answering(head(b"HTTP/1.1 200 OK", [*RESPONSE_HEADERS, b"Content-Length: 0"])))
    assert weir(addons=[worker]).get(server.url()).status == 200
    headers = worker.wait("response")[0]["params"]["flow"]["response"]["headers"]
    assert headers[1] == ["Set-Cookie", "a=1; Path=/"]
    assert headers[2] == ["SET-COOKIE", {"b64": "Yj0yOyBQYXRoPS+A/g=="}]
    assert headers[6] == ["X-Sep", "\u2028\u2029\u0085"]
    assert [name for name, _ in headers] == [line.split(b":")[0].decode() for line in RESPONSE_HEADERS] + ["Content-Length"]


def test_one_changed_header_leaves_the_others_byte_identical(weir, origin, addon):
    code = """
@worker.on("request")
def request(message):
    headers = message["params"]["flow"]["request"]["headers"]
    return {"flow": {"request": {"headers": headers + [["X-Added", {"b64": "/w=="}]]}}}
"""
    server, proxy = origin(), weir(addons=[addon(["request"], code)])
    sent, received, _ = exchange(proxy, server, b"/", REQUEST_HEADERS)
    # The lines were written anew: only the white space around a value is the proxy's own.
    assert [line.rstrip() for line in received.head.split(b"\r\n")] == [
        line.rstrip() for line in head(b"GET / HTTP/1.1", [*sent, b"X-Added: \xff"]).split(b"\r\n")
    ]


def test_a_content_coding_that_nobody_asked_to_decode_is_passed_on_as_it_is(weir, origin, workers):
    body = b"this is not gzip at all"
    response = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    server = origin(answering(response))
    assert weir(addons=workers).get(server.url()).raw.replace(b"Connection: close\r\n", b"") == response


@pytest.mark.parametrize("count", [1, 100])
def test_chunked_bodies_keep_their_bytes(weir, origin, workers, count):
    chunks = [bytes([n % 256]) * (n + 1) for n in range(count)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    server = origin(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed))
    lines = [b"Host: %s", b"Transfer-Encoding: chunked"]
    _, received, answer = exchange(weir(addons=workers), server, b"/", lines, framed, b"POST")
    assert received.body == answer.body == b"".join(chunks)

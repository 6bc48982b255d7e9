"""Bodies through a worker that gets them as streams: what it makes of the pieces, in every form of both messages."""

import pytest

from support.carriage import CLIENTS, FORMS, fetch, giving, reverse, serving

BODY = "Text, größer, 🐈\n".encode() * 20_000
OCTETS = bytes(range(256)) * 2000
HOOKS = [{"name": "request", "content": "stream"}, {"name": "response", "content": "stream"}]
SWAP = """
@streams.on("request", "response")
def swap(stream, message):
    for piece in stream:
        stream.write(piece.swapcase())
    stream.end()
"""


@pytest.mark.parametrize("body", [BODY, OCTETS], ids=["text", "octets"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
def test_both_bodies_of_a_flow_are_rewritten(weir, origin, streaming, form, client, body):
    server = origin(serving(form, giving(lambda seen: b"Got: " + seen.body)))
    proxy = weir(modes=[reverse(server, form)], addons=[streaming(HOOKS, SWAP)])
    for sent in ("length", "chunked"):
        seen = fetch(proxy, "/", client, "POST", body=body, form=sent)
        assert seen.complete and seen.status == 200, seen
        received = server.received[-1]
        assert received.complete and received.body == body.swapcase(), received
        assert seen.body == b"gOT: " + body


# What a worker does with the pieces, and what comes of the body.
SHAPES = {
    "each octet twice": ("stream.write(bytes(octet for octet in piece for _ in range(2)))", lambda body: bytes(o for o in body for _ in range(2))),
    "fewer": ("stream.write(bytes(octet for octet in piece if octet > 99))", lambda body: bytes(o for o in body if o > 99)),
    "nothing": ("pass", lambda body: b""),
    "empty pieces between": ("stream.send(b''); stream.write(piece); stream.send(b'')", lambda body: body),
    "small pieces": ("stream.write(piece, size=100)", lambda body: body),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_worker_emits_what_it_likes(weir, origin, streaming, shape, client):
    code, made = SHAPES[shape]
    body = OCTETS[:100_000]
    worker = streaming(HOOKS, f"@streams.on('request', 'response')\ndef body(stream, message):\n    for piece in stream:\n        {code}\n    stream.end()\n")
    server = origin(serving("chunked", giving(body)))
    seen = fetch(weir(modes=[reverse(server, "chunked")], addons=[worker]), "/", client, "POST", body=body)
    assert seen.complete and seen.body == made(body), seen
    assert server.received[0].complete and server.received[0].body == made(body), server.received[0]


# The order of reading and writing is the worker's own affair.
ORDERS = {
    "before it has read anything": "stream.write(b'first '); rest = b''.join(stream); stream.write(rest); stream.end()",
    "nothing before the end": "whole = b''.join(stream); stream.write(b'first '); stream.write(whole); stream.end()",
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ORDERS)
def test_a_worker_writes_when_it_likes(weir, origin, streaming, order, form, client):
    worker = streaming(HOOKS, f"@streams.on('request', 'response')\ndef body(stream, message):\n    {ORDERS[order]}\n")
    server = origin(serving(form, giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]), "/", client, "POST", body=OCTETS)
    assert seen.complete and seen.body == b"first " + BODY
    assert server.received[0].complete and server.received[0].body == b"first " + OCTETS


@pytest.mark.parametrize("client", CLIENTS)
def test_hooks_of_the_heads_have_streams_too(weir, origin, streaming, client):
    hooks = [{"name": name, "content": "stream"} for name in ("requestheaders", "responseheaders")]
    worker = streaming(hooks, SWAP.replace('"request", "response"', '"requestheaders", "responseheaders"'))
    server = origin(serving("length", giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[worker]), "/", client, "POST", body=OCTETS)
    assert seen.complete and seen.body == BODY.swapcase()
    assert server.received[0].body == OCTETS.swapcase()


def test_a_stream_shows_as_a_number_that_is_used_once(weir, origin, streaming):
    worker = streaming(HOOKS, SWAP)
    server = origin(serving("length", giving(b"answer")))
    proxy = weir(modes=[reverse(server, "length")], addons=[worker])
    for _ in range(3):
        assert fetch(proxy, method="POST", body=b"question").body == b"ANSWER"
    flows = [message["params"]["flow"] for message in worker.messages() if message.get("method") in ("request", "response")]
    numbers = [flow[part]["content"]["stream"] for flow, part in zip(flows, ["request", "response"] * 3)]
    assert all(type(number) is int for number in numbers) and len(set(numbers)) == 6
    assert {message["params"]["s"] for message in worker.messages("stream.data")} == set(numbers)


def test_headers_are_edited_as_always(weir, origin, streaming):
    code = """
def added(message):
    part = message["method"]
    return {"flow": {part: {"headers": message["params"]["flow"][part]["headers"] + [["X-Added", part]]}}}
""" + SWAP.replace('"response")', '"response", answer=added)')
    server = origin(serving("length", giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[streaming(HOOKS, code)]), method="POST", body=OCTETS)
    assert seen.complete and seen.body == BODY.swapcase() and seen.all("x-added") == [b"response"]
    received = server.received[0]
    assert received.complete and received.body == OCTETS.swapcase() and received.all("x-added") == [b"request"]


def test_a_connection_serves_one_flow_with_streams_after_the_other(weir, origin, streaming):
    server = origin(serving("length", giving(lambda seen: seen.body)))
    proxy = weir(modes=[reverse(server, "length")], addons=[streaming(HOOKS, SWAP)])
    with proxy.connect() as wire:
        for n in range(10):
            body = b"Number %d" % n
            wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            assert wire.response().body == body
    assert server.connections == 1


def test_curl_uploads_with_expect_100_continue(weir, origin, streaming, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(OCTETS)
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[streaming(HOOKS[:1], SWAP)])
    answer = proxy.curl(proxy.url, "--noproxy", "*", "-H", "Expect: 100-continue", "--expect100-timeout", "8", "-T", upload, "-w", "%{time_total}")
    assert answer.returncode == 0 and answer.stdout.startswith(b"ok"), answer.stderr
    assert float(answer.stdout[2:]) < 4, "nobody sent 100, curl waited"
    assert server.received[0].complete and server.received[0].body == OCTETS.swapcase()


def test_an_http_1_0_client_gets_a_body_that_ends_with_its_connection(weir, origin, streaming):
    server = origin(serving("length", giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[streaming(HOOKS, SWAP)]), client="h1.0")
    assert seen.complete and seen.body == BODY.swapcase() and not seen.all("content-length")

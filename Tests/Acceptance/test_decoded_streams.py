"""Streams that a worker gets without their content codings, which are put on again behind it."""

import threading

import pytest
from support.codings import PIECE, STREAM, UNDO, bomb, decoded, encoded, field, response
from support.origin import answering, answering_once
from support.proxy import eventually, peak
from support.wire import Closed

MIB = 1 << 20
CODINGS = ["gzip", "deflate", "br", "zstd", "gzip, br"]
BOMBS = ["gzip", "br", "zstd", "gzip, gzip"]

# Sends each stream back in capitals, within the credit that it has; what it has not sent yet it does not ask for anew.
CAPITALS = """
import base64

credit, waiting, ended = {}, {}, set()

def octets(data):
    return data.encode() if isinstance(data, str) else base64.b64decode(data["b64"])

def move(s):
    piece = waiting.get(s, b"")[:credit.setdefault(s, 262144)]
    if piece:
        waiting[s] = waiting[s][len(piece):]
        credit[s] -= len(piece)
        worker.notify("stream.data", s=s, data={"b64": base64.b64encode(piece).decode()})
        worker.notify("stream.credit", s=s, bytes=len(piece))
    if s in ended and not waiting.get(s):
        worker.notify("stream.end", s=s)

@worker.on("stream.data")
def data(message):
    s = message["params"]["s"]
    waiting[s] = waiting.get(s, b"") + octets(message["params"]["data"]).upper()
    move(s)

@worker.on("stream.credit")
def more(message):
    s = message["params"]["s"]
    credit[s] = credit.get(s, 262144) + message["params"]["bytes"]
    move(s)

@worker.on("stream.end")
def end(message):
    ended.add(message["params"]["s"])
    move(message["params"]["s"])
"""


@pytest.fixture
def capitals(addon):
    def make(hook="response", more="", **members):
        capabilities = {"capabilities": ["stream"], "limits": {"max_line": 4 * MIB}}
        return addon([{"name": hook, "content": "stream", "decode": True, **members}], CAPITALS + more, name="capitals", result=capabilities)

    return make


def body(size: int) -> bytes:
    return b"".join(b"line %d of many\n" % number for number in range(size // 16))


@pytest.mark.seconds(60)
@pytest.mark.parametrize("codings", CODINGS)
def test_a_response_is_rewritten_without_its_codings(weir, capitals, origin, codings):
    plain = body(2 * MIB)
    server = origin(answering(response(encoded(plain, codings), field(codings))))
    worker = capitals()
    answer = weir(addons=[worker]).get(server.url())
    assert decoded(answer.body, codings) == plain.upper()
    assert answer.one("content-encoding") == field(codings).removeprefix("Content-Encoding: ").encode()
    assert answer.one("content-length") is None
    assert list(worker.messages("response")[0]["params"]["flow"]["response"]["content"]) == ["stream"]


@pytest.mark.seconds(60)
@pytest.mark.parametrize("codings", CODINGS)
def test_a_request_is_rewritten_without_its_codings(weir, capitals, origin, codings):
    plain = body(2 * MIB)
    server = origin()
    proxy = weir(addons=[capitals("request")])
    assert proxy.get(server.url(), field(codings), method="POST", body=encoded(plain, codings)).status == 200
    assert decoded(server.received[0].body, codings) == plain.upper()


def test_trailers_pass_behind_what_was_encoded_anew(weir, capitals, origin):
    packed = encoded(b"hello", "gzip")
    chunked = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n"
    chunked += b"%x\r\n%s\r\n0\r\nx-sum: 7\r\n\r\n" % (len(packed), packed)
    answer = weir(addons=[capitals()]).get(origin(answering(chunked)).url(), "TE: trailers")
    assert decoded(answer.body, "gzip") == b"HELLO"
    assert answer.trailers == [(b"x-sum", b"7")]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_an_event_arrives_as_it_is_sent(weir, capitals, origin, coding):
    heard = threading.Semaphore(0)

    def serve(wire, origin):
        origin.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: %s\r\n\r\n" % coding.encode())
        stream = STREAM[coding]()
        for number in range(20):
            wire.send(stream.compress(b"data: %d\n\n" % number) + stream.flush(PIECE[coding]))
            # The next one is sent when the client has read this one.
            assert heard.acquire(timeout=5)
        wire.send(stream.flush())

    proxy = weir(addons=[capitals()])
    with proxy.connect() as wire:
        server = origin(serve)
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head = wire.until(b"\r\n\r\n").lower()
        assert b"transfer-encoding: chunked" in head
        undo = UNDO[coding]()
        for number in range(20):
            event = b""
            while not event.endswith(b"\n\n"):
                event += undo(chunk(wire))
            assert event == b"DATA: %d\n\n" % number
            heard.release()
        while chunk(wire):
            pass


def chunk(wire) -> bytes:
    size = int(wire.until(b"\r\n"), 16)
    data = wire.take(size)
    assert wire.until(b"\r\n") == b"\r\n"
    return bytes(data)


def breaks_off(proxy, url) -> bytes:
    """What came of a body that broke off, head and all."""
    with pytest.raises(Closed) as closed:
        proxy.get(url)
    return closed.value.seen


def one_error(errors, words: str):
    assert words in errors.wait("error")[0]["params"]["flow"]["error"]["msg"]
    assert len(errors.messages("error")) == 1


@pytest.mark.seconds(60)
@pytest.mark.parametrize("codings", BOMBS)
def test_a_response_that_is_a_bomb_breaks_off(weir, capitals, addon, origin, codings):
    hello = response(encoded(b"hello", "gzip"), "Content-Encoding: gzip")
    server = origin(answering(lambda request: response(bomb(codings), field(codings)) if request.target == b"/bomb" else hello))
    worker, errors = capitals(), addon(["error"], name="errors")
    proxy = weir(addons=[worker, errors])
    assert decoded(proxy.get(server.url()).body, "gzip") == b"HELLO"
    before = peak(proxy.process)
    breaks_off(proxy, server.url("/bomb"))
    assert decoded(proxy.get(server.url()).body, "gzip") == b"HELLO"
    assert peak(proxy.process) - before < 32 * MIB
    one_error(errors, "the body unpacks to more than 1000 times its size")
    assert worker.wait("stream.reset")[0]["params"]["why"] == "broken"


@pytest.mark.seconds(60)
@pytest.mark.parametrize("codings", BOMBS)
def test_a_request_that_is_a_bomb_never_looks_complete(weir, capitals, addon, origin, codings):
    complete = []

    def serve(wire, origin):
        request = wire.request()
        complete.append(request)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    server = origin(serve)
    errors = addon(["error"], name="errors")
    proxy = weir(addons=[capitals("request"), errors])
    assert proxy.get(server.url(), field(codings), method="POST", body=bomb(codings)).status == 413
    assert proxy.get(server.url(), field("gzip"), method="POST", body=encoded(b"hello", "gzip")).status == 200
    assert [decoded(request.body, "gzip") for request in complete] == [b"HELLO"]
    one_error(errors, "the body unpacks to more than 1000 times its size")


@pytest.mark.parametrize("kind", ["corrupt", "cut off"])
def test_a_body_that_cannot_be_decoded_breaks_off(weir, capitals, addon, origin, kind):
    packed = encoded(body(MIB), "gzip")
    packed = packed[:-8] + bytes(8) if kind == "corrupt" else packed[: len(packed) // 2]
    errors = addon(["error"], name="errors")
    breaks_off(weir(addons=[capitals(), errors]), origin(answering_once(response(packed, "Content-Encoding: gzip"))).url())
    one_error(errors, "bad gzip data" if kind == "corrupt" else "the gzip data ends too early")


def test_a_body_in_unknown_codings_is_left_out_and_passes(weir, capitals, origin):
    worker = capitals()
    answer = weir(addons=[worker]).get(origin(answering(response(b"a body", "Content-Encoding: lzma"))).url())
    assert answer.body == b"a body"
    assert worker.messages("response")[0]["params"]["flow"]["response"]["content"] == {"omitted": 6}
    assert not worker.messages("stream.data")


def test_a_body_without_codings_is_an_ordinary_stream(weir, capitals, origin):
    assert weir(addons=[capitals()]).get(origin(answering(response(b"a body"))).url()).body == b"A BODY"


@pytest.mark.parametrize("before", ["gzip", "identity"])
@pytest.mark.parametrize("after", ["br", "zstd, gzip", "", "lzma"])
def test_the_codings_put_on_are_those_that_the_worker_names(weir, capitals, origin, before, after):
    code = f'''
@worker.on("response")
def head(message):
    return {{"flow": {{"response": {{"headers": [["Content-Encoding", {after!r}]] if {after!r} else []}}}}}}
'''
    packed = b"hello" if before == "identity" else encoded(b"hello", before)
    answer = weir(addons=[capitals(more=code)]).get(origin(answering(response(packed, field(before)))).url())
    # What cannot be made goes as it is, without the field that would lie.
    made = "" if after == "lzma" else after
    assert answer.all("content-encoding") == ([made.encode()] if made else [])
    assert (decoded(answer.body, made) if made else answer.body) == b"HELLO"


def test_what_comes_of_a_stream_is_decoded_for_the_next(weir, capitals, origin, addon):
    """A worker behind it that wants the whole sees what the stream made of it."""
    last = addon([{"name": "response", "content": "decoded"}], name="last")
    server = origin(answering(response(encoded(b"hello", "br"), "Content-Encoding: br")))
    answer = weir(addons=[capitals(), last]).get(server.url())
    assert decoded(answer.body, "br") == b"HELLO"
    assert eventually(lambda: last.messages("response"))[0]["params"]["flow"]["response"]["content"] == "HELLO"

"""How a stream ends: early, by detaching, with trailers, and when none opens at all."""

import pytest

from support.carriage import CLIENTS, FORMS, fetch, giving, reverse, serving

BODY = "Pieces of größer text, 🐈.\n".encode() * 60_000
RESPONSE = [{"name": "response", "content": "stream"}]
WITH_TRAILERS = ["chunked", "h2"]


def events_of_streams(worker) -> list[str]:
    return [message["method"] for message in worker.messages() if message.get("method", "").startswith("stream.")]


# An early end

EARLY = {
    "at once": ("stream.end()", b""),
    "with its own body": ("stream.write(b'My own.'); stream.end()", b"My own."),
    "after the first piece": ("stream.read(); stream.write(b'My own.'); stream.end()", b"My own."),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("early", EARLY)
def test_a_worker_ends_the_body_before_the_original_has_ended(weir, origin, streaming, early, form, client):
    code, made = EARLY[early]
    worker = streaming(RESPONSE, f"@streams.on('response')\ndef body(stream, message):\n    {code}\n")
    server = origin(serving(form, giving(BODY)))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    for _ in range(2):
        seen = fetch(proxy, client=client)
        assert seen.complete and seen.status == 200 and seen.body == made, seen
    assert "stream.reset" not in events_of_streams(worker)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", ["length", "h2"])
def test_a_worker_ends_the_upload_before_its_client(weir, origin, streaming, form, client):
    worker = streaming([{"name": "request", "content": "stream"}], "@streams.on('request')\ndef body(stream, message):\n    stream.write(b'Mine.'); stream.end()\n")
    server = origin(serving(form, giving(b"ok")))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]), client=client, method="POST", body=BODY)
    assert seen.complete and seen.body == b"ok", seen
    assert server.received[0].complete and server.received[0].body == b"Mine."


# Detaching

DETACHING = """
@streams.on("request", "response")
def body(stream, message):
    seen = 0
    if not {after}:
        stream.detach()
    for piece in stream:
        stream.write(piece.upper())
        if seen < {after} <= seen + len(piece):
            stream.detach()
        seen += len(piece)
    worker.note(seen=seen, detached=stream.detached, trailers=stream.trailers, part=message["method"])
    stream.write(b"|")
    stream.end()
"""


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", [0, 1, 300_000], ids=["at once", "after the first piece", "in the middle"])
def test_after_detaching_the_rest_passes_untouched(weir, origin, streaming, after, form, client):
    worker = streaming([{"name": "request", "content": "stream"}, *RESPONSE], DETACHING.format(after=after))
    trailers = [("x-sum", "12")] if form in WITH_TRAILERS else []
    server = origin(serving(form, giving(BODY, trailers=trailers)))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    seen = fetch(proxy, client=client, method="POST", body=BODY, form="chunked", trailers=[("x-check", "34")])
    notes = {record["part"]: record for record in worker.records() if "part" in record}

    def expected(part: str) -> bytes:
        count = notes[part]["seen"]
        return BODY[:count].upper() + b"|" + BODY[count:]

    assert seen.complete and seen.body == expected("response"), seen
    received = server.received[0]
    assert received.complete and received.body == expected("request"), received
    assert [note["detached"] for note in notes.values()] == [True, True]
    assert [note["trailers"] for note in notes.values()] == [None, None]
    assert seen.trailers == [(b"x-sum", b"12")] * bool(trailers)
    assert [(name.lower(), value) for name, value in received.trailers] == [(b"x-check", b"34")]


def test_detaching_when_everything_has_come_already(weir, origin, streaming):
    """The core's end crosses the worker's wish."""
    code = """
@streams.on("response")
def body(stream, message):
    whole = b"".join(stream)
    stream.detach()
    stream.write(whole.upper())
    stream.end()
"""
    server = origin(serving("length", giving(b"all of it")))
    proxy = weir(modes=[reverse(server, "length")], addons=[streaming(RESPONSE, code)])
    for _ in range(3):
        seen = fetch(proxy)
        assert seen.complete and seen.body == b"ALL OF IT", seen


# Trailers

TRAILERS = {
    "left out": ("", [(b"x-sum", b"12"), (b"x-sum", b"13")]),
    "changed": ("trailers=[['X-Sum', '99'], ['X-More', {'b64': 'w/8='}]]", [(b"x-sum", b"99"), (b"x-more", b"\xc3\xff")]),
    "null": ("trailers=None", []),
}
PASS = """
@streams.on("response")
def body(stream, message):
    for piece in stream:
        stream.write(piece)
    stream.end({})
"""


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", WITH_TRAILERS)
@pytest.mark.parametrize("said", TRAILERS)
def test_trailers_are_seen_and_set(weir, origin, streaming, said, form, client):
    code, expected = TRAILERS[said]
    worker = streaming(RESPONSE, PASS.format(code))
    server = origin(serving(form, giving(BODY, trailers=[("x-sum", "12"), ("x-sum", "13")])))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]), client=client)
    assert seen.complete and seen.body == BODY
    assert [(name.lower(), value) for name, value in seen.trailers] == expected
    (end,) = worker.messages("stream.end")
    assert end["params"]["trailers"] == [["x-sum", "12"], ["x-sum", "13"]]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
def test_a_worker_adds_trailers_to_a_body_that_had_none(weir, origin, streaming, form, client):
    worker = streaming(RESPONSE, PASS.format("trailers=[['X-Late', 'yes']]"))
    server = origin(serving(form, giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]), client=client)
    assert seen.complete and seen.body == BODY
    assert [(name.lower(), value) for name, value in seen.trailers] == [(b"x-late", b"yes")]
    assert worker.messages("stream.end")[0]["params"]["trailers"] is None


@pytest.mark.parametrize("form", WITH_TRAILERS)
def test_trailers_of_a_request_are_seen_and_set(weir, origin, streaming, form):
    code = PASS.format("trailers=[['X-Check', stream.trailers[0][1] + '!']]").replace('"response"', '"request"')
    server = origin(serving(form, giving(b"ok")))
    proxy = weir(modes=[reverse(server, form)], addons=[streaming([{"name": "request", "content": "stream"}], code)])
    for client in CLIENTS:
        assert fetch(proxy, client=client, method="POST", body=BODY, form="chunked", trailers=[("x-check", "12")]).complete
        assert [(name.lower(), value) for name, value in server.received[-1].trailers] == [(b"x-check", b"12!")]
        assert server.received[-1].body == BODY


# No stream

EMPTY = {
    "no length": ("GET", 200, b""),
    "HEAD": ("HEAD", 200, b"12345"),
    "204": ("GET", 204, b""),
    "304": ("GET", 304, b""),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", ["length", "h2"])
@pytest.mark.parametrize("case", EMPTY)
def test_a_message_without_a_body_opens_no_stream(weir, origin, streaming, case, form, client):
    method, status, body = EMPTY[case]
    worker = streaming([{"name": "request", "content": "stream"}, *RESPONSE], PASS.format(""))
    server = origin(serving(form, giving(body, status=status)))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    for _ in range(2):
        seen = fetch(proxy, client=client, method=method)
        assert (seen.status, seen.complete, seen.body) == (status, True, b""), seen
    if method == "HEAD":
        assert seen.all("content-length") == [b"5"]
    assert not events_of_streams(worker)
    for name in ("request", "response"):
        assert [message["params"]["flow"][name]["content"] for message in worker.messages(name)] == ["", ""]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", ["chunked", "close", "h2"])
def test_a_body_that_turns_out_to_be_empty_may_be_filled(weir, origin, streaming, form, client):
    """Its length is not known when the event is sent; in HTTP/2 the head may have ended the stream, or not."""

    def respond(reply, seen):
        reply.head()
        reply.end()

    worker = streaming(RESPONSE, PASS.format("").replace("    stream.end(", "    stream.write(b'filled')\n    stream.end("))
    seen = fetch(weir(modes=[reverse(origin(serving(form, respond)), form)], addons=[worker]), client=client)
    assert seen.complete and seen.body == b"filled", seen


ANSWERS = {
    "content": ({"flow": {"response": {"content": "Mine."}}}, 200, b"Mine."),
    "empty content": ({"flow": {"response": {"content": ""}}}, 200, b""),
    "content and status": ({"flow": {"response": {"content": {"b64": "/w=="}, "status_code": 404}}}, 404, b"\xff"),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_sets_the_content_opens_no_stream(weir, origin, streaming, case, client):
    answer, status, body = ANSWERS[case]
    worker = streaming(RESPONSE, f"@streams.on('response', answer={answer!r})\ndef body(stream, message):\n    stream.write(b'wrong')\n    stream.end()\n")
    server = origin(serving("length", giving(BODY)))
    proxy = weir(modes=[reverse(server, "length")], addons=[worker])
    for _ in range(2):
        seen = fetch(proxy, client=client)
        assert (seen.status, seen.complete, seen.body) == (status, True, body), seen
    assert not events_of_streams(worker)


def test_a_request_that_a_worker_answers_opens_no_stream(weir, origin, streaming):
    answer = {"flow": {"response": {"status_code": 403, "content": "No."}}}
    worker = streaming([{"name": "request", "content": "stream"}], f"@streams.on('request', answer={answer!r})\ndef body(stream, message):\n    stream.end()\n")
    server = origin(serving("length", giving(b"ok")))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[worker]), method="POST", body=BODY[:1000])
    assert (seen.status, seen.complete, seen.body) == (403, True, b"No.")
    assert not server.received and not events_of_streams(worker)


@pytest.mark.parametrize("hook", ["requestheaders", "request", "responseheaders", "response"])
def test_a_flow_that_is_killed_opens_no_stream(weir, origin, addon, streaming, hook):
    worker = streaming([{"name": hook, "content": "stream"}], f"@streams.on('{hook}', answer={{'kill': True}})\ndef body(stream, message):\n    stream.read()\n")
    watch = addon(["error"], name="watch")
    server = origin(serving("length", giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[worker, watch]), method="POST", body=BODY[:1000])
    assert not seen.complete, seen
    watch.wait("error")
    assert len(watch.messages("error")) == 1
    (reset,) = worker.wait("stream.reset")
    assert reset["params"]["why"] == "not_opened" and events_of_streams(worker) == ["stream.reset"]


def test_an_event_that_fails_opens_no_stream_and_the_body_passes(weir, origin, streaming):
    code = """
@worker.on("response")
def response(message):
    raise Failure("not today")
"""
    worker = streaming(RESPONSE, code)
    seen = fetch(weir(modes=[reverse(server := origin(serving("length", giving(BODY))), "length")], addons=[worker]))
    assert seen.complete and seen.body == BODY and server.received
    (reset,) = worker.wait("stream.reset")
    assert reset["params"]["why"] == "not_opened" and events_of_streams(worker) == ["stream.reset"]

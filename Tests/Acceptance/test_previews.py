"""A hook that asks for the beginning of a body, and then decides whether it wants more."""

import base64
import threading

import pytest

from support.carriage import CLIENTS, FORMS, fetch, giving, reverse, serving
from support.proxy import eventually

BODY = "A größer body, 🐈, of some length.\n".encode() * 12_000
N = 1000
START = BODY[:N].decode()
BOTH = [{"name": "request", "content": {"preview": N}}, {"name": "response", "content": {"preview": N}}]
PASS = """
@streams.on("request", "response", answer={answer!r})
def body(stream, message):
    for piece in stream:
        stream.write(piece.upper())
    stream.end()
"""


def previews(worker) -> dict[str, list]:
    found = {"request": [], "response": []}
    for message in worker.messages():
        if message.get("method") in found:
            content = message["params"]["flow"][message["method"]]["content"]
            if content != "":
                assert type(content.pop("stream")) is int
            found[message["method"]].append(content)
    return found


# What is shown


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
def test_the_first_octets_are_shown_and_the_body_passes_untouched(weir, origin, streaming, form, client):
    worker = streaming(BOTH, PASS.format(answer={}))
    server = origin(serving(form, giving(BODY, size=333)))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]), client=client, method="POST", body=BODY)
    assert seen.complete and seen.body == BODY
    assert server.received[0].complete and server.received[0].body == BODY
    known = len(BODY) if form in ("length", "h2") else None
    for part, size in (("request", len(BODY)), ("response", known)):
        (content,) = previews(worker)[part]
        assert content == {"preview": START, "size": size, "complete": False}, content


SIZES = {"empty": b"", "shorter": BODY[: N - 8], "as long": BODY[:N], "one longer": BODY[: N + 1]}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_a_preview_that_is_the_whole_body_says_so(weir, origin, streaming, size, form, client):
    body = SIZES[size]
    worker = streaming(BOTH[1:], PASS.format(answer={}))
    server = origin(serving(form, giving(body)))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]), client=client)
    assert seen.complete and seen.body == body
    (content,) = previews(worker)["response"]
    if size == "empty" and form == "length":
        assert content == ""
    elif size == "empty":
        assert content in ("", {"preview": "", "size": None, "complete": True}, {"preview": "", "size": 0, "complete": True})
    elif size == "as long" and form != "length":
        # Whether more comes is not known before it does.
        assert content["preview"] == body.decode()
    else:
        assert content["preview"] == body[:N].decode(), content
        assert content["complete"] is (len(body) <= N), content


def test_octets_are_shown_as_they_are(weir, origin, streaming):
    body = bytes(range(256)) * 20
    worker = streaming([{"name": "response", "content": {"preview": 300}}], PASS.format(answer={}))
    seen = fetch(weir(modes=[reverse(origin(serving("length", giving(body))), "length")], addons=[worker]))
    assert seen.body == body
    (content,) = previews(worker)["response"]
    assert base64.b64decode(content["preview"]["b64"]) == body[:300] and content["size"] == len(body)


# What is answered

ANSWERS = {
    "content": ({"flow": {"response": {"content": "Mine."}}}, 200, b"Mine."),
    "another response": ({"flow": {"response": {"status_code": 451, "content": ""}}}, 451, b""),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_takes_the_place_of_the_body(weir, origin, streaming, case, form, client):
    answer, status, body = ANSWERS[case]
    worker = streaming(BOTH[1:], PASS.format(answer=answer))
    server = origin(serving(form, giving(BODY)))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    for _ in range(2):
        seen = fetch(proxy, client=client)
        assert (seen.status, seen.complete, seen.body) == (status, True, body), seen


@pytest.mark.parametrize("client", CLIENTS)
def test_a_request_is_refused_by_its_beginning(weir, origin, streaming, client):
    """The rest of the upload is not awaited: the client sends it only after the answer."""
    answer = {"flow": {"response": {"status_code": 403, "content": "Not that."}}}
    worker = streaming(BOTH[:1], PASS.format(answer=answer))
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[worker])
    if client == "h1":
        with proxy.connect() as wire:
            wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY[:N]))
            answer = wire.response()
            assert (answer.status, answer.body) == (403, b"Not that.")
    else:
        seen = fetch(proxy, client=client, method="POST", body=BODY)
        assert (seen.status, seen.body) == (403, b"Not that."), seen
    assert not server.received


@pytest.mark.parametrize("hook", ["request", "response"])
def test_killing_after_a_preview(weir, origin, streaming, addon, hook):
    worker = streaming([entry for entry in BOTH if entry["name"] == hook], PASS.format(answer={"kill": True}))
    watch = addon(["error"], name="watch")
    server = origin(serving("length", giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[worker, watch]), method="POST", body=BODY)
    assert not seen.complete and not seen.body, seen
    watch.wait("error")
    assert len(watch.messages("error")) == 1


MORE = """
def answered(message):
    part = message["method"]
    content = message["params"]["flow"][part]["content"]
    if isinstance(content, dict) and "preview" in content:
        return {"more": "whole"}
    return {"flow": {part: {"content": content.upper()}}}

streams.on("request", "response", answer=answered)(lambda stream, message: stream.end())
"""


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
def test_more_may_be_all_of_it(weir, origin, streaming, form, client):
    worker = streaming(BOTH, MORE, result={"limits": {"max_line": 16 << 20}})
    server = origin(serving(form, giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]), client=client, method="POST", body=BODY)
    changed = BODY.decode().upper().encode()
    assert seen.complete and seen.body == changed
    assert server.received[0].complete and server.received[0].body == changed
    for part in ("request", "response"):
        first, second = worker.messages(part)
        assert first["id"] != second["id"] and first["params"]["flow"]["id"] == second["params"]["flow"]["id"]
        assert second["params"]["flow"][part]["content"] == BODY.decode()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
def test_more_may_be_a_stream_from_the_first_octet_on(weir, origin, streaming, form, client):
    worker = streaming(BOTH, PASS.format(answer={"more": "stream"}))
    server = origin(serving(form, giving(BODY)))
    proxy = weir(modes=[reverse(server, form)], addons=[worker])
    for sent in ("length", "chunked"):
        seen = fetch(proxy, client=client, method="POST", body=BODY, form=sent)
        assert seen.complete and seen.body == BODY.upper()
        assert server.received[-1].complete and server.received[-1].body == BODY.upper()
    flows = [message["params"]["flow"] for message in worker.messages() if message.get("method") in ("request", "response")]
    offered = {flow[part]["content"]["stream"] for flow, part in zip(flows, ["request", "response"] * 2)}
    assert {message["params"]["s"] for message in worker.messages("stream.data")} == offered and len(offered) == 4


@pytest.mark.parametrize("more", ["whole", "stream"])
def test_more_of_a_body_that_was_shown_completely(weir, origin, streaming, more):
    code = PASS.format(answer={"more": "stream"}) if more == "stream" else MORE
    worker = streaming(BOTH[1:], code)
    seen = fetch(weir(modes=[reverse(origin(serving("chunked", giving(b"tiny"))), "chunked")], addons=[worker]))
    assert seen.complete and seen.body == b"TINY"


@pytest.mark.parametrize("more", ["'all'", "5", "True", "['whole']"])
def test_an_unknown_wish_is_a_bad_reply(weir, origin, streaming, more):
    worker = streaming(BOTH[1:], PASS.format(answer={"more": eval(more)}))
    proxy = weir(modes=[reverse(origin(serving("length", giving(BODY))), "length")], addons=[worker])
    seen = fetch(proxy)
    assert seen.complete and seen.body == BODY, "as after {}"
    proxy.wait_log("more")


def test_a_wish_for_more_of_what_is_no_preview_is_ignored(weir, origin, streaming):
    worker = streaming([{"name": "response", "content": "whole", "on_failure": "kill"}], PASS.format(answer={"more": "whole"}))
    proxy = weir(modes=[reverse(origin(serving("length", giving(b"small"))), "length")], addons=[worker])
    assert fetch(proxy).body == b"small"
    assert len(worker.messages("response")) == 1


# When it comes


class Trickle:
    """A server that sends an octet whenever it is told to."""

    def __init__(self):
        self.step, self.sent = threading.Semaphore(0), 0

    def __call__(self, reply, seen):
        reply.head(len(BODY))
        for n in range(30):
            assert self.step.acquire(timeout=15)
            reply.write(BODY[n : n + 1])
            self.sent += 1
        reply.write(BODY[30:])
        reply.end()


@pytest.mark.parametrize("form", ["length", "chunked", "h2"])
def test_a_server_that_trickles_is_awaited_until_there_is_enough(weir, origin, streaming, form):
    trickle = Trickle()
    worker = streaming([{"name": "response", "content": {"preview": 17}}], PASS.format(answer={}))
    proxy = weir(modes=[reverse(origin(serving(form, trickle)), form)], addons=[worker])
    outcome = []
    client = threading.Thread(target=lambda: outcome.append(fetch(proxy)), daemon=True)
    client.start()
    trickle.step.release(16)
    eventually(lambda: trickle.sent == 16, 5)
    assert not worker.messages("response")
    trickle.step.release()
    worker.wait("response")
    trickle.step.release(13)
    client.join(15)
    assert outcome[0].complete and outcome[0].body == BODY
    assert previews(worker)["response"][0]["preview"] == "A größer body, "


def test_curl_uploads_with_expect_100_continue(weir, origin, streaming, tmp_path):
    """Nobody but the proxy can ask for the body before the server has seen the head."""
    upload = tmp_path / "upload"
    upload.write_bytes(BODY)
    worker = streaming(BOTH[:1], PASS.format(answer={"more": "stream"}))
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[worker])
    answer = proxy.curl(proxy.url, "--noproxy", "*", "-H", "Expect: 100-continue", "--expect100-timeout", "8", "-T", upload, "-w", "%{time_total}")
    assert answer.returncode == 0 and answer.stdout.startswith(b"ok"), answer.stderr
    assert float(answer.stdout[2:]) < 4, "nobody sent 100, curl waited"
    assert server.received[0].complete and server.received[0].body == BODY.upper()
    (content,) = previews(worker)["request"]
    assert content == {"preview": START, "size": len(BODY), "complete": False}


def test_a_client_that_leaves_during_a_preview_ends_its_flow(weir, origin, streaming, addon):
    worker, watch = streaming(BOTH[:1], PASS.format(answer={})), addon(["error"], name="watch")
    server = origin(serving("length", giving(b"ok")))
    proxy = weir(modes=[reverse(server, "length")], addons=[worker, watch])
    with proxy.connect() as wire:
        wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nonly this")
    watch.wait("error")
    assert not server.received and not worker.messages("request")
    assert fetch(proxy, method="POST", body=BODY).complete


# Chains


def test_a_preview_shows_what_the_worker_before_has_made(weir, origin, streaming):
    first = streaming([{"name": "response", "content": "stream"}], PASS.format(answer={}), "first")
    second = streaming([{"name": "response", "content": {"preview": 9}}], PASS.format(answer={}).replace("piece.upper()", "b'!' + piece"), "second")
    server = origin(serving("length", giving(b"small words here")))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[first, second]))
    assert seen.complete and seen.body == b"SMALL WORDS HERE"
    assert previews(second)["response"][0]["preview"] == "SMALL WOR"


def test_a_stream_behind_a_preview_begins_at_the_first_octet(weir, origin, streaming):
    first = streaming([{"name": "response", "content": {"preview": 9}}], PASS.format(answer={}), "first")
    second = streaming([{"name": "response", "content": "stream"}], PASS.format(answer={}), "second")
    server = origin(serving("chunked", giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, "chunked")], addons=[first, second]))
    assert seen.complete and seen.body == BODY.upper()


@pytest.mark.parametrize("policy", ["continue", "kill"])
@pytest.mark.parametrize("how", ["killed", "hung", "failed"])
def test_a_worker_that_fails_over_a_preview(weir, origin, streaming, how, policy):
    code = {"killed": "os.kill(os.getpid(), 9)", "hung": "time.sleep(60)", "failed": "raise Failure('no')"}[how]
    worker = streaming([{**BOTH[1], "timeout_ms": 400, "on_failure": policy}], f"@worker.on('response')\ndef response(message):\n    {code}\n")
    server = origin(serving("chunked", giving(BODY)))
    proxy = weir(modes=[reverse(server, "chunked")], addons=[worker])
    for client in CLIENTS:
        seen = fetch(proxy, client=client)
        if policy == "continue":
            assert seen.complete and seen.body == BODY, seen
        else:
            assert not seen.complete and not seen.body, seen
        if how == "killed":
            worker.wait("initialized", 2 + CLIENTS.index(client))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("policy", "deaths"), [("continue", 1), ("retry", 1), ("retry", 2), ("kill", 1)])
def test_a_body_that_was_read_for_a_worker_that_dies_over_it_is_not_lost(weir, origin, addon, tmp_path, form, policy, deaths):
    code = f"""
import os
from pathlib import Path

@worker.on('response')
def response(message):
    if 'preview' in message['params']['flow']['response']['content']: return {{'more': 'whole'}}
    died = Path({str(tmp_path / "died")!r})
    count = len(died.read_text()) if died.exists() else 0
    if count < {deaths}:
        died.write_text('x' * (count + 1))
        os._exit(1)
"""
    # It fits the line of a worker that has said nothing of lines.
    body = BODY[:20_000]
    worker = addon([{"name": "response", "content": {"preview": N}, "on_failure": policy, "idempotent": True}], code)
    server = origin(serving(form, giving(body, size=333)))
    seen = fetch(weir(modes=[reverse(server, form)], addons=[worker]))
    if policy == "continue" or (policy, deaths) == ("retry", 1):
        assert seen.complete and seen.body == body
    else:
        assert not seen.complete and not seen.body
    assert (tmp_path / "died").read_text() == "x" * deaths

"""Bodies that are never held: `stream_large_bodies`, `flow.*.stream`, `store_streamed_bodies`, and what is refused of them."""

import pytest

from support.calls import Getting, asked, ended, refused, standing
from support.origin import answering
from support.proxy import run_to_end

LARGE = b"x" * 3000
SMALL = b"y" * 100
WHOLE = [{"name": "request", "content": "whole"}, {"name": "response", "content": "whole"}]


def plain(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes, size: int = 500) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)] + [b""]
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces)


def shown(worker, event: str, side: str):
    return worker.messages(event)[-1]["params"]["flow"][side]["content"]


@pytest.mark.parametrize("make", [plain, chunked])
def test_a_larger_response_is_streamed_and_a_smaller_one_held(weir, addon, origin, make):
    worker = addon(WHOLE)
    proxy = weir("--set", "stream_large_bodies=1k", addons=[worker])
    assert proxy.get(origin(answering(make(LARGE))).url()).body == LARGE
    assert set(shown(worker, "response", "response")) == {"omitted"}
    assert proxy.get(origin(answering(make(SMALL))).url()).body == SMALL
    assert shown(worker, "response", "response") == SMALL.decode()


def test_a_larger_request_is_streamed_and_a_smaller_one_held(weir, addon, origin):
    worker, server = addon(WHOLE), origin()
    proxy = weir("--set", "stream_large_bodies=1k", addons=[worker])
    for body, expected in ((LARGE, {"omitted": 3000}), (SMALL, SMALL.decode())):
        assert proxy.get(server.url(), method="POST", body=body).status == 200
        assert shown(worker, "request", "request") == expected
    assert [message.body for message in server.wait(2)] == [LARGE, SMALL]


@pytest.mark.parametrize("value", ["1x", "-1", "k"])
def test_a_size_that_is_none_is_refused_at_the_start(value):
    run = run_to_end("--set", f"stream_large_bodies={value}")
    assert run.returncode == 2
    assert f"option stream_large_bodies: expected optional size (bytes, or with k, m, g, t), found '{value}'" in run.stderr


def test_a_worker_streams_a_response_that_another_wants_whole(weir, addon, origin):
    code = "@worker.on('responseheaders')\ndef head(params): return {'flow': {'response': {'stream': True}}}"
    first, second = addon(["responseheaders"], code, "first"), addon(WHOLE, name="second")
    proxy = weir(addons=[first, second])
    assert proxy.get(origin(answering(plain(SMALL))).url()).body == SMALL
    assert shown(second, "response", "response") == {"omitted": 100}


def test_a_worker_streams_a_request_that_another_wants_whole(weir, addon, origin):
    code = "@worker.on('requestheaders')\ndef head(params): return {'flow': {'request': {'stream': True}}}"
    first, second, server = addon(["requestheaders"], code, "first"), addon(WHOLE, name="second"), origin()
    proxy = weir(addons=[first, second])
    assert proxy.get(server.url(), method="POST", body=SMALL).status == 200
    assert shown(second, "request", "request") == {"omitted": 100}
    assert server.wait(1)[0].body == SMALL


def test_a_worker_may_have_held_what_the_option_would_stream(weir, addon, origin):
    code = "@worker.on('responseheaders')\ndef head(params): return {'flow': {'response': {'stream': False}}}"
    first, second = addon(["responseheaders"], code, "first"), addon(WHOLE, name="second")
    proxy = weir("--set", "stream_large_bodies=1k", addons=[first, second])
    assert proxy.get(origin(answering(plain(LARGE))).url()).body == LARGE
    assert shown(second, "response", "response") == LARGE.decode()


def test_another_body_in_the_place_of_a_streamed_one_is_refused_and_said(weir, addon, origin):
    code = "@worker.on('response')\ndef response(params): return {'flow': {'response': {'content': 'other'}}}"
    worker = addon(["response"], code)
    proxy = weir("--set", "stream_large_bodies=1k", addons=[worker])
    assert proxy.get(origin(answering(plain(LARGE))).url()).body == LARGE
    proxy.wait_log(r"flow\.response\.content: the response's body is streamed; it cannot be changed as a whole \(streamed\)")
    assert proxy.get(origin(answering(plain(SMALL))).url()).body == b"other"


@pytest.mark.parametrize(("event", "side"), [("request", "request"), ("response", "response"), ("response", "request")])
def test_streaming_is_decided_at_the_head_and_later_refused(weir, addon, origin, event, side):
    code = f"@worker.on('{event}')\ndef late(params): return {{'flow': {{'{side}': {{'stream': True}}}}}}"
    proxy = weir(addons=[addon([event], code)])
    assert proxy.get(origin().url()).status == 200
    proxy.wait_log(rf"flow\.{side}\.stream: it is decided in {side}headers \(read_only\)")


def test_a_call_may_not_change_the_body_of_a_live_flow_that_is_streamed(caller, origin):
    proxy, worker = caller("--set", "stream_large_bodies=1k", "--set", "intercept=~s")
    client = Getting(proxy, origin(answering(plain(LARGE))).url())
    flow = standing(worker)["id"]
    error = refused(worker, "flow.set", id=flow, flow={"response": {"content": "other"}})
    assert (error["code"], error["data"]) == (-32016, {"kind": "streamed", "path": "flow.response.content"})
    error = refused(worker, "flow.set", id=flow, flow={"response": {"stream": False}})
    assert error["data"]["kind"] == "read_only"
    asked(worker, "flow.set", id=flow, flow={"response": {"status_code": 404}})
    asked(worker, "flow.resume", id=flow)
    assert client.end().body == LARGE and client.answer.status == 404


@pytest.mark.parametrize(("store", "expected"), [("true", True), ("false", False)])
def test_a_copy_of_what_was_streamed_is_kept_if_it_is_wanted(caller, origin, store, expected):
    proxy, worker = caller("--set", "stream_large_bodies=1k", "--set", f"store_streamed_bodies={store}")
    server = origin(answering(plain(LARGE)))
    assert proxy.get(server.url(), method="POST", body=LARGE).body == LARGE
    flow = asked(worker, "flow.get", id=ended(worker)[0]["id"], content="whole")["flow"]
    kept = LARGE.decode() if expected else {"omitted": 3000}
    assert flow["request"]["content"] == kept and flow["response"]["content"] == kept


def test_a_copy_that_would_be_larger_than_what_stays_in_memory_is_none(caller, origin):
    proxy, worker = caller("--set", "store_streamed_bodies=true", "--set", "body_memory_limit=2k")
    assert proxy.get(origin(answering(plain(LARGE))).url()).body == LARGE
    flow = asked(worker, "flow.get", id=ended(worker)[0]["id"], content="whole")["flow"]
    assert flow["response"]["content"] == {"omitted": 3000}

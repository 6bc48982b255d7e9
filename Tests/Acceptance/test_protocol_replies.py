"""What a worker's reply does to a flow: answer, kill, content, codings, and what it must not change."""

import base64
import gzip
import zlib

import pytest

from support.origin import OK, answering
from support.proxy import eventually


def handler(hook: str, result: str) -> str:
    """Code that answers every event of the hook with an expression of `state` (the flow)."""
    return f'worker.on("{hook}")(lambda message: (lambda state: {result})(message["params"]["flow"]))'


def test_a_response_set_in_request_answers_without_the_server(weir, addon, origin):
    server = origin()
    result = '{"flow": {"response": {"status_code": 418, "reason": "Teapot", "headers": [["X-Made", "here"]], "content": "short and stout"}}}'
    answer = weir(addons=[addon(["request"], handler("request", result))]).get(server.url())
    assert (answer.start, answer.one("x-made"), answer.body) == (b"HTTP/1.1 418 Teapot", b"here", b"short and stout")
    assert answer.one("content-length") == b"15"
    assert server.connections == 0


def test_a_response_with_every_member_of_the_state_is_accepted(weir, addon, origin):
    """What mitmproxy's own `Response.make(…).get_state()` gives."""
    result = """{"flow": {"response": {"http_version": "HTTP/1.1", "headers": [["content-length", "2"]], "content": "hi",
        "trailers": None, "timestamp_start": time.time(), "timestamp_end": time.time(), "status_code": 200, "reason": "OK"}}}"""
    answer = weir(addons=[addon(["request"], handler("request", result))]).get(origin().url())
    assert (answer.status, answer.body) == (200, b"hi")


def test_headers_are_edited_by_a_worker_that_was_sent_none(weir, addon, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nServer: x\r\nX-Raw: \x80\xff\r\nVia: 1.0 a\r\nvia: 1.0 b\r\nContent-Length: 2\r\n\r\nok"))
    hooks = [{"name": "request", "fields": ["flow.id"]}, {"name": "response", "fields": ["flow.id"]}]
    edits = '{"remove": ["server"], "set": [["VIA", "1.1 weir"]], "add": [["X-Made", "1"], ["X-Made", {"b64": "gP8="}]]}'
    asked = '{"flow": {"request": {"headers": {"set": [["Cookie", "b=2"], ["X-New", "1"]]}}}}'
    answered = '{"flow": {"response": {"headers": %s}}}' % edits
    worker = addon(hooks, handler("request", asked) + "\n" + handler("response", answered))
    answer = weir(addons=[worker]).get(server.url(), "cookie: a=1", "COOKIE: a=2")
    assert answer.status == 200 and answer.body == b"ok"
    names = [b"x-raw", b"via", b"content-length", b"x-made", b"x-made"]
    assert [name.lower() for name, _ in answer.headers if name.lower() in {*names, b"server"}] == names
    assert (answer.one("via"), answer.one("x-raw")) == (b"1.1 weir", b"\x80\xff")
    assert [value for name, value in answer.headers if name == b"X-Made"] == [b"1", b"\x80\xff"]
    got = server.received[0]
    assert (got.one("cookie"), got.one("x-new")) == (b"b=2", b"1")
    assert all("headers" not in message["params"]["flow"].get("response", {}) for message in worker.messages("response"))


def test_edits_that_cannot_be_made_change_nothing_and_are_named(weir, addon, origin):
    result = '{"flow": {"response": {"headers": {"remove": ["X-Kept"], "add": [["X-A", "1\\r\\nX-B: 2"]]}}}}'
    proxy = weir(addons=[addon(["response"], handler("response", result))])
    answer = proxy.get(origin(answering(b"HTTP/1.1 200 OK\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n")).url())
    assert (answer.status, answer.one("x-kept"), answer.one("x-a"), answer.one("x-b")) == (200, b"1", None, None)
    proxy.wait_log(r"flow\.response\.headers\.add\[0\]\[1\]: a control character or outer whitespace in the value of 'X-A'")


@pytest.mark.parametrize(
    "members, host",
    [("", "ORIGIN"), (", 'keep_host': True", "named.test"), (", 'headers': [['Host', 'mine']]", "mine")],
    ids=["host alone", "keep_host", "host and Host"],
)
def test_host_follows_the_request_unless_it_is_meant_as_it_is(weir, addon, origin, members, host):
    server = origin()
    result = "{'flow': {'request': {'host': '127.0.0.1', 'port': %d%s}}}" % (server.port, members)
    proxy = weir(addons=[addon(["request"], handler("request", result))])
    with proxy.connect() as wire:
        wire.send(b"GET http://named.test/ HTTP/1.1\r\nHost: named.test\r\n\r\n")
        assert wire.response().status == 200
    assert server.received[0].one("host").decode() == (server.authority if host == "ORIGIN" else host)


def test_a_made_response_keeps_the_connection_of_the_client(weir, addon, origin):
    proxy = weir(addons=[addon(["request"], handler("request", '{"flow": {"response": {"status_code": 204}}}'))])
    with proxy.connect() as wire:
        for _ in range(3):
            wire.send(f"POST {origin().url()} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".encode())
            assert wire.response().status == 204


def test_a_later_worker_sees_the_response_that_an_earlier_one_made(weir, addon, origin):
    first = addon(["request"], handler("request", '{"flow": {"response": {"status_code": 418}}}'), name="first")
    second = addon(["request", "response"], name="second")
    assert weir(addons=[first, second]).get(origin().url()).status == 418
    assert second.messages("request")[0]["params"]["flow"]["response"]["status_code"] == 418


@pytest.mark.parametrize("hook", ["requestheaders", "request", "responseheaders", "response"])
@pytest.mark.parametrize(
    "result", ['{"kill": True}', '{"flow": {"error": {"msg": "Connection killed.", "timestamp": time.time()}}}'], ids=["kill", "error"]
)
def test_kill_closes_the_connection_of_the_client_without_a_response(weir, addon, origin, hook, result):
    server, observer = origin(), addon(["response", "error"], name="observer")
    proxy = weir(addons=[addon([hook], handler(hook, result)), observer])
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.to_end() == b""
    assert len(server.received) == (0 if hook.startswith("request") else 1)
    if hook != "response":
        observer.wait("error")
        assert observer.messages("error")[0]["params"]["flow"]["error"]["msg"] == "Connection killed."
        assert not observer.messages("response")


@pytest.mark.parametrize("body", [b"", b"changed", b"\xff\0" * 5000], ids=["empty", "text", "octets"])
@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
def test_changed_content_repairs_the_framing_both_ways(weir, addon, origin, body, framing):
    server = origin(answering(b"HTTP/1.1 200 OK\r\n" + framing))
    content = f'{{"b64": "{base64.b64encode(body).decode()}"}}'
    code = handler("request", f'{{"flow": {{"request": {{"content": {content}}}}}}}') + "\n"
    code += handler("response", f'{{"flow": {{"response": {{"content": {content}}}}}}}')
    hooks = [{"name": name, "content": "whole"} for name in ("request", "response")]
    with weir(addons=[addon(hooks, code)]).connect() as wire:
        for _ in range(2):
            wire.send(f"POST {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n".encode() + framing)
            answer = wire.response()
            assert answer.body == body
    for message in [*server.received, answer]:
        assert message.body == body
        assert len(message.all("content-length")) + len(message.all("transfer-encoding")) == 1
        if message.all("content-length"):
            assert message.one("content-length") == b"%d" % len(body)


def test_whole_content_arrives_as_text_or_base64(weir, addon, origin):
    worker = addon([{"name": "request", "content": "whole"}, {"name": "response", "content": "whole"}])
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd"))
    weir(addons=[worker]).get(server.url(), method="POST", body="größe".encode())
    flow = worker.messages("response")[0]["params"]["flow"]
    assert flow["request"]["content"] == "größe"
    assert flow["response"]["content"] == {"b64": base64.b64encode(b"\xff\xfe\xfd").decode()}


def test_without_a_content_mode_a_body_is_omitted_and_passes_untouched(weir, addon, origin):
    worker = addon(["request", "response"], handler("request", '{"flow": state}') + "\n" + handler("response", '{"flow": state}'))
    server = origin()
    answer = weir(addons=[worker]).get(server.url(), method="POST", body=b"x" * 100_000)
    assert answer.raw.replace(b"Connection: close\r\n", b"") == OK
    assert server.received[0].body == b"x" * 100_000
    assert worker.messages("request")[0]["params"]["flow"]["request"]["content"] == {"omitted": 100_000}


def test_a_message_without_a_body_differs_from_one_with_an_empty_body(weir, addon, origin):
    worker = addon([{"name": "request", "content": "whole"}])
    proxy, server = weir(addons=[worker]), origin()
    proxy.get(server.url())
    proxy.get(server.url(), "Content-Length: 0", method="POST")
    contents = [message["params"]["flow"]["request"]["content"] for message in worker.messages("request")]
    assert contents[1] == ""
    assert contents[0] in ("", None)


def deflate(data: bytes) -> bytes:
    return zlib.compress(data)


@pytest.mark.parametrize("coding, encode, decode", [("gzip", gzip.compress, gzip.decompress), ("deflate", deflate, zlib.decompress)])
def test_decoded_content_is_edited_and_put_back_into_its_coding(weir, addon, origin, coding, encode, decode):
    packed = encode(b"a secret word " * 100)
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (coding.encode(), len(packed), packed)))
    code = handler("response", '{"flow": {"response": {"content": state["response"]["content"].replace("secret", "public")}}}')
    worker = addon([{"name": "response", "content": "decoded"}], code)
    answer = weir(addons=[worker]).get(server.url())
    assert worker.messages("response")[0]["params"]["flow"]["response"]["content"] == "a secret word " * 100
    assert answer.one("content-encoding") == coding.encode()
    assert answer.one("content-length") == b"%d" % len(answer.body)
    assert decode(answer.body) == b"a public word " * 100


def test_decoded_content_that_is_not_changed_keeps_its_bytes(weir, addon, origin):
    packed = gzip.compress(b"as it was", mtime=12345)
    response = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(packed), packed)
    worker = addon([{"name": "response", "content": "decoded"}], handler("response", '{"flow": state}'))
    assert weir(addons=[worker]).get(origin(answering(response)).url()).raw.replace(b"Connection: close\r\n", b"") == response


def test_changed_members_of_the_request_reach_the_server(weir, addon, origin):
    other, server = origin(), origin()
    change = f'"method": "PUT", "path": "/new?q", "port": {other.port}, "headers": [["Host", "changed"], ["X-Odd", "1"]]'
    worker = addon(["request"], handler("request", f'{{"flow": {{"request": {{{change}}}}}}}'))
    assert weir(addons=[worker]).get(server.url()).status == 200
    assert server.connections == 0
    assert other.received[0].head == b"PUT /new?q HTTP/1.1\r\nHost: changed\r\nX-Odd: 1\r\n\r\n"


def test_changed_members_of_the_response_reach_the_client(weir, addon, origin):
    result = '{"flow": {"response": {"status_code": 404, "reason": "Gone fishing", "headers": [["X-Only", "one"]]}}}'
    answer = weir(addons=[addon(["response"], handler("response", result))]).get(origin().url())
    assert answer.start == b"HTTP/1.1 404 Gone fishing"
    assert (answer.one("x-only"), answer.body) == (b"one", b"ok")


def test_metadata_and_comment_travel_with_the_flow_and_are_merged(weir, addon, origin):
    one = addon(["request"], handler("request", '{"flow": {"metadata": {"a": {"x": 1}}, "comment": "noted"}}'), name="one")
    two = addon(["request"], handler("request", '{"flow": {"metadata": {"a": {"y": 2}, "b": None}}}'), name="two")
    last = addon(["response"], name="last")
    assert weir(addons=[one, two, last]).get(origin().url()).status == 200
    flow = last.wait("response")[0]["params"]["flow"]
    assert (flow["metadata"], flow["comment"]) == ({"a": {"x": 1, "y": 2}}, "noted")


def test_null_and_absent_differ(weir, addon, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"))
    hook = [{"name": "response", "content": "whole"}]
    unchanged = addon(hook, handler("response", '{"flow": {"response": {}}}'), name="unchanged")
    removed = addon(hook, handler("response", '{"flow": {"response": {"trailers": None}}}'), name="removed")
    for worker, trailers in ((unchanged, [(b"X-T", b"1")]), (removed, [])):
        with weir(addons=[worker]).connect() as wire:
            wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
            answer = wire.response()
            assert (answer.body, answer.trailers) == (b"ok", trailers)


def test_an_old_whole_state_does_not_undo_what_another_worker_changed(weir, addon, origin):
    """The reply is compared with the snapshot that this worker was sent."""
    add = handler("request", '{"flow": {"request": {"headers": state["request"]["headers"] + [["X-One", "1"]]}}}')
    one, two = addon(["request"], add, name="one"), addon(["request"], handler("request", '{"flow": state}'), name="two")
    server = origin()
    assert weir(addons=[one, two]).get(server.url()).status == 200
    assert server.received[0].one("x-one") == b"1"


BAD_REPLIES = {
    "a read-only path": ('{"flow": {"id": "mine"}}', "id"),
    "another type": ('{"flow": {"type": "tcp"}}', "type"),
    "another version": ('{"flow": {"version": 20}}', "version"),
    "the client's address": ('{"flow": {"client_conn": {"peername": ["1.2.3.4", 5]}}}', "client_conn"),
    "a timestamp of the wire": ('{"flow": {"request": {"timestamp_start": 1}}}', "timestamp_start"),
    "an unknown value of an enumeration": ('{"flow": {"request": {"scheme": "gopher"}}}', "scheme"),
    "a port as text": ('{"flow": {"request": {"port": "80"}}}', "port"),
    "a port beyond 65535": ('{"flow": {"request": {"port": 70000}}}', "port"),
    "a path with a line break": ('{"flow": {"request": {"path": "/a\\\\r\\\\nX: y"}}}', "path"),
    "a path with a space": ('{"flow": {"request": {"path": "/a HTTP/1.1"}}}', "path"),
    "a header value with a line break": ('{"flow": {"request": {"headers": [["X", "a\\\\r\\\\nInjected: 1"]]}}}', "headers"),
    "a header name with a colon": ('{"flow": {"request": {"headers": [["X:", "a"]]}}}', "headers"),
    "headers as an object": ('{"flow": {"request": {"headers": {"X": "a"}}}}', "headers"),
    "a header of three": ('{"flow": {"request": {"headers": [["X", "a", "b"]]}}}', "headers"),
    "a method that is no token": ('{"flow": {"request": {"method": "GET / HTTP/1.1"}}}', "method"),
    "content as a number": ('{"flow": {"request": {"content": 5}}}', "content"),
    "content that is no base64": ('{"flow": {"request": {"content": {"b64": "%%%"}}}}', "content|b64"),
    "a status of 1000": ('{"flow": {"response": {"status_code": 1000}}}', "status_code"),
    "a status as text": ('{"flow": {"response": {"status_code": "200"}}}', "status_code"),
    "a reason with a line break": ('{"flow": {"response": {"status_code": 200, "reason": "a\\\\nb"}}}', "reason"),
    "a flow that is a list": ('{"flow": []}', "flow"),
    "a result that is a number": ("5", "result|object"),
    "kill as text": ('{"kill": "yes"}', "kill"),
}


@pytest.mark.parametrize("case", BAD_REPLIES)
def test_a_bad_reply_costs_its_event_only(weir, addon, origin, case):
    """Nothing of the reply is applied, the flow goes on by its policy, and the next event comes to the same worker."""
    result, names = BAD_REPLIES[case]
    code = f"""
@worker.on("request")
def request(message):
    state = message["params"]["flow"]
    if state["request"]["path"] != "/bad":
        return {{"flow": {{"request": {{"path": "/good"}}}}}}
    reply = {result.replace(chr(92) * 2, chr(92))}
    if isinstance(reply, dict) and isinstance(reply.get("flow"), dict):
        reply["flow"]["comment"] = "must not be applied"
    return reply
"""
    worker, observer, server = addon([{"name": "request", "on_failure": "continue"}], code), addon(["response"], name="observer"), origin()
    proxy = weir(addons=[worker, observer])
    assert proxy.get(server.url("/bad")).status == 200
    assert proxy.get(server.url("/other")).status == 200
    assert [request.target for request in server.received] == [b"/bad", b"/good"]
    assert server.received[0].all("injected") == []
    assert observer.messages("response")[0]["params"]["flow"]["comment"] == ""
    assert len(worker.pids()) == 1 and len(worker.messages("initialize")) == 1
    proxy.wait_log(rf"worker.*({names})")


def test_a_bad_reply_under_the_policy_kill_kills_its_flow_only(weir, addon, origin):
    code = handler("request", '{"flow": {"id": "mine"} if state["request"]["path"] == "/bad" else {}}')
    proxy, server = weir(addons=[addon([{"name": "request", "on_failure": "kill"}], code)]), origin()
    with proxy.connect() as wire:
        wire.send(f"GET {server.url('/bad')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.to_end() == b""
    assert proxy.get(server.url("/good")).status == 200
    assert [request.target for request in server.received] == [b"/good"]


def test_an_error_reply_is_a_failure_of_its_event(weir, addon, origin):
    code = """
@worker.on("request")
def request(message):
    raise Failure("cannot do this one")
"""
    proxy = weir(addons=[addon(["request"], code)])
    assert proxy.get(origin().url()).status == 200
    proxy.wait_log("worker.*cannot do this one")


def test_unknown_members_are_ignored(weir, addon, origin):
    result = '{"later": 1, "flow": {"nonsense": {"a": []}, "request": {"colour": "red", "path": "/changed"}}}'
    server = origin()
    assert weir(addons=[addon(["request"], handler("request", result))]).get(server.url()).status == 200
    assert server.received[0].target == b"/changed"


def test_framing_headers_of_a_worker_are_never_taken(weir, addon, origin):
    result = """{"flow": {"response": {"content": "four", "headers": [["Content-Length", "400"], ["Transfer-Encoding", "chunked"],
        ["Content-Length", "7"], ["X-Kept", "1"]]}}}"""
    proxy = weir(addons=[addon([{"name": "response", "content": "whole"}], handler("response", result))])
    answer = proxy.get(origin().url())
    assert answer.body == b"four"
    assert len(answer.all("content-length")) + len(answer.all("transfer-encoding")) == 1
    assert answer.one("x-kept") == b"1"


def test_inline_log_entries_reach_the_log_under_the_name_of_the_worker(weir, addon, origin):
    result = '{"log": [{"level": "warn", "msg": "seen " + state["request"]["path"]}]}'
    proxy = weir(addons=[addon(["request"], handler("request", result), name="scribe")])
    assert proxy.get(origin().url("/this")).status == 200
    proxy.wait_log("scribe.*seen /this")


def test_intercepted_holds_the_flow_until_its_client_leaves(weir, addon, origin):
    worker, server = addon(["request", "error"], handler("request", '{"flow": {"intercepted": True}}')), origin()
    proxy = weir(addons=[worker])
    with proxy.connect(timeout=1) as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        worker.wait("request")
        with pytest.raises(TimeoutError):
            wire.fill()
    eventually(lambda: worker.messages("error"), 5, "the error event")
    assert server.connections == 0

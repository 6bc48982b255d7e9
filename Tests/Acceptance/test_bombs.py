"""Bodies that unpack to far more than they are: bounded memory, one error, and the next flow is served."""

import pytest
from support.codings import bomb, decoded, encoded, field, response
from support.origin import answering
from support.proxy import peak

MIB = 1 << 20
BOMBS = ["gzip", "deflate", "br", "zstd", "gzip, gzip", "zstd, br"]


def addresses(bombs: dict):
    """An origin's answers by path, `hello` in gzip for all others."""
    hello = response(encoded(b"hello", "gzip"), "Content-Encoding: gzip")
    return answering(lambda request: bombs.get(request.target, hello))


def decoding(addon, hook="response", **options):
    return addon([{"name": hook, "content": "decoded"}], name="decoding", **options)


def contents(worker, hook="response"):
    return [message["params"]["flow"][hook]["content"] for message in worker.messages(hook)]


def shown_once(proxy, errors, words: str):
    """The one *error* event, and the one line of the log, of a flow that a body has ended."""
    event = errors.wait("error")[0]
    assert words in event["params"]["flow"]["error"]["msg"]
    assert len(errors.messages("error")) == 1
    assert sum(words in line for line in proxy.log.splitlines()) == 1, proxy.log


@pytest.mark.seconds(90)
@pytest.mark.parametrize("codings", BOMBS)
def test_a_response_that_is_a_bomb_ends_its_flow_alone(weir, addon, origin, codings):
    server = origin(addresses({b"/bomb": response(bomb(codings), field(codings))}))
    worker, errors = decoding(addon), addon(["error"], name="errors")
    proxy = weir(addons=[worker, errors])
    assert proxy.get(server.url()).status == 200
    before = peak(proxy.process)
    assert proxy.get(server.url("/bomb")).status == 502
    assert proxy.get(server.url()).status == 200
    assert peak(proxy.process) - before < 32 * MIB
    assert contents(worker) == ["hello", "hello"]
    shown_once(proxy, errors, f"server {server.authority} sent cannot be decoded: the body unpacks to more than 1000 times its size")


@pytest.mark.seconds(90)
@pytest.mark.parametrize("codings", BOMBS)
def test_a_request_that_is_a_bomb_does_not_reach_the_server(weir, addon, origin, codings):
    server = origin(addresses({}))
    worker, errors = decoding(addon, "request"), addon(["error"], name="errors")
    proxy = weir(addons=[worker, errors])
    assert proxy.get(server.url(), field("gzip"), method="POST", body=encoded(b"one", "gzip")).status == 200
    before = peak(proxy.process)
    assert proxy.get(server.url(), field(codings), method="POST", body=bomb(codings)).status == 413
    assert proxy.get(server.url(), field("gzip"), method="POST", body=encoded(b"two", "gzip")).status == 200
    assert peak(proxy.process) - before < 32 * MIB
    assert contents(worker, "request") == ["one", "two"]
    assert len(server.received) == 2
    shown_once(proxy, errors, "sent cannot be decoded: the body unpacks to more than 1000 times its size")


@pytest.mark.seconds(90)
@pytest.mark.parametrize("limit", ["16m", None], ids=["a limit", "the default"])
def test_a_body_within_the_ratio_stops_at_the_size(weir, addon, origin, limit):
    server = origin(addresses({b"/bomb": response(bomb("gzip -1"), field("gzip"))}))
    worker, errors = decoding(addon), addon(["error"], name="errors")
    proxy = weir(*(["--set", f"decoded_body_limit={limit}"] if limit else []), addons=[worker, errors])
    assert proxy.get(server.url()).status == 200
    before = peak(proxy.process)
    assert proxy.get(server.url("/bomb")).status == 502
    assert proxy.get(server.url()).status == 200
    size = 16 * MIB if limit else 256 * MIB
    assert peak(proxy.process) - before < size + 32 * MIB
    assert contents(worker) == ["hello", "hello"]
    shown_once(proxy, errors, f"cannot be decoded: the decoded body is longer than {size} bytes")


def test_the_options_say_what_a_bomb_is(weir, addon, origin):
    packed = bomb("gzip", 2)
    assert 2 * MIB > 1000 * len(packed)
    server = origin(answering(response(packed, field("gzip"))))
    worker = decoding(addon, result={"limits": {"max_line": 64 * MIB}})
    proxy = weir("--set", "decoded_body_ratio=1100", addons=[worker])
    assert proxy.get(server.url()).body == packed
    assert len(contents(worker)[0]) == 2 * MIB
    run = weir("--set", "decoded_body_limit=3g", wait=False)
    assert run.process.wait(10) != 0
    run.stopped = True
    assert "decoded_body_limit: expected 1 to 2g, found 3g" in run.log


def test_blanks_are_no_bomb_while_they_are_small(weir, addon, origin):
    body = b" " * MIB
    server = origin(answering(response(encoded(body, "br"), field("br"))))
    worker = decoding(addon, result={"limits": {"max_line": 4 * MIB}})
    assert weir(addons=[worker]).get(server.url()).status == 200
    assert contents(worker) == [body.decode()]


@pytest.mark.parametrize("kind", ["corrupt", "unknown"])
def test_what_cannot_be_decoded_for_another_reason_is_left_out(weir, addon, origin, kind):
    body = encoded(b"a body", "gzip")[:-3] if kind == "corrupt" else b"a body"
    answer = response(body, "Content-Encoding: " + ("gzip" if kind == "corrupt" else "lzma"))
    worker, errors = decoding(addon), addon(["error"], name="errors")
    assert weir(addons=[worker, errors]).get(origin(answering(answer)).url()).body == body
    assert contents(worker) == [{"omitted": len(body)}]
    assert not errors.messages("error")


@pytest.mark.seconds(60)
def test_who_only_looks_on_never_costs_a_flow(weir, addon, origin):
    packed = bomb("br")
    server = origin(answering(response(packed, field("br"))))
    worker = addon([{"name": "response", "content": "decoded", "observe": True}])
    proxy = weir(addons=[worker])
    assert proxy.get(server.url()).body == packed
    assert worker.wait("response")[0]["params"]["flow"]["response"]["content"] == {"omitted": len(packed)}
    assert peak(proxy.process) < 400 * MIB


@pytest.mark.seconds(60)
def test_filters_and_rules_meet_bombs_as_well(weir, addon, origin):
    packed = bomb("zstd")
    server = origin(addresses({b"/bomb": response(packed, field("zstd"))}))
    worker = addon([{"name": "response", "filter": "~bs hello"}])
    proxy = weir("--set", "modify_body=/~s/hello/howdy", "--set", "intercept=~b nowhere", addons=[worker])
    assert proxy.get(server.url()).status == 200
    before = peak(proxy.process)
    assert proxy.get(server.url("/bomb")).body == packed
    assert decoded(proxy.get(server.url()).body, "gzip") == b"howdy"
    assert peak(proxy.process) - before < 48 * MIB
    proxy.wait_log("option modify_body: the response of .*/bomb is left as it is: the body unpacks to more than 1000 times its size")


@pytest.mark.seconds(60)
@pytest.mark.parametrize("codings", ["gzip", "br", "zstd", "gzip, br"])
def test_a_large_body_is_decoded_and_put_back_beside_the_loop(weir, addon, origin, codings):
    body = b"".join(b"%d one word of many\n" % number for number in range(300_000))
    server = origin(answering(response(encoded(body, codings), field(codings))))
    code = """
@worker.on("response")
def changed(message):
    content = message["params"]["flow"]["response"]["content"]
    return {"flow": {"response": {"content": content.replace("word", "WORD")}}}
"""
    worker = addon([{"name": "response", "content": "decoded"}], code, result={"limits": {"max_line": 64 * MIB}})
    answer = weir(addons=[worker]).get(server.url())
    assert decoded(answer.body, codings) == body.replace(b"word", b"WORD")
    assert answer.all("content-encoding") == [field(codings).removeprefix("Content-Encoding: ").encode()]

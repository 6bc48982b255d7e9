"""Several workers on one body: each gets what the one before it made, whichever way it asked for it."""

import pytest

from support.carriage import CLIENTS, FORMS, fetch, giving, reverse, serving

BODY = "One größer two, 🐈\n".encode() * 15_000

STREAM = """
@streams.on("request", "response")
def body(stream, message):
    stream.write(b"{name}(")
    for piece in stream:
        stream.write(piece{change})
    stream.write(b")")
    stream.end()
"""
WHOLE = """
@worker.on("request", "response")
def body(message):
    part = message["method"]
    return {"flow": {part: {"content": "NAME(" + message["params"]["flow"][part]["content"] + ")"}}}
"""
LOOK = """
@worker.on("request", "response")
def body(message):
    pass
"""


@pytest.fixture
def chain(addon, streaming):
    """`chain("s1", "w2", "n3")`: workers that put their name and brackets around both bodies, as a stream or whole; `n` only looks at heads."""

    def make(*names: str) -> list:
        made = []
        for name in names:
            if name[0] == "s":
                hooks = [{"name": hook, "content": "stream"} for hook in ("request", "response")]
                made.append(streaming(hooks, STREAM.format(name=name, change=""), name))
            elif name[0] == "w":
                hooks = [{"name": hook, "content": "whole"} for hook in ("request", "response")]
                made.append(addon(hooks, WHOLE.replace("NAME", name), name, result={"limits": {"max_line": 1 << 24}}))
            else:
                made.append(addon(["request", "response"], LOOK, name))
        return made

    return make


def wrapped(body: bytes, *names: str) -> bytes:
    for name in names:
        if name[0] != "n":
            body = name.encode() + b"(" + body + b")"
    return body


CHAINS = [("s1", "s2"), ("s1", "w2"), ("w1", "s2"), ("s1", "w2", "s3"), ("w1", "s2", "w3"), ("s1", "n2", "s3"), ("s1", "s2", "s3", "s4")]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("names", CHAINS, ids=" ".join)
def test_a_chain_composes(weir, origin, chain, names, form, client):
    workers = chain(*names)
    server = origin(serving(form, giving(BODY)))
    proxy = weir(modes=[reverse(server, form)], addons=workers)
    seen = fetch(proxy, client=client, method="POST", body=BODY)
    assert seen.complete and seen.body == wrapped(BODY, *names), seen
    assert server.received[0].complete and server.received[0].body == wrapped(BODY, *names)
    for name, worker in zip(names, workers):
        if name[0] == "n":
            contents = [worker.messages(part)[0]["params"]["flow"][part]["content"] for part in ("request", "response")]
            assert all(set(content) == {"omitted"} for content in contents), contents


@pytest.mark.parametrize("names", [("s1", "w2"), ("w1", "s2"), ("s1", "s2")], ids=" ".join)
def test_trailers_go_through_a_chain(weir, origin, chain, names):
    server = origin(serving("chunked", giving(BODY, trailers=[("x-sum", "12")])))
    seen = fetch(weir(modes=[reverse(server, "chunked")], addons=chain(*names)))
    assert seen.complete and seen.body == wrapped(BODY, *names)
    assert [(name.lower(), value) for name, value in seen.trailers] == [(b"x-sum", b"12")]


def test_a_worker_that_ends_early_leaves_the_others_whole(weir, origin, chain, streaming):
    first, last = chain("s1", "s3")
    early = streaming([{"name": "response", "content": "stream"}], "@streams.on('response')\ndef body(stream, message):\n    stream.write(stream.read()[:3])\n    stream.end()\n", "early")
    server = origin(serving("length", giving(BODY)))
    proxy = weir(modes=[reverse(server, "length")], addons=[first, early, last])
    for _ in range(2):
        seen = fetch(proxy)
        assert seen.complete and seen.body == b"s3(s1()", seen


def test_one_that_detaches_leaves_the_others_at_work(weir, origin, chain, streaming):
    first, last = chain("s1", "s3")
    code = "@streams.on('response')\ndef body(stream, message):\n    stream.detach()\n    stream.write(b'<')\n    for piece in stream:\n        stream.write(piece)\n    stream.write(b'>')\n    stream.end()\n"
    detaching = streaming([{"name": "response", "content": "stream"}], code, "detaching")
    server = origin(serving("length", giving(BODY)))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[first, detaching, last]))
    assert seen.complete and seen.body.startswith(b"s3(<") and seen.body.endswith(b")")
    assert seen.body.replace(b"<", b"").replace(b">", b"") == wrapped(BODY, "s1", "s3")


@pytest.mark.parametrize("order", [("upper", "replace"), ("replace", "upper")], ids=" ".join)
def test_the_order_is_that_of_the_command_line_for_both_messages(weir, origin, streaming, order):
    code = {"upper": ".upper()", "replace": ".replace(b'w', b'v')"}
    hooks = [{"name": hook, "content": "stream"} for hook in ("request", "response")]
    workers = [streaming(hooks, STREAM.format(name=name[0], change=code[name]), name) for name in order]
    server = origin(serving("length", giving(b"wow")))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=workers), method="POST", body=b"wow")
    expected = {"upper replace": b"r(u(WOW))", "replace upper": b"u(R(VOV))"}[" ".join(order)]
    assert seen.body == expected and server.received[0].body == expected

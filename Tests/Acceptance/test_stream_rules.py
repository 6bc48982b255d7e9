"""What is ignored, and what a hostile worker cannot do with streams."""

import pytest

from support.carriage import CLIENTS, fetch, giving, reverse, serving

BODY = b"Words and words.\n" * 40_000
RESPONSE = [{"name": "response", "content": "stream", "on_failure": "kill"}]
PASS = """
@streams.on("response")
def body(stream, message):
    {first}
    for piece in stream:
        stream.write(piece.upper())
    {last}
"""
END = "stream.end()"


def passed(weir, origin, worker, client="h1"):
    """Two flows, that the second shows what the first has left behind."""
    server = origin(serving("length", giving(BODY)))
    proxy = weir(modes=[reverse(server, "length")], addons=[worker])
    for _ in range(2):
        seen = fetch(proxy, client=client)
        assert seen.complete and seen.body == BODY.upper(), seen
    return proxy


AFTER = {
    "data": "stream.end(); stream.send(b'more')",
    "data beyond any credit": "stream.end(); [stream.send(b'x' * 60_000) for _ in range(20)]",
    "credit": "stream.end(); stream.credit(1000)",
    "another end": "stream.end(); stream.end()",
    "another end that fails": "stream.end(); stream.end(status='error')",
    "reset": "stream.end(); stream.reset()",
    "detach": "stream.end(); stream.detach()",
    "what has wrong types": "stream.end(); stream.say('data', data=5)",
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("what", AFTER)
def test_what_comes_after_the_end_is_ignored(weir, origin, streaming, what, client):
    worker = streaming(RESPONSE, PASS.format(first="pass", last=AFTER[what]))
    passed(weir, origin, worker, client)
    assert len(worker.pids("initialize")) == 1


OTHERS = {
    "data": "worker.notify('stream.data', s=1 << 40, data='x')",
    "credit": "worker.notify('stream.credit', s=1 << 40, bytes=5)",
    "end": "worker.notify('stream.end', s=1 << 40)",
    "detach": "worker.notify('stream.detach', s=1 << 40)",
    "reset": "worker.notify('stream.reset', s=1 << 40, why='x')",
    "an unknown notification": "worker.notify('stream.turn', s=stream.number)",
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_belongs_to_no_stream_is_ignored(weir, origin, streaming, what):
    worker = streaming(RESPONSE, PASS.format(first=OTHERS[what], last=END))
    passed(weir, origin, worker)
    assert len(worker.pids("initialize")) == 1


def test_detaching_twice_is_detaching(weir, origin, streaming):
    server = origin(serving("length", giving(BODY)))
    worker = streaming(RESPONSE, PASS.format(first="stream.detach(); stream.detach()", last="stream.detach(); stream.end()"))
    seen = fetch(weir(modes=[reverse(server, "length")], addons=[worker]))
    assert seen.complete and seen.body.lower() == BODY.lower()


def test_credit_without_end_costs_nothing(weir, origin, streaming):
    """Sums of credit do not overflow, and do not make the core hold more."""
    worker = streaming(RESPONSE, PASS.format(first="[stream.credit(1 << 40) for _ in range(1100)]", last=END))
    proxy = passed(weir, origin, worker)
    assert proxy.process.poll() is None


NOT_NOTED = {
    "no s": "worker.notify('stream.data', data='x')",
    "s is a text": "worker.notify('stream.data', s='1', data='x')",
    "params are a list": "worker.send({'jsonrpc': '2.0', 'method': 'stream.data', 'params': [1, 2]})",
    "no params": "worker.send({'jsonrpc': '2.0', 'method': 'stream.end'})",
}


@pytest.mark.parametrize("what", NOT_NOTED)
def test_a_notification_that_names_no_stream_is_ignored(weir, origin, streaming, what):
    worker = streaming(RESPONSE, PASS.format(first=NOT_NOTED[what], last=END))
    passed(weir, origin, worker)


HOOKS = {
    "another event": [{"name": "error", "content": "stream"}],
    "an observer": [{"name": "response", "content": "stream", "observe": True}],
    "a preview that is no number": [{"name": "response", "content": {"preview": "much"}}],
    "a preview of nothing": [{"name": "response", "content": {"preview": 0}}],
    "a preview of too much": [{"name": "response", "content": {"preview": 262_145}}],
    "a preview of another event": [{"name": "error", "content": {"preview": 5}}],
    "decode without a stream": [{"name": "response", "content": "whole", "decode": True}],
}


@pytest.mark.parametrize("what", HOOKS)
def test_a_hook_that_cannot_have_a_stream_is_a_failed_handshake(weir, addon, what):
    proxy = weir(addons=[addon(HOOKS[what], result={"capabilities": ["stream", "preview"]})], wait=False)
    assert proxy.process.wait(15) == 1
    proxy.stopped = True
    assert "worker" in proxy.log


def test_the_capabilities_and_the_credit_are_offered(weir, origin, streaming):
    worker = streaming(RESPONSE, PASS.format(first="pass", last=END))
    passed(weir, origin, worker)
    (offer,) = worker.messages("initialize")
    assert {"stream", "preview"} <= set(offer["params"]["capabilities"])
    assert offer["params"]["limits"]["stream_credit"] == 262_144
    (granted,) = worker.messages("initialized")
    assert granted["params"]["hooks"][0]["content"] == "stream"

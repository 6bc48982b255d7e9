"""The table of limits, second half: what is bounded of the events of flows, and of their bodies."""

import contextlib
import gzip
import os
import threading
import time

import pytest

from support.calls import Getting
from support.origin import answering
from support.proxy import eventually
from test_limits import core

__all__ = ["core"]
ANY = {"timeout_ms": 5000, "on_failure": "kill", "fields": ["flow.id"]}


def hooked(name="request", **members) -> dict:
    return {"hooks": [{"name": name, **ANY, **members}]}


def asking(run, url, count=1, body=b""):
    """Clients that wait for their flows."""
    return [Getting(run, url, method="POST" if body else "GET", body=body) for _ in range(count)]


def served(body: bytes, *headers: str):
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]) + "\r\n\r\n"
    return answering(head.encode() + body)


def failed(run, client, cause: str) -> None:
    """That flow was killed, for that cause."""
    assert client.end() is None
    run.wait_log(rf"'\w+' failed, policy kill: .*\({cause}\)")


# The event's line


@pytest.mark.parametrize(("limits", "limit"), [({}, 60_000), ({"max_line": 2048}, 2048), ({"max_line": 100_000}, 100_000)])
def test_an_event_has_room_in_the_workers_line_or_fails(core, origin, limits, limit):
    run, server = core(), origin()
    peer = run.peer({"limits": limits, **hooked(content="whole", fields=["flow.request.content"])})
    [client] = asking(run, server.url(), body=b"x")
    peer.answer(peer.event("request"))
    size, _ = 1 + limit - peer.length, client.end()
    [client] = asking(run, server.url(), body=b"x" * size)
    event = peer.event("request")
    assert peer.length == limit
    peer.answer(event)
    assert client.end().status == 200
    [client] = asking(run, server.url(), body=b"x" * (size + 1))
    failed(run, client, "too_large")
    assert peer.lives()
    assert len(server.received) == 2


# In flight


def test_so_many_events_are_at_a_worker_so_many_wait_and_one_more_fails(core, origin):
    run, server = core(addon_max_in_flight=2, addon_queue=3), origin()
    peer = run.peer(hooked())
    clients = asking(run, server.url(), 2)
    events = [peer.event("request") for _ in range(2)]
    clients += asking(run, server.url(), 3)
    assert peer.silent(0.3), "only two are sent"
    [more] = asking(run, server.url())
    failed(run, more, "overload")
    for event in events:
        peer.answer(event)
    for _ in range(3):
        peer.answer(peer.event("request"))
    assert [client.end().status for client in clients] == [200] * 5


def test_a_worker_may_ask_for_fewer_events_and_gets_no_more_than_the_cores(core, origin):
    run, server = core(addon_max_in_flight=2), origin()
    for wanted, given in ((1, 1), (3, 2)):
        peer = run.peer({**hooked(), "limits": {"max_in_flight": wanted}})
        clients = asking(run, server.url(), 3)
        events = [peer.event("request") for _ in range(given)]
        assert peer.silent(0.2)
        for event in events:
            peer.answer(event)
        for _ in range(3 - given):
            peer.answer(peer.event("request"))
        assert [client.end().status for client in clients] == [200] * 3
        peer.close()
        run.wait_log("left")


def test_so_many_bytes_of_events_are_at_a_worker(core, origin):
    run, server = core(addon_max_bytes_in_flight=20_000), origin()
    peer = run.peer(hooked(content="whole", fields=["flow.request.content"]))
    clients = asking(run, server.url(), 3, body=b"x" * 9_000)
    events = [peer.event("request") for _ in range(2)]
    assert peer.silent(0.3), "27,000 are more"
    for event in events:
        peer.answer(event)
    peer.answer(peer.event("request"))
    assert [client.end().status for client in clients] == [200] * 3
    [large] = asking(run, server.url(), body=b"x" * 30_000)
    peer.answer(peer.event("request"))
    assert large.end().status == 200, "one alone may be larger"


def test_an_event_that_cannot_be_sent_within_its_deadline_fails(core, origin):
    run, server = core(addon_max_in_flight=1), origin()
    peer = run.peer({"hooks": [{"name": "request", **ANY, "timeout_ms": 400}]})
    asking(run, server.url())
    event = peer.event("request")
    peer.notify("event.extend", id=event["id"], ms=3000)
    [second] = asking(run, server.url())
    failed(run, second, "overload")
    peer.answer(event)
    [third] = asking(run, server.url())
    peer.answer(peer.event("request"))
    assert third.end().status == 200


# Time


def test_an_answer_before_the_deadline_counts_and_one_behind_it_does_not(core, origin):
    run, server = core(addon_timeout=0.6), origin()
    peer = run.peer({"hooks": [{"name": "request", "on_failure": "kill"}]})
    assert peer.initialized["hooks"][0]["timeout_ms"] == 600
    [client] = asking(run, server.url("/a"))
    event = peer.event("request")
    assert peer.silent(0.3)
    peer.send(id=event["id"], result={"flow": {"request": {"path": "/b"}}})
    assert client.end().status == 200
    [client] = asking(run, server.url("/c"))
    event = peer.event("request")
    assert peer.event("cancel")["params"] == {"id": event["id"], "why": "timeout"}
    failed(run, client, "timeout")
    peer.answer(event)
    assert peer.lives(), "a late answer is dropped"
    assert [request.target for request in server.received] == [b"/b"]


def test_an_event_may_be_extended_up_to_the_limit(core, origin):
    run, server = core(addon_extension_limit=1), origin()
    peer = run.peer({"hooks": [{"name": "request", "on_failure": "kill", "timeout_ms": 300}]})
    [client] = asking(run, server.url())
    event = peer.event("request")
    peer.notify("event.extend", id=event["id"], ms=900)
    assert peer.silent(0.6)
    peer.answer(event)
    assert client.end().status == 200
    [client] = asking(run, server.url())
    event, begun = peer.event("request"), time.monotonic()
    for _ in range(3):
        peer.notify("event.extend", id=event["id"], ms=2**53)
    assert peer.event("cancel")["params"]["why"] == "timeout"
    assert 0.8 < time.monotonic() - begun < 2.5
    failed(run, client, "timeout")


# The state


def test_metadata_has_a_size(core, origin):
    run, server = core(), origin()
    peer = run.peer(hooked())
    room = 16 * 1024 - len('{"text":""}')
    for size in (room, room + 1):
        [client] = asking(run, server.url())
        peer.answer(peer.event("request"), {"flow": {"metadata": {"text": "x" * size}}})
        if size == room:
            assert client.end().status == 200
    failed(run, client, "bad_reply")
    run.wait_log("flow.metadata: more than 16384 bytes of metadata")
    assert peer.lives()


@pytest.mark.parametrize(
    ("part", "at", "more"),
    [
        ({"response": {"status_code": 0}}, 100, 99),
        ({"response": {"status_code": 0}}, 999, 1000),
        ({"request": {"port": 0}}, 1, 65536),
    ],
    ids=["status", "highest status", "port"],
)
def test_numbers_of_the_state_have_their_range(core, origin, part, at, more):
    run, server = core(connect_timeout=1), origin()
    peer = run.peer(hooked("response" if "response" in part else "request"))
    [(side, fields)] = part.items()
    [field] = fields
    for value in (at, more):
        [client] = asking(run, server.url())
        peer.answer(peer.event(), {"flow": {side: {field: value}}})
        if value == at:
            client.end()
    failed(run, client, "bad_reply")
    assert peer.lives()


# Streams


def test_so_many_bodies_are_streams_at_a_time(core, origin):
    run, server = core(addon_max_streams=2), origin(served(b"body"))
    peer = run.peer({"hooks": [{"name": "response", "content": "stream", "on_failure": "kill"}]})
    clients = asking(run, server.url(), 2)
    events = [peer.event("response") for _ in range(2)]
    [more] = asking(run, server.url())
    failed(run, more, "overload")
    for event in events:
        peer.answer(event)
        peer.notify("stream.end", s=event["params"]["flow"]["response"]["content"]["stream"])
    assert [client.end().body for client in clients] == [b"", b""]


@pytest.mark.parametrize("more", [0, 1])
def test_a_worker_sends_no_more_than_its_credit(core, origin, more):
    run, server = core(addon_stream_credit=4096), origin(served(b"body"))
    peer = run.peer({"hooks": [{"name": "response", "content": "stream", "on_failure": "kill"}]})
    assert peer.initialize["params"]["limits"]["stream_credit"] == 4096
    [client] = asking(run, server.url())
    event = peer.event("response")
    number = event["params"]["flow"]["response"]["content"]["stream"]
    peer.answer(event)
    peer.notify("stream.data", s=number, data="x" * (4096 + more))
    if more:
        failed(run, client, "bad_reply")
        assert peer.event("stream.reset")["params"] == {"s": number, "why": "bad_message"}
    else:
        peer.notify("stream.end", s=number)
        assert client.end().body == b"x" * 4096
    assert peer.lives()


@pytest.mark.parametrize(("credit", "is_good"), [(2**40, True), (2**40 + 1, False)])
def test_credit_that_a_worker_gives_is_no_number_that_could_overflow(core, origin, credit, is_good):
    run, server = core(addon_stream_credit=4096), origin(served(b"b" * 10_000))
    peer = run.peer({"hooks": [{"name": "response", "content": "stream", "on_failure": "kill"}]})
    [client] = asking(run, server.url())
    event = peer.event("response")
    number = event["params"]["flow"]["response"]["content"]["stream"]
    peer.answer(event)
    for _ in range(3):
        peer.notify("stream.credit", s=number, bytes=credit)
    if is_good:
        peer.event("stream.end")
        peer.notify("stream.end", s=number)
        assert client.end().status == 200
    else:
        failed(run, client, "bad_reply")
    assert peer.lives()


@pytest.mark.parametrize("body", [b"x" * 100, b"x" * 101], ids=["all", "more"])
def test_a_preview_has_as_many_bytes_as_were_asked_for(core, origin, body):
    run, server = core(), origin(served(body))
    peer = run.peer({"hooks": [{"name": "response", "content": {"preview": 100}}]})
    [client] = asking(run, server.url())
    event = peer.event("response")
    content = event["params"]["flow"]["response"]["content"]
    assert (content["preview"], content["size"], content["complete"]) == ("x" * 100, len(body), len(body) == 100)
    peer.answer(event)
    assert client.end().body == body


def test_a_preview_waits_a_second_for_its_bytes(core, origin):
    def slow(wire, server):
        server.record(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        released.wait(10)
        wire.send(b"later")

    released = threading.Event()
    run, server = core(), origin(slow)
    peer = run.peer({"hooks": [{"name": "response", "content": {"preview": 10}}]})
    [client] = asking(run, server.url())
    begun = time.monotonic()
    event = peer.event("response")
    assert 0.8 < time.monotonic() - begun < 3
    assert event["params"]["flow"]["response"]["content"]["preview"] == "first"
    released.set()
    peer.answer(event)
    assert client.end().body == b"firstlater"


# Bodies


WHOLE = {"hooks": [{"name": "response", "content": "whole", "on_failure": "kill"}], "limits": {"max_line": 1 << 20}}


def shown(peer) -> object:
    event = peer.event("response")
    peer.answer(event)
    return event["params"]["flow"]["response"]["content"]


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 502)])
def test_a_body_is_held_up_to_the_buffer_limit(core, origin, size, status):
    run, server = core(body_buffer_limit=1000), origin(served(b"x" * size))
    peer = run.peer(WHOLE)
    [client] = asking(run, server.url())
    if status == 200:
        assert shown(peer) == "x" * size
    assert client.end().status == status
    assert peer.lives()


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
def test_a_request_is_let_through_up_to_the_size_limit(core, origin, size, status):
    run, server = core(body_size_limit=1000), origin()
    [client] = asking(run, server.url(), body=b"x" * size)
    assert client.end().status == status


@pytest.mark.parametrize(("size", "files"), [(100_000, 0), (100_001, 1)])
def test_a_body_is_held_in_memory_up_to_the_memory_limit(core, origin, size, files):
    run, server = core(body_memory_limit=100_000), origin(served(b"x" * size))
    peer = run.peer(WHOLE)
    [client] = asking(run, server.url())
    event = peer.event("response")
    assert len(held_files(run)) == files
    peer.answer(event)
    assert client.end().body == b"x" * size


def held_files(run) -> list[str]:
    folder = f"/proc/{run.process.pid}/fd"
    found = []
    for number in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"{folder}/{number}"))
    return [name for name in found if name.startswith(f"{run.confdir}/bodies/")]


@pytest.mark.parametrize(("size", "content"), [(1000, "x" * 1000), (1001, {"omitted": 1001})], ids=["held", "streamed"])
def test_a_body_is_held_up_to_the_length_of_a_large_one(core, origin, size, content):
    run, server = core(stream_large_bodies=1000), origin(served(b"x" * size))
    peer = run.peer(WHOLE)
    [client] = asking(run, server.url())
    assert shown(peer) == content
    assert client.end().body == b"x" * size


DECODED = {"hooks": [{"name": "response", "content": "decoded", "on_failure": "kill"}], "limits": {"max_line": 1 << 22}}


@pytest.mark.parametrize(("size", "status"), [(100_000, 200), (100_001, 502)])
def test_a_body_unpacks_up_to_the_limit(core, origin, size, status):
    packed = gzip.compress(os.urandom(size // 2) + b"x" * (size - size // 2))
    run, server = core(decoded_body_limit=100_000), origin(served(packed, "Content-Encoding: gzip"))
    peer = run.peer(DECODED)
    [client] = asking(run, server.url())
    if status == 200:
        shown(peer)
    assert client.end().status == status
    assert peer.lives()


@pytest.mark.parametrize(("count", "is_decoded"), [(5, True), (6, False)])
def test_so_many_codings_are_taken_off(core, origin, count, is_decoded):
    packed = b"x" * 100
    for _ in range(count):
        packed = gzip.compress(packed)
    run, server = core(), origin(served(packed, "Content-Encoding: " + ", ".join(["gzip"] * count)))
    peer = run.peer(DECODED)
    [client] = asking(run, server.url())
    assert shown(peer) == ("x" * 100 if is_decoded else {"omitted": len(packed)})
    assert client.end().body == packed


# The store


def test_so_many_ended_flows_are_kept(core, origin):
    run, server = core(store_flows=2), origin()
    peer = run.peer({"permissions": ["flow.list"]})
    for count, kept, evicted in ((2, ["/0", "/1"], 0), (3, ["/1", "/2"], 1)):
        while len(server.received) < count:
            run.get(server.url(f"/{len(server.received)}"))
        listed = lambda: peer.call("flow.list", live=False, fields=["request.path"])["result"]  # noqa: E731
        eventually(lambda: [flow["request"]["path"] for flow in listed()["flows"]] == kept, what=f"{kept}")
        assert listed()["evicted"] == evicted


def test_comments_are_among_the_bytes_that_are_kept(core, origin):
    run, server = core(store_bytes=1_000_000), origin()
    peer = run.peer({"permissions": ["flow.list", "flow.comment"]})
    run.get(server.url("/0"))
    run.get(server.url("/1"))
    flows = eventually(lambda: len(found := peer.call("flow.list", live=False)["result"]["flows"]) == 2 and found, what="two flows")
    assert peer.call("flow.comment", id=flows[1]["id"], comment="x" * 900_000)["result"] == {}
    assert len(peer.call("flow.list", fields=["id"])["result"]["flows"]) == 2
    assert peer.call("flow.comment", id=flows[1]["id"], comment="x" * 1_000_000)["result"] == {}
    assert peer.call("flow.list", fields=["id"])["result"] == {"flows": [], "evicted": 2}


def test_so_many_requests_wait_to_be_sent_again(core, origin):
    released = threading.Event()

    def serve(wire, server):
        server.record(wire.request())
        if len(server.received) > 1:
            released.wait(20)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    run, server = core("-q"), origin(serve)
    peer = run.peer({"permissions": ["flow.list", "flow.replay", "flow.duplicate"]})
    run.get(server.url())
    flow = eventually(lambda: peer.call("flow.list", live=False)["result"]["flows"], what="the ended flow")[0]["id"]
    copy = peer.call("flow.duplicate", id=flow)["result"]["id"]
    assert peer.call("flow.replay", id=copy)["result"] == {}
    server.wait(2)
    for _ in range(1000):
        assert peer.call("flow.replay", id=flow)["result"] == {}
    error = peer.call("flow.replay", id=flow)["error"]
    assert (error["code"], error["data"]["kind"]) == (-32010, "overloaded")
    released.set()
    server.wait(10)


# Descriptors


def test_so_many_events_with_descriptors_are_open_at_a_time(weir, addon, origin):
    code = """
open = []

@worker.on("response")
def response(message):
    open.append(message)
    if path(message) == "/answer":
        for event in open:
            worker.send({"jsonrpc": "2.0", "id": event["id"], "result": {}})
    return SILENT
"""
    hook = [{"name": "response", "content": "whole", "timeout_ms": 3000, "on_failure": "kill"}]
    worker = addon(hook, code, result={"capabilities": ["fd"]})

    def serve(request):
        body = b"x" * (1 << 16 if request.target.startswith(b"/large") else 10)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    server = origin(answering(serve))
    run = weir(addons=[worker])
    clients = [Getting(run, server.url(f"/large/{n}")) for n in range(6)]
    worker.wait("response", 5)
    server.wait(6)
    assert len(worker.messages("response")) == 5
    assert run.get(server.url("/answer")).status == 200
    worker.wait("response", 7)
    assert run.get(server.url("/answer")).status == 200
    assert [client.end().status for client in clients] == [200] * 6

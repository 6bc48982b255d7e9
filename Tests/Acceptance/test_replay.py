"""Requests of ended flows are sent once more."""

import threading

from support.calls import Getting, asked, ended, flows, refused, standing
from support.origin import OK, answering
from support.proxy import eventually

EVENTS = [
    *("client_connected", "requestheaders", "request", "server_connect", "server_connected", "responseheaders", "response"),
    *("error", "client_disconnected", "server_disconnected"),
]


def replayed(worker, name):
    """The flow of that id, once its replay has ended."""
    asked(worker, "flow.replay", id=name)

    def over():
        got = asked(worker, "flow.get", id=name, content="whole")
        return got["flow"] if not got["live"] and got["flow"]["is_replay"] == "request" else None

    return eventually(over, what="the end of the replay")


def test_a_request_is_sent_once_more_in_the_place_of_its_flow(caller, origin):
    server = origin(answering(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + str(len(server.received)).encode()))
    proxy, worker = caller("--set", "store_content=true")
    assert proxy.get(server.url("/a?b"), "X-A: 1", "X-A: 2", method="POST", body=b"\x00\xffbody").body == b"1"
    (before,) = ended(worker)
    after = replayed(worker, before["id"])
    assert [bytes(message.head) for message in server.received][0].split(b"\r\n")[1:] == bytes(server.received[1].head).split(b"\r\n")[1:]
    assert server.received[1].body == b"\x00\xffbody" and server.received[1].target == b"/a?b"
    assert after["response"]["content"] == "2" and after["timestamp_created"] == before["timestamp_created"]
    assert after["backup"]["response"]["content"] == {"omitted": 1} or after["backup"]["response"]["content"] == "1"
    assert [flow["id"] for flow in flows(worker, live=None)] == [before["id"]]
    asked(worker, "flow.revert", id=before["id"])
    assert asked(worker, "flow.get", id=before["id"])["flow"] == before
    assert replayed(worker, before["id"])["response"]["content"] == "3"


def test_workers_see_a_replay_but_no_client(caller, origin):
    server, seen = origin(), []
    proxy, worker = caller("--set", "store_content=true", hooks=EVENTS)
    for name in EVENTS:
        worker.on(name)(lambda message: seen.append(message["method"]))
    proxy.get(server.url("/a"))
    (flow,) = ended(worker)
    eventually(lambda: len(seen) == 9, what="the end of the connections")
    seen.clear()
    replayed(worker, flow["id"])
    eventually(lambda: "server_disconnected" in seen, what="the end of the connection")
    assert seen == ["requestheaders", "request", "server_connect", "server_connected", "responseheaders", "response", "server_disconnected"]


def test_an_edited_request_is_replayed_as_it_is_now(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "store_content=true")
    proxy.get(server.url("/a"))
    (flow,) = ended(worker)
    asked(worker, "flow.set", id=flow["id"], flow={"request": {"path": "/b", "method": "PUT", "content": "new"}})
    after = replayed(worker, flow["id"])
    assert (server.received[1].target, server.received[1].method, server.received[1].body) == (b"/b", b"PUT", b"new")
    assert after["backup"]["request"]["path"] == "/a"


def test_replays_go_one_after_the_other_in_their_order(caller, origin):
    gate, at_once, most = threading.Semaphore(0), [0], [0]

    def serve(wire, server):
        while True:
            server.record(wire.request())
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            gate.acquire(timeout=5)
            at_once[0] -= 1
            wire.send(OK)

    server = origin(serve)
    proxy, worker = caller("--set", "store_content=true")
    for path in "abc":
        gate.release()
        proxy.get(server.url(f"/{path}"))
    found = ended(worker, 3)
    for flow in found:
        asked(worker, "flow.replay", id=flow["id"])
    for _ in found:
        gate.release()
    server.wait(6)
    assert [message.target for message in server.received[3:]] == [b"/a", b"/b", b"/c"] and most[0] == 1
    eventually(lambda: all(flow["is_replay"] for flow in flows(worker, live=False)), what="the end of the replays")


def test_a_replay_over_tls(caller, nginx, authority):
    server = nginx(authority.leaf("localhost"))
    proxy, worker = caller("--set", "store_content=true", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    assert proxy.curl(f"https://localhost:{server.port}/").returncode == 0
    (flow,) = ended(worker)
    after = replayed(worker, flow["id"])
    assert after["error"] is None and after["response"]["status_code"] == flow["response"]["status_code"]
    assert (after["server_conn"]["sni"], after["server_conn"]["tls"]) == ("localhost", True)


def test_what_cannot_be_replayed_is_said(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "intercept=~u /stop & ~q")
    proxy.get(server.url("/a"), method="POST", body=b"not kept")
    (flow,) = ended(worker)
    error = refused(worker, "flow.replay", id=flow["id"])
    assert error["data"]["kind"] == "conflict" and "body was not kept" in error["message"]
    client = Getting(proxy, server.url("/stop"))
    live = standing(worker)
    assert "has not ended" in refused(worker, "flow.replay", id=live["id"])["message"]
    asked(worker, "flow.kill", id=live["id"])
    client.end()
    with proxy.connect() as wire:
        wire.send(b"BAD\r\n\r\n")
        wire.to_end()
    unreadable = [flow for flow in ended(worker, 3) if not flow["request"]["method"]]
    assert "could not be read" in refused(worker, "flow.replay", id=unreadable[0]["id"])["message"]
    assert len(server.received) == 1


def test_a_replay_that_fails_has_an_error_and_the_next_goes_on(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "store_content=true")
    proxy.get(server.url("/a"))
    proxy.get(server.url("/b"))
    one, two = ended(worker, 2)
    asked(worker, "flow.set", id=one["id"], flow={"request": {"port": 1}})
    asked(worker, "flow.replay", id=one["id"])
    after = replayed(worker, two["id"])
    assert after["response"]["status_code"] == 200
    failed = asked(worker, "flow.get", id=one["id"])["flow"]
    assert "cannot connect to 127.0.0.1:1" in failed["error"]["msg"] and failed["response"] is None


def test_a_replay_can_be_killed_and_does_not_keep_the_proxy_from_its_end(caller, origin):
    def serve(wire, server):
        server.record(wire.request())
        if len(server.received) == 1:
            return wire.send(OK)
        wire.to_end()

    server = origin(serve)
    proxy, worker = caller("--set", "store_content=true")
    proxy.get(server.url("/a"))
    (flow,) = ended(worker)
    asked(worker, "flow.replay", id=flow["id"])
    server.wait(2)
    assert asked(worker, "flow.get", id=flow["id"])["killable"]
    asked(worker, "flow.kill", id=flow["id"])
    after = eventually(lambda: not (got := asked(worker, "flow.get", id=flow["id"]))["live"] and got["flow"], what="the kill")
    assert after["error"]["msg"] == "Connection killed."
    asked(worker, "flow.replay", id=flow["id"])
    server.wait(3)
    proxy.stop(4)

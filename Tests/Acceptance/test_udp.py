"""reverse:udp: datagrams between a client's address and port and a server, each shown to the workers."""

import re
import socket
from pathlib import Path

import pytest

from support.datagrams import DatagramServer, client
from support.flow_files import states
from support.proxy import eventually, free_port

EVENTS = [
    *("client_connected", "next_layer", "udp_start", "server_connect", "server_connected", "udp_message", {"name": "udp_end", "content": "whole"}, "udp_error"),
    *("server_connect_error", "server_disconnected", "client_disconnected"),
]
MESSAGES = """
@worker.on("udp_message")
def edit(message):
    flow = message["params"]["flow"]
    from_client, content, timestamp = flow["messages"][-1]
    {body}
    return {{"flow": {{"messages": [[from_client, content, timestamp]]}}}}
"""


@pytest.fixture
def echo():
    made = []

    def make(*arguments, **options):
        made.append(DatagramServer(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def relayed(weir):
    """`relayed(server, *arguments)` is a proxy in front of the server, and its port."""

    def make(authority: str, *arguments, host: str = "", **options):
        port = free_port()
        proxy = weir(*arguments, modes=[f"reverse:udp://{authority}@{host}{port}"], **options)
        proxy.wait_log("listening at")
        proxy.port = port
        return proxy

    return make


def exchange(sock, data: bytes) -> bytes:
    sock.send(data)
    return sock.recv(65536)


def silent(sock) -> bool:
    """Whether nothing has come that would have come before the answer to a datagram that was sent later."""
    sock.settimeout(0.01)
    try:
        sock.recv(65536)
        return False
    except TimeoutError:
        return True


def test_datagrams_pass_both_ways_whole(relayed, echo):
    server = echo()
    proxy = relayed(server.authority)
    with client(proxy.port) as sock:
        for size in (1, 0, 512, 1472, 9000, 65507):
            data = bytes(index % 251 for index in range(size))
            assert exchange(sock, data) == data
    assert [len(data) for data in server.data] == [1, 0, 512, 1472, 9000, 65507]
    assert len({address for _, address in server.received}) == 1


def test_each_client_has_an_association_of_its_own(relayed, echo):
    server = echo(lambda data: [data, data + b" again"])
    proxy = relayed(server.authority)
    sockets = [client(proxy.port) for _ in range(50)]
    for number, sock in enumerate(sockets):
        sock.send(b"%d" % number)
    for number, sock in enumerate(sockets):
        assert [sock.recv(100), sock.recv(100)] == [b"%d" % number, b"%d again" % number]
        sock.close()
    assert len({address for _, address in server.received}) == 50


def test_the_events_come_in_order_and_end_after_silence(relayed, echo, addon):
    worker = addon(EVENTS)
    proxy = relayed(echo().authority, "--set", "udp_timeout=1", addons=[worker])
    with client(proxy.port) as sock:
        assert exchange(sock, b"one") == b"one"
        assert exchange(sock, b"two") == b"two"
        worker.wait("client_disconnected")
        worker.wait("udp_end")
        worker.wait("server_disconnected")
    events = worker.events()
    start = ["client_connected", "next_layer", "udp_start", "server_connect", "server_connected"]
    assert events[:9] == start + ["udp_message"] * 4
    assert events[9] == "udp_end" and sorted(events[10:]) == ["client_disconnected", "server_disconnected"]
    assert worker.messages("next_layer")[0]["params"]["layer"] == "udp"
    messages = [message["params"]["flow"]["messages"] for message in worker.messages("udp_message")]
    assert [[(from_client, content) for from_client, content, _ in found] for found in messages] == [
        [(True, "one")],
        [(False, "one")],
        [(True, "two")],
        [(False, "two")],
    ]
    assert [message["params"]["messages_before"] for message in worker.messages("udp_message")] == [0, 1, 2, 3]
    flow = worker.messages("udp_end")[0]["params"]["flow"]
    assert [content for _, content, _ in flow["messages"]] == ["one", "one", "two", "two"]
    assert flow["type"] == "udp" and flow["client_conn"]["transport_protocol"] == flow["server_conn"]["transport_protocol"] == "udp"
    assert flow["client_conn"]["sockname"] == ["127.0.0.1", proxy.port]
    assert flow["server_conn"]["timestamp_start"] is not None


def test_what_workers_make_of_a_datagram_is_what_is_sent(relayed, echo, addon):
    body = """
    if content == "drop": content = ""
    elif content == "remove": return {"flow": {"messages": []}}
    elif content == "bytes": content = {"b64": "/wA="}
    elif from_client: content = content.upper()
    else: content = content + "!"
"""
    server = echo()
    proxy = relayed(server.authority, addons=[addon(["udp_message"], MESSAGES.format(body=body.strip()))])
    with client(proxy.port) as sock:
        sock.send(b"drop")
        sock.send(b"remove")
        assert exchange(sock, b"hello") == b"HELLO!"
        assert exchange(sock, b"bytes") == b"\xff\x00"
        assert silent(sock)
    assert server.data == [b"HELLO", b"\xff\x00"]


def test_datagrams_wait_in_order_for_a_slow_worker_and_what_is_too_much_is_dropped(relayed, echo, addon):
    code = MESSAGES.format(body="if from_client and content == 'first': time.sleep(1)")
    server = echo()
    proxy = relayed(server.authority, addons=[addon(["udp_message"], code)])
    with client(proxy.port) as sock:
        sock.send(b"first")
        for number in range(500):
            sock.send(b"%d" % number)
        assert sock.recv(100) == b"first"
        assert [sock.recv(100) for _ in range(10)] == [b"%d" % number for number in range(10)]
    proxy.wait_log("datagrams dropped: too many of one client wait")
    assert len(server.data) < 400


def test_a_worker_can_kill_and_the_client_stays_out_until_it_is_silent(relayed, echo, addon):
    code = """
@worker.on("udp_message")
def kill(message):
    if message["params"]["flow"]["messages"][-1][1] == "evil":
        return {"kill": True}
"""
    worker = addon(["udp_message", "udp_end", "udp_error"], code)
    server = echo()
    proxy = relayed(server.authority, "--set", "udp_timeout=1", addons=[worker])
    with client(proxy.port) as sock:
        assert exchange(sock, b"good") == b"good"
        sock.send(b"evil")
        (error,) = worker.wait("udp_error")
        assert error["params"]["flow"]["error"]["msg"] == "Connection killed."
        sock.send(b"after")
        with client(proxy.port) as other:
            assert exchange(other, b"other") == b"other"
        assert silent(sock)

        def let_in():
            sock.settimeout(1.5)
            try:
                return exchange(sock, b"once more") == b"once more"
            except TimeoutError:
                return False

        eventually(let_in, 8, "a new association")
    assert b"evil" not in server.data and b"after" not in server.data


def test_a_client_can_be_refused(relayed, echo, addon):
    code = '@worker.on("client_connected")\ndef refuse(message):\n    return {"client_conn": {"error": "not you"}}\n'
    worker = addon(["client_connected", "client_disconnected", "udp_start"], code)
    server = echo()
    proxy = relayed(server.authority, addons=[worker])
    with client(proxy.port) as sock:
        sock.send(b"hello")
        worker.wait("client_disconnected")
        sock.send(b"hello")
        assert silent(sock)
    assert worker.events() == ["client_connected", "client_disconnected"] and server.data == []


@pytest.mark.parametrize(
    "authority, says",
    [("no-such-name.invalid:9", "resolve"), ("127.0.0.1:{own}", "this proxy itself")],
)
def test_a_server_that_cannot_be_reached_is_an_error_event(relayed, weir, addon, authority, says):
    worker = addon(EVENTS)
    port = free_port()
    proxy = weir(modes=[f"reverse:udp://{authority.format(own=port)}@{port}"], addons=[worker])
    proxy.wait_log("listening at")
    with client(port) as sock:
        sock.send(b"hello")
        (error,) = worker.wait("udp_error", seconds=10)
    assert says in error["params"]["flow"]["error"]["msg"]
    worker.wait("server_connect_error")
    assert "udp_end" not in worker.events()


def test_a_worker_can_send_the_datagrams_elsewhere(relayed, echo, addon):
    first, second = echo(), echo()
    code = f'@worker.on("server_connect")\ndef turn(message):\n    return {{"server_conn": {{"address": ["127.0.0.1", {second.port}]}}}}\n'
    proxy = relayed(first.authority, addons=[addon(["server_connect"], code)])
    with client(proxy.port) as sock:
        assert exchange(sock, b"hello") == b"hello"
    assert (first.data, second.data) == ([], [b"hello"])


def test_a_server_that_is_not_there_yet_costs_its_datagrams_only(relayed, echo):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    proxy = relayed(f"127.0.0.1:{port}", "-v")
    with client(proxy.port) as sock:
        sock.send(b"lost")
        proxy.wait_log("refused")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
            late.bind(("127.0.0.1", port))
            late.settimeout(5)
            sock.send(b"hello")
            data, address = late.recvfrom(100)
            late.sendto(data, address)
        assert sock.recv(100) == b"hello"


def test_of_too_many_clients_those_idle_longest_go(relayed, echo, addon):
    worker = addon(["udp_end", "udp_error"])
    server = echo()
    proxy = relayed(server.authority, "--set", "udp_associations=10", addons=[worker])
    sockets = [client(proxy.port) for _ in range(25)]
    for sock in sockets:
        assert exchange(sock, b"hello") == b"hello"
    ended = worker.wait("udp_end", 15)
    ports = [sock.getsockname()[1] for sock in sockets]
    assert sorted(message["params"]["flow"]["client_conn"]["peername"][1] for message in ended) == sorted(ports[:15])
    assert exchange(sockets[24], b"still there") == b"still there"
    proxy.wait_log("1 associations ended to make room .udp_associations=10")
    assert len(worker.messages("udp_end")) == 15 and worker.messages("udp_error") == []
    for sock in sockets:
        sock.close()


def test_clients_that_are_being_served_are_not_sent_away_for_others(relayed, echo, addon):
    code = MESSAGES.format(body="if content == 'slow': time.sleep(1.5)")
    proxy = relayed(echo().authority, "--set", "udp_associations=1", addons=[addon(["udp_message"], code)])
    with client(proxy.port) as slow, client(proxy.port) as other:
        slow.send(b"slow")
        other.send(b"hello")
        assert slow.recv(100) == b"slow"
        proxy.wait_log("datagrams of new clients dropped")
        assert exchange(other, b"now") == b"now"


def test_the_proxy_takes_as_many_files_as_it_may(relayed, echo):
    proxy = relayed(echo().authority)
    limits = Path(f"/proc/{proxy.process.pid}/limits").read_text()
    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", limits).groups()
    assert soft == hard


def test_ipv6(relayed, echo):
    server = echo(host="::1")
    proxy = relayed(server.authority, host="[::1]:")
    with client(proxy.port, "::1") as sock:
        assert exchange(sock, b"hello") == b"hello"


def test_flows_are_stored_listed_and_written(relayed, echo, caller, tmp_path):
    server, path, port = echo(), tmp_path / "flows.mitm", free_port()
    proxy, worker = caller("-w", str(path), "--set", "udp_timeout=1", modes=[f"reverse:udp://{server.authority}@{port}", "regular"])
    with client(port) as sock:
        assert exchange(sock, b"\xff\x00") == b"\xff\x00"
        (live,) = worker.call("flow.list", filter="~udp")["result"]["flows"]
        assert worker.call("flow.get", id=live["id"])["result"]["live"] is True
    eventually(lambda: not worker.call("flow.get", id=live["id"])["result"]["live"], 5, "the end")
    proxy.stop()
    (state,) = states(path)
    assert state["id"] == live["id"] and state["type"] == "udp" and state["error"] is None
    content = {"bytes": "ff00"}
    assert [message[:2] for message in state["messages"]] == [[True, content], [False, content]]


def test_flows_that_live_when_the_program_ends_have_their_end(relayed, echo, addon, tmp_path):
    worker, path = addon(["udp_end"]), tmp_path / "flows.mitm"
    proxy = relayed(echo().authority, "-w", str(path), addons=[worker])
    with client(proxy.port) as sock:
        assert exchange(sock, b"hello") == b"hello"
        proxy.stop()
    assert len(worker.messages("udp_end")) == 1
    assert len(states(path)) == 1


def test_an_intercepted_datagram_waits_until_it_is_resumed(relayed, echo, caller):
    server, port = echo(), free_port()
    proxy, worker = caller("--set", "intercept=~udp & ~b stop", modes=[f"reverse:udp://{server.authority}@{port}", "regular"])
    with client(port) as sock:
        assert exchange(sock, b"go") == b"go"
        sock.send(b"stop here")
        proxy.wait_log("is intercepted")
        (flow,) = worker.call("flow.list", filter="~udp")["result"]["flows"]
        assert flow["intercepted"] and server.data == [b"go"]
        worker.call("flow.resume", id=flow["id"])
        eventually(lambda: server.data == [b"go", b"stop here"], 5, "the datagram")

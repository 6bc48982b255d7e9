"""Restarts and upgrades of the proxy under load: no connection is refused, no request is lost, what is under way ends."""

import subprocess
import threading

import pytest

from support.load import Http2Load, Load
from support.origin import OK
from support.proxy import eventually
from support.wire import Closed, Wire

RESTARTS, UPGRADES = 3, 5
QUIETLY = ("--flow-detail", "0")


@pytest.fixture
def loaded(manager, nginx):
    """A reverse proxy before nginx, with sockets of the manager, and clients of all kinds."""
    port = manager.listen("http")
    server = nginx(extra="location = /load { return 200 ok; }")
    arguments = {"modes": [f"reverse:{server.url('')}"]}
    proxy = manager.start(*QUIETLY, **arguments)
    clients = [
        Load(port, "/load", b"ok", reuses=True),
        Load(port, "/load", b"ok", reuses=True, pause=0.02),
        Load(port, "/load", b"ok", reuses=False),
        Http2Load(port, "/load", b"ok"),
    ]
    yield proxy, arguments, clients
    for client in clients:
        client.stop()


def progressing(clients: list, count: int = 20) -> None:
    """Each client has been served some more."""
    before = [client.served for client in clients]
    eventually(lambda: all(c.served >= b + count or c.failures for c, b in zip(clients, before)), 10, "progress")


def verdict(clients: list, floor: int, what: str) -> None:
    for client in clients:
        print(f"{what}: {client.stop()}")
    assert [client.failures for client in clients] == [[]] * len(clients)
    assert all(client.served > floor for client in clients)


def restart(manager, proxy, arguments):
    proxy.stop()
    return manager.start(*QUIETLY, **arguments)


def upgrade(manager, proxy, running=None):
    """The successor, once the process before it has ended."""
    after = manager.upgrade(proxy, running)
    if running:
        eventually(lambda: running.has_ended, 10, "the end of the one before")
    else:
        assert proxy.process.wait(10) == 0
        proxy.stopped = True
    return after


def test_restarts_lose_nothing(manager, loaded):
    proxy, arguments, clients = loaded
    for _ in range(RESTARTS):
        progressing(clients)
        proxy = restart(manager, proxy, arguments)
    progressing(clients)
    verdict(clients, 20 * RESTARTS, f"{RESTARTS} restarts")


def test_upgrades_lose_nothing(manager, loaded):
    proxy, _, clients = loaded
    running = None
    for _ in range(UPGRADES):
        progressing(clients)
        running = upgrade(manager, proxy, running)
    progressing(clients)
    verdict(clients, 20 * UPGRADES, f"{UPGRADES} upgrades")


@pytest.mark.parametrize("way", ["restart", "upgrade"])
def test_streams_of_http2_are_not_lost(manager, nginx, way):
    port = manager.listen("http")
    server = nginx(extra="location = /load { return 200 ok; }")
    arguments = {"modes": [f"reverse:{server.url('')}"]}
    proxy = manager.start(*QUIETLY, **arguments)
    command = ["h2load", "-D", "2", "-c", "4", "-m", "8", f"http://127.0.0.1:{port}/load"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = server.folder / "access.log"
    eventually(lambda: log.exists() and log.stat().st_size > 1000, what="load")
    restart(manager, proxy, arguments) if way == "restart" else upgrade(manager, proxy)
    output = load.communicate(timeout=20)[0]
    # The client leaves a connection that goes away, and counts what it could not begin there as failed: what reached the server counts.
    line = next(line for line in output.splitlines() if line.startswith("requests: "))
    counts = {name: int(number) for number, name in (word.split(" ")[:2] for word in line.removeprefix("requests: ").split(", "))}
    print(f"h2load during one {way}: {line}")
    assert counts["succeeded"] > 8 and counts["timeout"] == 0, output
    eventually(lambda: len(log.read_text().splitlines()) == counts["succeeded"], 5, f"an answer to each of the server's requests ({line})")
    assert counts["started"] - counts["succeeded"] <= 4 * 8, output


class Held:
    """An origin's service that answers /held when it is let go, and everything else at once."""

    def __init__(self):
        self.let_go = threading.Event()

    def __call__(self, wire, origin):
        while True:
            request = origin.record(wire.request())
            if request.target == b"/held":
                assert self.let_go.wait(20)
            wire.send(OK)


@pytest.fixture
def held():
    service = Held()
    yield service
    service.let_go.set()


def ask(port: int, target: str) -> Wire:
    wire = Wire.to(port, 20)
    wire.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return wire


@pytest.mark.parametrize("way", ["restart", "upgrade"])
def test_an_exchange_of_three_seconds_ends(manager, origin, held, way):
    port = manager.listen("http")
    server = origin(held)
    arguments = {"modes": [f"reverse:http://{server.authority}"]}
    proxy = manager.start("--set", "drain_timeout=20", *QUIETLY, **arguments)
    with ask(port, "/held") as wire:
        server.wait(1)
        timer = threading.Timer(3, held.let_go.set)
        timer.start()
        if way == "restart":
            proxy.terminate()
            told = manager.wait("EXTEND_TIMEOUT_USEC", proxy=proxy)
            assert told == {"EXTEND_TIMEOUT_USEC": "5000000", "STATUS": "stopping: 1 connections are left"}
        else:
            manager.upgrade(proxy)
            # The new process serves while the old one waits.
            with ask(port, "/") as other:
                assert other.response().body == b"ok"
        assert not held.let_go.is_set()
        response = wire.response()
        assert response.body == b"ok"
        assert response.one("connection") == b"close"
    assert proxy.process.wait(10) == 0
    proxy.stopped = True


def test_the_deadline_ends_what_does_not_end(manager, origin, held):
    port = manager.listen("http")
    server = origin(held)
    proxy = manager.start("--set", "drain_timeout=0.5", modes=[f"reverse:http://{server.authority}"])
    with ask(port, "/held") as wire:
        server.wait(1)
        proxy.stop(5)
        with pytest.raises(Closed):
            wire.response()


def test_a_second_signal_ends_it_at_once(manager, origin, held):
    port = manager.listen("http")
    server = origin(held)
    proxy = manager.start("--set", "drain_timeout=60", modes=[f"reverse:http://{server.authority}"])
    with ask(port, "/held"):
        server.wait(1)
        proxy.terminate()
        manager.wait("STOPPING", proxy=proxy)
        eventually(lambda: "shutting down" in proxy.log, what="the end's beginning")
        proxy.process.terminate()
        assert proxy.process.wait(5) == -15
        proxy.stopped = True


def test_a_client_that_sends_at_the_end_is_served(manager, origin):
    port = manager.listen("http")
    server = origin(Held())
    # A connection counts as idle after a second then.
    proxy = manager.start("--set", "drain_timeout=30", modes=[f"reverse:http://{server.authority}"])
    with ask(port, "/") as wire:
        assert not wire.response().all("connection")
        proxy.terminate()
        manager.wait("STOPPING", proxy=proxy)
        # It is said that the core stops before each connection has heard of it.
        for _ in range(1000):
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            response = wire.response()
            assert response.body == b"ok"
            if response.one("connection") == b"close":
                break
        assert wire.to_end() == b""
    proxy.stop()


def test_idle_clients_do_not_hold_it_up(manager, origin):
    port = manager.listen("http")
    server = origin(Held())
    proxy = manager.start("--set", "drain_timeout=60", modes=[f"reverse:http://{server.authority}"])
    with ask(port, "/") as wire, Wire.to(port) as silent:
        wire.response()
        proxy.stop(5)
        assert wire.to_end() == b"" and silent.to_end() == b""

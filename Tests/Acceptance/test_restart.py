"""Restarts and upgrades of the proxy under load: no connection is refused, no request is lost."""

import os
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest

from support.load import Load
from support.origin import OK, answering
from support.proxy import eventually
from support.wire import Closed, Wire

RESTARTS, UPGRADES = 3, 5


@pytest.fixture
def loaded(manager, nginx):
    """A reverse proxy before nginx, with sockets of the manager, and clients of all kinds."""
    port = manager.listen("http")
    server = nginx(extra="location = /load { return 200 ok; }")
    arguments = {"modes": [f"reverse:{server.url('')}"]}
    proxy = manager.start("--flow-detail", "0", **arguments)
    clients = [
        Load(port, "/load", b"ok", reuses=True),
        Load(port, "/load", b"ok", reuses=True, pause=0.02),
        Load(port, "/load", b"ok", reuses=False),
    ]
    yield proxy, arguments, clients
    for client in clients:
        client.stop()


def verdict(clients: list[Load], floor: int, what: str) -> None:
    for client in clients:
        client.stop()
        kind = ("keep-alive" if client.reuses else "new connections") + f", {client.pause} s between" * bool(client.pause)
        print(f"{what}: {kind}: {client.served} served on {client.connections} connections, longest wait {client.longest:.2f} s")
    assert [client.failures for client in clients] == [[]] * len(clients)
    assert all(client.served > floor for client in clients)


def progressing(clients: list[Load], count: int = 20) -> None:
    """Each client has been served some more."""
    before = [client.served for client in clients]
    eventually(lambda: all(c.served >= b + count or c.failures for c, b in zip(clients, before)), 10, "progress")


def test_restarts_lose_nothing(manager, loaded):
    proxy, arguments, clients = loaded
    for _ in range(RESTARTS):
        progressing(clients)
        proxy.stop()
        proxy = manager.start("--flow-detail", "0", **arguments)
    progressing(clients)
    verdict(clients, 20 * RESTARTS, f"{RESTARTS} restarts")


def test_upgrades_lose_nothing(manager, loaded):
    proxy, _, clients = loaded
    running = None
    for _ in range(UPGRADES):
        progressing(clients)
        before = running
        running = manager.upgrade(proxy, running)
        if before:
            eventually(lambda: before.has_ended, 10, "the end of the one before")
        else:
            assert proxy.process.wait(10) == 0
            proxy.stopped = True
    progressing(clients)
    verdict(clients, 20 * UPGRADES, f"{UPGRADES} upgrades")


@pytest.mark.parametrize("way", ["restart", "upgrade"])
def test_streams_of_http2_are_not_lost(manager, nginx, way):
    port = manager.listen("http")
    server = nginx(extra="location = /load { return 200 ok; }")
    arguments = {"modes": [f"reverse:{server.url('')}"]}
    proxy = manager.start("--flow-detail", "0", **arguments)
    command = ["h2load", "-D", "4", "-c", "4", "-m", "8", f"http://127.0.0.1:{port}/load"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = load.communicate(timeout=20)[0]
    print(output)

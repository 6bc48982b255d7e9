"""Life under a service manager: sockets that it has opened, what it is told, its watchdog. The manager is the test; see test_units.py for
the real one."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from support.datagrams import DatagramServer
from support.origin import OK, answering
from support.proxy import BINARY, eventually, free_port
from support.wire import Wire


def test_it_says_that_it_is_ready_and_that_it_stops(manager):
    port = manager.listen("http")
    proxy = manager.start(ready=False)
    ready = manager.wait("READY", proxy=proxy)
    assert ready == {"READY": "1", "STATUS": f"regular proxy listening at 127.0.0.1:{port}"}
    proxy.terminate()
    assert manager.wait("STOPPING", proxy=proxy)["STATUS"] == "stopping"
    proxy.stop()


def test_an_abstract_address_is_told_as_well(weir):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        name = f"weir-test-{os.getpid()}"
        sock.bind(f"\0{name}")
        sock.settimeout(10)
        weir(env={"NOTIFY_SOCKET": f"@{name}"})
        assert sock.recv(4096).startswith(b"READY=1\n")


@pytest.mark.parametrize("name", ["http", "regular", "weir.socket", "unknown"])
def test_the_first_mode_takes_a_socket_of_its_name_or_of_none(manager, origin, name):
    manager.listen(name)
    server = origin(answering(OK))
    proxy = manager.start()
    assert proxy.get(server.url()).body == b"ok"


def test_each_mode_takes_what_has_its_name(manager, origin, tmp_path):
    first, second = origin(answering(OK)), origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"))
    echo = DatagramServer()
    ports = [manager.listen(name) for name in ("reverse", "reverse-2", "reverse-2")]
    udp = manager.listen("reverse-3", socket.SOCK_DGRAM)
    manager.listen("addons", path=tmp_path / "addons.sock")
    modes = [f"reverse:http://{first.authority}", f"reverse:http://{second.authority}", f"reverse:udp://{echo.authority}"]
    proxy = manager.start(modes=modes)
    bodies = []
    for port in ports:
        with Wire.to(port) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            bodies.append(wire.response("GET").body)
    assert bodies == [b"ok", b"two", b"two"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"datagram", ("127.0.0.1", udp))
        assert client.recv(100) == b"datagram"
    with socket.socket(socket.AF_UNIX) as attached:
        attached.settimeout(5)
        attached.connect(str(tmp_path / "addons.sock"))
        assert b'"initialize"' in attached.recv(65536)
    proxy.stop()
    # The manager's sockets are the manager's.
    assert (tmp_path / "addons.sock").exists()
    echo.stop()


@pytest.mark.parametrize(
    "name, kind, finding",
    [
        ("socks5", socket.SOCK_STREAM, "was passed as 'socks5' and is a TCP socket, which no mode wants; names are http, weir.socket, unknown, regular, addons"),
        ("regular", socket.SOCK_DGRAM, "was passed as 'regular' and is a UDP socket, which no mode wants"),
        ("addons", socket.SOCK_STREAM, "was passed as 'addons' and is a TCP socket, which no mode wants"),
    ],
)
def test_a_socket_that_nobody_wants_is_refused(manager, tmp_path, name, kind, finding):
    manager.listen(name, kind)
    proxy = manager.start(ready=False)
    assert proxy.process.wait(10) == 1
    assert finding in proxy.log
    manager.weir.runs.remove(proxy)


def test_a_count_that_is_none_is_refused():
    code = f"import os; os.environ.update(LISTEN_FDS='x', LISTEN_PID=str(os.getpid())); os.execv({str(BINARY)!r}, ['weir'])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=15)
    assert run.returncode == 2
    assert run.stderr == "weir: LISTEN_FDS: expected 0 to 1024, found 'x'\n"


def test_sockets_of_another_process_are_not_taken(weir, origin):
    # Left behind in the environment by a shell that was activated.
    proxy = weir(env={"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "http"})
    assert proxy.get(origin().url()).body == b"ok"


def test_systemd_socket_activate_starts_it(weir, origin):
    port = free_port()
    within = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=regular"]
    proxy = weir(within=within, wait=False)
    eventually(lambda: b"Listening on" in proxy.err.read_bytes(), what="the socket")
    proxy.port = port
    assert proxy.get(origin().url()).body == b"ok"


def test_the_watchdog_hears_of_turning_loops(manager):
    manager.listen("http")
    proxy = manager.start("--set", "threads=2", env={"WATCHDOG_USEC": "200000"})
    for _ in range(3):
        assert manager.wait("WATCHDOG", seconds=1, proxy=proxy) == {"WATCHDOG": "1"}


def test_the_watchdog_of_another_process_hears_nothing(manager):
    manager.listen("http")
    proxy = manager.start(env={"WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    proxy.terminate()
    manager.wait("STOPPING", proxy=proxy)
    assert not any("WATCHDOG" in one for one in manager.heard)


def test_workers_know_nothing_of_the_manager(manager, addon, origin):
    script = addon(["request"], "with open(__file__ + '.seen', 'w') as seen:\n    seen.write(repr(dict(os.environ)))")
    manager.listen("http")
    proxy = manager.start(addons=[script], env={"WATCHDOG_USEC": "1000000", "CREDENTIALS_DIRECTORY": "/nonexistent"})
    seen = script.script.with_suffix(".py.seen").read_text()
    assert "WEIR_ADDON_FD" in seen
    for word in ("NOTIFY_SOCKET", "LISTEN_", "WATCHDOG", "CREDENTIALS"):
        assert word not in seen
    assert proxy.get(origin().url()).body == b"ok"


def test_a_reload_is_told_of(manager):
    manager.listen("http")
    proxy = manager.start()
    proxy.process.send_signal(signal.SIGHUP)
    assert int(manager.wait("RELOADING", proxy=proxy)["MONOTONIC_USEC"]) > 0
    assert manager.wait("READY", proxy=proxy) == {"READY": "1"}

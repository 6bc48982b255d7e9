"""SIGUSR2: a new process of the program takes the sockets, and the old one ends with what it has begun."""

import os
import re
import signal
import socket
import threading

import pytest

from support.datagrams import DatagramServer
from support.manager import Replaced
from support.metrics import Probes
from support.origin import OK, answering
from support.proxy import BINARY, eventually, run_to_end
from support.wire import Wire


def refused(proxy, reason: str) -> None:
    """The proxy was asked for an upgrade, which comes to nothing for that reason."""
    proxy.process.send_signal(signal.SIGUSR2)
    proxy.wait_log(rf"upgrade: {reason}; this process goes on")
    assert proxy.process.poll() is None


def upgraded(proxy) -> Replaced:
    """The process that runs in the proxy's place; the proxy's has ended."""
    count = proxy.log.count("serves clients now")
    proxy.process.send_signal(signal.SIGUSR2)
    eventually(lambda: proxy.log.count("serves clients now") > count, 15, "the upgrade")
    pid = int(proxy.log.split("upgrade: process ")[-1].split(" ")[0])
    running = Replaced(proxy, pid)
    assert proxy.process.wait(10) == 0
    proxy.stopped = True
    return running


def test_sockets_that_it_has_bound_itself_are_handed_over(weir, origin):
    server = origin(answering(OK))
    proxy = weir(modes=["regular", f"reverse:http://{server.authority}@0"])
    port = int(proxy.wait_log(r"reverse:\S+ proxy listening at 127\.0\.0\.1:(\d+)")[1])
    running = upgraded(proxy)
    try:
        assert proxy.get(server.url()).body == b"ok"
        with Wire.to(port) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.response().body == b"ok"
    finally:
        running.stop()
    with pytest.raises(ConnectionRefusedError):
        proxy.connect()


@pytest.mark.parametrize("form", ["tcp", "unix"])
def test_the_address_of_probes_goes_to_the_successor(weir, form, tmp_path):
    probes, path = Probes(), tmp_path / "probes"
    arguments = probes.arguments if form == "tcp" else ("--set", f"metrics_listen=unix:{path}")
    proxy = weir(*arguments)
    place = f"http://127.0.0.1:{probes.port}" if form == "tcp" else f"unix:{path}"
    proxy.wait_log(f"metrics at {place}")
    running = upgraded(proxy)
    try:
        eventually(lambda: proxy.log.count(f"metrics at {place}") == 2, 10, "the successor's probes")
        if form == "tcp":
            assert probes.ask("/readyz")[0] == 200
        else:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(5)
                asked.connect(str(path))
                asked.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
                assert asked.recv(100).startswith(b"HTTP/1.1 200 ")
    finally:
        running.stop()


def test_the_file_that_stands_at_the_path_by_now_is_started(weir, origin, tmp_path):
    """As a package manager does it, the program's file is replaced by another; the argument that named it stays."""
    path = tmp_path / "weir"
    path.symlink_to(BINARY)
    proxy = weir(within=["/bin/sh", "-c", 'shift; exec "$0" "$@"', str(path)])
    path.unlink()
    path.symlink_to("/bin/false")
    refused(proxy, r"process \d+ exited with status 1 before it was ready")
    path.unlink()
    refused(proxy, rf"{path}: No such file or directory")
    path.symlink_to(BINARY)
    server = origin(answering(OK))
    assert proxy.get(server.url()).body == b"ok"
    running = upgraded(proxy)
    try:
        assert proxy.get(server.url()).body == b"ok"
        assert os.readlink(f"/proc/{running.pid}/exe") == str(BINARY.resolve())
    finally:
        running.stop()


def test_a_successor_that_refuses_its_configuration_changes_nothing(weir, origin):
    proxy = weir()
    (proxy.confdir / "config.yaml").write_text("no_such_option: 1\n")
    refused(proxy, r"process \d+ exited with status 2 before it was ready")
    assert "unknown option 'no_such_option'" in proxy.log
    assert proxy.get(origin(answering(OK)).url()).body == b"ok"


def test_a_successor_that_is_killed_changes_nothing(weir, origin, addon):
    """By its addon, so that it is not ready yet."""
    script = addon([], "if os.path.exists(__file__ + '.kills'):\n    os.kill(os.getppid(), 9)")
    proxy = weir("--set", "addon_watch=false", addons=[script])
    script.script.with_suffix(".py.kills").touch()
    refused(proxy, r"process \d+ was killed by signal 9 before it was ready")
    assert proxy.get(origin(answering(OK)).url()).body == b"ok"


def test_a_proxy_that_stops_starts_no_successor(weir, origin):
    go = threading.Event()

    def serve(wire, origin):
        origin.record(wire.request())
        assert go.wait(10)
        wire.send(OK)

    server = origin(serve)
    proxy = weir("--set", "drain_timeout=20")
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        server.wait(1)
        proxy.terminate()
        proxy.wait_log("shutting down")
        proxy.process.send_signal(signal.SIGUSR2)
        proxy.wait_log("upgrade refused: the proxy is stopping")
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_log("reload refused: the proxy is stopping")
        go.set()
        assert wire.response().body == b"ok"
    proxy.stop()


def test_one_archive_is_not_shared(weir, tmp_path):
    proxy = weir("--set", f"hardump={tmp_path / 'dump.har'}")
    refused(proxy, "hardump's file is one process's")


def test_flows_are_appended_to_the_file_and_the_start_is_not_repeated(weir, origin, tmp_path):
    server = origin(answering(OK))
    first = tmp_path / "first.flows"
    proxy = weir("-w", str(first))
    proxy.get(server.url("/saved"))
    proxy.stop()
    path = tmp_path / "all.flows"
    proxy = weir("-w", str(path), "-r", str(first), "-C", str(first))
    proxy.wait_log("replayed 1 requests")
    running = upgraded(proxy)
    proxy.get(server.url("/after"))
    running.stop()
    listed = run_to_end("-n", "-r", str(path)).stdout
    assert sorted(re.findall(r"GET \S+(/\w+)", listed)) == ["/after", "/saved", "/saved"]
    assert [message.target for message in server.received].count(b"/saved") == 2


def test_no_datagram_is_lost(weir):
    echo = DatagramServer()
    proxy = weir(modes=[f"reverse:udp://{echo.authority}@0"], wait=False)
    port = int(proxy.wait_log(r"listening at 127\.0\.0\.1:(\d+)", 15)[1])
    over, lost, count = threading.Event(), [], [0]

    def client():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            while not over.is_set():
                sent = str(count[0]).encode()
                sock.sendto(sent, ("127.0.0.1", port))
                try:
                    assert sock.recv(100) == sent
                except TimeoutError:
                    lost.append(sent)
                count[0] += 1

    thread = threading.Thread(target=client)
    thread.start()
    eventually(lambda: count[0] > 50, what="datagrams")
    running = upgraded(proxy)
    begin = count[0]
    eventually(lambda: count[0] > begin + 50, what="datagrams by the new process")
    over.set()
    thread.join()
    running.stop()
    echo.stop()
    assert not lost


def test_workers_attach_themselves_to_the_new_process(caller, weir, tmp_path):
    proxy, worker = caller()
    path = tmp_path / "attached"
    running = upgraded(proxy)
    assert path.exists()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        assert b'"initialize"' in sock.recv(65536)
    running.stop()
    assert not path.exists()

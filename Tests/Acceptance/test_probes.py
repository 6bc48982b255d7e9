"""The address at which programs look at the proxy: who may ask, what, for how long, and what probes are told."""

import os
import signal
import socket
import stat
import subprocess
import threading

import pytest

from support.metrics import Probes
from support.origin import OK
from support.proxy import eventually, free_port, listening, run_to_end
from support.wire import Wire


@pytest.fixture(scope="module")
def probes(module_weir):
    made = Probes()
    module_weir(*made.arguments)
    return made


@pytest.mark.parametrize("address", ["0.0.0.0:9464", "192.0.2.1:9464", "example.com:9464", "9464", "unix:", "127.0.0.1", "[::]:9464"])
def test_an_address_that_others_reach_is_refused(address):
    run = run_to_end("--set", f"metrics_listen={address}")
    assert run.returncode == 2
    assert f"option metrics_listen: expected a loopback address with a port, such as 127.0.0.1:9464, or unix:PATH, found '{address}'" in run.stderr


def test_an_address_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = run_to_end("-p", str(free_port()), "--set", f"metrics_listen=127.0.0.1:{taken.getsockname()[1]}")
    assert run.returncode == 1
    assert "option metrics_listen: cannot listen at http://127.0.0.1:" in run.stderr


def test_nothing_listens_without_the_option(weir):
    proxy = weir()
    with open("/proc/net/tcp") as table:
        inodes = {line.split()[9] for line in table if line.split()[3] == "0A"}
    folder = f"/proc/{proxy.process.pid}/fd"
    sockets = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
    assert sum(f"socket:[{inode}]" in sockets for inode in inodes) == 1


def test_a_unix_socket_is_for_the_user_and_the_group_and_goes_with_the_proxy(weir, tmp_path):
    path = tmp_path / "metrics.sock"
    proxy = weir("--set", f"metrics_listen=unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    command = ["curl", "-sS", "--unix-socket", path, "http://any.example/readyz"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=10).stdout == "ready\n"
    proxy.stop()
    assert not path.exists()


@pytest.mark.parametrize(
    "path, method, headers, status",
    [
        ("/metrics?x=1", "GET", {}, 200),
        ("/metrics", "HEAD", {}, 200),
        ("/healthz", "GET", {"Host": "[::1]:80"}, 200),
        ("/healthz", "GET", {"Host": "weir.localhost"}, 200),
        ("/", "GET", {}, 404),
        ("/metrics/", "GET", {}, 404),
        ("http://127.0.0.1/metrics", "GET", {}, 400),
        ("/metrics", "POST", {}, 405),
        ("/metrics", "GET", {"Content-Length": "3"}, 400),
        ("/metrics", "GET", {"Host": "attacker.example"}, 421),
        ("/metrics", "GET", {"X": "y" * 5000}, 431),
        ("/" + "x" * 3000, "GET", {}, 414),
    ],
)
def test_questions_and_their_statuses(probes, path, method, headers, status):
    found, fields, body = probes.ask(path, method, **headers)
    assert found == status
    assert method == "HEAD" or int(fields["Content-Length"]) == len(body) > 0


def test_a_connection_carries_one_question_after_another(probes):
    question = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Wire.to(probes.port) as wire:
        wire.send(question + question)
        assert [wire.response("GET").status for _ in range(2)] == [200, 200]
        wire.send(question.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert wire.response("GET").status == 200
        assert wire.to_end() == b""


def test_what_is_no_request_ends_its_connection_alone(probes):
    with Wire.to(probes.port) as other, Wire.to(probes.port) as wire:
        wire.send(b"\x16\x03\x01\x00\xa5\x01\r\n\r\n")
        assert wire.response("GET").status == 400
        assert wire.to_end() == b""
        other.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert other.response("GET").status == 200


def test_more_connections_than_there_may_be_are_closed_at_once(probes):
    held = [socket.create_connection(("127.0.0.1", probes.port), 5) for _ in range(64)]
    try:
        with socket.create_connection(("127.0.0.1", probes.port), 5) as one_more:
            try:
                assert one_more.recv(1) == b""
            except ConnectionResetError:
                pass
    finally:
        for one in held:
            one.close()
    eventually(lambda: _asked(probes) == 200, what="room")


def _asked(probes):
    try:
        return probes.ask("/healthz")[0]
    except OSError:
        return None


def test_readiness_begins_with_the_addons_and_ends_with_the_drain(weir, addon, origin):
    go = threading.Event()

    def serve(wire, server):
        server.record(wire.request())
        go.wait(10)
        wire.send(OK)

    probes, server = Probes(), origin(serve)
    worker = addon(["request"], 'while not os.path.exists(os.environ["GO"]): time.sleep(0.01)\n')
    gate = worker.script.parent / "go"
    proxy = weir(*probes.arguments, addons=[worker], env={"GO": str(gate)}, wait=False)
    proxy.wait_ready([probes.port])
    assert probes.ask("/readyz")[0::2] == (503, "the proxy is starting\n")
    assert probes.ask("/healthz")[0::2] == (200, "alive\n")
    gate.touch()
    eventually(lambda: probes.ask("/readyz")[0] == 200, what="readiness")
    waiting = threading.Thread(target=proxy.get, args=(server.url("/"),))
    waiting.start()
    server.wait(1)
    proxy.process.send_signal(signal.SIGTERM)
    eventually(lambda: probes.ask("/readyz")[0::2] == (503, "the proxy is draining\n"), what="the drain")
    assert probes.ask("/healthz")[0] == 200
    assert probes.value("weir_open_http_exchanges") == 1
    go.set()
    waiting.join(10)
    proxy.process.wait(10)
    proxy.stopped = True
    assert not listening(probes.port)


def test_an_addon_that_flows_can_do_without_does_not_make_the_proxy_unready(weir, addon, origin):
    probes, server = Probes(), origin()
    worker = addon([{"name": "request", "on_failure": "continue"}], '@worker.on("request")\ndef request(message): os._exit(78)\n')
    proxy = weir(*probes.arguments, addons=[worker])
    assert proxy.get(server.url("/")).status == 200
    probes.wait(1, "weir_addon_breaker", addon="worker", state="final")
    assert probes.value("weir_addon_up", addon="worker") == 0
    assert probes.ask("/readyz")[0] == 200


def test_a_proxy_that_stands_still_is_not_alive(weir, addon):
    probes = Probes()
    proxy = weir(*probes.arguments)
    os.kill(proxy.process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError), socket.create_connection(("127.0.0.1", probes.port), 0.3) as wire:
            wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wire.recv(1)
    finally:
        os.kill(proxy.process.pid, signal.SIGCONT)
    assert probes.ask("/healthz")[0] == 200

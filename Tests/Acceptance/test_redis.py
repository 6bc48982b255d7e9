"""Redis's own client and benchmark through raw TCP flows."""

import shutil
import socket
import subprocess
import threading

import pytest

from support.proxy import eventually, free_port, listening


class Redis:
    """redis-server in a folder of its own, without persistence."""

    def __init__(self, folder):
        folder.mkdir()
        self.port = free_port()
        binary = shutil.which("redis-server")
        assert binary, "redis-server is not installed"
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
        with open(folder / "output", "wb") as output:
            self.process = subprocess.Popen([binary, *arguments], stdout=output, stderr=output)
        eventually(lambda: listening(self.port), 10, "redis-server listening")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis")
    yield server
    server.stop()


class Tunnels:
    """A port whose connections go into CONNECT tunnels, for clients that know no proxy."""

    def __init__(self, proxy, authority):
        self.proxy, self.authority = proxy, authority
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            tunnel = self.proxy.tunnel(self.authority).sock
            for source, target in ((client, tunnel), (tunnel, client)):
                source.settimeout(None)
                threading.Thread(target=self.copy, args=(source, target), daemon=True).start()

    def copy(self, source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def run(*command, text=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=25, input=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["reverse", "connect"])
def port(request, weir, redis, addon):
    """`port(worker)` is where Redis's clients find the proxy."""
    made = []

    def make(*addons):
        authority = f"127.0.0.1:{redis.port}"
        if request.param == "reverse":
            return weir("-q", modes=[f"reverse:tcp://{authority}"], addons=addons).port
        made.append(Tunnels(weir("-q", addons=addons), authority))
        return made[-1].port

    yield make
    for one in made:
        one.stop()


def test_redis_cli_works_and_a_worker_changes_what_it_says(port, addon):
    worker = addon(
        ["tcp_message", "tcp_end"],
        """
@worker.on("tcp_message")
def message(message):
    [[from_client, content, time]] = message["params"]["flow"]["messages"]
    if from_client and "wrong" in content:
        return {"flow": {"messages": [[from_client, content.replace("wrong", "right"), time]]}}
""",
    )
    at = str(port(worker))
    assert run("redis-cli", "-p", at, "set", "key", "wrong value") == "OK\n"
    assert run("redis-cli", "-p", at, "get", "key") == "right value\n"
    large = "x" * 3_000_000
    assert run("redis-cli", "-p", at, "-x", "set", "large", text=large) == "OK\n"
    assert run("redis-cli", "-p", at, "strlen", "large") == "3000000\n"
    assert run("redis-cli", "-p", at, "get", "large") == large + "\n"
    worker.wait("tcp_end", 5)


def test_redis_benchmark_loses_nothing(port, addon):
    worker = addon([{"name": "tcp_message", "observe": True}, "tcp_error"])
    at = str(port(worker))
    told = run("redis-benchmark", "-p", at, "-n", "2000", "-c", "20", "-P", "4", "-t", "set,get,lrange_100", "--csv")
    assert told.count("\n") >= 4, told
    assert not worker.messages("tcp_error")

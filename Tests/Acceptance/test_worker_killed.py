"""A worker is killed with SIGKILL under load; what happens to the flows is the hook's policy."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest

from support.proxy import eventually


@dataclass
class Load:
    requests: int
    errors: int
    other: int


def start_wrk(url: str, connections: int, seconds: int) -> subprocess.Popen:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "8s", url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish_wrk(wrk: subprocess.Popen, seconds: float) -> Load:
    output, _ = wrk.communicate(timeout=seconds)
    assert wrk.returncode == 0, output
    requests = int(re.search(r"(\d+) requests in", output)[1])
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return Load(requests, sum(map(int, errors.groups())) if errors else 0, int(other[1]) if other else 0)


def kill_under_load(worker, load_has_begun) -> tuple[int, float]:
    """Kills the worker's process once events flow; the old pid, and the seconds until another one handled an event."""
    eventually(load_has_begun, 10, "load at the worker")
    old = worker.pids("request")[-1]
    begun = time.monotonic()
    os.kill(old, signal.SIGKILL)
    eventually(lambda: worker.pids("request")[-1] != old, 5, "an event at a new worker process")
    return old, time.monotonic() - begun


def told(log: str) -> list[str]:
    """The lines of the log that say that a worker was lost."""
    return [line for line in log.splitlines() if re.search(r"\] died: ", line)]


@pytest.mark.seconds(60)
def test_with_continue_no_client_sees_an_error_and_the_worker_is_back_within_a_second(weir, addon, nginx):
    server = nginx()
    worker = addon([{"name": "request", "on_failure": "continue"}])
    proxy = weir(addons=[worker], modes=[f"reverse:http://{server.authority}"])
    wrk = start_wrk(f"{proxy.url}/hello", 64, 5)
    _, absence = kill_under_load(worker, lambda: len(worker.file.read_bytes()) > 100_000)
    load = finish_wrk(wrk, 20)
    assert load.requests > 100
    assert (load.errors, load.other) == (0, 0)
    assert absence < 1.0
    assert len(told(proxy.log)) == 1, proxy.log[-3000:]
    assert "worker" in told(proxy.log)[0]
    assert len(proxy.log.splitlines()) < 20, "a flood: " + proxy.log[-3000:]


@pytest.mark.seconds(60)
def test_with_kill_only_the_flows_at_that_worker_fail(weir, addon, nginx):
    server = nginx()
    worker = addon([{"name": "request", "on_failure": "kill", "filter": "~u /hooked"}])
    proxy = weir(addons=[worker], modes=[f"reverse:http://{server.authority}"])
    hooked, free = start_wrk(f"{proxy.url}/hooked", 32, 5), start_wrk(f"{proxy.url}/free", 32, 5)
    kill_under_load(worker, lambda: len(worker.file.read_bytes()) > 100_000)
    before = len(worker.messages("request"))
    lost, unharmed = finish_wrk(hooked, 20), finish_wrk(free, 20)
    assert (unharmed.errors, unharmed.other) == (0, 0)
    assert unharmed.requests > 100
    assert 1 <= lost.errors + lost.other, "nothing was in flight at the worker"
    assert len(worker.messages("request")) > before, "the new worker handles the flows that come after"
    assert len(told(proxy.log)) == 1, proxy.log[-3000:]
    answer = proxy.curl(f"{proxy.url}/hooked", "--noproxy", "*")
    assert answer.stdout == b"GET /hooked\n"


def test_only_the_flow_in_flight_fails_with_kill_and_its_client_sees_the_connection_close(weir, addon, origin):
    server = origin()
    worker = addon(
        [{"name": "request", "on_failure": "kill"}],
        """
@worker.on("request")
def request(message):
    if path(message) == "/die":
        os.kill(os.getpid(), 9)
""",
    )
    proxy = weir(addons=[worker])
    with proxy.connect() as wire:
        wire.send(f"GET {server.url('/die')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
        assert wire.to_end() == b""
    eventually(lambda: len(worker.pids("initialize")) == 2, 5, "a second worker process")
    assert proxy.get(server.url("/fine")).status == 200
    assert [request.target for request in server.received] == [b"/fine"]


def test_a_worker_that_dies_again_and_again_is_restarted_with_growing_pauses_and_few_words(weir, addon, origin):
    server = origin()
    worker = addon(["running", {"name": "request", "on_failure": "continue"}], "worker.on('request')(lambda message: os.kill(os.getpid(), 9))")
    proxy = weir("--set", "addon_breaker_failures=1000", addons=[worker])
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert proxy.get(server.url()).status == 200
    starts = [record["time"] for record in worker.records() if record.get("message", {}).get("method") == "initialize"]
    assert 2 <= len(starts) <= 14, "within 0.1 s, doubling: some six starts in three seconds; sixty without pauses"
    assert len(proxy.log.splitlines()) < 30, proxy.log[-3000:]

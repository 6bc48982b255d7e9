"""Addons of several processes, and addons that are loaded anew while flows pass."""

import json
import os
import socket
import subprocess
import threading
import time

import pytest

from support.proxy import BINARY, eventually
from support.wire import Closed

TELLS = """
@worker.on("requestheaders", "request", "response")
def tell(message):
    worker.note(flow=message["params"]["flow"]["id"], hook=message["method"], client=message["params"]["flow"]["client_conn"]["id"])
    if message["method"] == "response":
        return {"flow": {"response": {"headers": message["params"]["flow"]["response"]["headers"] + [["x-worker", str(os.getpid())]]}}}
"""
HOOKS = ["requestheaders", "request", "response", "done"]


def by_flow(worker):
    flows = {}
    for record in worker.records():
        if "flow" in record:
            flows.setdefault(record["flow"], []).append(record["pid"])
    return flows


def request(wire, server, path="/"):
    wire.send(f"GET {server.url(path)} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
    return wire.response("GET")


def refused(proxy, url):
    """Whether a request ends without an answer, as flows do that a worker's failure ends."""
    try:
        return not proxy.get(url)
    except Closed:
        return True


def test_clients_are_spread_over_the_workers_and_stay_with_theirs(weir, addon, origin):
    server = origin()
    worker = addon(HOOKS, TELLS)
    proxy = weir("--set", "addons.worker.workers=3", addons=[worker])
    wires = [proxy.connect() for _ in range(9)]
    served = {}
    for _ in range(3):
        for index, wire in enumerate(wires):
            served.setdefault(index, set()).add(dict(request(wire, server).headers)[b"x-worker"])
    for wire in wires:
        wire.close()
    assert all(len(pids) == 1 for pids in served.values()), "a client's flows go to one worker"
    assert len(set.union(*served.values())) == 3, "each worker has clients"
    flows = by_flow(worker)
    assert len(flows) == 27
    assert all(len(pids) == 3 and len(set(pids)) == 1 for pids in flows.values()), "one worker sees a flow from beginning to end"


def test_a_sibling_is_asked_at_once_when_a_worker_dies_over_an_event(weir, addon, origin):
    server = origin()
    worker = addon(
        [{"name": "request", "on_failure": "retry", "idempotent": True}],
        """
@worker.on("request")
def die_first(message):
    worker.note(attempt=message["params"]["attempt"])
    if message["params"]["attempt"] == 1: os.kill(os.getpid(), 9)
""",
    )
    # So late a restart that only a sibling can have answered.
    proxy = weir("--set", "addon_workers=2", "--set", "addon_restart_delay=60", "--set", "addon_restart_delay_max=60", addons=[worker])
    assert proxy.get(server.url()).status == 200
    attempts = [(record["attempt"], record["pid"]) for record in worker.records() if "attempt" in record]
    assert [attempt for attempt, _ in attempts] == [1, 2]
    assert attempts[0][1] != attempts[1][1]


def test_an_event_that_kills_two_workers_is_not_sent_to_a_third(weir, addon, origin):
    server = origin()
    worker = addon(
        [{"name": "request", "on_failure": "retry", "idempotent": True}],
        "worker.on('request')(lambda message: path(message) == '/die' and os.kill(os.getpid(), 9) or {})",
    )
    proxy = weir("--set", "addon_workers=3", addons=[worker])
    assert refused(proxy, server.url("/die"))
    found = proxy.wait_log(r"'request' of flow (\S+) has ended two of its processes and is not sent again: kept in (\S+),")
    assert len({pid for pid in worker.pids("request")}) == 2
    lines = open(found[2], "rb").read().splitlines()
    assert len(lines) == 2 and found[1].encode() in lines[0] and b'"/die"' in lines[1]
    assert os.stat(found[2]).st_mode & 0o777 == 0o600
    assert proxy.get(server.url("/fine")).status == 200
    again = subprocess.run([BINARY, "addon", "replay", found[2], "--set", "addon_level=trusted"], capture_output=True, text=True, timeout=30)
    assert again.returncode == 1 and "it was killed by signal 9" in again.stderr or "(crash)" in again.stderr, again.stderr
    worker.script.write_text(worker.script.read_text().replace("os.kill(os.getpid(), 9)", "{'flow': {'comment': 'mended'}}"))
    mended = subprocess.run([BINARY, "addon", "replay", found[2], "--set", "addon_level=trusted"], capture_output=True, text=True, timeout=30)
    assert (mended.returncode, json.loads(mended.stdout)) == (0, {"flow": {"comment": "mended"}}), mended.stderr


@pytest.mark.parametrize("policy, fails", [("bypass", False), ("block", True)])
def test_what_a_full_worker_has_no_room_for_does_as_the_overload_policy_says(weir, addon, origin, policy, fails):
    server = origin()
    worker = addon(
        [{"name": "request", "on_failure": "kill" if policy == "bypass" else "continue"}],
        "gate = threading.Event()\nworker.on('request')(lambda message: path(message) == '/hold' and gate.wait(20) and {} or (gate.set() if path(message) == '/open' else {}) or {})",
        threads=True,
    )
    proxy = weir("--set", f"addons.worker.on_overload={policy}", "--set", "addon_max_in_flight=1", "--set", "addon_timeout=30", addons=[worker])
    held = proxy.connect()
    held.send(f"GET {server.url('/hold')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
    worker.wait("request")
    began = time.monotonic()
    assert refused(proxy, server.url("/second")) == fails
    assert time.monotonic() - began < 5, "nobody waited"
    assert len(worker.messages("request")) == 1
    held.close()


def command(*arguments):
    run = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    return run.stdout


class Load:
    """Clients that ask again and again, on kept connections and on new ones, and what became of each request."""

    def __init__(self, proxy, server, clients=8):
        self.proxy, self.server, self.ends = proxy, server, []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(index % 2 == 0,)) for index in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, keeps):
        wire = None
        while not self.stopping.is_set():
            try:
                wire = wire if wire and keeps else self.proxy.connect()
                response = request(wire, self.server)
                self.ends.append((response.status, dict(response.headers).get(b"x-worker")))
                if not keeps:
                    wire.close()
            except Exception as failure:
                self.ends.append((repr(failure), None))
                wire = None
        if wire:
            wire.close()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)


def test_an_addon_is_loaded_anew_under_load_without_a_lost_or_a_shared_flow(weir, addon, origin, tmp_path):
    server = origin()
    worker = addon(HOOKS, TELLS)
    place = str(tmp_path / "addons")
    proxy = weir("--set", "addon_workers=2", "--addon-socket", place, addons=[worker])
    load = Load(proxy, server)
    for count in range(1, 21):
        eventually(lambda: len(load.ends) >= 30 * count, 20, "traffic")
        assert command("addon", "reload", "worker", "--socket", place) == f"generation {count + 1}\n"
    eventually(lambda: len(load.ends) >= 30 * 22, 20, "traffic")
    load.stop()
    assert {status for status, _ in load.ends} == {200}
    assert all(pid for _, pid in load.ends), "each flow went through the addon"
    flows = by_flow(worker)
    assert all(len(pids) == 3 and len(set(pids)) == 1 for pids in flows.values()), "each flow was handled by one process"
    assert len(flows) == len(load.ends)
    # Forty old processes have ended in order, the last two run.
    eventually(lambda: len(worker.messages("done")) == 40, 10, "the old ones' end")


def test_a_held_flow_ends_with_the_process_that_it_began_with(weir, addon, origin, tmp_path):
    server = origin()
    worker = addon(HOOKS, TELLS + "\nworker.on('requestheaders')(lambda message: (tell(message), time.sleep(1.5) if path(message) == '/slow' else None)[0])")
    place = str(tmp_path / "addons")
    proxy = weir("--addon-socket", place, addons=[worker])
    slow = proxy.connect()
    slow.send(f"GET {server.url('/slow')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
    worker.wait("requestheaders")
    old = worker.pids("initialize")[0]
    command("addon", "reload", "worker", "--socket", place)
    new = dict(proxy.get(server.url()).headers)[b"x-worker"]
    assert int(new) != old
    assert int(dict(slow.response("GET").headers)[b"x-worker"]) == old
    slow.close()
    eventually(lambda: len(worker.messages("done")) == 1, 5, "the old one's end")


def test_a_new_version_that_does_not_start_leaves_the_old_one_at_work(weir, addon, origin):
    server = origin()
    worker = addon(HOOKS, TELLS)
    proxy = weir(addons=[worker])
    before = dict(proxy.get(server.url()).headers)[b"x-worker"]
    text = worker.script.read_text()
    worker.script.write_text("def\n")
    proxy.wait_log(r"\[worker\] is not loaded anew, what runs goes on: .*SyntaxError", 10)
    assert dict(proxy.get(server.url()).headers)[b"x-worker"] == before
    worker.script.write_text(text)
    proxy.wait_log(r"\[worker\] is loaded anew, generation 2\b", 10)
    assert dict(proxy.get(server.url()).headers)[b"x-worker"] != before


def test_a_worker_that_was_left_alone_starts_when_it_is_reset(weir, addon, origin, tmp_path):
    server = origin()
    place, gate = str(tmp_path / "addons"), tmp_path / "gate"
    gate.touch()
    worker = addon([{"name": "request", "on_failure": "kill"}], f"worker.on('running')(lambda message: None)\nif os.path.exists({str(gate)!r}): sys.exit(1)")
    gate.unlink()
    proxy = weir("--addon-socket", place, "--set", "addon_breaker_failures=2", "--set", "addon_restart_delay=0.01", addons=[worker])
    gate.touch()
    os.kill(worker.pids("initialize")[0], 9)
    proxy.wait_log(r"\[worker\] did not start: .* it failed too often and is left alone")
    assert refused(proxy, server.url())
    gate.unlink()
    assert command("addon", "reset", "worker", "--socket", place) == "started 1\n"
    proxy.wait_log(r"\[worker\] is back after")
    assert proxy.get(server.url()).status == 200


def test_an_addon_that_does_not_exist_is_named(weir, tmp_path):
    place = str(tmp_path / "addons")
    weir("--addon-socket", place)
    run = subprocess.run([BINARY, "addon", "reload", "nobody", "--socket", place], capture_output=True, text=True, timeout=30)
    assert (run.returncode, run.stderr) == (1, "weir: there is no addon 'nobody'\n")


REMEMBERS = """
seen = []
@worker.on("request")
def remember(message):
    client = message["params"]["flow"]["client_conn"]["peername"][0]
    worker.note(client=client)
    seen.append(client)
    return {"flow": {"response": {"status_code": 200, "reason": "OK", "http_version": "HTTP/1.1", "timestamp_start": 1.0, "headers": [], "trailers": None, "content": json.dumps(seen)}}}
"""


def asked_from(address, proxy, server):
    """What a client at that address is answered."""
    with socket.create_connection(("127.0.0.1", proxy.port), 10, (address, 0)) as sock:
        sock.sendall(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_what_one_client_has_shown_an_addon_another_does_not_meet(weir, addon, origin):
    server = origin()
    worker = addon(["request", "running"], REMEMBERS)
    shared = weir(addons=[worker])
    assert asked_from("127.0.0.1", shared, server) == ["127.0.0.1"]
    assert asked_from("127.0.0.2", shared, server) == ["127.0.0.1", "127.0.0.2"], "one process sees all clients"
    own = addon(["request", "running"], REMEMBERS, name="own")
    proxy = weir("--set", "addons.own.per_client=3", addons=[own])
    for count in (1, 2, 3):
        for host in (1, 2, 3):
            assert asked_from(f"127.0.0.{host}", proxy, server) == [f"127.0.0.{host}"] * count
    processes = {}
    for record in own.records():
        if "client" in record:
            processes.setdefault(record["client"], set()).add(record["pid"])
    assert len(set.union(*processes.values())) == 3 and all(len(pids) == 1 for pids in processes.values())


def test_a_client_for_whom_there_is_no_process_meets_the_overload_policy(weir, addon, origin):
    server = origin()
    worker = addon([{"name": "request", "on_failure": "kill", "timeout_ms": 300}], REMEMBERS)
    proxy = weir("--set", "addons.worker.per_client=1", addons=[worker])
    assert asked_from("127.0.0.1", proxy, server) == ["127.0.0.1"]
    with pytest.raises(json.JSONDecodeError):
        asked_from("127.0.0.2", proxy, server)
    proxy.wait_log(r"no process became free for the client within 300 ms \(overload\)")
    assert asked_from("127.0.0.1", proxy, server) == ["127.0.0.1"] * 2

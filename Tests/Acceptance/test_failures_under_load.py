"""Workers that fail in the middle of load, one row for each way to fail and one column for each policy.

| failure | continue | kill | retry |
|---|---|---|---|
| death: SIGKILL, exit, a line of garbage | every client is answered | flows at the worker, and those until it is back, are killed | every client is answered |
| silence: SIGSTOP, a handler that hangs | every client is answered | flows are killed that had no answer in time | the same |

A client whose flow is killed sees its connection end. Nobody else sees anything, and nobody an answer that no policy gives.
"""

import dataclasses
import re
import subprocess

import pytest

from support.peer import Peer
from support.proxy import eventually

FAILURES = {
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "exit": "os._exit(0)",
    "garbage": "worker.send_line(b'this is no JSON'); time.sleep(60)",
    "SIGSTOP": "os.kill(os.getpid(), 19)",
    "hang": "time.sleep(60)",
}
DEATHS = ["SIGKILL", "exit", "garbage"]
POLICIES = ["continue", "kill", "retry"]
# In its first life the worker fails over its two hundredth event.
CODE = """
import itertools, pathlib
marker, numbers = pathlib.Path(worker.record_path + ".failed"), itertools.count(1)
first = not marker.exists()

@worker.on("request")
def request(message):
    if first and next(numbers) == 200:
        marker.touch()
        {failure}
"""
DONE = """
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format("counted %d %d %d %d %d %d\\n", summary.requests, e.status, e.read, e.connect, e.write, e.timeout))
end
"""


@dataclasses.dataclass
class Load:
    answered: int
    status: int
    read: int
    connect: int
    write: int
    timeout: int


class Watch:
    """Hears of each flow that ends with an error, and asks how many ended at all."""

    def __init__(self, path):
        hooks = [{"name": "error", "observe": True, "fields": ["flow.error"]}]
        self.peer = Peer(path, {"hooks": hooks, "permissions": ["flow.list"], "limits": {"max_line": 1 << 20}}, timeout=30)
        self.errors = []

    def ended(self) -> int:
        listed = self.peer.call("flow.list", live=False, fields=["id"])["result"]
        return len(listed["flows"]) + listed["evicted"]

    def killed(self) -> list[str]:
        """The flows that the worker's failure ended; other errors are clients that left at the end."""
        self.peer.call("flow.list", filter="~u ^none$")  # what was said before has come by then
        self.errors += [message["params"]["flow"] for message in self.peer.waiting if message.get("method") == "error"]
        self.peer.waiting = [message for message in self.peer.waiting if message.get("method") != "error"]
        return [flow["id"] for flow in self.errors if "addon 'worker" in flow["error"]["msg"]]


def wrk(url: str, folder, seconds: int) -> Load:
    script = folder / "done.lua"
    script.write_text(DONE)
    command = ["wrk", "-t1", "-c64", f"-d{seconds}s", "--timeout", "8s", "-s", str(script), url]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 20)
    assert shown.returncode == 0, shown
    return Load(*map(int, re.search(r"counted (.*)", shown.stdout)[1].split()))


OPTIONS = ["flow_detail=0", *(f"addons.worker.{text}" for text in ("restart_delay=0.05", "ping_interval=0.3", "ping_timeout=0.3", "kill_delay=0.1"))]


def under_load(weir, addon, nginx, folder, policy: str, code: str, *settings: str, seconds: int = 1, timeout_ms: int = 150):
    entry = {"name": "request", "on_failure": policy, "idempotent": True, "timeout_ms": timeout_ms, "fields": ["flow.id"]}
    worker = addon([entry], code, unrecorded=("request",))
    options = [*OPTIONS, *settings]
    server, path = nginx(), folder / "addons"
    arguments = [word for option in options for word in ("--set", option)]
    proxy = weir(*arguments, "--addon-socket", str(path), addons=[worker], modes=[f"reverse:http://{server.authority}"])
    watch = Watch(path)
    load = wrk(f"{proxy.url}/hello", folder, seconds)
    return proxy, worker, server, watch, load


def agree(watch: Watch, server, load: Load, late: int = 0) -> int:
    """Client, core and server have seen the same; the number of flows that were killed, of which so many may have been when the load ended."""
    eventually(lambda: len(watch.killed()) >= load.read, 5, f"{load.read} flows killed")
    killed = watch.killed()
    assert len(killed) == len(set(killed)), "one end each"
    assert (load.status, load.connect, load.write, load.timeout) == (0, 0, 0, 0), load
    assert load.read <= len(killed) <= load.read + late, f"{load}, {len(killed)} flows were killed"
    # What was under way when the load ended is in nobody's count, or in one only.
    ended = watch.ended()
    assert 0 <= ended - load.answered - load.read <= 64, (ended, load)
    assert 0 <= len(server.served(load.answered)) - load.answered <= 64, (len(server.served()), load)
    return len(killed)


@pytest.mark.seconds(60)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("failure", FAILURES)
def test_the_clients_of_a_worker_that_fails_see_what_its_policy_says(weir, addon, nginx, tmp_path, failure, policy):
    # Silence is noticed when events run out of time; the load goes on until the worker is back.
    code, times = CODE.format(failure=FAILURES[failure]), {"timeout_ms": 5000} if failure in DEATHS else {"seconds": 2}
    proxy, worker, server, watch, load = under_load(weir, addon, nginx, tmp_path, policy, code, **times)
    killed = agree(watch, server, load)
    print(f"\n| {failure} | {policy} | {load.answered} answered | {killed} killed |", end="")
    assert load.answered > 200
    if policy == "continue" or (policy == "retry" and failure in DEATHS):
        assert killed == 0
    else:
        assert killed >= 1
    # It is back, and nothing of its first life has stayed.
    eventually(lambda: len(worker.pids("initialized")) == 2, 5, "the second life")
    assert proxy.get(f"{proxy.url}/hello").status == 200
    assert len(re.findall(r"\] died: ", proxy.log)) == 1, proxy.log[-2000:]


@pytest.mark.seconds(60)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_sibling_takes_what_a_dead_worker_of_a_pool_leaves(weir, addon, nginx, tmp_path, policy):
    code = CODE.format(failure=FAILURES["SIGKILL"]).replace("if first and", "if first and not marker.exists() and")
    proxy, worker, server, watch, load = under_load(weir, addon, nginx, tmp_path, policy, code, "addon_workers=2", timeout_ms=5000)
    killed = agree(watch, server, load)
    print(f"\n| SIGKILL of one of two | {policy} | {load.answered} answered | {killed} killed |", end="")
    # A sibling is there for new flows at once: only those that were at the dead worker are lost.
    assert 1 <= killed <= 64 if policy == "kill" else killed == 0
    assert load.answered > 200
    eventually(lambda: len(worker.pids("initialized")) == 3, 5, "the second life")


SLOW = """
@worker.on("request")
def request(message):
    time.sleep(0.01)
"""


@pytest.mark.seconds(60)
@pytest.mark.parametrize("overload", ["wait", "bypass", "block"])
def test_what_a_slow_worker_has_no_room_for_does_what_the_overload_policy_says(weir, addon, nginx, tmp_path, overload):
    options = ["addon_max_in_flight=4", f"addon_on_overload={overload}"]
    # The hook's own policy is another one, so that the two are told apart.
    policy = "continue" if overload == "block" else "kill"
    proxy, worker, server, watch, load = under_load(weir, addon, nginx, tmp_path, policy, SLOW, *options, timeout_ms=5000)
    killed = agree(watch, server, load, late=64 if overload == "block" else 0)
    print(f"\n| too slow | {overload} | {load.answered} answered | {killed} killed |", end="")
    if overload == "block":
        assert killed > 64
        proxy.wait_log("overload")
    else:
        assert killed == 0
        # The worker alone does a hundred in a second.
        assert (load.answered > 300) == (overload == "bypass")

"""Workers that mean harm, and what they may not do: cost anybody but themselves.

The worker under attack code sees the flows below `/evil`, one that behaves well those below `/good`, and nobody those below `/free`.
"""

import collections
import contextlib
import os
import statistics
import threading
import time

from .proxy import eventually
from .wire import Closed, Wire

CONTINUE, KILL = "/evil/continue", "/evil/kill"
GOOD = """
@worker.on("request")
def request(message):
    headers = message["params"]["flow"]["request"]["headers"]
    return {"flow": {"request": {"headers": headers + [["X-Good", "yes"]]}}}
"""
# `attack(message)` answers an event, `begin()` runs beside all that from the handshake on.
FRAME = """
import array, base64, fcntl, itertools, signal, socket
attack, begin = None, None
{code}

def begun(run):
    try:
        run()
    except OSError:
        pass  # the core has closed the connection

@worker.on("initialized")
def initialized(message):
    if begin:
        threading.Thread(target=begun, args=(begin,), daemon=True).start()

@worker.on("request")
def request(message):
    try:
        return attack(message) if attack else {{}}
    except OSError:
        return SILENT
"""


def hooks(timeout_ms: int = 400) -> list[dict]:
    return [{"name": "request", "filter": f"~u {path}", "timeout_ms": timeout_ms, "on_failure": path.split("/")[-1]} for path in (CONTINUE, KILL)]


class Client(threading.Thread):
    """Asks for a path again and again, at a gentle pace; `outcomes` counts statuses, and `closed` where there was none."""

    def __init__(self, proxy, path: str, pace: float = 0.03):
        super().__init__(daemon=True)
        self.proxy, self.path, self.pace = proxy, path, pace
        self.outcomes, self.bodies = collections.Counter(), []
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                answer = self.proxy.get(f"{self.proxy.url}{self.path}")
                self.outcomes[answer.status] += 1
                self.bodies.append(answer.body)
            except (Closed, ConnectionError):
                self.outcomes["closed"] += 1
            self.ended.wait(self.pace)

    def end(self) -> collections.Counter:
        self.ended.set()
        self.join(20)
        assert not self.is_alive(), f"a flow of {self.path} has no end"
        return self.outcomes


@contextlib.contextmanager
def asking(proxy, *paths: str):
    """Clients for the paths; they have ended when this is over."""
    clients = [Client(proxy, path) for path in paths]
    try:
        yield clients
    finally:
        for client in clients:
            client.end()


def times(proxies, path: str, count: int) -> list[list[float]]:
    """Seconds of each of so many requests, by proxy; they are asked in turns, each on one connection."""
    found = [[] for _ in proxies]
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire.to(proxy.port)) for proxy in proxies]
        request = f"GET {path} HTTP/1.1\r\nHost: weir.test\r\n\r\n".encode()
        for turn in range(count):
            for index in (range(len(wires)) if turn % 2 else reversed(range(len(wires)))):
                begun = time.perf_counter()
                wires[index].send(request)
                answer = wires[index].response()
                found[index].append(time.perf_counter() - begun)
                assert (answer.status, answer.body) == (200, f"GET {path}\n".encode()), answer
    return found


def quantiles(found: list[float]) -> tuple[float, float]:
    """The median and the 90th percentile."""
    return statistics.median(found), statistics.quantiles(found, n=10)[-1]


def one_end_each(watch, clients) -> None:
    """Each flow that a client began has exactly one end: a response, or an error."""

    def ends() -> collections.Counter:
        found = collections.defaultdict(list)
        for message in watch.messages():
            if message.get("method") in ("response", "error"):
                found[message["params"]["flow"]["id"]].append(message["method"])
        return collections.Counter(tuple(end) for end in found.values())

    asked = sum((client.outcomes for client in clients), collections.Counter())
    wanted = collections.Counter({("response",): sum(n for how, n in asked.items() if how != "closed"), ("error",): asked["closed"]})
    eventually(lambda: ends() == +wanted, 5, f"{+wanted} of {asked}; {ends()}")


def descriptors(run) -> int:
    return len(os.listdir(f"/proc/{run.process.pid}/fd"))

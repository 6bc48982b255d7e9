"""A worker that takes its time over one flow delays no other flow."""

import threading
import time

THREADED = """
@worker.on("request")
def request(message):
    if path(message) == "/slow":
        time.sleep(4)
"""


def in_background(call) -> tuple[threading.Thread, list]:
    """Runs `call` in a thread; its result, or its failure, is appended to the list."""
    results = []

    def run():
        try:
            results.append(call())
        except Exception as failure:
            results.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, results


def timed(proxy, url: str) -> float:
    begun = time.monotonic()
    assert proxy.get(url).status == 200
    return time.monotonic() - begun


def slow_and_fast(proxy, server, worker) -> None:
    begun = time.monotonic()
    thread, results = in_background(lambda: proxy.get(server.url("/slow")))
    worker.wait("request")
    fast = [timed(proxy, server.url(f"/fast{n}")) for n in range(40)]
    assert max(fast) < 0.5
    assert not results, "the slow flow was answered while its worker still slept"
    thread.join(10)
    assert results[0].status == 200
    assert 3.9 < time.monotonic() - begun < 8


def test_a_sleep_of_four_seconds_in_one_flow_delays_no_flow_at_the_same_worker(weir, addon, origin):
    worker = addon([{"name": "request", "timeout_ms": 10000}], THREADED, threads=True)
    slow_and_fast(weir(addons=[worker]), origin(), worker)


def test_a_worker_of_one_thread_delays_only_what_its_filter_selects(weir, addon, origin):
    worker = addon([{"name": "request", "timeout_ms": 10000, "filter": "~u /slow"}], THREADED)
    slow_and_fast(weir(addons=[worker]), origin(), worker)


def test_flows_of_the_same_client_connection_group_are_not_delayed_either(weir, addon, origin):
    """A keep-alive connection goes on while another connection's flow sleeps in `response`."""
    code = THREADED.replace('"request")', '"response")')
    worker, server = addon([{"name": "response", "timeout_ms": 10000}], code, threads=True), origin()
    proxy = weir(addons=[worker])
    thread, results = in_background(lambda: proxy.get(server.url("/slow")))
    worker.wait("response")
    with proxy.connect() as wire:
        for n in range(20):
            begun = time.monotonic()
            wire.send(f"GET {server.url(f'/fast{n}')} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
            assert wire.response().body == b"ok"
            assert time.monotonic() - begun < 0.5
    assert not results
    thread.join(10)
    assert results[0].body == b"ok"

"""What the proxy measures of itself, of its peers and of addons, as Prometheus reads it."""

import re
import subprocess
import threading

import pytest

from support.metrics import Probes
from support.origin import OK, answering
from support.proxy import ROOT, eventually, free_port
from support.wire import Closed


def count(probes, outcome, hook="request"):
    return probes.value("weir_addon_events_total", addon="worker", hook=hook, outcome=outcome) or 0


def get(proxy, url, **options):
    """The status, or None where the connection ends instead."""
    try:
        return proxy.get(url, **options).status
    except (Closed, ConnectionError):
        return None


def test_what_is_shown_is_what_prometheus_reads_and_what_the_page_of_metrics_lists(weir, addon, origin):
    probes, server = Probes(), origin()
    worker = addon(["request"], result={"permissions": ["metrics.add"]})
    proxy = weir(*probes.arguments, addons=[worker])
    assert get(proxy, server.url("/")) == 200
    page = (ROOT / "Protocol/metrics.md").read_text()
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.M))
    families = probes.families()
    for family in families:
        assert family.documentation, family
        name = family.name + ("_total" if family.type == "counter" else "")
        assert documented[name] == ("info" if name.endswith("_info") else family.type), family
    shown = {sample.name.removesuffix("_bucket") for family in families for sample in family.samples}
    # Those that need something that this test does not do have their own below.
    absent = {name for name in documented if name not in shown}
    assert absent == {
        "weir_addon_poison_events_total", "weir_addon_rejected_changes_total", "weir_addon_retries_total", "weir_http2_floods_total",
        "weir_server_connect_failures_total", "weir_addon_violations_total", "weir_udp_drops_total",
    }
    assert {family.name for family in probes.open_families()} >= {"weir_http_requests", "weir_build", "weir_addon_event_seconds"}
    assert probes.value("process_resident_memory_bytes") > 1e6
    assert probes.value("process_open_fds") > 5
    assert probes.value("process_cpu_seconds_total") > 0
    version = subprocess.run([proxy.process.args[0], "--version"], capture_output=True, text=True).stdout.split()[1]
    assert probes.value("weir_build_info", version=version) == 1
    eventually(lambda: probes.value("weir_event_loop_lag_seconds_count", loop="0"), what="a look at the loop")


def test_requests_are_counted_by_version_and_status_with_bytes_and_connections(weir, nginx, authority, origin):
    probes, plain, secure = Probes(), nginx(), nginx(authority.leaf("localhost"), http2=True)
    proxy = weir(*probes.arguments, "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    plain_url = f"http://{plain.authority}"
    assert proxy.curl(f"{plain_url}/hello").returncode == 0
    missing = origin(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 300\r\n\r\n" + b"x" * 300))
    assert get(proxy, missing.url("/")) == 404
    with proxy.connect() as wire:
        wire.send(f"GET {plain_url}/hello HTTP/1.0\r\n\r\n".encode())
        assert wire.response("GET").status == 200
    assert proxy.curl(f"https://localhost:{secure.port}/hello", "--http2").returncode == 0
    for version, status, expected in [("1.1", "2xx", 1), ("1.1", "4xx", 1), ("1.0", "2xx", 1), ("2", "2xx", 1)]:
        probes.wait(expected, "weir_http_requests_total", version=version, status=status)
    assert probes.value("weir_http_exchanges_total") == 4
    probes.wait(0, "weir_open_http_exchanges")
    probes.wait(0, "weir_open_client_connections")
    probes.wait(0, "weir_open_server_connections")
    assert probes.value("weir_client_connections_total") == 4
    assert probes.value("weir_server_connections_total") == 4
    assert probes.value("weir_tls_handshakes_total", side="client") == 1
    assert probes.value("weir_tls_handshakes_total", side="server") == 1
    assert probes.value("weir_flows", state="ended") == 4
    assert probes.value("weir_flow_store_bytes") > 0
    for side in ["client", "server"]:
        for direction in ["received", "sent"]:
            assert probes.value("weir_bytes_total", side=side, direction=direction) > 250


def test_what_is_open_is_shown_while_it_is_and_the_store_says_what_left_it(weir, origin):
    go = threading.Event()

    def serve(wire, server):
        server.record(wire.request())
        go.wait(10)
        wire.send(OK)

    probes, server = Probes(), origin(serve)
    proxy = weir(*probes.arguments, "--set", "store_flows=1")
    threads = [threading.Thread(target=get, args=(proxy, server.url("/"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    probes.wait(2, "weir_open_http_exchanges")
    assert probes.value("weir_open_client_connections") == 2
    assert probes.value("weir_open_server_connections") == 2
    assert probes.value("weir_flows", state="live") == 2
    go.set()
    for thread in threads:
        thread.join(10)
    probes.wait(0, "weir_flows", state="live")
    probes.wait(1, "weir_flows_evicted_total")


def test_failures_to_connect_and_of_tls_are_counted(weir, nginx, authority):
    probes, secure = Probes(), nginx(authority.leaf("localhost"))
    proxy = weir(*probes.arguments)
    assert get(proxy, f"http://127.0.0.1:{free_port()}/") == 502
    probes.wait(1, "weir_server_connect_failures_total", cause="connect")
    probes.wait(1, "weir_http_requests_total", version="1.1", status="none")
    # The proxy does not know the server's authority, and curl not the proxy's.
    assert proxy.curl(f"https://localhost:{secure.port}/").stdout
    probes.wait(1, "weir_tls_handshake_failures_total", side="server")
    assert proxy.curl(f"https://localhost:{secure.port}/", "--cacert", str(authority.certificate)).returncode == 60
    probes.wait(1, "weir_tls_handshake_failures_total", side="client")


OUTCOMES = """
@worker.on("request")
def request(message):
    match path(message):
        case "/change":
            return {"flow": {"request": {"headers": [["Host", "a"], ["x", "y"]]}}}
        case "/kill":
            return {"kill": True}
        case "/bad":
            return {"flow": {"request": {"method": 5}}}
        case "/fixed":
            return {"flow": {"id": "another"}}
        case "/error":
            raise Failure("no")
        case "/twice":
            worker.send({"jsonrpc": "2.0", "id": message["id"], "result": {}})
        case "/unknown":
            worker.send({"jsonrpc": "2.0", "id": "999999", "result": {}})
        case "/count":
            return {"metrics": [
                {"name": "seen.paths", "labels": {"path": 'a"b\\\\c\\nd', "__x": "1", "a.b": "2", "a:b": "3"}},
                {"name": "seen:paths"}, {"name": "seen_paths", "value": 2}, {"name": "seen_paths_total", "value": 3},
                {"name": "7up"}, {"name": "bad", "value": -1},
            ]}
        case "/print":
            print("line\\n" * 30, end="", flush=True)
        case "/log":
            return {"log": ["line"] * 30}
        case "/nonsense":
            worker.send_line(b"nonsense")
            return SILENT
        case "/exit":
            os._exit(1)

@worker.on("responseheaders")
def late(message):
    threading.Timer(0.4, worker.send, [{"jsonrpc": "2.0", "id": message["id"], "result": {}}]).start()
    return SILENT
"""


@pytest.fixture(scope="module")
def outcomes(module_weir, tmp_path_factory):
    """A proxy with an addon that answers as the path says, one after another; and its probes."""
    from support.addon import Addon
    from support.origin import Origin

    probes, server = Probes(), Origin(answering(OK))
    hooks = [
        {"name": "request", "timeout_ms": 10000, "on_failure": "retry", "idempotent": True},
        {"name": "responseheaders", "timeout_ms": 200, "on_failure": "kill", "filter": "~u /late"},
    ]
    worker = Addon(
        tmp_path_factory.mktemp("outcomes"), "worker", hooks, OUTCOMES,
        result={"permissions": ["metrics.add"], "limits": {"max_line": 4096}})
    proxy = module_weir(*probes.arguments, "--set", "addon_log_rate=10", "--set", "addon_restart_delay=0.02", addons=[worker])

    def ask(path):
        probes.wait(1, "weir_addon_up", addon="worker")
        return get(proxy, server.url(path))

    yield ask, probes
    server.stop()


@pytest.mark.parametrize(
    "path, outcome, status",
    [
        ("/plain", "answered", 200),
        ("/change", "changed", 200),
        ("/kill", "killed", None),
        ("/bad", "bad_reply", None),
        ("/error", "worker_error", None),
        ("/late", "timeout", None),
        ("/exit", "crash", None),
        ("/" + "x" * 5000, "too_large", None),
    ],
)
def test_every_outcome_of_an_event_is_counted(outcomes, path, outcome, status):
    ask, probes = outcomes
    probes.wait(1, "weir_addon_up", addon="worker")
    hook = "responseheaders" if path == "/late" else "request"
    before, timed = count(probes, outcome, hook), probes.value("weir_addon_event_seconds_count", addon="worker", hook=hook)
    assert ask(path) == status
    attempts = 2 if outcome == "crash" else 1
    assert count(probes, outcome, hook) == before + attempts
    assert probes.value("weir_addon_event_seconds_count", addon="worker", hook=hook) == timed + attempts


def test_retries_restarts_and_poison_are_counted(outcomes):
    ask, probes = outcomes
    retries = probes.value("weir_addon_retries_total", addon="worker", hook="request") or 0
    restarts = probes.value("weir_addon_restarts_total", addon="worker")
    poisoned = probes.value("weir_addon_poison_events_total", addon="worker", hook="request") or 0
    assert ask("/exit") is None
    assert probes.value("weir_addon_poison_events_total", addon="worker", hook="request") == poisoned + 1
    assert probes.value("weir_addon_retries_total", addon="worker", hook="request") == retries + 1
    probes.wait(restarts + 2, "weir_addon_restarts_total", addon="worker")
    probes.wait(1, "weir_addon_up", addon="worker")


@pytest.mark.parametrize("path, kind", [("/late", "late"), ("/twice", "duplicate"), ("/unknown", "unknown")])
def test_answers_that_no_event_takes_are_counted(outcomes, path, kind):
    ask, probes = outcomes
    before = probes.value("weir_addon_discarded_replies_total", addon="worker", kind=kind)
    ask(path)
    probes.wait(before + 1, "weir_addon_discarded_replies_total", addon="worker", kind=kind)


@pytest.mark.parametrize("path, kind", [("/bad", "bad_state"), ("/fixed", "read_only")])
def test_changes_that_are_refused_are_counted(outcomes, path, kind):
    ask, probes = outcomes
    before = probes.value("weir_addon_rejected_changes_total", addon="worker", hook="request", kind=kind) or 0
    ask(path)
    assert probes.value("weir_addon_rejected_changes_total", addon="worker", hook="request", kind=kind) == before + 1


def test_what_an_addon_may_not_do_is_counted(weir, addon, origin):
    probes, server = Probes(), origin()
    code = '@worker.on("request")\ndef request(message): return {"flow": {"request": {"method": "PUT"}}}\n'
    worker = addon([{"name": "request", "on_failure": "continue"}], code)
    proxy = weir(*probes.arguments, "--set", "addons.worker.changes=flow.comment", addons=[worker])
    assert get(proxy, server.url("/")) == 200
    assert probes.value("weir_addon_violations_total", addon="worker", kind="change") == 1
    assert probes.value("weir_addon_rejected_changes_total", addon="worker", hook="request", kind="denied") == 1


@pytest.mark.parametrize("path", ["/print", "/log"])
def test_lines_that_do_not_reach_the_log_are_counted(outcomes, path):
    ask, probes = outcomes
    before = probes.value("weir_addon_log_lines_dropped_total", addon="worker")
    assert ask(path) == 200
    # At a second's border ten more may pass.
    eventually(lambda: probes.value("weir_addon_log_lines_dropped_total", addon="worker") >= before + 10, what="dropped lines")


def test_a_line_that_is_no_message_is_counted(outcomes):
    ask, probes = outcomes
    before = probes.value("weir_addon_bad_lines_total", addon="worker")
    ask("/nonsense")
    probes.wait(before + 2, "weir_addon_bad_lines_total", addon="worker")
    probes.wait(1, "weir_addon_up", addon="worker")


def test_what_addons_count_has_names_and_labels_that_prometheus_allows(outcomes):
    ask, probes = outcomes
    assert ask("/count") == 200
    labels = {"path": 'a"b\\c\nd', "x__x": "1", "a_b": "2", "a_b_": "3"}
    assert probes.value("addon_seen_paths_total", **labels) == 1
    assert [family.type for family in probes.families() if family.name == "addon_seen_paths"] == ["counter"]
    samples = [sample for family in probes.open_families() if family.name == "addon_seen_paths" for sample in family.samples]
    assert sorted(sample.value for sample in samples if not sample.labels) == [5]
    assert probes.value("addon_7up_total") == 1
    assert probes.value("weir_addon_metrics_dropped_total") >= 1


def test_events_that_find_no_room_are_overload_and_those_that_wait_are_shown(weir, addon, origin):
    probes, server = Probes(), origin()
    code = '@worker.on("request")\ndef request(message):\n    while not os.path.exists(os.environ["GO"]): time.sleep(0.01)\n'
    worker = addon([{"name": "request", "on_failure": "continue", "timeout_ms": 20000}], code)
    go = worker.script.parent / "go"
    proxy = weir(
        *probes.arguments, "--set", "addon_max_in_flight=1", "--set", "addon_queue=1", addons=[worker], env={"GO": str(go)})
    threads = [threading.Thread(target=get, args=(proxy, server.url("/"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    probes.wait(1, "weir_addon_in_flight", addon="worker")
    probes.wait(1, "weir_addon_queued", addon="worker")
    assert get(proxy, server.url("/")) == 200
    assert count(probes, "overload") == 1
    leaving = proxy.connect()
    go.touch()
    for thread in threads:
        thread.join(10)
    leaving.close()
    probes.wait(0, "weir_addon_in_flight", addon="worker")
    assert probes.value("weir_addon_queued", addon="worker") == 0
    assert count(probes, "answered") == 2


def test_an_event_whose_client_leaves_is_cancelled(weir, addon, origin):
    probes, server = Probes(), origin()
    worker = addon([{"name": "request", "timeout_ms": 20000}], '@worker.on("request")\ndef request(message): return SILENT\n')
    proxy = weir(*probes.arguments, addons=[worker])
    with proxy.connect() as wire:
        wire.send(f"GET {server.url('/')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        worker.wait("request")
    eventually(lambda: count(probes, "cancelled") == 1, what="a cancelled event")


def test_observations_that_a_worker_does_not_take_are_dropped_and_counted(weir, addon, origin):
    probes, server = Probes(), origin()
    worker = addon([{"name": "request", "observe": True}], '@worker.on("request")\ndef request(message): time.sleep(60)\n')
    proxy = weir(*probes.arguments, "--set", "addon_max_bytes_in_flight=1024", "--set", "addon_kill_delay=0.05", addons=[worker])
    assert get(proxy, server.url("/")) == 200
    eventually(lambda: probes.value("weir_addon_notifications_total", addon="worker", outcome="sent"), what="a notification")
    target = server.url("/" + "x" * 15000)
    with proxy.connect() as wire:
        for _ in range(60):
            wire.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert wire.response("GET").status == 200
    dropped = probes.value("weir_addon_notifications_total", addon="worker", outcome="dropped")
    assert dropped and dropped + probes.value("weir_addon_notifications_total", addon="worker", outcome="sent") >= 61


def test_a_worker_that_answers_no_ping_is_counted_and_started_again(weir, addon):
    probes = Probes()
    worker = addon(["request"], '@worker.on("ping")\ndef ping(message): return SILENT\n')
    proxy = weir(*probes.arguments, "--set", "addon_ping_interval=0.05", "--set", "addon_ping_timeout=0.05", "--set", "addon_kill_delay=0.05", addons=[worker])
    eventually(lambda: probes.value("weir_addon_missed_pings_total", addon="worker") >= 2, what="missed pings")
    eventually(lambda: probes.value("weir_addon_restarts_total", addon="worker") >= 1, what="a restart")
    assert proxy.process.poll() is None


def test_an_open_breaker_is_shown_and_fails_events_and_readiness(weir, addon, origin):
    probes, server = Probes(), origin()
    worker = addon([{"name": "request", "on_failure": "kill"}], '@worker.on("request")\ndef request(message): os._exit(1)\n')
    proxy = weir(
        *probes.arguments, "--set", "addon_breaker_failures=2", "--set", "addon_restart_delay=0.02", "--set", "addon_breaker_pause=60",
        addons=[worker])
    assert probes.value("weir_addon_breaker", addon="worker", state="closed") == 1
    assert probes.ask("/readyz")[0] == 200
    assert get(proxy, server.url("/")) is None
    probes.wait(1, "weir_addon_restarts_total", addon="worker")
    probes.wait(1, "weir_addon_up", addon="worker")
    assert get(proxy, server.url("/")) is None
    probes.wait(1, "weir_addon_breaker", addon="worker", state="open")
    assert probes.value("weir_addon_breaker", addon="worker", state="closed") == 0
    assert probes.value("weir_addon_up", addon="worker") == 0
    assert probes.value("weir_addon_workers", addon="worker", state="not_up") == 1
    assert get(proxy, server.url("/")) is None
    assert count(probes, "breaker_open") == 1
    status, _, text = probes.ask("/readyz")
    assert (status, text) == (503, "addon 'worker' is broken, and flows fail without it\n")
    assert probes.ask("/healthz")[0] == 200


def test_an_attached_addon_is_counted_until_it_leaves(weir, addon, tmp_path, origin):
    from support.worker import Worker

    path, probes, server = tmp_path / "socket", Probes(), origin()
    proxy = weir(*probes.arguments, "--addon-socket", str(path))
    worker = Worker(tmp_path / "record", ["request"], attach=path)
    threading.Thread(target=worker.run, daemon=True).start()
    eventually(lambda: "attached" in proxy.log, what="the worker")
    name = re.search(r"\[(attached-\d+)\]", proxy.log)[1]
    probes.wait(1, "weir_addon_up", addon=name)
    assert get(proxy, server.url("/")) == 200
    assert probes.value("weir_addon_events_total", addon=name, hook="request", outcome="answered") == 1
    worker.socket.shutdown(2)
    probes.wait(None, "weir_addon_up", addon=name)
    assert name not in probes.ask("/metrics")[2]

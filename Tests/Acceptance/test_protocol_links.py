"""How workers are connected, what breaks a connection, and how everything ends."""

import os
import signal
import socket
import subprocess
import threading

import pytest

from support.proxy import ROOT, eventually

UPPER = """
@worker.on("response")
def response(message):
    headers = message["params"]["flow"]["response"]["headers"]
    return {"flow": {"response": {"headers": headers + [["X-From", "worker"]]}}}
"""

JQ = r"""if .method == "initialize" then {jsonrpc: "2.0", id, result: {hooks: ["response"]}}
  elif .method == "response" then {jsonrpc: "2.0", id, result: {flow: {response: {headers: (.params.flow.response.headers + [["x-addon", "jq"]])}}}}
  elif .id then {jsonrpc: "2.0", id, result: {}} else empty end"""


@pytest.mark.parametrize("form", ["exec", "stdio"])
def test_a_spawned_worker(weir, addon, origin, form):
    worker = addon(["response"], UPPER, form=form)
    assert weir(addons=[worker]).get(origin().url()).one("x-from") == b"worker"


def test_the_jq_program_of_the_specification_is_a_complete_addon(weir, origin, tmp_path):
    program = tmp_path / "addon.jq"
    program.write_text(JQ)
    proxy = weir(addons=[f"stdio:jq -c --unbuffered -f {program}"])
    for _ in range(3):
        assert proxy.get(origin().url()).one("x-addon") == b"jq"


def test_a_spawned_worker_inherits_nothing_but_its_sockets(weir, origin, tmp_path):
    """Descriptors 0, 1 and 2, and the sockets whose numbers WEIR_ADDON_FD and WEIR_ADDON_FDS name."""
    listing = tmp_path / "descriptors"
    script = tmp_path / "show.sh"
    # `ls` itself holds one more, the folder that it lists.
    script.write_text(f'#!/bin/sh\nls /proc/$$/fd > {listing}\necho "$WEIR_ADDON_FD $WEIR_ADDON_FDS" >> {listing}\nexec jq -c --unbuffered -f {tmp_path}/addon.jq <&3 >&3\n')
    script.chmod(0o755)
    (tmp_path / "addon.jq").write_text(JQ)
    assert weir(addons=[f"exec:{script}"]).get(origin().url()).one("x-addon") == b"jq"
    *descriptors, connection, packets = listing.read_text().split()
    assert (connection, packets) == ("3", "4")
    assert set(descriptors) - {"10", "11", "255"} == {"0", "1", "2", "3", "4"}, "10, 11 and 255 are the shell's own: its script and its saved output"


def test_an_attached_worker_joins_and_leaves_while_the_proxy_runs(weir, addon, origin, tmp_path):
    path, server = tmp_path / "addons.sock", origin()
    proxy = weir("--addon-socket", str(path))
    eventually(path.exists, 5, "the socket")
    assert path.stat().st_mode & 0o777 == 0o660
    assert proxy.get(server.url()).one("x-from") is None
    worker = addon(["response"], UPPER)
    process = subprocess.Popen(worker.command, env={**os.environ, "WEIR_ADDON_SOCKET": str(path)})
    try:
        worker.wait("initialized", seconds=10)
        assert proxy.get(server.url()).one("x-from") == b"worker"
    finally:
        process.kill()
        process.wait()
    eventually(lambda: proxy.get(server.url()).one("x-from") is None, 5, "the worker's leaving")
    proxy.stop()
    assert not path.exists(), "the socket file is removed at the end"


def test_a_stale_socket_file_is_replaced_and_a_live_one_is_not(weir, tmp_path):
    from support.proxy import free_port, run_to_end

    path = tmp_path / "addons.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    weir("--addon-socket", str(path))
    done = run_to_end("-p", str(free_port()), "--listen-host", "127.0.0.1", "--confdir", str(tmp_path / "c"), "--addon-socket", str(path))
    assert done.returncode == 1 and str(path) in done.stderr


def test_the_core_connects_to_a_listening_worker(weir, addon, origin, tmp_path):
    path = str(tmp_path / "worker.sock")
    worker = addon(["response"], UPPER, listen=path)
    process = subprocess.Popen(worker.command)
    try:
        eventually(lambda: os.path.exists(path), 5, "the worker's socket")
        assert weir(addons=[f"unix:{path}"]).get(origin().url()).one("x-from") == b"worker"
    finally:
        process.kill()
        process.wait()


GARBAGE = {
    "no JSON": "b'this is not json'",
    "a list": "b'[]'",
    "a batch": """b'[{"jsonrpc":"2.0","id":1,"result":{}}]'""",
    "a number": "b'7'",
    "two objects": "b'{} {}'",
    "a trailing comma": """b'{"jsonrpc":"2.0","id":1,"result":{},}'""",
    "invalid UTF-8": """b'{"jsonrpc":"2.0","method":"log","params":{"msg":"\\xff"}}'""",
    "a byte order mark": """b'\\xef\\xbb\\xbf{"jsonrpc":"2.0","id":1,"result":{}}'""",
    "nesting without end": "b'[' * 100_000",
    "an object that is deeper than 64": """b'{"a":' * 100 + b'1' + b'}' * 100""",
    "a line of 20 MiB": "b'x' * (20 << 20)",
}


@pytest.mark.parametrize("case", GARBAGE)
def test_a_bad_line_costs_the_connection_and_the_worker_comes_back(weir, addon, origin, case):
    code = f"""
@worker.on("request")
def request(message):
    if path(message) == "/garbage":
        try:
            worker.send_line({GARBAGE[case]})
        except OSError:
            pass
        return SILENT
    return {{"flow": {{"request": {{"path": "/handled"}}}}}}
"""
    worker, server = addon([{"name": "request", "on_failure": "continue", "timeout_ms": 8000}], code), origin()
    proxy = weir(addons=[worker])
    assert proxy.get(server.url("/garbage")).status == 200
    worker.wait("initialized", 2)
    assert proxy.get(server.url("/next")).status == 200
    assert [request.target for request in server.received] == [b"/garbage", b"/handled"]
    assert len(proxy.log.splitlines()) < 20
    assert len(proxy.log) < 20_000, "the bad line itself does not belong in the log"


@pytest.mark.parametrize("reply", ['"flow":{"comment":"a","comment":"b"}', '"flow":{"request":{"path":"/a","path":"/b"}}', '"kill":false,"kill":true'])
def test_duplicate_keys_are_rejected_and_neither_value_is_applied(weir, addon, origin, reply):
    code = f"""
@worker.on("request")
def request(message):
    if path(message) == "/twice":
        worker.send_line(b'{{"jsonrpc":"2.0","id":%d,"result":{{{reply}}}}}' % message["id"])
        return SILENT
"""
    worker, last, server = addon([{"name": "request", "timeout_ms": 3000}], code), addon(["response"], name="last"), origin()
    proxy = weir(addons=[worker, last])
    assert proxy.get(server.url("/twice")).status == 200
    eventually(lambda: worker.messages("initialized"), 5)
    assert proxy.get(server.url("/once")).status == 200
    assert [request.target for request in server.received] == [b"/twice", b"/once"]
    assert last.messages("response")[0]["params"]["flow"]["comment"] == ""
    proxy.wait_log("worker.*duplicate")


def test_a_reply_in_many_pieces_is_one_reply(weir, addon, origin):
    code = """
@worker.on("request")
def request(message):
    line = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"flow": {"request": {"path": "/pieces"}}}}).encode() + b"\\n"
    for byte in line:
        worker.outgoing.write(bytes([byte]))
        worker.outgoing.flush()
    return SILENT
"""
    worker, server = addon(["request"], code), origin()
    assert weir(addons=[worker]).get(server.url()).status == 200
    assert server.received[0].target == b"/pieces"


def test_half_a_line_and_the_end_costs_the_event_and_does_not_spin(weir, addon, origin):
    code = """
@worker.on("request")
def request(message):
    worker.outgoing.write(b'{"jsonrpc":"2.0","id":')
    worker.outgoing.flush()
    os._exit(0)
"""
    worker, server = addon([{"name": "request", "on_failure": "continue"}], code), origin()
    proxy = weir(addons=[worker])
    assert proxy.get(server.url()).status == 200
    eventually(lambda: len(worker.messages("initialize")) >= 2, 5, "the restart")
    ticks = cpu_ticks(proxy.process.pid)
    end = threading.Event()
    end.wait(0.5)
    assert cpu_ticks(proxy.process.pid) - ticks < 20, "the proxy uses the processor with nothing to do"


def cpu_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_a_worker_that_never_reads_does_not_stop_the_others_or_fill_the_memory(weir, addon, origin):
    """Its observe events are dropped."""
    code = "worker.on('request')(lambda message: time.sleep(60))"
    deaf, server = addon([{"name": "request", "observe": True}], code), origin()
    proxy = weir(addons=[deaf])
    with proxy.connect() as wire:
        for n in range(1500):
            wire.send(f"GET {server.url(f'/{n}')} HTTP/1.1\r\nHost: {server.authority}\r\nX-Fill: {'f' * 4000}\r\n\r\n".encode())
            assert wire.response().status == 200
    with open(f"/proc/{proxy.process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 300_000, f"{peak} kB at the peak"


def test_at_the_end_a_worker_gets_done_and_shutdown_and_may_finish_what_it_has(weir, addon, origin):
    code = """
@worker.on("request")
def request(message):
    time.sleep(0.7)
    return {"flow": {"request": {"path": "/finished"}}}
"""
    worker, server, answers = addon(["request", "done"], code), origin(), []
    proxy = weir(addons=[worker])
    thread = threading.Thread(target=lambda: answers.append(proxy.get(server.url("/begun"))), daemon=True)
    thread.start()
    worker.wait("request")
    proxy.stop()
    thread.join(5)
    assert answers and answers[0].status == 200
    assert server.received[0].target == b"/finished"
    assert worker.events()[-1] == "done"
    methods = [message["method"] for message in worker.messages()]
    assert "shutdown" in methods and methods.index("done") < methods.index("shutdown")


def test_a_worker_that_ignores_the_end_is_ended(weir, addon):
    code = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker.on("done", "shutdown", "drain")(lambda message: time.sleep(60))
"""
    worker = addon(["running", "done"], code)
    proxy = weir("--set", "addon_timeout=1", "--set", "addon_kill_delay=0.5", addons=[worker])
    worker.wait("running")
    pid = worker.pids()[0]
    proxy.stop(seconds=12)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), 2, "the worker's end")


def test_no_worker_outlives_a_proxy_that_was_killed(weir, addon):
    worker = addon(["running"])
    proxy = weir(addons=[worker])
    worker.wait("running")
    pid = worker.pids()[0]
    proxy.process.send_signal(signal.SIGKILL)
    proxy.process.wait(5)
    proxy.stopped = True
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), 5, "the worker's end")


def test_a_second_start_of_the_same_script_is_a_second_worker(weir, addon, origin):
    worker = addon(["response"], UPPER)
    proxy = weir(addons=[worker, worker])
    assert proxy.get(origin().url()).all("x-from") == [b"worker", b"worker"]
    assert len(worker.pids("initialize")) == 2


def test_the_readme_names_what_a_worker_needs():
    text = (ROOT / "Protocol" / "README.md").read_text()
    for word in ("WEIR_ADDON_FD", "WEIR_ADDON_SOCKET", "initialize", "initialized", "on_failure", "timeout_ms", "b64", "omitted", "cancel"):
        assert word in text, word

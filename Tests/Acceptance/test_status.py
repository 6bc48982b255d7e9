"""`weir status` and `weir addons`: how a running core and its addons stand, for people and for scripts."""

import json
import os
import re
import shutil
import signal
import threading

import pytest

from support.proxy import ROOT, eventually, run_to_end


class Core:
    """A proxy with an addon socket, and the commands that ask it."""

    def __init__(self, weir, folder, *arguments, **options):
        self.path = folder / "control"
        self.proxy = weir("--addon-socket", str(self.path), *arguments, **options)

    def run(self, *arguments):
        return run_to_end(*arguments, "--socket", str(self.path))

    def json(self, command):
        return json.loads(self.run(command, "--json").stdout)

    def addon(self, name="worker"):
        return next(addon for addon in self.json("addons")["addons"] if addon["name"] == name)


@pytest.fixture
def core(weir, tmp_path):
    return lambda *arguments, **options: Core(weir, tmp_path, *arguments, **options)


def test_a_core_that_is_well(core, addon, origin):
    server = origin()
    running = core("--set", "metrics_listen=127.0.0.1:0", addons=[addon([{"name": "request", "on_failure": "kill"}, "response"])])
    assert running.proxy.get(server.url("/")).status == 200
    status = running.run("status")
    assert (status.returncode, status.stderr) == (0, "")
    rows = dict(re.findall(r"^(\S+(?: \S+)*) {2,}(.*)$", status.stdout, re.M))
    assert rows["weir"] == f"0.1.0, process {running.proxy.process.pid}, running"
    assert re.fullmatch(r"\d+s", rows["up"])
    assert rows["listening"] == f"regular at 127.0.0.1:{running.proxy.port}"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", rows["metrics"])
    assert rows["flows"] == "0 live, 0 of them held, 1 ended in the store"
    assert rows["addons"] == "1 up"
    state = running.json("status")
    assert (state["ready"], state["well"], state["obstacles"], state["addons"]["up"]) == (True, True, [], 1)
    assert state["line"] == "running: 1 of 1 addons up, 0 clients, 0 live flows"


def test_addons_are_listed_with_what_they_are_granted_and_their_order(core, addon, origin):
    server = origin()
    first = addon([{"name": "request", "order": 5}], name="first", result={"permissions": ["metrics.add"]})
    second = addon(["request", {"name": "response", "observe": True, "filter": "~u /x"}], name="second")
    running = core(addons=[first, second])
    assert running.proxy.get(server.url("/")).status == 200
    listing = running.run("addons")
    assert listing.returncode == 0, listing
    table, granted, order = re.fullmatch(r"(NAME.*?)\n\n(granted:\n.*?)(order:\n.*)", listing.stdout, re.S).groups()
    rows = [re.split(r" {2,}", line) for line in table.splitlines()]
    assert rows[0] == ["NAME", "LEVEL", "STATE", "GEN", "PID", "UP", "RESTARTS", "IN FLIGHT", "QUEUED", "LATE", "P50", "P99"]
    for row, worker in zip(rows[1:], [first, second], strict=True):
        assert row[0] == worker.name and row[2:4] == ["up", "1"]
        assert int(row[4]) == worker.pids()[0]
        assert row[6:10] == ["0"] * 4
        assert re.fullmatch(r"\d+(\.\d)?ms", row[10])
    assert re.search(r"^  first +request on_failure=continue\n +calls metrics.add$", granted, re.M)
    assert second.name in granted and "calls" not in granted.split("second")[1]
    assert re.search(r"^ +response observe on_failure=continue filter=~u /x$", granted, re.M)
    assert re.search(r"^  request +second > first\n", order, re.M)
    assert re.search(r"^  response +second\n", order, re.M)
    assert [state["name"] for state in running.json("addons")["addons"]] == ["first", "second"]
    assert running.json("addons")["chains"]["request"] == ["second", "first"]


def test_held_flows_are_counted(core, origin):
    running = core("--set", "intercept=~u /held & ~q")
    server = origin()
    thread = threading.Thread(target=lambda: running.proxy.get(server.url("/held")))
    thread.start()
    eventually(lambda: running.json("status")["flows"]["held"] == 1, what="a held flow")
    state = running.json("status")
    assert (state["flows"]["live"], state["clients"]) == (1, 1)
    identifier = run_to_end("flow", "ls", "--socket", str(running.path)).stdout.split()[0]
    assert running.run("flow", "resume", identifier).returncode == 0
    thread.join(10)
    eventually(lambda: running.json("status")["flows"]["live"] == 0, what="its end")


def test_an_addon_that_is_left_alone_is_degraded_and_named(core, addon, origin):
    server = origin()
    worker = addon([{"name": "request", "on_failure": "kill"}], '@worker.on("request")\ndef request(message): os._exit(3)\n')
    running = core("--set", "addon_breaker_failures=1", addons=[worker])
    assert running.run("status").returncode == 0
    with running.proxy.connect() as wire:
        wire.send(f"GET {server.url('/')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert wire.to_end() == b""
    eventually(lambda: running.run("status").returncode == 1, what="degradation")
    eventually(lambda: running.addon()["state"] == "broken", what="the breaker")
    status = running.run("status").stdout
    assert "1 broken: worker\n" in status
    assert "not ready  addon 'worker' is broken, and flows fail without it\n" in status
    state = running.addon()
    assert (state["breaker"], state["required"]) == ("open", True)
    assert state["workers"][0]["pid"] is None
    assert "exited with status 3" in state["workers"][0]["died"]
    assert running.run("addons").returncode == 1


def test_a_restart_shows_in_the_listing(core, addon):
    running = core("--set", "addon_restart_delay=0.02", addons=[addon(["request"])])
    before = running.addon()["workers"][0]
    os.kill(before["pid"], signal.SIGKILL)
    after = eventually(lambda: (w := running.addon()["workers"][0])["state"] == "up" and w["restarts"] == 1 and w, what="a restart")
    assert after["pid"] != before["pid"] and after["since"] > before["since"]


def test_a_pool_has_a_row_for_each_worker_and_a_reload_a_generation(core, addon):
    running = core("--set", "addon_workers=2", addons=[addon(["request"])])
    lines = running.run("addons").stdout.splitlines()
    assert re.match(r"worker +\S.* up +1 +2 workers ", lines[1])
    assert [re.split(r" {2,}", line.strip())[0] for line in lines[2:4]] == ["worker.0.1", "worker.0.2"]
    assert running.run("addon", "reload", "worker").returncode == 0
    eventually(lambda: len(running.addon()["workers"]) == 2 and running.addon()["generation"] == 2, what="the old ones' end")
    assert running.run("addons").returncode == 0


def test_the_level_is_shown_with_the_layers_that_the_kernel_gave(core, tmp_path):
    folder = tmp_path / "addons"
    folder.mkdir()
    shutil.copy(ROOT / "Tests/Acceptance/support/worker.py", folder / "support_worker.py")
    script = folder / "guest.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(folder)!r})\nfrom support_worker import Worker\nWorker('/dev/null', ['request']).run()\n")
    running = core(addons=[f"exec:python3 {script}"], level=None)
    state = running.addon("guest")
    assert (state["level"], state["layers"]["level"], state["layers"]["seccomp"]) == ("confined", "confined", True)
    row = running.run("addons").stdout.splitlines()[1]
    assert re.match(r"guest  confined \(.*\bseccomp\b.*\)  up  ", row), row


def test_what_the_operator_granted_is_listed(core, addon):
    limits = {"filter": "~m GET", "reads": "flow.request", "changes": "flow.comment", "hide": "cookie"}
    words = [word for name, value in limits.items() for word in ("--set", f"addons.worker.{name}={value}")]
    running = core(*words, addons=[addon(["request"])])
    assert running.addon()["grants"]["reads"] == ["flow.request"]
    text = running.run("addons").stdout
    for line in ["filter ~m GET", "reads flow.request", "changes flow.comment", "hidden "]:
        assert line in text, text


def test_a_core_that_cannot_be_reached_is_status_2(tmp_path):
    for command in ["status", "addons"]:
        run = run_to_end(command, "--socket", str(tmp_path / "absent"))
        assert (run.returncode, run.stdout) == (2, "")
        assert "is a core running with --addon-socket?" in run.stderr
        run = run_to_end(command, env={"WEIR_ADDON_SOCKET": ""})
        assert run.returncode == 2 and "--socket PATH" in run.stderr
        assert run_to_end(command, "--no-such-flag").returncode == 2
        assert run_to_end(command, "--help").returncode == 0


def test_the_socket_may_stand_in_the_environment(core):
    running = core()
    run = run_to_end("status", env={"WEIR_ADDON_SOCKET": str(running.path)})
    assert run.returncode == 0 and "addons     none\n" in run.stdout

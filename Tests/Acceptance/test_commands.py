"""Commands that workers offer to each other, and the counters that they keep in the core."""

import time

import pytest

from support.calls import asked, refused
from support.proxy import run_to_end

CALLS = ["command.call", "metrics.add", "metrics.get"]
DOUBLE = {"name": "math.double", "help": "Doubles a number.", "arguments": "n: int", "result": "int"}
CODE = """
@worker.on("command")
def command(message):
    params = message["params"]
    n = params["args"]["n"]
    if n == "hang": time.sleep(9)
    if n == "crash": os._exit(1)
    if n is None: raise Failure("n is missing")
    return {"doubled": 2 * n, "caller": params["caller"]}
"""


@pytest.fixture
def callee(addon):
    return addon([], CODE, name="callee", threads=True, result={"commands": [DOUBLE]})


def test_a_command_runs_in_the_worker_that_offers_it(callee, caller):
    _, worker = caller(addons=[callee], permissions=CALLS)
    answer = asked(worker, "command.call", name="math.double", args={"n": 21})["result"]
    assert answer["doubled"] == 42 and answer["caller"]
    error = refused(worker, "command.call", name="math.double", args={"n": None})
    assert (error["code"], error["data"]["kind"]) == (-32000, "worker_error") and "n is missing" in error["message"]
    error = refused(worker, "command.call", name="math.triple")
    assert (error["code"], error["data"]["kind"]) == (-32015, "no_command") and "math.triple" in error["message"]


def test_a_callee_that_hangs_or_dies_costs_the_call_only(callee, caller):
    _, worker = caller(addons=[callee], permissions=CALLS)
    begun = time.monotonic()
    error = refused(worker, "command.call", name="math.double", args={"n": "hang"}, timeout_ms=300)
    assert (error["code"], error["data"]["kind"]) == (-32007, "timeout") and time.monotonic() - begun < 3
    error = refused(worker, "command.call", name="math.double", args={"n": "crash"})
    assert (error["code"], error["data"]["kind"]) == (-32009, "gone"), error
    callee.wait("initialize", 2)
    callee.wait("initialized", 2)
    assert asked(worker, "command.call", name="math.double", args={"n": 2})["result"]["doubled"] == 4


def test_a_worker_that_is_down_is_named(addon, caller):
    final = addon([], '@worker.on("command")\ndef command(message): os._exit(100)', name="final", result={"commands": [DOUBLE]})
    proxy, worker = caller("--set", "addon_restart_delay=20", addons=[final], permissions=CALLS)
    refused(worker, "command.call", name="math.double")
    proxy.wait_log(r"final\] died|starting it again|not to be started")
    error = refused(worker, "command.call", name="math.double")
    assert (error["code"], error["data"]["kind"]) == (-32009, "gone") and "addon 'final'" in error["message"]


def test_a_command_of_ones_own_is_refused_at_once(caller):
    _, worker = caller(permissions=CALLS, commands=[DOUBLE])
    begun = time.monotonic()
    assert refused(worker, "command.call", name="math.double")["data"]["kind"] == "conflict"
    assert time.monotonic() - begun < 2


def test_two_workers_that_wait_for_each_other_both_end(addon, weir, origin):
    """Each has one thread, and reads nothing but the answer to its call meanwhile: the deadlines end it."""
    code = """
@worker.on("request", "command")
def wait(message):
    call = {{"name": "{other}", "timeout_ms": {timeout}}}
    worker.send({{"jsonrpc": "2.0", "id": "c", "method": "command.call", "params": call}})
    while True:
        line = json.loads(worker.incoming.readline())
        if line.get("id") == "c":
            worker.note(answer=line)
            return {{}}
"""
    pair = [
        addon(hooks, code.format(other=other, timeout=timeout), name=name, result={"commands": [{**DOUBLE, "name": name}], "permissions": CALLS})
        for name, other, hooks, timeout in (("left", "right", ["request"], 900), ("right", "left", [], 300))
    ]
    proxy = weir(addons=pair)
    begun = time.monotonic()
    assert proxy.get(origin().url("/")).status == 200
    assert time.monotonic() - begun < 3
    left, right = ([record["answer"] for record in worker.records() if "answer" in record] for worker in pair)
    assert left[0]["result"] == {"result": {}}, left
    assert right[0]["error"]["data"]["kind"] == "timeout", right


def test_commands_are_listed_and_a_name_belongs_to_one(addon, callee, tmp_path):
    listed = run_to_end("--addon", callee.spec, "--confdir", str(tmp_path), "--commands")
    assert (listed.returncode, listed.stdout) == (0, "# Doubles a number.\nmath.double n: int -> int\n"), listed.stderr
    second = addon([], name="second", result={"commands": [DOUBLE]})
    twice = run_to_end("--addon", callee.spec, "--addon", second.spec, "--confdir", str(tmp_path))
    assert twice.returncode == 1 and "commands[0].name: addon '" in twice.stderr and "'math.double' already" in twice.stderr


def test_metrics_are_added_by_call_notification_and_reply(addon, caller, origin):
    code = '@worker.on("request")\ndef request(message): return {"metrics": [{"name": "seen", "labels": {"method": message["params"]["flow"]["request"]["method"]}}]}'
    counting = addon(["request"], code, name="counting", result={"permissions": ["metrics.add"]})
    proxy, worker = caller(addons=[counting], permissions=CALLS)
    url = origin().url("/")
    proxy.get(url), proxy.get(url)
    worker.notify("metrics.add", name="seen", value=3)
    assert asked(worker, "metrics.add", metrics=[{"name": "size", "value": 0.5}, {"name": "size"}]) == {"dropped": 0}
    assert asked(worker, "metrics.get") == {
        "metrics": [
            {"name": "seen", "labels": {}, "value": 3},
            {"name": "seen", "labels": {"method": "GET"}, "value": 2},
            {"name": "size", "labels": {}, "value": 1.5},
        ],
        "dropped": 0,
    }


def test_metrics_are_bounded_and_what_is_over_is_counted_and_logged_once(caller):
    proxy, worker = caller(permissions=CALLS)
    assert asked(worker, "metrics.add", metrics=[{"name": f"n{number}"} for number in range(1010)]) == {"dropped": 10}
    bad = [{"name": ""}, {"name": "n" * 101}, {"name": "a b"}, {"name": "n1", "value": -1}, {"name": "n1", "value": "2"}, {"name": "n1", "labels": {"l": "v" * 101}}, 7]
    assert asked(worker, "metrics.add", metrics=bad) == {"dropped": len(bad)}
    assert asked(worker, "metrics.add", metrics=[{"name": "n1"}]) == {"dropped": 0}
    state = asked(worker, "metrics.get")
    assert len(state["metrics"]) == 1000 and state["dropped"] == 10 + len(bad)
    assert proxy.log.count("a metric was dropped: there are 1000 series already") == 1
    assert proxy.log.count("metric was dropped") == 1


def test_metrics_without_the_permission_are_dropped(addon, caller, origin):
    code = '@worker.on("request")\ndef request(message): return {"metrics": [{"name": "seen"}]}'
    proxy, worker = caller(addons=[addon(["request"], code, name="counting")], permissions=CALLS)
    assert proxy.get(origin().url("/")).status == 200
    proxy.wait_log("not granted 'metrics.add'")
    assert asked(worker, "metrics.get")["metrics"] == []

"""The table of limits: for each bound of the protocol, a dialogue that reaches it, which works, and one step more, which is refused as
documented and harms nothing else.

What is bounded in the connection itself is here; flows and bodies are in `test_limits_of_flows.py`.
"""

import json
import re

import pytest

from support.calls import Getting
from support.peer import Peer
from support.proxy import eventually
from support.wire import Closed

NOTE = b'{"jsonrpc":"2.0","method":"nothing","params":%s}'
LINE = 300_000


@pytest.fixture
def core(weir, tmp_path):
    """`core(option=value, …)` starts a proxy; the fixture's `peer(result)` attaches to it."""

    def start(*arguments, **options):
        settings = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
        run = weir("--addon-socket", str(tmp_path / "addons"), *settings, *arguments)
        run.peer = lambda result={}: Peer(tmp_path / "addons", result)
        return run

    return start


@pytest.fixture(scope="module")
def shared(module_weir, tmp_path_factory):
    path = tmp_path_factory.mktemp("limits") / "addons"
    run = module_weir("--addon-socket", str(path), "--set", f"addon_line_limit={LINE}")
    run.peer = lambda result={}: Peer(path, result)
    return run


# Lines



def note(size: int) -> bytes:
    start, end = (NOTE % b"@").split(b"@")
    return start + b'"' + b"x" * (size - len(start) - len(end) - 2) + b'"' + end


def nested(depth: int) -> bytes:
    return NOTE % (b"[" * (depth - 1) + b"]" * (depth - 1))


LINES = {
    # bound: the line that reaches it, one step more, what the log says of that
    "bytes of a line (addon_line_limit)": (note(LINE), note(LINE + 1), f"a line of more than {LINE} bytes"),
    "depth": (nested(64), nested(65), "nesting deeper than 64"),
    "values of a line": (NOTE % (b"[" + b"0," * 99_996 + b"0]"), NOTE % (b"[" + b"0," * 99_997 + b"0]"), "more than 100000 values"),
    "integers": (NOTE % b"[9007199254740992,-9007199254740992]", NOTE % b"[9007199254740993]", "integer beyond 2.53"),
    "negative integers": (NOTE % b"[-9007199254740992]", NOTE % b"[-9007199254740993]", "integer beyond 2.53"),
    "doubles": (NOTE % b"[1.7e308]", NOTE % b"[1.8e308]", "a number is too large"),
    "members of one name": (NOTE % b'{"a":1,"b":1}', NOTE % b'{"a":1,"a":1}', "duplicate name"),
    "a call's id": (
        b'{"jsonrpc":"2.0","id":"%s","method":"nothing"}' % (b"x" * 256),
        b'{"jsonrpc":"2.0","id":"%s","method":"nothing"}' % (b"x" * 257),
        "id: expected a number or a string of at most 256 bytes",
    ),
}


@pytest.mark.parametrize("bound", LINES)
def test_a_line_at_the_bound_is_read_and_one_beyond_costs_its_connection(shared, bound):
    at, more, why = LINES[bound]
    bystander, peer = shared.peer(), shared.peer()
    peer.raw(at)
    assert peer.lives()
    peer.raw(more)
    peer.wait_closed(5)
    shared.wait_log(why)
    assert bystander.lives()
    bystander.close()


# The answer to `initialize`


def hook(**members) -> dict:
    return {"hooks": [{"name": "request", **members}]}


def many(count: int, entry) -> list:
    return [entry(n) for n in range(count)]


def option(name: str, default: str = "") -> dict:
    return {"name": name, "type": "str", "default": default}


ANSWERS = {
    "protocol": ({"protocol": 1}, {"protocol": 2}, "version 2 was not offered"),
    "max_line": ({"limits": {"max_line": 1024}}, {"limits": {"max_line": 1023}}, "expected at least 1024"),
    "max_in_flight": ({"limits": {"max_in_flight": 1}}, {"limits": {"max_in_flight": 0}}, "expected a number above 0"),
    "timeout_ms": (hook(timeout_ms=1), hook(timeout_ms=0), "expected a number above 0"),
    "the same hook": ({"hooks": ["request"] * 8}, {"hooks": ["request"] * 9}, "the same hook at most 8 times"),
    "hooks": ({"hooks": ["log", "tick"]}, {"hooks": ["log"] * 129}, "hooks: expected at most 128 entries"),
    "permissions": ({"permissions": ["flow.get"] * 128}, {"permissions": ["flow.get"] * 129}, "permissions: expected at most 128"),
    "fields": (hook(fields=["flow.id"] * 128), hook(fields=["flow.id"] * 129), "fields: expected at most 128"),
    "commands": (
        {"commands": many(128, lambda n: {"name": f"a{n}"})},
        {"commands": many(129, lambda n: {"name": f"b{n}"})},
        "commands: expected at most 128",
    ),
    "options": ({"options": many(128, lambda n: option(f"c{n}"))}, {"options": many(129, lambda n: option(f"d{n}"))}, "options: expected at most 128"),
    "bytes of all options": ({"options": [option("short", "x" * 20_000)]}, {"options": [option("long", "x" * 40_000)]}, "have more than 40000 bytes"),
    "an option's name": ({"options": [option("e" * 64)]}, {"options": [option("e" * 65)]}, "at most 64 letters"),
    "a command's name": ({"commands": [{"name": "f" * 64}]}, {"commands": [{"name": "f" * 65}]}, "at most 64 letters"),
    "preview": (hook(content={"preview": 262_144}), hook(content={"preview": 262_145}), "preview.: 1 to 262144"),
    "an empty preview": (hook(content={"preview": 1}), hook(content={"preview": 0}), "preview.: 1 to 262144"),
    "a filter": (hook(filter="~q " * 5461), hook(filter="~q " * 5461 + "~q"), "longer than 16384 bytes"),
    "a regular expression": (hook(filter="~u " + "x" * 4096), hook(filter="~u " + "x" * 4097), "longer than 4096 bytes"),
    "retry": (hook(on_failure="retry", idempotent=True), hook(on_failure="retry"), "retry needs idempotent"),
}


@pytest.mark.parametrize("bound", ANSWERS)
def test_an_answer_to_initialize_at_the_bound_is_granted_and_one_beyond_ends_the_connection(shared, bound):
    at, more, why = ANSWERS[bound]
    peer = shared.peer(at)
    assert peer.initialized is not None, shared.log[-1000:]
    assert peer.lives()
    peer.close()
    assert shared.peer(more).initialized is None
    shared.wait_log(why)


def test_a_timeout_is_granted_up_to_the_extension_limit(shared):
    assert shared.peer(hook(timeout_ms=60_000)).initialized["hooks"][0]["timeout_ms"] == 60_000
    assert shared.peer(hook(timeout_ms=60_001)).initialized["hooks"][0]["timeout_ms"] == 60_000


def test_the_handshake_has_its_time_and_no_more(core):
    run = core(addon_handshake_timeout=1)
    peer = run.peer(None)
    assert peer.silent(0.5)
    assert peer.shake({}) is not None
    late = run.peer(None)
    assert 0.5 < late.wait_closed(3) < 2
    run.wait_log("no answer to initialize within 1000 ms")
    assert peer.lives()


def test_so_many_workers_are_attached_at_a_time(core):
    run = core(addon_max_attached=2)
    peers = [run.peer(), run.peer()]
    with pytest.raises((Closed, ConnectionError)):
        run.peer()
    run.wait_log("2 workers are attached; see addon_max_attached")
    assert all(peer.lives() for peer in peers)
    peers.pop().close()
    assert eventually(lambda: attached(run), what="a place for another").lives()


def attached(run):
    try:
        return run.peer()
    except (Closed, ConnectionError):
        return None


# Life


def test_a_worker_may_miss_one_ping_and_not_two(core):
    run = core(addon_ping_interval=0.3, addon_ping_timeout=0.3)
    peer = run.peer()
    peer.event("ping")
    second = peer.event("ping")
    peer.answer(second)
    ping = peer.event("ping")
    peer.answer(ping)
    assert peer.lives()
    peer.wait_closed(5)
    run.wait_log("it does not answer")


def test_bytes_of_a_line_without_an_end_are_no_sign_of_life(core):
    run = core(addon_ping_interval=0.3, addon_ping_timeout=0.3)
    peer = run.peer()
    with pytest.raises((Closed, ConnectionError)):
        for _ in range(100):
            peer.wire.send(b" ")
            assert peer.event("ping")
    run.wait_log("it does not answer")


# Calls


def test_so_many_calls_are_answered_at_a_time(core, origin):
    run, server = core(intercept="~q", addon_max_calls=3), origin()
    peer = run.peer({"permissions": ["flow.list", "flow.wait", "flow.resume"]})
    client = Getting(run, server.url())
    flow = eventually(lambda: peer.call("flow.list")["result"]["flows"], what="the flow")[0]["id"]
    waits = [peer.begin("flow.wait", id=flow) for _ in range(3)]
    error = peer.call("flow.resume", id=flow)["error"]
    assert (error["code"], error["data"]["kind"]) == (-32010, "overloaded")
    other = run.peer({"permissions": ["flow.resume"]})
    assert other.call("flow.resume", id=flow)["result"] == {}
    assert all("result" in peer.end(number) for number in waits)
    assert "result" in peer.call("flow.list")
    assert client.end().status == 200


def test_an_answer_has_room_in_the_workers_line_or_is_refused(core):
    run = core()
    peer = run.peer({"permissions": ["options.get", "options.set"], "options": [option("text")], "limits": {"max_line": 1024}})
    room = 1024 - len(json.dumps({"jsonrpc": "2.0", "id": 2, "result": {"options": {"text": ""}}}, separators=(",", ":")))
    assert peer.call("options.set", options={"text": "x" * room})["result"] == {}
    assert peer.call("options.get", names=["text"])["result"]["options"]["text"] == "x" * room
    assert peer.length == 1024
    assert peer.call("options.set", options={"text": "x" * (room + 1)})["result"] == {}
    assert peer.call("options.get", names=["text"])["error"]["data"]["kind"] == "too_large"
    assert peer.lives()


def test_the_values_of_all_options_are_bounded_for_those_who_set_them(core):
    run = core()
    peer = run.peer({"permissions": ["options.set"], "options": [option("text")]})
    assert peer.call("options.set", options={"text": "x" * 20_000})["result"] == {}
    error = peer.call("options.set", options={"text": "x" * 40_000})["error"]
    assert error["data"] == {"kind": "bad_state", "path": "options.text"}
    assert run.peer().initialize["params"]["options"]["text"] == "x" * 20_000


def metric(**members) -> dict:
    return {"metrics": [{"name": "seen", **members}]}


METRICS = {
    "labels": (metric(labels={f"l{n}": "" for n in range(8)}), metric(labels={f"l{n}": "" for n in range(9)})),
    "a name": ({"metrics": [{"name": "n" * 100}]}, {"metrics": [{"name": "n" * 101}]}),
    "a label's name": (metric(labels={"l" * 100: ""}), metric(labels={"l" * 101: ""})),
    "a label's text": (metric(labels={"l": "t" * 100}), metric(labels={"l": "t" * 101})),
    "a value": (metric(value=0), metric(value=-1)),
    "a sum": (metric(value=1.7e308, labels={"s": "s"}), metric(value=1.7e308, labels={"s": "s"})),
}


def test_counters_are_bounded_in_number_and_length(core):
    run = core()
    peer = run.peer({"permissions": ["metrics.add", "metrics.get"]})
    for bound, (at, more) in METRICS.items():
        assert peer.call("metrics.add", **at)["result"] == {"dropped": 0}, bound
        assert peer.call("metrics.add", **more)["result"] == {"dropped": 1}, bound
    own = [one for one in peer.call("metrics.get")["result"]["metrics"] if not one["name"].startswith("weir_")]
    left = 1000 - len(own)
    assert peer.call("metrics.add", metrics=many(left, lambda n: {"name": f"m{n}"}))["result"] == {"dropped": 0}
    assert peer.call("metrics.add", metrics=[{"name": "more"}, {"name": "m0"}])["result"] == {"dropped": 1}, "one that is there goes on"


# The log


def test_so_many_lines_a_second_reach_the_log_and_the_rest_is_counted(core):
    run = core(addon_log_rate=5)
    peer = run.peer()
    for n in range(6):
        peer.notify("log", level="info", msg=f"entry {n}")
    assert peer.lives()
    run.wait_log("entry 4")
    assert "entry 5" not in run.log
    eventually(lambda: peer.notify("log", msg="later") or re.search(r"\([1-9]\d* lines suppressed\)", run.log), 3, "the count")


def test_a_line_of_the_log_is_cut_and_cannot_be_forged(core):
    run = core(addon_log_line=64)
    peer = run.peer()
    peer.notify("log", msg="a" * 64)
    peer.notify("log", msg="b" * 65)
    peer.notify("log", msg="c\n[12:00:00.000] error: forged\x1b[31m\x9b2J\u2028")
    peer.notify("log", msg="end")
    run.wait_log(r"\] end\n")
    assert "a" * 64 + "\n" in run.log
    assert "b" * 64 + "…\n" in run.log and "b" * 65 not in run.log
    assert r"c\x0a[12:00:00.000] error: forged\x1b[31m\x9b2J" in run.log


# Deaths


SELF = """#!/usr/bin/env python3
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "initialize":
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"hooks": ["running"]}}), flush=True)
    elif message["method"] == "running":
        with open(%r, "ab") as file:
            file.write(b"x")
        os._exit(%d)
    elif "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}), flush=True)
"""


def mortal(folder, status: int):
    script, starts = folder / "mortal.py", folder / "starts"
    script.write_text(SELF % (str(starts), status))
    script.chmod(0o755)
    return f"stdio:{script}", lambda: starts.stat().st_size if starts.exists() else 0


def test_so_many_deaths_open_the_breaker_and_after_its_pause_there_is_one_more_try(weir, tmp_path):
    spec, starts = mortal(tmp_path, 1)
    run = weir("--set", "addon_restart_delay=0.01", "--set", "addon_breaker_failures=3", "--set", "addon_breaker_pause=0.7", addons=[spec])
    run.wait_log("failed too often and is left alone for 0.7 s")
    assert starts() == 3
    eventually(lambda: starts() == 4, 3, "the one try")
    eventually(lambda: run.log.count("is left alone") == 2, 3, "the breaker's opening anew")
    assert starts() == 4


def test_a_worker_that_leaves_with_status_78_is_not_started_again(weir, tmp_path):
    spec, starts = mortal(tmp_path, 78)
    run = weir("--set", "addon_restart_delay=0.01", addons=[spec])
    run.wait_log("it asked not to be started again")
    assert starts() == 1


def test_the_delay_between_starts_has_a_maximum(weir, tmp_path):
    spec, starts = mortal(tmp_path, 1)
    weir("--set", "addon_restart_delay=0.05", "--set", "addon_restart_delay_max=0.05", "--set", "addon_breaker_failures=100", addons=[spec])
    # Doubling from 0.05 s, ten starts would take 25 s.
    eventually(lambda: starts() >= 10, 8, "ten starts")

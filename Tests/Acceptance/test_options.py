"""Options: the configuration file, those that workers declare, and changes while the proxy runs with their vetoes."""

import json
import re
import threading
import time

import pytest

from support.calls import Getting, asked, refused, standing
from support.proxy import eventually, run_to_end

CALLS = ["options.get", "options.set", "flow.list", "flow.resume"]
SIZE = {"name": "size", "type": "int", "default": 3, "help": "How much."}
VETO = """
@worker.on("configure")
def configure(message):
    if message["params"]["options"]["size"] > 100:
        raise Failure("size is too large")
"""


def declaring(*options, **members):
    return {"options": list(options), "permissions": CALLS, **members}


def configured(addon):
    """What the addon was told: the names that changed and the value of `size`."""
    return [(m["params"]["updated"], m["params"]["options"].get("size")) for m in addon.messages("configure")]


def confdir(tmp_path, text, name="config.yaml"):
    folder = tmp_path / "conf"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "text, message",
    [
        ("tcp_timeout: soon\n", r'config\.yaml:1: option tcp_timeout: expected int, found a string, "soon"'),
        ("# one\ntcp_timeout: 5\nnobody_knows: 1\n", r"config\.yaml:3: unknown option 'nobody_knows'"),
        ("connection_strategy: sometimes\n", r"config\.yaml:1: option connection_strategy: expected one of eager, lazy, found 'sometimes'"),
        ("intercept: '~nothing'\n", r"config\.yaml:1: option intercept: .*~nothing"),
        ("tcp_timeout: [1\n", r"config\.yaml:\d+: not YAML"),
    ],
)
def test_a_wrong_configuration_file_ends_the_start_with_its_line(tmp_path, text, message):
    done = run_to_end("--confdir", str(confdir(tmp_path, text)))
    assert done.returncode == 2 and re.search(message, done.stderr), (done.returncode, done.stderr)


def test_the_command_line_comes_after_the_file_and_both_files_are_read(tmp_path):
    folder = confdir(tmp_path, "tcp_timeout: 5\nconnect_timeout: 6\nstore_content: true\n")
    confdir(tmp_path, "connect_timeout: 7\n", "config.yml")
    done = run_to_end("--confdir", str(folder), "--set", "tcp_timeout=8", "--set", "store_content=toggle", "--options")
    assert done.returncode == 0, done.stderr
    for line in ("tcp_timeout: 8", "connect_timeout: 7", "store_content: false", "keep_host_header: false"):
        assert f"\n{line}\n" in done.stdout, line


def test_declared_options_are_listed_and_take_values_from_the_file_and_the_command_line(tmp_path, addon, weir):
    label = {"name": "label", "type": "str", "default": "none", "choices": ["none", "some"], "help": "A label."}
    worker = addon(["configure"], result=declaring(SIZE, label, {"name": "hosts", "type": "sequence of str"}, {"name": "maybe", "type": "optional int"}))
    arguments = ["--addon", worker.spec, "--confdir", str(confdir(tmp_path, "label: some\nsize: 4\n"))]
    options = run_to_end(*arguments, "--options", "--set", "hosts=a", "--set", "hosts=b")
    assert options.returncode == 0, options.stderr
    assert "# How much. Type int; read when used.\nsize: 4\n" in options.stdout
    assert 'label: "some"\n' in options.stdout and 'hosts:\n- "a"\n- "b"\n' in options.stdout and "maybe: null\n" in options.stdout
    help = run_to_end(*arguments, "--help")
    assert help.returncode == 0 and "size: int, default '3'" in help.stdout and "listen_port" in help.stdout
    proxy = weir("--set", "size=5", addons=[worker], confdir=tmp_path / "conf")
    (message,) = worker.wait("configure")
    values = message["params"]["options"]
    assert (values["size"], values["label"], values["hosts"], values["maybe"]) == (5, "some", [], None)
    assert set(message["params"]["updated"]) == set(values) and proxy.port == values["listen_port"]


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("size=large", "--set: option size: expected int, found 'large'"),
        ("sise=1", "--set: unknown option 'sise'"),
    ],
)
def test_a_wrong_value_of_a_declared_option_ends_the_start_before_it_is_used(addon, tmp_path, assignment, message):
    worker = addon(["configure"], result=declaring(SIZE))
    done = run_to_end("--addon", worker.spec, "--confdir", str(tmp_path), "--set", assignment)
    assert done.returncode == 2 and message in done.stderr, (done.returncode, done.stderr)
    assert worker.messages("initialize") and not worker.messages("configure")


@pytest.mark.parametrize(
    "other, message",
    [
        ({**SIZE, "type": "str", "default": ""}, r"addon 'second': .*options\[0\]: 'size' is str here, and int by addon 'first'"),
        ({**SIZE, "name": "listen_port"}, r"options\[0\]: 'listen_port' is an option of weir itself"),
        ({**SIZE, "name": "no name"}, r"options\[0\]\.name: expected .*found 'no name'"),
        ({**SIZE, "type": "float"}, r"options\[0\]\.type: expected one of bool, int.*found 'float'"),
        ({**SIZE, "default": "3"}, r"options\[0\]\.default: expected .*found a string"),
        ({"name": "size", "type": "int"}, r"options\[0\]\.default: missing"),
        ({**SIZE, "type": "str", "default": "a", "choices": ["b"]}, r"options\[0\]\.default: expected one of the choices, found 'a'"),
    ],
)
def test_a_declaration_that_cannot_stand_is_refused_with_its_place(addon, tmp_path, other, message):
    first = addon(["configure"], result=declaring(SIZE), name="first")
    second = addon(["configure"], result=declaring(other), name="second")
    # The second is still to answer when the first has.
    second.script.write_text(second.script.read_text().replace("worker.run()", "time.sleep(0.5)\nworker.run()"))
    done = run_to_end("--addon", first.spec, "--addon", second.spec, "--confdir", str(tmp_path))
    assert done.returncode == 1 and re.search(message, done.stderr), (done.returncode, done.stderr)


def test_two_workers_share_an_option_and_one_that_dies_declares_it_again(addon, caller, tmp_path):
    first = addon(["configure", "request"], '@worker.on("request")\ndef die(message): os._exit(1)', name="first", result=declaring(SIZE))
    second = addon(["configure"], name="second", result=declaring(SIZE))
    proxy, worker = caller(addons=[first, second], permissions=CALLS)
    assert asked(worker, "options.set", options={"size": 9}) == {}
    first.wait("configure", 2), second.wait("configure", 2)
    proxy.get("http://127.0.0.1:9/")
    first.wait("configure", 3)
    assert configured(first)[-1][1] == 9 and "size" in configured(first)[-1][0]


def test_a_change_reaches_every_worker_and_the_core(addon, caller, origin):
    first = addon(["configure"], name="first", result=declaring(SIZE))
    proxy, worker = caller(addons=[first], hooks=["configure"], permissions=CALLS)

    def told():
        messages = [json.loads(line).get("message", {}) for line in worker.record_path.read_bytes().splitlines()]
        return [message["params"] for message in messages if message.get("method") == "configure"]

    eventually(told, what="the first configure")
    assert eventually(lambda: "result" in worker.call("options.set", options={"size": 9, "intercept": "~u /stop"}), what="the change")
    assert asked(worker, "options.get", names=["size", "intercept"]) == {"options": {"size": 9, "intercept": "~u /stop"}}
    assert first.wait("configure", 2)[-1]["params"]["updated"] == ["size", "intercept"]
    assert eventually(lambda: told()[1:], what="the caller's own configure")[0]["updated"] == ["size", "intercept"]
    url = origin().url("/stop")
    client = Getting(proxy, url)
    flow = standing(worker)
    assert asked(worker, "options.set", options={"intercept": None}) == {}
    assert proxy.get(url).status == 200
    assert asked(worker, "flow.resume", id=flow["id"]) == {} and client.end().status == 200


@pytest.mark.parametrize(
    "options, code, kind, message",
    [
        ({"nobody": 1}, -32602, "invalid_params", "there is no option 'nobody'"),
        ({"size": 4, "listen_port": 1}, -32004, "read_only", "option listen_port is read at start"),
        ({"size": "4"}, -32003, "bad_state", "expected int, found a string"),
        ({"size": 4, "intercept": "~nothing"}, -32003, "bad_state", "option intercept: "),
    ],
)
def test_a_change_that_cannot_be_is_refused_whole(addon, caller, options, code, kind, message):
    first = addon(["configure"], name="first", result=declaring(SIZE))
    _, worker = caller(addons=[first], permissions=CALLS)
    error = refused(worker, "options.set", options=options)
    assert (error["code"], error["data"]["kind"]) == (code, kind) and message in error["message"], error
    assert asked(worker, "options.get", names=["size"])["options"] == {"size": 3}
    assert len(first.messages("configure")) == 1


def test_options_need_permissions(caller):
    _, worker = caller(permissions=["options.get"])
    assert refused(worker, "options.set", options={"tcp_timeout": 1})["code"] == -32005


def test_a_veto_takes_the_change_back_everywhere(addon, caller):
    first = addon(["configure"], name="first", result=declaring(SIZE))
    second = addon(["configure"], VETO, name="second")
    third = addon(["configure"], name="third")
    _, worker = caller(addons=[first, second, third], permissions=CALLS)
    error = refused(worker, "options.set", options={"size": 101})
    assert (error["code"], error["data"]["kind"]) == (-32014, "vetoed")
    assert "addon 'second'" in error["message"] and "size is too large" in error["message"]
    assert asked(worker, "options.get", names=["size"])["options"] == {"size": 3}
    first.wait("configure", 3)
    assert configured(first)[1:] == [(["size"], 101), (["size"], 3)]
    assert configured(second)[1:] == [(["size"], 101)] and len(configured(third)) == 1
    assert asked(worker, "options.set", options={"size": 100}) == {}
    assert third.wait("configure", 2)[-1]["params"]["options"]["size"] == 100


def test_a_worker_that_vetoed_anothers_change_is_told_of_its_own(addon, caller, origin):
    mine = """
@worker.on("request")
def request(message):
    assert worker.call("options.set", options={"size": 50})["result"] == {}
"""
    vetoing = addon(["configure", "request"], VETO + mine, name="vetoing", threads=True, result=declaring(SIZE))
    proxy, worker = caller(addons=[vetoing], permissions=CALLS)
    refused(worker, "options.set", options={"size": 101})
    assert proxy.get(origin().url()).status == 200
    eventually(lambda: configured(vetoing)[-1] == (["size"], 50), what="the worker's own change at itself")


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("listen_port=70000", "option listen_port: expected 0 to 65535, found 70000"),
        ("threads=0", "option threads: expected 1 to 1024, found 0"),
        ("tcp_timeout=9007199254740993", "option tcp_timeout: expected 1 to 31536000"),
        ("connect_timeout=0", "option connect_timeout: expected 1 to"),
        ("flow_detail=5", "option flow_detail: expected 0 to 4, found 5"),
        ("store_flows=-1", "option store_flows: expected 0 to"),
    ],
)
def test_a_number_outside_its_range_is_refused(assignment, message):
    done = run_to_end("--listen-host", "127.0.0.1", "-p", "0", "--set", assignment)
    assert done.returncode == 2 and message in done.stderr, done.stderr


def test_a_veto_at_the_start_ends_it_with_the_reason(addon, tmp_path):
    worker = addon(["configure"], VETO, result=declaring(SIZE))
    done = run_to_end("--addon", worker.spec, "--confdir", str(tmp_path), "--set", "size=101")
    assert done.returncode == 1 and "addon 'worker'" in done.stderr and "size is too large" in done.stderr, done.stderr


@pytest.mark.parametrize("policy, answer", [("continue", "result"), ("kill", "error")])
@pytest.mark.parametrize("failure", ["hang", "crash"])
def test_a_worker_that_fails_in_configure_follows_its_policy_while_flows_go_on(addon, caller, origin, policy, answer, failure):
    code = f"""
@worker.on("configure")
def configure(message):
    if message["params"]["options"]["size"] == 4:
        {"time.sleep(9)" if failure == "hang" else "os._exit(1)"}
"""
    hook = {"name": "configure", "timeout_ms": 800, "on_failure": policy}
    bad = addon([hook], code, name="bad", result=declaring(SIZE), threads=True)
    url = origin().url("/")
    proxy, worker = caller(addons=[bad], permissions=CALLS)
    answers = []
    changing = threading.Thread(target=lambda: answers.append(worker.call("options.set", options={"size": 4})), daemon=True)
    changing.start()
    bad.wait("configure", 2)
    begun = time.monotonic()
    assert proxy.get(url).status == 200
    if failure == "hang":
        assert time.monotonic() - begun < 0.7, "the flow does not wait"
        assert refused(worker, "options.set", options={"size": 5})["data"]["kind"] == "conflict"
    changing.join(10)
    assert answer in answers[0], answers
    assert asked(worker, "options.get", names=["size"])["options"] == {"size": 4 if policy == "continue" else 3}


def test_a_worker_that_waits_for_its_own_change_inside_an_event_is_answered(addon, weir, origin):
    code = """
@worker.on("request")
def request(message):
    # Its one thread reads nothing but the answer meanwhile.
    worker.send({"jsonrpc": "2.0", "id": "set", "method": "options.set", "params": {"options": {"size": 7}}})
    while True:
        line = json.loads(worker.incoming.readline())
        worker.note(message=line)
        if line.get("id") == "set":
            return {"flow": {"request": {"headers": [["Host", "x"], ["X-Set", json.dumps(line.get("result"))]]}}}
"""
    setter = addon(["configure", "request"], code, result=declaring(SIZE, limits={"max_in_flight": 1}))
    server = origin()
    proxy = weir(addons=[setter])
    begun = time.monotonic()
    assert proxy.get(server.url("/")).status == 200
    assert time.monotonic() - begun < 3 and server.received[0].one("x-set") == b"{}"
    assert setter.wait("configure", 2)[-1]["params"]["updated"] == ["size"]


def test_a_change_inside_ones_own_configure_is_refused_at_once(addon, weir):
    code = """
@worker.on("configure")
def configure(message):
    worker.send({"jsonrpc": "2.0", "id": "set", "method": "options.set", "params": {"options": {"size": 7}}})
    worker.note(answer=json.loads(worker.incoming.readline()))
"""
    setter = addon(["configure"], code, result=declaring(SIZE))
    weir(addons=[setter])
    answer = eventually(lambda: [r["answer"] for r in setter.records() if "answer" in r], what="an answer")[0]
    assert answer["error"]["data"]["kind"] == "conflict", answer


@pytest.mark.seconds(60)
def test_options_change_while_traffic_flows(addon, caller, origin):
    first = addon(["configure", "request"], name="first", result=declaring(SIZE))
    url = origin().url("/")
    proxy, worker = caller(addons=[first], permissions=CALLS)
    statuses = []
    clients = [threading.Thread(target=lambda: statuses.extend(proxy.get(url).status for _ in range(20)), daemon=True) for _ in range(4)]
    for client in clients:
        client.start()
    for number in range(30):
        assert asked(worker, "options.set", options={"size": 1000 + number, "keep_host_header": number % 2 == 0}) == {}
    for client in clients:
        client.join(20)
    assert statuses == [200] * 80
    assert [size for _, size in configured(first)] == [3, *range(1000, 1030)]

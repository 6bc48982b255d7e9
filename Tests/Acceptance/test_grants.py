"""What a worker may see and do: hooks, flows, paths and calls, and answers that are not its own to give."""

import re

import pytest

from conftest import attach
from support.addon import SUPPORT
from support.calls import asked, ended, flows, refused
from support.origin import answering
from support.proxy import eventually, run_to_end
from support.wire import Closed

CHANGE = """
@worker.on("request")
def request(message):
    change = json.loads(path(message)[1:].replace("'", '"'))
    if "add" in change:
        return {"flow": {"request": {"headers": [*message["params"]["flow"]["request"]["headers"], change["add"]]}}}
    return change
"""


def asking(change: str) -> str:
    """The path of a request whose worker answers with that JSON."""
    return "/" + change.replace('"', "'")


def given(name: str, **options) -> list[str]:
    """Options of one addon, as arguments."""
    words = [(key, value) for key, values in options.items() for value in (values if isinstance(values, list) else [values])]
    return [part for key, value in words for part in ("--set", f"addons.{name}.{key}={value}")]


def violations(worker, kind: str) -> int:
    counters = asked(worker, "metrics.get")["metrics"]
    return sum(one["value"] for one in counters if one["name"] == "weir_addon_violations" and one["labels"]["kind"] == kind)


@pytest.mark.parametrize(
    "granted, change, denied",
    [
        (["flow.metadata"], '{"flow":{"metadata":{"a":1}}}', None),
        (["flow.metadata"], '{"flow":{"request":{"method":"PUT"}}}', "flow.request.method"),
        (["flow.metadata"], '{"flow":{"metadata":{"a":1},"request":{"headers":[]}}}', "flow.request.headers[host]"),
        (["flow.request.headers[x-a]"], '{"add":["X-A","1"]}', None),
        (["flow.request.headers[x-a]"], '{"add":["X-B","1"]}', "flow.request.headers[x-b]"),
        (["flow.request.headers[x-a]"], '{"flow":{"request":{"headers":{"set":[["X-A","1"]]}}}}', None),
        (["flow.request.headers[x-a]"], '{"flow":{"request":{"headers":{"add":[["X-B","1"]]}}}}', "flow.request.headers[x-b]"),
        (["flow.request.headers[x-a]"], '{"flow":{"request":{"headers":{"remove":["HOST"]}}}}', "flow.request.headers[host]"),
        (["-flow.response"], '{"flow":{"response":{"status_code":418}}}', "flow.response"),
        (["flow.response.headers"], '{"flow":{"response":{"status_code":418}}}', "flow.response"),
        (["-kill"], '{"kill":true}', "kill"),
        (["-flow.error"], '{"flow":{"error":{"msg":"Connection killed."}}}', "flow.error"),
        (["all", "-flow.request.content"], '{"flow":{"request":{"content":"x"}}}', "flow.request.content"),
    ],
)
def test_a_change_that_was_not_granted_costs_its_event_alone(weir, addon, origin, granted, change, denied):
    worker, server = addon(["request"], CHANGE), origin()
    proxy = weir(*given("worker", changes=granted), addons=[worker])
    for _ in range(2):
        with proxy.connect() as wire:
            wire.send(f"GET {server.url(asking(change).replace(' ', ''))} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            assert wire.response().status == 200
    got = server.received[0]
    assert (got.method, got.one("x-b"), got.one("x-a")) == (b"GET", None, b"1" if "X-A" in change else None)
    lines = [line for line in proxy.log.splitlines() if "it was denied" in line]
    assert [f"'{denied}'" in line for line in lines] == ([True] if denied else []), proxy.log
    assert len(worker.messages("request")) == 2, "the worker goes on"


def test_a_change_that_was_not_granted_kills_by_the_policy_of_its_hook(weir, addon, origin):
    worker, server = addon([{"name": "request", "on_failure": "kill"}], CHANGE), origin()
    proxy = weir(*given("worker", changes="flow.metadata"), addons=[worker])
    with pytest.raises((Closed, AssertionError)):
        assert proxy.get(server.url(asking('{"flow":{"request":{"method":"PUT"}}}'))).status == 200
    assert not server.received


def test_what_was_not_granted_is_told_and_not_sent(weir, addon, origin):
    hooks = ["request", "response", "clientconnect", {"name": "request", "content": "stream"}]
    worker = addon(hooks, result={"permissions": ["flow.get", "flow.kill"]})
    grants = given("worker", hooks=["request", "client_disconnected"], permissions="flow.get", hide=["cookie", "json:a"])
    proxy = weir(*grants, addons=[worker])
    assert proxy.get(origin().url("/"), "Cookie: a=1").status == 200
    told = worker.wait("initialized")[0]["params"]
    assert [(hook["name"], hook["content"]) for hook in told["hooks"]] == [("request", "none"), ("request", "none")]
    assert (told["refused"], told["permissions"], told["redacted"]) == (["response", "clientconnect"], ["flow.get"], ["header:cookie", "json:a"])
    assert set(worker.events()) == {"request"}


def test_a_worker_is_sent_what_it_may_read_and_keeps_what_it_may_not(weir, addon, origin):
    code = """
@worker.on("request")
def request(message):
    return {"flow": {"request": {**message["params"]["flow"]["request"], "headers": [["X-New", "1"]]}}}
"""
    worker, server = addon(["request", {"name": "response", "fields": ["flow.response.status_code", "flow.request"]}], code), origin()
    proxy = weir(*given("worker", reads=["flow.request.method", "flow.response"]), addons=[worker])
    assert proxy.get(server.url("/kept"), "X-Old: 1").status == 200
    flow = worker.messages("request")[0]["params"]["flow"]
    assert sorted(flow) == ["id", "request", "response"] and flow["request"] == {"method": "GET"}
    flow = worker.wait("response")[0]["params"]["flow"]
    assert {name: flow[name] for name in flow if name != "id"} == {"request": {"method": "GET"}, "response": {"status_code": 200}}
    assert (server.received[0].target, server.received[0].one("x-old"), server.received[0].one("x-new")) == (b"/kept", None, b"1")


def test_flows_outside_of_the_filter_do_not_exist_for_the_worker(weir, addon, origin, tmp_path):
    server = origin()
    grants = [*given("mine", run="attach", user=0, filter="~u /mine", hooks=["request", "tick"]), "--set", "addons.mine.permissions=all"]
    proxy, worker = attach(weir, tmp_path, *grants, hooks=["request", "response"], permissions=["flow.list", "flow.get", "flow.set", "flow.wait", "body.read"])
    seen = []
    worker.on("request")(lambda message: seen.append(message["params"]["flow"]) or {})
    other = addon(["request"], name="other")
    assert proxy.get(server.url("/mine")).status == proxy.get(server.url("/theirs")).status == 200
    assert [flow["request"]["path"] for flow in seen] == ["/mine"]
    assert [flow["request"]["path"] for flow in ended(worker)] == ["/mine"]
    assert asked(worker, "flow.get", id=seen[0]["id"])["flow"]["id"] == seen[0]["id"]
    del other


def test_calls_change_only_what_may_be_changed_and_reveal_only_what_may_be_seen(weir, origin, tmp_path):
    server = origin()
    grants = given("mine", run="attach", user=0, filter="~u /mine", hide=["cookie", "json:token"], changes=["flow.comment", "flow.request.headers"])
    calls = ["flow.list", "flow.get", "flow.set", "flow.wait", "flow.mark", "flow.comment", "flow.revert", "flow.backup", "body.read", "metrics.get"]
    proxy, worker = attach(weir, tmp_path, *grants, "--set", "addons.mine.permissions=all", hooks=["request"], permissions=calls)
    ids = []
    worker.on("request")(lambda message: ids.append(message["params"]["flow"]["id"]) or {})
    assert proxy.get(server.url("/mine"), "Cookie: s3cret", method="POST", body=b'{"token":"t0ken"}').status == 200
    assert proxy.get(server.url("/theirs"), "Cookie: s3cret").status == 200
    [flow] = ended(worker)
    assert "s3cret" not in str(flow) and flow["id"] == ids[0] and len(ids) == 1
    whole = asked(worker, "flow.get", id=ids[0], content="whole")["flow"]
    assert "s3cret" not in str(whole) and "t0ken" not in str(whole)
    # A filter must not be a way to ask for what is hidden.
    assert flows(worker, live=False, filter="~h s3cret") == [] and flows(worker, live=False, filter="~b t0ken") == []
    cookie = dict(whole["request"]["headers"])["Cookie"]
    asked(worker, "flow.set", id=ids[0], flow={"request": {"headers": [["cookie", f"{cookie}; b=2"]]}, "comment": "seen"})
    asked(worker, "flow.set", id=ids[0], flow={"request": {"headers": {"set": [["cookie", f"{cookie}; c=3"]]}}})
    for change, path in [
        ({"request": {"method": "PUT"}}, "flow.request.method"),
        ({"comment": cookie}, "flow.comment"),
        ({"request": {"headers": [["x-other", cookie]]}}, "flow.request.headers[0][1]"),
        ({"request": {"headers": {"add": [["x-other", cookie]]}}}, "flow.request.headers.add[0][1]"),
        ({"request": {"headers": {"remove": [cookie]}}}, "flow.request.headers.remove"),
    ]:
        error = refused(worker, "flow.set", id=ids[0], flow=change)
        assert (error["data"]["kind"], error["data"]["path"]) == ("denied", path)
    for method, params in [("flow.mark", {}), ("flow.revert", {}), ("body.read", {"part": "request"}), ("flow.set", {"state": whole})]:
        assert refused(worker, method, id=ids[0], **params)["data"]["kind"] == "denied", method
    assert violations(worker, "hidden") == 4 and violations(worker, "change") >= 3
    assert asked(worker, "flow.get", id=ids[0])["flow"]["comment"] == "seen"


@pytest.mark.parametrize(
    "change", ['{"flow":{"request":{"host":"127.0.0.2"}}}', '{"flow":{"request":{"port":9}}}', '{"flow":{"request":{"scheme":"https"}}}']
)
@pytest.mark.parametrize("grants", [{"hide": "cookie"}, {"hide": "cookie", "changes": "all"}], ids=["standard", "all"])
def test_who_must_not_see_something_does_not_have_it_sent_elsewhere(weir, addon, origin, grants, change):
    worker, server = addon(["request"], CHANGE), origin()
    proxy = weir(*given("worker", **grants), addons=[worker])
    assert proxy.get(server.url(asking(change)), "Cookie: s3cret").status == 200
    assert server.received[0].one("cookie") == b"s3cret"
    proxy.wait_log("it was denied 'flow.request")


def test_answers_to_events_of_others_and_to_none_change_nothing(weir, addon, origin):
    victim = """
@worker.on("request")
def request(message):
    time.sleep(0.3)
    return {"flow": {"metadata": {"by": "victim"}}}
"""
    evil = """
STOLEN = {"flow": {"request": {"path": "/stolen"}, "response": {"status_code": 418}}, "kill": True}

@worker.on("request")
def request(message):
    own = message["id"]
    for id in [*range(1, 300), 2**53 - 1, 0, -1, None, "1", 1.5]:
        if id != own:
            worker.send({"jsonrpc": "2.0", "id": id, "result": STOLEN})
    worker.send({"jsonrpc": "2.0", "id": own, "result": {"flow": {"metadata": {"evil": 1}}}})
    for _ in range(50):
        worker.send({"jsonrpc": "2.0", "id": own, "result": STOLEN})
    worker.send({"jsonrpc": "2.0", "id": own, "error": {"code": -32000, "message": "twice"}})
    return SILENT

@worker.on("response")
def late(message):
    time.sleep(0.4)
    return {"flow": {"response": {"status_code": 418}}}
"""
    workers = [
        addon(["request"], evil + "\n", "evil"), addon(["request"], victim, "victim"),
        addon([{"name": "response", "timeout_ms": 100}], evil, "late"),
    ]
    server = origin()
    proxy = weir("--set", "termlog_verbosity=debug", addons=workers)
    for n in range(3):
        assert proxy.get(server.url(f"/{n}")).status == 200
    assert [request.target for request in server.received] == [b"/0", b"/1", b"/2"]
    assert len(workers[1].messages("request")) == 3, "the victim is asked all the same"
    proxy.wait_log(r"evil.* \d\d+ twice, \d\d\d+ unknown")
    proxy.wait_log(r"late.* [1-9]\d* late, 0 twice, 0 unknown")


@pytest.mark.parametrize(
    "option, value",
    [("hooks", "nothing"), ("filter", "~zz ("), ("reads", "flow.nothing"), ("changes", "flow.request.hedaers"), ("hide", "json:"), ("permissions", "flow.steal")],
)
def test_words_that_mean_nothing_are_refused_at_the_start(addon, option, value):
    worker = addon(["request"])
    ran = run_to_end("--addon", worker.spec, "--set", f"addons.worker.{option}={value}")
    assert ran.returncode == 1 and re.search(f"addon 'worker': addon_{option}: .*", ran.stderr), ran.stderr


def test_options_that_are_secret_are_for_trusted_addons(weir, addon):
    hooks = ["configure"]
    trusted, confined = addon(hooks, name="trusted"), addon(hooks, name="confined")
    proxy = weir("--set", "proxyauth=user:s3cret", *given("confined", level="confined", write=str(confined.file.parent), read=str(SUPPORT)), addons=[trusted, confined])
    for worker, value in [(trusted, "user:s3cret"), (confined, None)]:
        assert worker.wait("configure")[0]["params"]["options"]["proxyauth"] == value
        assert worker.messages("initialize")[0]["params"]["options"]["proxyauth"] == value
    assert "s3cret" not in confined.file.read_text()
    assert eventually(lambda: "s3cret" in trusted.file.read_text()) and proxy.log is not None


SAW = """if .method == "initialize" then {jsonrpc: "2.0", id, result: {hooks: ["response"]}}
elif .method == "response" then {jsonrpc: "2.0", id, result: {flow: {response: {headers:
  (.params.flow.response.headers + [["X-Saw", (.params.flow | tostring | [scan("s3cret")] | length | tostring)]])}}}}
elif .id then {jsonrpc: "2.0", id, result: {}} else empty end"""


@pytest.mark.parametrize("level, saw", [("trusted", b"4"), ("untrusted", b"0")])
def test_an_untrusted_addon_is_not_shown_credentials(weir, origin, level, saw):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=s3cret\r\nContent-Length: 0\r\n\r\n"))
    proxy = weir(*given("jq", level=level), addons=[f"stdio:jq -c --unbuffered '{SAW}'"])
    credentials = [f"{name}: s3cret" for name in ("Authorization", "Cookie", "Proxy-Authorization")]
    answer = proxy.get(server.url("/"), *credentials)
    assert (answer.one("x-saw"), answer.one("set-cookie")) == (saw, b"a=s3cret")
    assert (server.received[0].one("authorization"), server.received[0].one("cookie")) == (b"s3cret", b"s3cret")

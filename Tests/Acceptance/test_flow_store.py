"""Flows that have ended stay within reach: listed, read, edited, taken back and copied, within bounds."""

import threading

import pytest

from support.calls import Getting, asked, ended, flows, refused, standing
from support.origin import answering
from support.proxy import eventually


def test_an_ended_flow_is_listed_and_read(caller, origin):
    proxy, worker = caller("--set", "store_content=true")
    assert proxy.get(origin().url("/a"), method="POST", body=b"question").status == 200
    (flow,) = ended(worker)
    got = asked(worker, "flow.get", id=flow["id"], content="whole")
    assert (got["live"], got["killable"], got["modified"]) == (False, False, False)
    assert (got["flow"]["request"]["content"], got["flow"]["response"]["content"]) == ("question", "ok")
    assert flow["request"]["content"] == {"omitted": 8} and flows(worker) == []
    for method in ("flow.resume", "flow.kill"):
        assert refused(worker, method, id=flow["id"])["data"]["kind"] == "conflict"


def test_without_store_content_bodies_that_nobody_wanted_are_not_kept(caller, origin):
    proxy, worker = caller()
    proxy.get(origin().url("/a"))
    (flow,) = ended(worker)
    assert asked(worker, "flow.get", id=flow["id"], content="whole")["flow"]["response"]["content"] == {"omitted": 2}


def test_the_oldest_ended_flows_go_first_and_it_is_said(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "store_flows=3")
    for number in range(5):
        proxy.get(server.url(f"/{number}"))
    left = eventually(lambda: (answer := asked(worker, "flow.list")) and answer["evicted"] == 2 and answer, what="an eviction")
    assert [flow["request"]["path"] for flow in left["flows"]] == ["/2", "/3", "/4"]
    proxy.wait_log(r"the store of ended flows is full \(store_flows=3")


def test_the_store_is_bounded_in_bytes_also_when_flows_grow_in_it(caller, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n" + bytes(30000)))
    proxy, worker = caller("--set", "store_bytes=110000", "--set", "store_content=true")
    for number in range(5):
        proxy.get(server.url(f"/{number}"))
    kept = eventually(lambda: (left := flows(worker, live=False)) and left[-1]["request"]["path"] == "/4" and left, what="the last")
    assert [flow["request"]["path"] for flow in kept] == ["/2", "/3", "/4"]
    asked(worker, "flow.set", id=kept[2]["id"], flow={"response": {"content": "x" * 60000}})
    assert [flow["request"]["path"] for flow in flows(worker, live=False)] == ["/4"]
    asked(worker, "flow.set", id=kept[2]["id"], flow={"response": {"content": "x" * 200000}})
    assert flows(worker, live=False) == []


def test_nothing_is_stored_if_nothing_shall_be(caller, origin):
    server, seen = origin(), []
    proxy, worker = caller("--set", "store_flows=0", hooks=["response"])
    worker.on("response")(lambda message: seen.append(message))
    proxy.get(server.url("/"))
    assert seen and eventually(lambda: not flows(worker), what="the end")
    assert flows(worker, live=None) == []


def test_edits_are_taken_back(caller, origin):
    proxy, worker = caller()
    proxy.get(origin().url("/a"), "X-A: 1")
    (before,) = ended(worker)
    name = before["id"]
    assert refused(worker, "flow.revert", id=name)["data"]["kind"] == "conflict"
    asked(worker, "flow.set", id=name, flow={"request": {"path": "/b", "headers": []}, "metadata": {"mine": 1}})
    asked(worker, "flow.comment", id=name, comment="edited")
    asked(worker, "flow.mark", id=name)
    got = asked(worker, "flow.get", id=name)
    assert got["modified"] and got["flow"]["backup"] == before
    assert (got["flow"]["request"]["path"], got["flow"]["comment"], got["flow"]["marked"]) == ("/b", "edited", ":default:")
    asked(worker, "flow.revert", id=name)
    got = asked(worker, "flow.get", id=name)
    assert not got["modified"] and got["flow"] == before


def test_a_backup_alone_is_no_modification(caller, origin):
    proxy, worker = caller()
    proxy.get(origin().url("/a"))
    (flow,) = ended(worker)
    asked(worker, "flow.backup", id=flow["id"])
    asked(worker, "flow.set", id=flow["id"], flow={"comment": ""})
    got = asked(worker, "flow.get", id=flow["id"])
    assert not got["modified"] and got["flow"]["backup"] == flow
    asked(worker, "flow.set", id=flow["id"], flow={"comment": "x"})
    assert asked(worker, "flow.get", id=flow["id"])["modified"]
    asked(worker, "flow.set", id=flow["id"], flow={"comment": ""})
    assert not asked(worker, "flow.get", id=flow["id"])["modified"]


def test_a_live_flow_is_taken_back_to_where_it_was_but_for_the_wire(caller, origin):
    server = origin()
    proxy, worker = caller("--set", "intercept=~all")
    client = Getting(proxy, server.url("/a"))
    flow = standing(worker)
    asked(worker, "flow.set", id=flow["id"], flow={"request": {"path": "/b"}})
    asked(worker, "flow.resume", id=flow["id"])
    eventually(lambda: flows(worker) and flows(worker)[0]["response"], what="the response")
    asked(worker, "flow.revert", id=flow["id"])
    (flow,) = flows(worker)
    assert (flow["request"]["path"], flow["response"]["status_code"], flow["intercepted"]) == ("/a", 200, True)
    asked(worker, "flow.resume", id=flow["id"])
    assert client.end().status == 200 and server.received[0].target == b"/b"


@pytest.mark.parametrize("marker", ["", "x", "🔴", "👩🏽‍🚀", ":red_circle:", ":+1:", ":default:"])
def test_markers(caller, origin, marker):
    proxy, worker = caller()
    proxy.get(origin().url("/a"))
    (flow,) = ended(worker)
    asked(worker, "flow.mark", id=flow["id"], marker=marker)
    assert asked(worker, "flow.get", id=flow["id"])["flow"]["marked"] == marker
    for bad in ("xy", "::", ":a b:", "red_circle", "\n"):
        assert refused(worker, "flow.mark", id=flow["id"], marker=bad)["data"] == {"kind": "bad_state", "path": "flow.marked"}
    assert refused(worker, "flow.mark", id=flow["id"], marker=1)["data"]["kind"] == "invalid_params"
    assert asked(worker, "flow.get", id=flow["id"])["flow"]["marked"] == marker


def test_a_copy_is_a_flow_of_its_own(caller, origin):
    proxy, worker = caller()
    proxy.get(origin().url("/a"))
    (flow,) = ended(worker)
    copy = asked(worker, "flow.duplicate", id=flow["id"])["id"]
    assert copy != flow["id"] and asked(worker, "flow.get", id=copy)["flow"] == {**flow, "id": copy}
    asked(worker, "flow.comment", id=copy, comment="copy")
    assert asked(worker, "flow.get", id=flow["id"])["flow"] == flow


def test_a_copy_of_a_live_flow_has_ended(caller, origin):
    proxy, worker = caller("--set", "intercept=~q")
    client = Getting(proxy, origin().url("/a"))
    flow = standing(worker)
    copy = asked(worker, "flow.duplicate", id=flow["id"])["id"]
    got = asked(worker, "flow.get", id=copy)
    assert not got["live"] and got["flow"] == {**flow, "id": copy, "intercepted": False}
    asked(worker, "flow.resume", id=flow["id"])
    assert client.end().status == 200


def test_waiting_ends_when_the_flow_goes_on(caller, origin):
    proxy, worker = caller("--set", "intercept=~q")
    client = Getting(proxy, origin().url("/a"))
    flow = standing(worker)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(asked(worker, "flow.wait", id=flow["id"])), daemon=True)
    thread.start()
    assert asked(worker, "flow.get", id=flow["id"])["flow"]["intercepted"] and not answers
    asked(worker, "flow.resume", id=flow["id"])
    thread.join(5)
    assert len(answers) == 1 and set(answers[0]) == {"live", "killable", "modified"}
    assert client.end().status == 200
    assert asked(worker, "flow.wait", id=flow["id"])["live"] in (True, False)


def test_a_long_list_comes_in_parts_that_fit_the_workers_line(caller, origin):
    server = origin()
    proxy, worker = caller()
    for number in range(60):
        proxy.get(server.url(f"/{number}"))
    ended(worker, 1)
    found, answer = [], eventually(lambda: (got := asked(worker, "flow.list")) and got.get("next") and got, what="a part")
    parts = 1
    found += answer["flows"]
    while "next" in answer:
        answer = asked(worker, "flow.list", after=answer["next"])
        found += answer["flows"]
        parts += 1
    assert [flow["request"]["path"] for flow in found] == [f"/{number}" for number in range(60)] and parts > 1
    assert "next" not in asked(worker, "flow.list", fields=["request.path"])
    assert refused(worker, "flow.list", after="x")["data"]["kind"] == "invalid_params"


def test_a_backup_is_shown_without_bodies_unless_they_are_asked_for(caller, origin):
    proxy, worker = caller("--set", "store_content=true")
    proxy.get(origin().url("/"), method="POST", body=b"question")
    (flow,) = ended(worker)
    asked(worker, "flow.comment", id=flow["id"], comment="x")
    for mode, content in (("none", {"omitted": 8}), ("decoded", {"omitted": 8}), ("whole", "question")):
        backup = asked(worker, "flow.get", id=flow["id"], content=mode)["flow"]["backup"]
        assert backup["request"]["content"] == content

"""Flow files, exchanged with the real mitmproxy in both directions."""

import json
import os
import signal
import time

import pytest

from support.calls import Getting
from support.flow_files import as_json, mitmproxy, once, peak, states
from support.origin import answering
from support.proxy import BINARY, eventually

TYPES = ["http-request", "http-response", "http-error", "websocket", "tcp", "udp", "dns"]
OLD = [
    *("0-11-3", "0-12", "0-13", "0-14", "0-15", "0-16", "0-17", "0-18-2", "0-19", "1-0-0", "2-0-0", "3-0"),
    *(str(number) for number in range(4, 21)),
    *(f"{kind}-{number}" for kind in ("tcp", "udp", "dns") for number in range(16, 21)),
]
INVENTED = OLD.index("5")  # before that format, connections had no ids


@pytest.fixture(scope="session")
def theirs(tmp_path_factory):
    """mitmproxy's own files, one for each type of flow."""
    folder = tmp_path_factory.mktemp("theirs")
    mitmproxy("make", folder)
    return folder


@pytest.fixture(scope="session")
def old(tmp_path_factory):
    """Files of every format that there was."""
    folder = tmp_path_factory.mktemp("old")
    mitmproxy("old", folder)
    return folder


@pytest.mark.parametrize("kind", TYPES)
def test_what_we_write_is_to_mitmproxy_what_it_wrote_itself(theirs, tmp_path, kind):
    source, copy = theirs / f"{kind}.mitm", tmp_path / "copy.mitm"
    once("-q", "-n", "-r", source, "-w", copy)
    assert states(copy) == states(source)


@pytest.mark.parametrize("kind", TYPES)
def test_addons_are_shown_the_states_that_mitmproxy_has(theirs, tmp_path, addon, kind):
    last = ["response", "error", "websocket_end", "request", "tcp_end", "tcp_error", "udp_end", "udp_error", "dns_response", "dns_error"]
    worker = addon([{"name": name, "content": "whole"} for name in [*last, "dns_request"]])
    once("-q", "-n", "-r", theirs / f"{kind}.mitm", "--addon", worker.spec)
    shown = {}
    for message in worker.messages():
        if "flow" in message.get("params", {}):
            shown[message["params"]["flow"]["id"]] = message["params"]["flow"]
    # By id: several flows are under way at a time, and which of them is shown first is chance.
    assert shown == {state["id"]: as_json(state) for state in states(theirs / f"{kind}.mitm")}


@pytest.mark.parametrize("version", OLD)
def test_files_of_every_older_format_are_converted_as_mitmproxy_does(old, tmp_path, version):
    copy = tmp_path / "copy.mitm"
    once("-q", "-n", "-r", old / f"{version}.mitm", "-w", copy)
    ours, expected = states(copy), states(old / f"{version}.mitm")
    for state in ours + expected:
        state["metadata"].pop("duplicated", None)
        if OLD.index(version) < INVENTED:
            del state["client_conn"]["id"], state["server_conn"]["id"]
        for message in (state.get("websocket") or {}).get("messages", []):
            # mitmproxy leaves the content of an old text message a str, which its own flows never have.
            message[2] = as_json(message[2])
    assert ours == expected


@pytest.mark.parametrize("version, words", [("0-10", "of format (0, 10), too old"), ("22", "of format 22, newer than this Weir knows")])
def test_formats_that_mitmproxy_refuses_are_refused_with_the_reason(old, version, words):
    path = old / f"{version}.mitm"
    assert b"cannot read files with flow format version" in mitmproxy("states", path)
    run = once("-n", "-r", path, status=1)
    assert words in run.stderr and str(path) in run.stderr and "at byte 0" in run.stderr


@pytest.mark.parametrize("cut", [1, 5, 700, 900, -1, -40])
def test_of_a_damaged_file_every_whole_flow_is_read_and_the_place_is_named(theirs, tmp_path, cut):
    whole = (theirs / "tcp.mitm").read_bytes()
    damaged, copy = tmp_path / "damaged.mitm", tmp_path / "copy.mitm"
    if cut > 0:
        damaged.write_bytes(whole + whole[:cut])
        place = len(whole) + cut
    else:
        damaged.write_bytes(whole * 2)
        place = len(whole)
        with open(damaged, "r+b") as file:
            file.seek(place)
            file.write(b"\n" * -cut)
    assert b"nvalid data format" in mitmproxy("states", damaged) or cut < 0
    run = once("-q", "-n", "-r", damaged, "-w", copy, status=1)
    assert f"at byte {place}" in run.stderr and str(damaged) in run.stderr
    assert states(copy) == states(theirs / "tcp.mitm")


def test_events_of_saved_flows_come_in_the_documented_order(theirs, tmp_path, addon):
    names = ["start", "configure", "running", "done", "client_connected", "requestheaders", "request", "responseheaders", "response", "error"]
    names += [f"websocket_{name}" for name in ("start", "message", "end")]
    names += [f"{kind}_{name}" for kind in ("tcp", "udp") for name in ("start", "message", "end", "error")]
    names += [f"dns_{name}" for name in ("request", "response", "error")]
    worker = addon(names)
    both = tmp_path / "all.mitm"
    both.write_bytes(b"".join((theirs / f"{kind}.mitm").read_bytes() for kind in TYPES))
    once("-q", "-n", "-r", both, "--addon", worker.spec, "--set", "readfile_concurrency=1")
    head, tail = ["requestheaders", "request"], ["responseheaders", "response"]
    events = worker.events()
    assert events[:3] == ["start", "configure", "running"] and events[-1] == "done"
    expected = []
    for kind in TYPES:
        for state in states(theirs / f"{kind}.mitm"):
            if state["type"] == "http":
                expected += head + (tail if state["response"] else [])
                if state["websocket"]:
                    expected += ["websocket_start"] + ["websocket_message"] * len(state["websocket"]["messages"]) + ["websocket_end"]
                elif state["error"]:
                    expected += ["error"]
            elif state["type"] == "dns":
                expected += ["dns_request"] + ["dns_response"] * bool(state["response"]) + ["dns_error"] * bool(state["error"])
            else:
                name = state["type"]
                expected += [f"{name}_start"] + [f"{name}_message"] * len(state["messages"])
                expected += [f"{name}_error" if state["error"] else f"{name}_end"]
    assert events[3:-1] == expected
    shown = [message["params"] for message in worker.messages("tcp_message")]
    first = as_json(states(theirs / "tcp.mitm")[0]["messages"])
    assert [event["flow"]["messages"] for event in shown[: len(first)]] == [[message] for message in first]
    assert [event["messages_before"] for event in shown[: len(first)]] == list(range(len(first)))


def test_changes_of_addons_land_in_the_file(theirs, tmp_path, addon):
    worker = addon(
        ["request", "tcp_message", "websocket_message", "dns_request"],
        """
@worker.on("request")
def request(message):
    return {"flow": {"comment": "seen", "request": {"path": "/new"}}}

@worker.on("tcp_message")
def tcp(message):
    [piece] = message["params"]["flow"]["messages"]
    number = message["params"]["messages_before"] + 1
    return {"flow": {"messages": [[piece[0], f"piece {number}", piece[2]]]}}

@worker.on("websocket_message")
def websocket(message):
    messages = message["params"]["flow"]["websocket"]["messages"]
    messages[-1][4] = True
    return {"flow": {"websocket": {"messages": messages}}}

@worker.on("dns_request")
def dns(message):
    return {"kill": True}
""",
    )
    source, copy = tmp_path / "in.mitm", tmp_path / "out.mitm"
    source.write_bytes(b"".join((theirs / f"{kind}.mitm").read_bytes() for kind in ("http-response", "tcp", "websocket", "dns")))
    once("-q", "-n", "-r", source, "-w", copy, "--addon", worker.spec)
    before, after = states(source), states(copy)
    assert [state["id"] for state in after] == [state["id"] for state in before]
    for state in after:
        if state["type"] == "http":
            assert (state["comment"], as_json(state["request"]["path"])) == ("seen", "/new")
            assert all(message[4] for message in (state["websocket"] or {"messages": []})["messages"])
        elif state["type"] == "tcp":
            assert [as_json(message[1]) for message in state["messages"]] == [f"piece {n + 1}" for n in range(len(state["messages"]))]
        else:
            assert state["error"]["msg"] == "Connection killed."


@pytest.mark.parametrize("concurrency", [1, 16])
def test_the_order_of_the_file_is_kept(tmp_path, addon, concurrency):
    source, copy = tmp_path / "in.mitm", tmp_path / "out.mitm"
    mitmproxy("repeat", source, 1_000_000)
    worker = addon(["request"], '@worker.on("request")\ndef request(message):\n    return {}\n')
    once("-q", "-n", "-r", source, "-w", copy, "--addon", worker.spec, "--set", f"readfile_concurrency={concurrency}")
    assert states(copy) == states(source)


def test_filters_choose_what_is_read_and_written(theirs, tmp_path):
    source, copy = tmp_path / "in.mitm", tmp_path / "out.mitm"
    source.write_bytes(b"".join((theirs / f"{kind}.mitm").read_bytes() for kind in TYPES))
    once("-q", "-n", "-r", source, "-w", copy, "--set", "readfile_filter=~tcp | ~dns", "--set", "save_stream_filter=~e")
    assert [(state["type"], bool(state["error"])) for state in states(copy)] == [("tcp", True), ("dns", True)]
    run = once("-n", "-r", source, "--set", "readfile_filter=~nonsense", status=2)
    assert "readfile_filter" in run.stderr


def test_live_flows_are_written_when_they_end_and_survive_a_kill(weir, origin, tmp_path):
    path = tmp_path / "live.mitm"
    proxy = weir("-w", str(path))
    server = origin()
    for number in range(20):
        proxy.get(f"http://127.0.0.1:{server.port}/{number}", method="POST", body=b"\xff body")
    eventually(lambda: proxy.printed.count("<<") == 20, what="20 flows in the output")
    proxy.process.send_signal(signal.SIGKILL)
    proxy.process.wait(5)
    proxy.stopped = True
    found = states(path)
    assert [as_json(state["request"]["path"]) for state in found] == [f"/{number}" for number in range(20)]
    assert {as_json(state["request"]["content"])["b64"] for state in found} == {"/yBib2R5"}
    assert {as_json(state["response"]["content"]) for state in found} == {"ok"}


def test_a_flow_that_stands_still_when_the_proxy_stops_is_written_once(weir, origin, tmp_path):
    saved = tmp_path / "saved.mitm"
    proxy = weir("-w", str(saved), "--set", "intercept=~u /stop & ~q")
    server = origin()
    proxy.get(server.url("/a"))
    client = Getting(proxy, server.url("/stop"))
    proxy.wait_log("is intercepted")
    proxy.stop()
    assert client.end() is None
    assert [(state["request"]["path"], bool(state["error"])) for state in as_json(states(saved))] == [("/a", False), ("/stop", True)]


def test_a_file_that_cannot_be_written_ends_the_proxy(weir, origin):
    proxy = weir("-w", "/dev/full")
    server = origin()
    proxy.curl(f"http://127.0.0.1:{server.port}/")
    assert proxy.process.wait(5) == 1
    assert "cannot write /dev/full: No space left on device" in proxy.log
    proxy.stopped = True


def test_a_plus_appends_and_codes_of_strftime_name_the_file(theirs, tmp_path):
    path = tmp_path / "deep" / "%Y" / "flows.mitm"
    for _ in range(2):
        once("-q", "-n", "-r", theirs / "tcp.mitm", "-w", f"+{path}")
    copy = tmp_path / "deep" / time.strftime("%Y") / "flows.mitm"
    assert len(states(copy)) == 2 * len(states(theirs / "tcp.mitm"))
    once("-q", "-n", "-r", theirs / "tcp.mitm", "-w", copy)
    assert len(states(copy)) == len(states(theirs / "tcp.mitm"))
    run = once("-n", "-r", copy, "-w", copy, status=2)
    assert "cannot be read from and written to" in run.stderr and states(copy)


def test_the_standard_input_is_a_file_too(theirs, tmp_path):
    copy = tmp_path / "copy.mitm"
    with open(theirs / "udp.mitm", "rb") as source:
        once("-q", "-n", "-r", "-", "-w", copy, stdin=source)
    assert states(copy) == states(theirs / "udp.mitm")
    assert "No such file" in once("-n", "-r", tmp_path / "nothing", status=1).stderr


def test_flow_run_shows_addons_a_file_or_one_flow_of_it(theirs, tmp_path, addon):
    path = theirs / "http-response.mitm"
    worker = addon(["response"])
    once("flow", "run", path, "--addon", worker.spec)
    assert len(worker.messages("response")) == len(states(path))
    one = addon(["response"], name="one")
    wanted = states(path)[1]["id"]
    once("flow", "run", wanted, "-r", path, "--addon", one.spec)
    assert [message["params"]["flow"]["id"] for message in one.messages("response")] == [wanted]
    nobody = "00000000-0000-4000-8000-000000000000"
    assert f"no flow {nobody}" in once("flow", "run", nobody, "-r", path, status=1).stderr


def test_with_a_server_the_flows_are_loaded_and_clients_are_served(theirs, weir, origin):
    proxy = weir("-r", str(theirs / "http-response.mitm"))
    proxy.wait_log("read 4 flows from")
    server = origin()
    assert proxy.get(f"http://127.0.0.1:{server.port}/").body == b"ok"


def test_an_archive_is_read_like_a_dump_and_a_dump_is_listed_and_exported_like_an_archive(theirs, tmp_path):
    dump, archive, copy = theirs / "http-response.mitm", tmp_path / "x.har", tmp_path / "copy.mitm"
    listed = once("flow", "ls", "--file", dump).stdout
    assert [line.split()[0] for line in listed.splitlines()] == [state["id"][:8] for state in states(dump)] or len(listed.splitlines()) == 4
    archive.write_text(once("flow", "export", "har", "~all", "--file", dump).stdout)
    once("-q", "-n", "-r", archive, "-w", copy)
    urls = [(state["request"]["method"], state["request"]["path"], state["response"]["content"]) for state in states(dump)]
    assert [(state["request"]["method"], state["request"]["path"], state["response"]["content"]) for state in states(copy)] == urls


def test_commands_know_flows_of_every_type(theirs):
    for kind, method in (("tcp", "TCP"), ("udp", "UDP"), ("dns", "DNS")):
        path, saved = theirs / f"{kind}.mitm", states(theirs / f"{kind}.mitm")
        lines = [line.split() for line in once("flow", "ls", "--file", path).stdout.splitlines()]
        assert [line[:2] for line in lines] == [[state["id"][:8], method] for state in saved]
        assert [line[3] == "error" for line in lines] == [bool(state["error"]) for state in saved]
        one = saved[0]["id"]
        assert kind in once("flow", "show", one, "--file", path).stdout
        assert json.loads(once("flow", "show", one, "--json", "--file", path).stdout) == as_json(saved[0])
        assert f"one of {method}" in once("flow", "export", "curl", one, "--file", path, status=1).stderr
        assert json.loads(once("flow", "export", "har", "~all", "--file", path).stdout or "{}").get("log", {}).get("entries", []) == []


@pytest.mark.parametrize("content, status, words", [(b"", 0, ""), (b"hello", 1, "byte 0"), (b"12", 1, "byte 0")])
def test_what_is_no_flow_file_is_said(tmp_path, content, status, words):
    path = tmp_path / "x"
    path.write_bytes(content)
    for arguments in (("-n", "-r", path), ("flow", "ls", "--file", path)):
        said = once(*arguments, status=status).stderr
        assert words in said and (not words or str(path) in said), said


def test_the_rules_act_on_saved_flows_as_well(theirs, tmp_path):
    copy = tmp_path / "copy.mitm"
    once("-q", "-n", "-r", theirs / "http-response.mitm", "-w", copy, "--set", "modify_headers=/~s/X-Rule/yes")
    for before, after in zip(as_json(states(theirs / "http-response.mitm")), as_json(states(copy)), strict=True):
        added = [["X-Rule", "yes"]] if before["response"] else []
        assert after["response"]["headers"] == before["response"]["headers"] + added


def test_the_requests_of_a_file_are_sent_once_more(weir, origin, tmp_path):
    server, saved, again = origin(), tmp_path / "saved.mitm", tmp_path / "again.mitm"
    proxy = weir("-w", str(saved))
    proxy.get(server.url("/a"), "X-A: 1", method="POST", body=b"one")
    proxy.get(server.url("/b"))
    proxy.stop()
    once("-q", "-n", "-C", saved, "-w", again)
    assert [(message.target, message.body) for message in server.received] == [(b"/a", b"one"), (b"/b", b"")] * 2
    before, after = states(saved), states(again)
    assert [state["is_replay"] for state in after] == ["request", "request"]
    for key in ("id", "timestamp_created"):
        assert [state[key] for state in after] == [state[key] for state in before]
    assert "No such file" in once("-n", "-C", tmp_path / "nothing", status=1).stderr


def test_recorded_responses_of_a_dump_are_given_again(weir, origin, tmp_path):
    server, saved = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nrecorded")), tmp_path / "saved.mitm"
    proxy = weir("-w", str(saved))
    proxy.get(server.url("/a"))
    proxy.stop()
    replaying = weir("-S", str(saved), "--set", "server_replay_extra=404")
    assert replaying.get(server.url("/a")).body == b"recorded" and replaying.get(server.url("/b")).status == 404
    assert len(server.received) == 1


@pytest.mark.seconds(120)
def test_a_large_file_takes_little_memory(tmp_path, addon):
    source, copy = tmp_path / "large.mitm", tmp_path / "copy.mitm"
    mitmproxy("repeat", source, 200_000_000)
    begun = time.monotonic()
    memory = peak([BINARY, "-q", "-n", "-r", source, "-w", copy])
    flows = os.path.getsize(source) / 12_000
    print(f"{flows / (time.monotonic() - begun):.0f} flows/s, at most {memory / 2**20:.0f} MiB")
    assert memory < 64 * 2**20
    assert os.path.getsize(copy) > 0.99 * os.path.getsize(source)

"""`weir flow …` over a running proxy's addon socket."""

import json
import socket
import subprocess
import threading

import pytest

from support.calls import Getting
from support.origin import OK, answering
from support.proxy import BINARY, eventually, free_port, run_to_end


class Flows:
    """The command, at one socket."""

    def __init__(self, path):
        self.path = path

    def __call__(self, name, *arguments, status=0):
        done = run_to_end("flow", name, "--socket", str(self.path), *arguments)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def lines(self, *arguments):
        return [line.split(" ") for line in self("ls", *arguments).splitlines()]

    def states(self, *arguments):
        return [json.loads(line) for line in self("ls", "--json", *arguments).splitlines()]

    def ended(self, count):
        return eventually(lambda: (found := self.states("!~e")) and len([f for f in found if f["response"]]) >= count and found, what="ended flows")


@pytest.fixture
def running(weir, tmp_path):
    def make(*arguments, content="true"):
        path = tmp_path / "socket"
        return weir("--addon-socket", str(path), "--set", f"store_content={content}", *arguments), Flows(path)

    return make


def test_flows_are_listed_a_line_each(running, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1536\r\n\r\n" + b"x" * 1536))
    proxy, flows = running()
    proxy.get(server.url("/a?b=c"))
    proxy.get(server.url("/post"), method="POST", body=b"12")
    proxy.get(f"http://127.0.0.1:{free_port()}/refused")
    eventually(lambda: len(flows.lines()) == 3, what="three flows")
    first, second, third = flows.lines()
    assert first[1:] == ["GET", server.url("/a?b=c"), "200", "1.5k", "-"]
    assert second[1:4] == ["POST", server.url("/post"), "200"]
    assert third[1] == "GET" and third[3] == "error"
    assert flows.lines("~m", "POST") == flows.lines("~m POST") == [second]
    assert flows.lines("~u nothing") == []
    states = flows.states()
    assert [state["id"][:8] for state in states] == [line[0] for line in (first, second, third)]
    assert states[0]["response"]["content"] == {"omitted": 1536} and states[1]["request"]["content"] == {"omitted": 2}
    assert flows.lines(first[0]) == [first]


def test_a_flow_is_shown_with_headers_and_bodies(running, origin):
    server = origin(answering(b"HTTP/1.1 200 OK\r\nX-Answer: 1\r\nContent-Length: 7\r\n\r\n\x1b[31ma\n"))
    proxy, flows = running()
    proxy.get(server.url("/"), "X-Question: 2", method="POST", body=b"asked")
    (state,) = flows.ended(1)
    shown = flows("show", state["id"])
    assert shown.startswith(f"flow {state['id']}\n") and "POST" in shown
    for part in ("X-Question: 2", "asked", "X-Answer: 1", "\\x1b[31ma"):
        assert part in shown
    whole = json.loads(flows("show", "--json", state["id"][:8]))
    assert (whole["request"]["content"], whole["response"]["content"]) == ("asked", "\x1b[31ma\n")
    assert "asked" in flows("show", "~m", "POST")


def test_flows_of_a_running_proxy_are_exported(running, origin, tmp_path):
    server = origin()
    proxy, flows = running()
    for n in range(3):
        proxy.get(server.url(f"/{n}"))
    states = flows.ended(3)
    curl = flows("export", "curl", states[0]["id"])
    assert curl.startswith("curl -H ") and server.url("/0") in curl
    assert flows("export", "raw_response", states[1]["id"]).endswith("ok")
    out = tmp_path / "x.zhar"
    flows("export", "har", "-o", str(out), "~u /[12]$")
    listed = run_to_end("flow", "ls", "--file", str(out)).stdout
    assert [line.split()[2] for line in listed.splitlines()] == [server.url("/1"), server.url("/2")]


def test_a_body_that_the_core_did_not_keep_is_said_to_be_missing(running, origin):
    proxy, flows = running(content="false")
    proxy.get(origin().url())
    (state,) = flows.ended(1)
    said = flows("export", "raw_response", state["id"], status=1)
    assert f"flow {state['id']}: the response's body was not kept; a running core keeps bodies with --set store_content=true" in said
    assert flows("export", "curl", state["id"]).startswith("curl ")


def test_a_flow_is_resumed_killed_marked_and_commented(running, origin):
    server = origin()
    proxy, flows = running("--set", "intercept=~q")
    clients = [Getting(proxy, server.url(path)) for path in ("/go", "/die")]
    eventually(lambda: len(flows.lines("~q")) == 2, what="two intercepted flows")
    assert all(line[-1] == "intercepted" for line in flows.lines())
    (go,), (die,) = flows.states("~u /go"), flows.states("~u /die")
    assert flows("resume", go["id"][:8]) == "" and flows("kill", die["id"]) == ""
    assert clients[0].end().status == 200 and clients[1].end() is None
    eventually(lambda: flows.states("~u /go")[0]["response"], what="the response")
    assert "not intercepted" in flows("resume", go["id"], status=1) or "has ended" in flows("resume", go["id"], status=1)
    flows("mark", go["id"])
    flows("mark", go["id"], ":red_circle:")
    flows("comment", go["id"], "seen", "twice")
    (state,) = flows.states(go["id"])
    assert (state["marked"], state["comment"]) == (":red_circle:", "seen twice")
    assert flows.lines(go["id"])[0][5] == ":red_circle:"
    assert f"flow {go['id']}, marked :red_circle:: seen twice\n" in flows("show", go["id"])
    assert "marked" in flows("mark", go["id"], "two words", status=1)
    flows("revert", go["id"])
    assert flows.states(go["id"])[0]["comment"] == ""


def test_a_flow_is_duplicated_and_replayed(running, origin):
    server = origin()
    proxy, flows = running()
    proxy.get(server.url("/again"))
    (state,) = flows.ended(1)
    copy = flows("duplicate", state["id"]).strip()
    assert copy != state["id"] and {line[0] for line in flows.lines()} == {state["id"][:8], copy[:8]}
    flows("replay", copy)
    server.wait(2)
    assert server.received[1].target == b"/again"


def test_ids_that_name_no_flow_or_several_are_refused(running, origin):
    server = origin()
    proxy, flows = running()
    for n in range(17):
        proxy.get(server.url(f"/{n}"))
    ids = [state["id"] for state in flows.ended(17)]
    digit = next(d for d in "0123456789abcdef" if sum(i.startswith(d) for i in ids) > 1)
    several = flows("show", digit, status=1)
    assert f"'{digit}' begins the ids of {sum(i.startswith(digit) for i in ids)} flows: " in several
    for name in ("show", "resume", "kill", "mark", "replay"):
        assert "there is no flow '00000000-0'" in flows(name, "00000000-0", status=1)
    assert "no flow matches ~m NONE" in flows("show", "~m NONE", status=1)


def test_wrong_arguments_are_status_2_and_point_at_the_character(running, tmp_path):
    _, flows = running()
    refused = flows("ls", "~m GET & (~q", status=2)
    assert refused.splitlines()[1].strip() == "~m GET & (~q" and refused.splitlines()[2].strip() == "^"
    assert "there is no format 'svg', only curl, httpie, raw, raw_request, raw_response, har" in flows("export", "svg", "~all", status=2)
    assert "expected a flow's id" in flows("resume", "~all", status=2)
    for arguments in (["flow", "ls"], ["flow", "paint"], ["flow", "show", "--file", "x"], ["flow", "ls", "--file", "x", "--socket", "y"], ["flow", "ls", "--colour"]):
        done = run_to_end(*arguments, env={"WEIR_ADDON_SOCKET": ""})
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith("weir: "), done.stderr


def test_the_socket_may_be_named_by_the_environment(running, origin):
    proxy, flows = running()
    proxy.get(origin().url("/here"))
    flows.ended(1)
    done = run_to_end("flow", "ls", env={"WEIR_ADDON_SOCKET": str(flows.path)})
    assert done.returncode == 0 and "/here" in done.stdout


def test_sockets_without_a_core_are_refused(tmp_path):
    missing = run_to_end("flow", "ls", "--socket", str(tmp_path / "none"))
    assert missing.returncode == 1 and "No such file or directory; is a core running with --addon-socket?" in missing.stderr
    too_long = run_to_end("flow", "ls", "--socket", "/" + "x" * 200)
    assert too_long.returncode == 1 and "a socket's path has 1 to 107 bytes" in too_long.stderr
    plain = tmp_path / "plain"
    plain.write_text("")
    assert run_to_end("flow", "ls", "--socket", str(plain)).returncode == 1


# What a socket that is no core says first, and what is made of it.
STRANGERS = [
    (b"", "the core closed the connection"),
    (b"hello\n", "cannot be read"),
    (b'{"jsonrpc":"2.0","method":"ping","params":{}}\n', "expected the core's `initialize`"),
    (b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol":[2,3]}}\n', "the core speaks version 2, 3 of the protocol"),
]


@pytest.mark.parametrize("line, reason", STRANGERS)
def test_a_stranger_at_the_socket_is_no_core(line, reason, tmp_path):
    path = tmp_path / "stranger"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.sendall(line)
                peer.shutdown(socket.SHUT_WR)
                peer.recv(1 << 16)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = run_to_end("flow", "ls", "--socket", str(path))
        thread.join(5)
    assert done.returncode == 1 and reason in done.stderr


def test_what_the_operator_does_not_grant_is_said(running, origin):
    proxy, flows = running("--set", "addon_permissions=flow.list")
    proxy.get(origin().url())
    (state,) = flows.ended(1)
    said = "the core does not grant '{}' to this program: see its option addon_permissions"
    assert said.format("flow.get") in flows("show", state["id"], status=1)
    assert said.format("flow.kill") in flows("kill", state["id"], status=1)


def test_a_reader_that_goes_away_is_no_crash(running, origin):
    server = origin()
    proxy, flows = running()
    for n in range(50):
        proxy.get(server.url(f"/{n}"))
    flows.ended(50)
    done = subprocess.run(f"{BINARY} flow ls --socket {flows.path} | head -n 1", shell=True, capture_output=True, text=True, timeout=10)
    assert len(done.stdout.splitlines()) == 1 and done.stderr == ""


def test_a_filter_that_begins_with_the_word_flow(weir, origin):
    server = origin(answering(OK))
    proxy = weir("--", "flow", "&", "~m", "GET")
    for path in ("/flow", "/other"):
        proxy.get(server.url(path))
    eventually(lambda: "/flow" in proxy.printed, what="the line")
    assert "/other" not in proxy.printed


def test_help_is_on_standard_output():
    for arguments in (["flow"], ["flow", "--help"], ["flow", "ls", "--help"], ["flow", "export", "--help"], ["flow", "help", "show"]):
        done = run_to_end(*arguments)
        assert (done.returncode, done.stderr) == (0, "") and "USAGE" in done.stdout, arguments
    assert "weir flow" in run_to_end("--help").stdout

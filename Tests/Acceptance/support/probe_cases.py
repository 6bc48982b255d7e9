"""What a library for addons must do, whatever its language: tests for the file of each, which imports them all.

That file has the fixtures `probe` and `header`, programs of the library, `language`, and `by_descriptor`, whether the library takes and gives descriptors.
"""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from .calls import asked, refused
from .carriage import fetch, giving, reverse, serving
from .dialogue import Dialogue
from .endless import BOUND, Endless, standing_still
from .origin import Origin, answering
from .proxy import ROOT, eventually
from .wire import Closed

MIB = 1 << 20
FLOW = {"id": "f", "type": "http", "request": {"method": "GET", "path": "/held", "headers": []}}


def event(path: str, **request) -> dict:
    return {**FLOW, "request": {**FLOW["request"], "path": path, **request}}


@pytest.fixture(scope="module")
def plain(probe, module_caller):
    """A proxy with the probe as its caged addon, a server behind it, and a worker of the test's own attached."""
    server = Origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    calls = ["command.call", "metrics.get", "options.set"]
    run, worker = module_caller("-v", addons=[f"exec:{probe} plain"], modes=[f"reverse:http://{server.authority}"], level=None, permissions=calls)
    yield run, server, worker
    server.stop()


def received(plain, path: str, *headers: str):
    """The request as the server got it through the probe."""
    run, server, _ = plain
    before = len(server.received)
    assert run.get(run.url + path, *headers).status == 200, run.log
    return server.wait(before + 1)[-1]


def test_headers_are_got_set_added_and_removed_in_their_order(plain):
    request = received(plain, "/headers", "X-One: old", "x-gone: 1", "X-Many: a", "x-ONE: older", "X-Gone: 2", "X-many: b")
    own = [(name, value) for name, value in request.headers if name.lower().startswith(b"x-")]
    assert own == [
        (b"X-One", b"new"), (b"X-Many", b"a"), (b"X-many", b"b"), (b"x-other", b"added"), (b"x-raw", b"\xff"), (b"x-all", b"[a b]a||")
    ]


def test_all_of_a_state_can_be_sent_back(plain):
    assert received(plain, "/echo", "X-Raw: \xff").one("x-raw") == b"\xff"


def test_a_response_of_the_addons_own_has_any_bytes(plain):
    response = plain[0].get(plain[0].url + "/respond")
    assert (response.status, response.one("x-raw"), response.body) == (418, b"\xff", b"\0\xff")


def test_a_flow_is_killed(plain):
    with pytest.raises(Closed):
        plain[0].get(plain[0].url + "/kill")


@pytest.mark.parametrize("path, said", [("/fail", "no database"), ("/panic", "what now")])
def test_an_error_and_a_panic_fail_their_event_alone(plain, path, said):
    received(plain, path)
    plain[0].wait_log(said)
    assert received(plain, "/option").one("x-option")


def test_the_core_is_asked_within_a_handler(plain):
    assert received(plain, "/call").one("x-path") == b"/call"
    assert received(plain, "/refused").one("x-refused") == b"-32005 denied"


def test_more_time_is_had(plain):
    assert received(plain, "/extend").one("x-done") == b"1"


def test_an_event_whose_client_leaves_is_withdrawn(plain):
    run = plain[0]
    with run.connect() as wire:
        wire.send(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: asked(plain[2], "metrics.get"), what="an answer of the core")
        wire.reset()
    run.wait_log("probe: withdrawn true")


def test_options_are_kept_up_to_date_and_refused(plain):
    run, _, worker = plain
    assert received(plain, "/option").one("x-option") == b"5[a b]"
    asked(worker, "options.set", options={"probe_number": 7, "probe_texts": ["c"]})
    eventually(lambda: received(plain, "/option").one("x-option") == b"7[c]", what="the new value")
    error = refused(worker, "options.set", options={"probe_number": -1})
    assert error["data"]["kind"] == "vetoed" and "at least 0" in error["message"]
    assert received(plain, "/option").one("x-option") == b"7[c]"
    asked(worker, "options.set", options={"probe_number": 5, "probe_texts": ["a", "b"]})


def test_commands_are_run(plain):
    worker = plain[2]
    assert asked(worker, "command.call", name="probe.add", args={"a": 40, "b": 2})["result"] == 42
    assert asked(worker, "command.call", name="probe.null")["result"] is None
    error = refused(worker, "command.call", name="probe.fail")
    assert error["data"]["kind"] == "worker_error" and "cannot do that" in error["message"]


def test_metrics_are_counted_and_lines_logged(plain):
    received(plain, "/metrics")
    plain[0].wait_log("a line of the probe")

    def counters():
        return {entry["name"]: (entry["value"], entry["labels"]) for entry in asked(plain[2], "metrics.get")["metrics"]}

    assert eventually(lambda: counters().get("probe"), what="the counter") == (2, {"kind": "a"})
    assert eventually(lambda: counters().get("observed"), what="what is observed")[0] > 0


def test_the_life_of_a_worker_is_told_and_its_end_is_run(probe, weir, origin):
    run = weir(addons=[f"exec:{probe} plain"], level=None)
    run.wait_log("probe saw running")
    run.get(origin().url())
    run.stop()
    said = re.findall("probe (?:saw [a-z]+|is at its end)", run.log)
    assert said == ["probe saw start", "probe saw running", "probe saw done", "probe is at its end"]


def test_standard_input_and_output_are_the_connection_where_no_other_is_named(probe, weir, origin):
    server = origin()
    run = weir(addons=[f"stdio:{probe} plain"], level=None)
    assert run.get(server.url("/option")).status == 200
    assert server.wait(1)[0].one("x-option") == b"5[a b]"
    run.wait_log("probe saw running")


def test_it_attaches_itself_where_a_socket_is_named(probe, weir, origin, tmp_path):
    server, path = origin(), tmp_path / "socket"
    run = weir("--addon-socket", str(path))
    environment = {name: value for name, value in os.environ.items() if name != "WEIR_ADDON_FD"} | {"WEIR_ADDON_SOCKET": str(path)}
    process = subprocess.Popen([probe, "plain"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        run.wait_log("attached: process")
        eventually(lambda: run.get(server.url("/option")) and server.received[-1].one("x-option") == b"5[a b]", what="the attached probe")
        run.stop()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


# Line by line


def test_an_error_and_a_panic_are_answered_with_their_message(probe):
    with Dialogue([probe, "plain"]) as core:
        assert core.ask(2, "request", flow=event("/fail"))["error"] == {"code": -32000, "message": "no database"}
        error = core.ask(3, "request", flow=event("/panic"))["error"]
        assert error["code"] == -32000 and "what now" in error["message"]
        error = core.ask(4, "configure", options={"probe_number": -5}, updated=["probe_number"])["error"]
        assert error == {"code": -32000, "message": "at least 0"}
        assert ["x-option", "5[a b]"] in core.ask(5, "request", flow=event("/option"))["result"]["flow"]["request"]["headers"]


@pytest.mark.parametrize("number", [2, (1 << 53) - 1])
def test_what_it_does_not_know_is_answered_or_ignored(probe, number):
    with Dialogue([probe, "plain"]) as core:
        assert core.hello["limits"]["max_line"] == 16 * MIB
        core.send("later.news", what=[1])
        core.send("stream.data", s=99, data="x")
        core.write(b' {"method": "cancel", "params": {"id": 77}, "later": {"a": [null]}} ')
        core.write(b'{"jsonrpc":"2.0","id":null,"result":{}}')
        core.write(b'{"jsonrpc":"2.0","id":4711,"error":{"code":1,"message":"x"}}')
        assert core.ask(number, "later.question")["error"]["code"] == -32601
        assert core.ask(3, "ping")["result"] == {}
        assert core.ask(4, "shutdown")["result"] == {}
        assert core.close() == 0
        assert "probe is at its end" in core.said()


def test_values_come_back_as_they_were(probe):
    values = {
        "integers": [0, 9007199254740991, -9007199254740991], "numbers": [1.5, 1e300, -2.5e-7, 1763700000.25], "null": None,
        "texts": ["a\u2028b\u2029c\u0085d\x00\x1f\x7f\"\\", "😀\uffff", ""], "bytes": {"b64": "/wA="}, "empty": [[], {}], "Case": 1, "case": 2,
    }
    deep = 1
    for _ in range(56):
        deep = [deep]
    flow = {**event("/echo", content={"omitted": None}, headers=[["X-Raw", {"b64": "/w=="}]]), "metadata": {**values, "deep": deep}}
    with Dialogue([probe, "plain"]) as core:
        for ascii in (True, False):
            message = {"jsonrpc": "2.0", "id": 2, "method": "request", "params": {"flow": flow}, "later": 1}
            core.write(json.dumps(message, ensure_ascii=ascii).encode())
            assert core.read()["result"] == {"flow": flow}


def test_a_line_of_16_mib_is_read(probe):
    with Dialogue([probe, "plain"]) as core:
        line = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "request", "params": {"flow": event("/option"), "text": ""}}).encode()
        core.write(line.replace(b'"text": ""', b'"text": "%s"' % (b"x" * (16 * MIB - len(line)))))
        answer = core.read()
        assert answer["id"] == 2 and ["x-option", "5[a b]"] in answer["result"]["flow"]["request"]["headers"]


def test_events_are_answered_as_they_are_done(probe):
    """32 are open, and others go on meanwhile; one that was withdrawn is not answered."""
    with Dialogue([probe, "plain"]) as core:
        for number in range(100, 132):
            core.send("request", number, flow=event("/held"), timeout_ms=5000, attempt=1)
        assert core.ask(2, "ping")["result"] == {}
        assert "headers" in core.ask(3, "request", flow=event("/option"))["result"]["flow"]["request"]
        core.send("drain")
        core.send("cancel", id=110, why="client_gone")
        assert core.read()["method"] == "log"
        core.send("request", 4, flow=event("/release"))
        answers = [core.read() for _ in range(32)]
        assert sorted(answer["id"] for answer in answers) == [4, *(number for number in range(100, 132) if number != 110)]
        assert all(answer["id"] == 4 or "x-held" in str(answer["result"]) for answer in answers)
        assert core.ask(5, "ping")["result"] == {}


def test_a_bad_line_ends_the_worker_with_a_message(probe):
    for line in (b'{"jsonrpc":"2.0","id":7,"method":"ping"', b"[]", b"hello"):
        with Dialogue([probe, "plain"]) as core:
            core.write(line)
            assert core.process.wait(10) != 0
            assert "core" in core.said()


# Bodies


@pytest.mark.parametrize("granted, level, most", [("body.read", None, 8 * MIB), ("all", None, 8 * MIB), ("all", "trusted", 20 * MIB)])
def test_a_body_is_taken_and_given_back(probe, weir, granted, level, most, by_descriptor):
    """In its line, by calls, and where the library can, by descriptor; a cage lets no worker make one."""

    def body(path: str) -> bytes:
        size = int(path[6:])
        return bytes(range(256)) * (size // 256) + bytes(size % 256)

    server = Origin(serving("length", giving(lambda seen: body(seen.path))))
    run = weir("--set", f"addon_permissions={granted}", modes=[reverse(server, "length")], addons=[f"exec:{probe} bodies"], level=level)
    for size in (0, 1, 65536, most):
        for path in ("/keep/", "/turn/"):
            seen, wanted = fetch(run, f"{path}{size}"), body(f"{path}{size}")
            if path == "/turn/" and (size < 16 * MIB or by_descriptor):
                wanted = wanted[::-1]
                assert seen.all("x-size") == [b"%d" % size], (size, path, seen, run.log)
            # What is too long for a line fails its event alone, whose body goes on as it was.
            assert seen.body == wanted, (size, path, seen, run.log)
    assert "starting it again" not in run.log
    run.stop()
    server.stop()


@pytest.fixture(scope="module")
def streams(probe, module_weir):
    """A proxy with the probe between it and a server; the body and trailers that the server gives are `given`."""
    given = {"body": b"", "trailers": [], "upload": None}

    def respond(reply, seen):
        giving(seen.body if seen.method == b"POST" else given["body"], given["trailers"])(reply, seen)

    server = Origin(serving("chunked", respond))
    run = module_weir(modes=[reverse(server, "chunked")], addons=[f"exec:{probe} streams"], level=None)
    yield run, given
    run.stop()
    server.stop()


TEXT = "the cat sat; größer, ca\u2028t €uro 🐈 \t\"\\ ".encode()


@pytest.mark.seconds(60)
def test_a_body_of_64_mib_goes_through_a_stream(streams):
    run, given = streams
    given["body"] = b"some plain text, " * (64 * MIB // 17)
    seen = fetch(run, "/upper", seconds=50)
    assert seen.complete and seen.body == given["body"].upper(), seen
    given["body"] = b""


def test_bodies_go_both_ways_at_a_time(streams):
    """Texts that are cut in the middle of letters, and octets that are no text."""
    body = (TEXT * 20 + bytes(range(256))) * (8 * MIB // (len(TEXT) * 20 + 256))
    seen = fetch(streams[0], "/upper", method="POST", body=body, form="chunked")
    assert seen.complete and seen.body == body.upper()


@pytest.mark.parametrize("path, wanted", [("/none", b"some text"), ("/own", b"own"), ("/early", b"enough"), ("/upper", b"SOME TEXT"), ("/panic", None), ("/error", None)])
def test_what_becomes_of_a_stream_is_the_addons_to_say(streams, path, wanted):
    run, given = streams
    given["body"] = b"some text"
    seen = fetch(run, path)
    if wanted is not None:
        assert seen.complete and seen.body == wanted, (seen, run.log)
    elif path == "/error":
        assert not seen.complete, seen
    else:
        # It had taken nothing yet: the body passes as it was.
        assert seen.complete and seen.body == b"some text", (seen, run.log)
    run.wait_log({"/panic": "in a stream", "/error": "no more memory"}.get(path, ""))


def test_a_request_that_is_answered_has_no_stream(streams):
    run = streams[0]
    seen = fetch(run, "/answered", method="POST", body=b"an upload")
    assert seen.status == 418 and seen.body == b"OWN", "the response goes through its own stream"
    assert fetch(run, "/upper", method="POST", body=b"next").body == b"NEXT"
    assert "a stream of an answered request" not in run.log


def test_trailers_are_seen_and_put_in_their_place(streams):
    run, given = streams
    given["body"], given["trailers"] = b"some text", [("x-sum", "12")]
    assert fetch(run, "/upper").trailers == [(b"x-sum", b"12")]
    seen = fetch(run, "/trailers")
    given["trailers"] = []
    assert seen.body == b"SOME TEXT" and seen.trailers == [(b"x-sum", b"12!")]


def test_a_stream_that_is_detached_passes_on_the_rest(streams):
    run, given = streams
    given["body"] = b"some text, " * MIB
    seen = fetch(run, "/detach")
    assert seen.complete and seen.body.lower() == given["body"] and seen.body[:4] == b"SOME" and seen.body[-6:] == b"text, "
    run.wait_log("probe detached: true")


def test_a_client_that_does_not_read_stops_the_server_and_its_end_is_told(probe, weir):
    endless = Endless()
    server = Origin(serving("length", endless))
    run = weir(modes=[reverse(server, "length")], addons=[f"exec:{probe} streams"], level=None)
    with socket.create_connection(("127.0.0.1", run.port), 10) as sock:
        sock.sendall(b"GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
        assert standing_still(lambda: endless.sent) < BOUND
    run.wait_log("probe: .*the stream is over: client_gone")
    run.stop()
    server.stop()


def test_a_preview_is_followed_by_nothing_the_whole_or_a_stream(probe, weir):
    bodies = {"/1": b"keep this " * 9000, "/2": b"whole it comes", "/3": b"flow along " * 9000, "/4": b"flo"}
    server = Origin(serving("length", giving(lambda seen: bodies[seen.path])))
    run = weir(modes=[reverse(server, "length")], addons=[f"exec:{probe} previews"], level=None)
    wanted = {**bodies, "/2": b"whole: whole it comes", "/3": bodies["/3"].upper()}
    for path in bodies:
        seen = fetch(run, path)
        assert seen.complete and seen.body == wanted[path], (path, seen, run.log)
    run.stop()
    server.stop()


@pytest.mark.parametrize("name", ["handshake", "header-bytes", "unknown-messages", "shutdown"])
def test_the_header_example_says_what_the_published_dialogue_says(header, name):
    steps = json.loads((ROOT / f"Protocol/vectors/{name}.json").read_text())["steps"]
    with Dialogue([header], greet=False) as core:
        for step in steps:
            if "core" in step:
                core.write(json.dumps(step["core"]).encode())
            elif "worker" in step:
                said, wanted = core.read(), step["worker"]
                assert said["id"] == wanted["id"], (said, wanted)
                if "flow" in wanted.get("result", {}):
                    assert said["result"] == wanted["result"]
            elif "closed_by" in step:
                assert core.close() == 0


def test_the_header_example_adds_its_header_both_ways(weir, origin, header):
    server = origin()
    run = weir(addons=[str(header)], level=None)
    assert run.get(server.url()).one("x-addon") == b"1"
    assert server.wait(1)[0].one("x-addon") == b"1"


@pytest.fixture(scope="module")
def started(language, tmp_path_factory):
    """What `weir addon new LANGUAGE my-addon_1` copies, built."""
    name, source = "my-addon_1", ROOT / "addon-examples" / language
    folder = tmp_path_factory.mktemp("new") / name
    for path in (source / "new").rglob("*"):
        if path.is_file() and path.name != "RUN":
            target = folder / str(path.relative_to(source / "new")).replace("NAME", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text().replace("NAME", name).replace("IDENT", name.replace("-", "_")))
            shutil.copymode(path, target)
    ignored = shutil.ignore_patterns("*_test.go", "tests", "target", "Cargo.lock")
    shutil.copytree(source / "sdk", folder / "sdk", ignore=ignored)
    # What is built in a hurry works as what is built well does.
    subprocess.run([folder / "build"], check=True, timeout=120, env={**os.environ, "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0"})
    return folder, (source / "new/RUN").read_text().splitlines()[0].replace("NAME", name)


@pytest.mark.seconds(90)
def test_a_new_addon_works_on_its_first_run(started, weir, origin):
    folder, run = started
    assert len((folder / "README.md").read_text().splitlines()) <= 24
    proxy = weir(addons=[str(folder / run)], level=None)
    response = proxy.get(origin().url())
    assert response.one("x-my-addon_1") == b"1"

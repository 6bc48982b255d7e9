"""The library for addons in Python, and what was made with it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

from support.calls import Getting
from support.carriage import giving, serving
from support.origin import answering
from support.proxy import eventually, run_to_end
from support.features import BLOCK, EXAMPLES, Core, Features, upper
from support.wire import Closed, Wire

SDK = EXAMPLES / "python/sdk"
EVENTS = '''
addon = weir.Addon("events", permissions=["flow.get", "flow.kill"])

@addon.on("request", concurrent=True, timeout_ms=5000)
DEF request(event):
    kind, *rest = weir.bytes_of(event.flow["request"]["path"]).decode("latin-1").removeprefix("/").split("/")
    if kind == "delay":
        AWAIT sleep(int(rest[0]) / 1000)
        return {"flow": {"metadata": {"done": rest[0]}}}
    if kind == "respond":
        return weir.respond(418, {"x-by": "worker"}, b"\\x00\\xff")
    if kind == "kill":
        return weir.kill()
    if kind == "boom":
        raise ValueError("no such luck")
    if kind == "unsendable":
        return {"flow": {"metadata": {"a": float("nan"), "b": object()}}}
    if kind == "half":
        return {"flow": {"metadata": {"a": "\\ud800"}}}
    if kind == "copy":
        return {"flow": {"metadata": {"number": 2**53 - 1}}}
    if kind == "call":
        seen = AWAIT addon.CALL("flow.get", id=event.flow["id"], content="none")
        try:
            AWAIT addon.CALL("flow.kill", id="nobody")
        except weir.Error as error:
            addon.log("info", "called it from the worker")
            return {"flow": {"metadata": {"called": seen["flow"]["request"]["path"], "refused": f"{error.code} {error.kind}"}}}
    if kind == "cancel":
        addon.log("info", "it has begun")
        CANCEL
    if kind == "hang":
        AWAIT sleep(60)

@addon.on("requestheaders", filter="~u /extend", timeout_ms=300)
DEF requestheaders(event):
    event.extend(9000)
    AWAIT sleep(0.6)
    return {"flow": {"metadata": {"extended": "1"}}}

@addon.on("response")
DEF response(event):
    headers, found = event.flow["response"]["headers"], event.flow["metadata"]
    if event.flow["request"]["path"] == "/headers":
        every, first = weir.headers.get_all(headers, "SET-COOKIE"), weir.headers.get(headers, "set-cookie")
        weir.headers.set(headers, "x-one", "new")
        weir.headers.remove(headers, "X-GONE")
        weir.headers.add(headers, "x-all", "+".join(every))
        weir.headers.add(headers, "x-first", first)
        weir.headers.set(headers, "x-new", "here")
        assert weir.headers.get(headers, "x-none", "nothing") == "nothing"
    for name, value in found.items():
        headers.append([f"x-{name}", str(value)])
    if event.flow["request"]["path"] == "/copy":
        raw = weir.bytes_of(weir.headers.get(headers, "x-raw"))
        assert raw == b"a\\xffb"
        headers += [["x-raw-again", raw], ["x-text-again", weir.headers.get(headers, "x-text")]]
    return {"flow": {"response": {"headers": headers}}}

addon.run()
'''


def spelled(code: str, is_async: bool) -> str:
    cancel = (
        "try:\n            await sleep(60)\n        except asyncio.CancelledError:\n            addon.log('info', 'it was cancelled')\n            raise"
        if is_async
        else "while not event.is_cancelled: sleep(0.02)\n        addon.log('info', 'it was cancelled')"
    )
    words = {"DEF": "async def", "AWAIT ": "await ", "CALL": "acall", "for piece": "async for piece"} if is_async else {"DEF": "def", "AWAIT ": "", "CALL": "call"}
    code = code.replace("CANCEL", cancel)
    for word, instead in words.items():
        code = code.replace(word, instead)
    return ("import asyncio\nfrom asyncio import sleep\n" if is_async else "from time import sleep\n") + code


BODIES = """
addon = weir.Addon("bodies", permissions=["body.read"])

@addon.on("response", content="whole")
DEF response(event):
    return {"flow": {"response": {"content": bytes(event.body()).upper()}}}

addon.run()
"""
SETTINGS = """
import time

addon = weir.Addon("settings", "1.2", permissions=["metrics.add"])
addon.option("most", "int", default=10, help="What is most.")

@addon.on("configure")
DEF configure(event):
    if event.params["options"]["most"] < 0:
        raise weir.Error("at least 0")

@addon.on("start")
DEF start(event):
    print("a print, started", flush=True)

@addon.on("done")
DEF done(event):
    print("done", flush=True)

@addon.on("shutdown")
DEF shutdown(event):
    print("all is freed", flush=True)

@addon.on("response")
DEF response(event):
    if event.flow["request"]["path"] == "/slow":
        addon.log("info", "it is slow")
        AWAIT sleep(0.5)
    return {"flow": {"response": {"headers": [*event.flow["response"]["headers"], ["x-most", str(addon.options["most"])]]}}}

@addon.command("double", help="Doubles a number.", arguments="n: int")
DEF double(event):
    n = event.params["args"]["n"]
    addon.metrics("doubled", 2, {"of": str(n)})
    return {"doubled": 2 * n}

@addon.command("nothing")
DEF nothing(event):
    pass

addon.run()
"""
STREAMS = """
addon = weir.Addon("streams")

@addon.on("request", content="stream", filter="~u /up$")
DEF request(event):
    event.stream(shout)
    if event.flow["request"]["path"].startswith("/answered"):
        return weir.respond(403, {"x-by": "worker"}, "none")

DEF shout(body, path="/upper"):
    try:
        for piece in body:
            yield piece.upper()
            if path == "/early":
                raise AssertionError
            if path == "/detach" and not body.detached:
                body.detach()
                path = "/detached"
            if path == "/fail":
                raise OSError("the disk is full")
    except weir.Reset:
        addon.log("info", "the stream was reset")
        raise
    if path == "/trailers":
        body.trailers = [*body.trailers, ["x-more", b"2"]]

DEF early(body):
    for piece in body:
        yield b"early"
        return

@addon.on("requestheaders", content="stream", filter="~u /up$")
DEF requestheaders(event, body):
    for piece in body:
        yield piece

@addon.on("response", content="stream", decode=True, filter="! ~u /up$")
DEF response(event):
    path = event.flow["request"]["path"]
    if path == "/refused":
        event.stream(shout)
        return weir.respond(451, [], "no")
    event.stream(early if path == "/early" else lambda body: shout(body, path))

addon.run()
"""
PREVIEWS = """
addon = weir.Addon("previews")

DEF shout(body):
    for piece in body:
        yield piece.upper()

@addon.on("response", content={"preview": 6})
DEF response(event):
    content = event.flow["response"]["content"]
    if isinstance(content, str):
        return {"flow": {"response": {"content": content[::-1]}}}
    if content["preview"] == "stream":
        event.stream(shout)
    return {"more": "whole"} if content["preview"] == "whole " else None

addon.run()
"""
WORKERS = {"events": EVENTS, "bodies": BODIES, "settings": SETTINGS, "streams": STREAMS, "previews": PREVIEWS}


class TestFunctions(Features):
    language, suffix, interpreter = "python", ".py", sys.executable
    head = "import sys\nsys.path.insert(0, 'SDK')\nimport weir\n"
    workers = {name: spelled(code, is_async=False) for name, code in WORKERS.items()}


class TestCoroutines(Features):
    language, suffix, interpreter = "python", ".py", sys.executable
    head = TestFunctions.head
    workers = {name: spelled(code, is_async=True) for name, code in WORKERS.items()}
    # What does not depend on how the worker is written.
    test_the_header_example = test_a_new_addon_works_at_once_and_its_page_is_short = None
    test_the_library_s_page_fits_a_screen_and_examples_are_short_and_say_how_to_run_them = None


@pytest.fixture
def start(weir, tmp_path):
    """A proxy with a worker of that code."""

    def make(code: str, *arguments, **options):
        file = tmp_path / "worker.py"
        file.write_text(TestFunctions.head.replace("SDK", str(SDK)) + code)
        return weir(*arguments, addons=[str(file)], **options)

    return make


def test_functions_run_in_order_in_the_main_thread_and_may_call_meanwhile(start, origin):
    """What a function keeps needs no lock: a database, say, is used where it was made."""
    code = """
import threading, time
addon, seen = weir.Addon("worker", permissions=["flow.list"]), []

@addon.on("request")
def request(event):
    assert threading.current_thread() is threading.main_thread()
    seen.append("in")
    time.sleep(0.05)
    addon.call("flow.list")
    seen.append("out")
    return {"flow": {"metadata": {"seen": " ".join(seen)}}}

@addon.on("response")
def response(event):
    return {"flow": {"response": {"headers": [["x-seen", event.flow["metadata"]["seen"]]]}}}

addon.run()
"""
    server, proxy = origin(), start(code)
    found = [one.end().one("x-seen") for one in [Getting(proxy, server.url()) for _ in range(6)]]
    assert sorted(found, key=len) == [b" ".join([b"in out"] * count) for count in range(1, 7)]


def test_a_function_that_takes_its_time_is_told_that_its_client_has_left(start, origin):
    code = """
import time
addon = weir.Addon("worker")

@addon.on("request")
def request(event):
    if event.flow["request"]["path"] == "/slow":
        addon.log("info", "it has begun")
        while not event.is_cancelled:
            time.sleep(0.02)
        addon.log("info", "it was cancelled")

@addon.on("response")
def response(event):
    return {"flow": {"response": {"headers": [["x-a", "1"]]}}}

addon.run()
"""
    server, proxy = origin(), start(code)
    assert proxy.get(server.url()).one("x-a") == b"1"
    with proxy.connect() as wire:
        wire.send(f"GET {server.url('/slow')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        proxy.wait_log("it has begun")
    proxy.wait_log("it was cancelled")
    assert proxy.get(server.url()).one("x-a") == b"1"


def test_a_function_that_never_ends_does_not_outlive_the_connection(tmp_path):
    """What came in the same piece is heard meanwhile."""
    file = tmp_path / "worker.py"
    file.write_text(
        TestFunctions.head.replace("SDK", str(SDK))
        + "import time\naddon = weir.Addon('worker')\n@addon.on('request')\ndef request(event):\n    time.sleep(60)\naddon.run()\n"
    )
    core = Core([sys.executable, file], ['{"jsonrpc":"2.0","id":2,"method":"request","params":{"flow":{}}}', '{"jsonrpc":"2.0","id":3,"method":"ping"}'])
    assert b'"id":1' in core.hear() and b'"id":3' in core.hear()
    assert core.close()[0] == 0


def test_functions_and_coroutines_in_one_addon(start, origin):
    code = """
import asyncio, threading
addon = weir.Addon("worker", permissions=["flow.list"])

@addon.on("request")
async def request(event):
    assert threading.current_thread() is not threading.main_thread()
    await asyncio.sleep(0.01)
    try:
        addon.call("flow.list")
    except RuntimeError as failure:
        return {"flow": {"metadata": {"why": str(failure)}}}

@addon.on("response")
def response(event):
    assert threading.current_thread() is threading.main_thread()
    flows = addon.call("flow.list")["flows"]
    return {"flow": {"response": {"headers": [["x-flows", str(len(flows))], ["x-why", event.flow["metadata"]["why"]]]}}}

addon.run()
"""
    seen = start(code).get(origin().url())
    assert seen.one("x-flows") == b"1" and b"await acall" in seen.one("x-why")


def test_whole_bodies_as_memory_files_in_both_directions(start, origin):
    """Several at a time, beside those that fit a line."""
    code = """
import mmap
addon = weir.Addon("worker", descriptors=True)

@addon.on("response", content="whole", concurrent=True, timeout_ms=20000)
def response(event):
    body = event.body()
    kind = type(body).__name__
    same = event.flow["request"]["path"] == "/same"
    return {"flow": {"response": {"headers": [["x-kind", kind]], "content": body if same else body[:].upper()}}}

addon.run()
"""
    large = BLOCK * 20
    server = origin(serving("length", giving(lambda seen: b"small" if seen.path == "/small" else large)))
    proxy = start(code, "--set", "addon_permissions=all")
    assert proxy.get(server.url("/same")).body == large
    waiting = [Getting(proxy, server.url(path)) for path in ["/large", "/small"] * 4]
    for number, one in enumerate(waiting):
        seen = one.end()
        assert (seen.one("x-kind"), seen.body) == ((b"bytes", b"SMALL") if number % 2 else (b"mmap", upper(large)))


def test_a_body_beyond_a_line_is_read_by_calls(start, origin):
    code = """
import asyncio
addon = weir.Addon("worker", permissions=["body.read"])

@addon.on("request", content="whole", timeout_ms=20000)
async def request(event):
    body = await asyncio.to_thread(event.body, "request")
    return weir.respond(200, {"x-size": str(len(body)), "x-same": str(body == b"\\xff" * len(body))})

addon.run()
"""
    seen = start(code, "--set", "addon_permissions=all").get(origin().url(), method="POST", body=b"\xff" * (14 << 20))
    assert (seen.one("x-size"), seen.one("x-same")) == (str(14 << 20).encode(), b"True")


def test_pip_installs_it_from_its_folder_with_its_types(tmp_path):
    shutil.copytree(SDK, tmp_path / "sdk", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--target", tmp_path / "site", tmp_path / "sdk"], check=True, env=environment, timeout=25)
    assert (tmp_path / "site/weir/py.typed").exists()
    subprocess.run([sys.executable, "-c", "import weir; weir.Addon('x')"], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")})


# The examples


def test_the_sqlite_example_has_a_row_for_each_flow(weir, origin, tmp_path):
    server, folder = origin(answering(b"HTTP/1.1 201 X\r\nx-raw: \xff\r\nContent-Length: 2\r\n\r\nok")), tmp_path / "base"
    folder.mkdir()
    proxy = weir(
        *("--set", f"sqlite_file={folder}/flows.db", "--set", f"addons.sqlite.write={folder}"), addons=[str(EXAMPLES / "python/sqlite/sqlite.py")], level=None
    )
    for number in range(20):
        proxy.get(server.url(f"/{number}?x=1"), "User-Agent: test", method="POST" if number % 2 else "GET")
    with pytest.raises((Closed, AssertionError)):
        refused = proxy.get("http://127.0.0.1:1/refused")
        assert refused.status < 500
    database = sqlite3.connect(folder / "flows.db")
    rows = lambda: database.execute("SELECT method, host, port, path, status, client, error, seconds, request_headers, response_headers FROM flows ORDER BY started").fetchall()
    found = eventually(lambda: len(seen := rows()) == 21 and seen, what="21 rows")
    for number, row in enumerate(found[:20]):
        assert row[:7] == ("POST" if number % 2 else "GET", "127.0.0.1", server.port, f"/{number}?x=1", 201, "127.0.0.1", None)
        assert 0 <= row[7] < 10 and ["User-Agent", "test"] in json.loads(row[8]) and ["x-raw", {"b64": "/w=="}] in json.loads(row[9])
    assert found[20][3] == "/refused" and found[20][6]


@pytest.mark.parametrize("file, why", [("{tmp}/no/flows.db", ": unable to open"), ("flows.db", "does not say in which folder")])
def test_the_sqlite_example_names_a_database_that_it_cannot_have(tmp_path, file, why):
    file = file.format(tmp=tmp_path)
    done = run_to_end("--listen-host", "127.0.0.1", "-p", "0", "--set", f"sqlite_file={file}", "--addon", str(EXAMPLES / "python/sqlite/sqlite.py"))
    assert done.returncode == 1 and "sqlite_file: " in done.stderr and file in done.stderr and why in done.stderr


OPENAI = [
    {"model": "gpt-x", "choices": [{"delta": {"role": "assistant", "content": ""}}], "usage": None},
    {"model": "gpt-x", "choices": [{"delta": {"content": "Grüße "}}]},
    {"model": "gpt-x", "choices": [{"delta": {"content": "an alle"}}]},
    {"model": "gpt-x", "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}},
]
ANTHROPIC = [
    {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 9, "output_tokens": 1}}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 33}},
    {"type": "message_stop"},
]
RESPONSES = [
    {"type": "response.created", "response": {"model": "gpt-r", "usage": None}},
    {"type": "response.output_text.delta", "delta": "Hi"},
    {"type": "response.completed", "response": {"model": "gpt-r", "usage": {"input_tokens": 3, "output_tokens": 4}}},
]


def events(messages, end="\n") -> list[bytes]:
    named = lambda one: f"event: {one['type']}{end}" if "type" in one else ""
    return [f"{named(one)}data: {json.dumps(one, ensure_ascii=False)}{end}{end}".encode() for one in messages]


def test_the_llm_example_follows_what_streams_without_holding_it(weir, origin):
    """Each event is with the client before the next is sent; pieces are cut where they like."""
    streams = {
        b"/v1/chat/completions": [*events(OPENAI, "\r\n"), b"data: [DONE]\r\n\r\n"],
        b"/v1/messages": events(ANTHROPIC),
        b"/v1/responses?x=1": events(RESPONSES),
    }
    whole = json.dumps({"model": "gpt-w", "choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}).encode()
    arrived = threading.Semaphore(0)

    def serve(wire: Wire, origin) -> None:
        while True:
            request = origin.record(wire.request())
            if request.target == b"/v1/completions":
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(whole), whole))
                continue
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n")
            for event in streams[request.target]:
                for part in (event[:31], event[31:]):
                    wire.send(b"%x\r\n%s\r\n" % (len(part), part) if part else b"")
                assert arrived.acquire(timeout=5), "the event before has not come"
            wire.send(b"0\r\n\r\n")

    server = origin(serve)
    proxy = weir(addons=[str(EXAMPLES / "python/llm/llm.py")], level=None)
    for path, sent in streams.items():
        with proxy.connect() as client:
            client.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" % server.url(path.decode()).encode())
            client.until(b"\r\n\r\n")
            body = b""
            for event in sent:
                while not body.endswith(event):
                    size = int(client.until(b"\r\n"), 16)
                    body += client.exactly(size)
                    client.exactly(2)
                arrived.release()
            assert client.until(b"0\r\n\r\n") == b"0\r\n\r\n" and body == b"".join(sent)
    assert proxy.get(server.url("/v1/completions"), method="POST", body=b"{}").body == whole
    proxy.get(server.url("/v1/completions"))
    proxy.wait_log(r"gpt-x: status 200, 12 input tokens, 5 output tokens, first token after \d\.\d+ s")
    proxy.wait_log(r"claude-x: status 200, 9 input tokens, 33 output tokens, first token after \d\.\d+ s")
    proxy.wait_log(r"gpt-r: status 200, 3 input tokens, 4 output tokens, first token after \d\.\d+ s")
    proxy.wait_log(r"gpt-w: status 200, 1 input tokens, 2 output tokens, first token after unknown")
    assert proxy.log.count("status 200") == 4, "a GET is none of its business"

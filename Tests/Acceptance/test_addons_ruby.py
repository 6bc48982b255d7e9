"""The Ruby library over the real core, feature by feature; its examples; and what only a core that misbehaves shows."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from support.carriage import fetch, giving, reverse, serving
from support.metrics import Probes
from support.origin import answering
from support.proxy import ROOT, eventually
from support.wire import Closed

RUBY = ROOT / "addon-examples/ruby"
SDK = RUBY / "sdk"
EVERY = bytes(range(256)) * 1000
TEXT = "größer \u2028 🐈 \t\"\\\x00 ".encode() * 9000


def ok(body: bytes = b"ok", *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]).encode("latin-1") + b"\r\n\r\n" + body


@pytest.fixture
def ruby(tmp_path):
    """`ruby(code, new="")` makes an addon of the library and returns its file; `new` is what its constructor is given besides the name."""

    def make(code: str, new: str = "", name: str = "tested") -> str:
        file = tmp_path / f"{name}.rb"
        file.write_text(f'require "{SDK}/lib/weir/addon"\naddon = Weir::Addon.new("{name}"{new})\n{code}\naddon.run\n')
        return str(file)

    return make


def at_once(*tasks) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


# Events and answers


def test_events_are_handled_at_the_same_time_and_answered_as_they_are_done(weir, origin, ruby):
    """Each handler waits for the one that comes after it."""
    code = """
    gates = Array.new(31) { Queue.new }
    addon.on("request") do |event|
      number = event.flow["request"]["path"].delete_prefix("/").to_i
      gates[number].pop unless number == 30
      gates[number - 1] << true
      Weir.respond(200, {"x-number" => number}, "n" * number)
    end
    """
    proxy, server, done = weir(addons=[ruby(code)]), origin(), []

    def get(number):
        answer = proxy.get(server.url(f"/{number}"))
        assert answer.body == b"n" * number
        done.append(number)

    at_once(*[lambda number=number: get(number) for number in range(1, 31)])
    assert sorted(done) == list(range(1, 31)), proxy.log


def test_with_one_thread_events_are_handled_in_their_order(weir, origin, ruby):
    code = """
    busy = false
    addon.on("response") do
      raise "two at once" if busy
      busy = true
      sleep 0.01
      busy = false
      { flow: { response: { reason: "one" } } }
    end
    """
    proxy, server, reasons = weir(addons=[ruby(code, ", threads: 1")]), origin(answering(ok())), []
    at_once(*[lambda: reasons.append(proxy.get(server.url()).start) for _ in range(10)])
    assert reasons == [b"HTTP/1.1 200 one"] * 10, proxy.log


def test_a_cage_that_allows_few_threads_only_makes_it_slower(weir, origin, ruby):
    code = """
    addon.on("response", content: :stream) { |event| sleep 0.02; event.stream { |stream| stream.each { |piece| stream << piece.upcase } } }
    """
    proxy, server, bodies = weir("--set", "addon_processes=12", addons=[ruby(code)], level="untrusted"), origin(answering(ok(b"body"))), []
    at_once(*[lambda: bodies.append(proxy.get(server.url()).body) for _ in range(60)])
    assert bodies == [b"BODY"] * 60 and "failed" not in proxy.log, proxy.log


def test_octets_survive_in_headers_and_bodies(weir, origin, ruby):
    code = """
    addon.on("response", content: :whole) do |event|
      response = event.flow["response"]
      headers = response["headers"]
      raise "not as it was" unless Weir::Headers.get(headers, "X-RAW") == "\\xff".b && Weir::Headers.get_all(headers, "x-two") == %w[a b]
      Weir::Headers.add(headers, "X-Added", "\\xfe\\x80".b)
      Weir::Headers.set(headers, "x-two", "c")
      Weir::Headers.remove(headers, "x-gone")
      Weir::Headers.add(headers, "x-binary", event.body.encoding.to_s)
      { flow: { response: { headers:, content: Weir.value_of(event.body.reverse) } } }
    end
    """
    bodies = {"/every": EVERY, "/text": TEXT, "/long": b"\xff" * 6_000_000, "/empty": b""}
    headers = ["X-Raw: \xff", "X-Two: a", "X-Gone: 1", "x-tWo: b", "X-Line: \xe2\x80\xa8"]
    server = origin(answering(lambda request: ok(bodies[request.target.decode()], *headers)))
    proxy = weir(addons=[ruby(code)])
    for path, body in bodies.items():
        answer = proxy.get(server.url(path))
        assert answer.body == body[::-1], (path, proxy.log)
        assert [pair for pair in answer.headers if pair[0].lower().startswith(b"x-")] == [
            (b"X-Raw", b"\xff"), (b"x-two", b"c"), (b"X-Line", b"\xe2\x80\xa8"), (b"X-Added", b"\xfe\x80"), (b"x-binary", b"ASCII-8BIT"),
        ]


def test_a_body_beyond_the_line_is_read_in_parts(weir, origin, ruby):
    code = """
    require "digest"
    addon.permissions "body.read"
    addon.on("response", content: :whole) { |event| { flow: { response: { reason: Digest::SHA256.hexdigest(event.body) } } } }
    """
    body = os.urandom(1 << 20) * 20
    proxy, server = weir(addons=[ruby(code)]), origin(answering(ok(body)))
    answer = proxy.get(server.url())
    assert answer.start == b"HTTP/1.1 200 " + hashlib.sha256(body).hexdigest().encode(), proxy.log
    assert answer.body == body


def test_a_handler_answers_kills_and_is_filtered(weir, origin, ruby):
    code = """
    addon.on("request", filter: "~m POST", fields: ["flow.request.path"]) do |event|
      raise "more than was asked for" unless event.flow.keys.sort == %w[id request] && event.flow["request"].keys == ["path"]
      event.flow["request"]["path"] == "/kill" ? Weir.kill : Weir.respond(418, [["X-A", "1"], ["X-A", "2"]], "t\\xff".b)
    end
    """
    proxy, server = weir(addons=[ruby(code)]), origin(answering(ok()))
    answer = proxy.get(server.url(), method="POST", body=b"x")
    assert (answer.status, answer.body) == (418, b"t\xff") and [value for name, value in answer.headers if name == b"X-A"] == [b"1", b"2"], proxy.log
    with pytest.raises((Closed, ConnectionError)):
        proxy.get(server.url("/kill"), method="POST", body=b"x")
    assert not server.received and proxy.get(server.url()).body == b"ok"


@pytest.mark.parametrize("failure", ["raise 'no database'", "raise NotImplementedError, 'no database'", "{ flow: { marked: 0.0 / 0 } }"])
def test_an_exception_costs_its_event_alone(weir, origin, ruby, failure):
    code = f"""
    addon.on("response") do |event|
      next unless event.flow["request"]["path"] == "/fail"
      {failure}
    end
    """
    proxy, server = weir(addons=[ruby(code)]), origin(answering(ok()))
    for path in ("/fail", "/", "/fail"):
        assert proxy.get(server.url(path)).body == b"ok"
    proxy.wait_log("-32000.*(no database|NaN)")
    proxy.wait_log(r"tested\.rb:\d+.*block" if "raise" in failure else "response: .*GeneratorError")


def test_what_is_no_result_changes_nothing(weir, origin, ruby):
    proxy, server = weir(addons=[ruby('addon.on("response") { [1, 2] }\naddon.on("request") { nil }')]), origin(answering(ok()))
    assert proxy.get(server.url()).body == b"ok" and "failed" not in proxy.log


def test_a_handler_that_waits_is_interrupted_when_its_client_leaves(weir, origin, ruby):
    code = """
    addon.on("request") do |event|
      next Weir.respond(200, [], "next") if event.flow["request"]["path"] == "/next"
      begin
        puts "waits"
        sleep
      rescue StandardError
        puts "a plain rescue"
      rescue Weir::Cancelled
        puts "withdrawn #{event.cancelled?}"
        raise
      end
    end
    """
    proxy, server = weir(addons=[ruby(code, ", threads: 1")]), origin()
    with proxy.connect() as wire:
        wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        proxy.wait_log("waits")
    proxy.wait_log("withdrawn true")
    assert proxy.get(server.url("/next")).body == b"next"
    assert "a plain rescue" not in proxy.log


def test_a_deadline_is_moved(weir, origin, ruby):
    code = """
    addon.on("request", timeout_ms: 300, on_failure: :kill) do |event|
      event.extend_deadline(5000)
      sleep 0.6
      Weir.respond(200, [], "late")
    end
    """
    assert weir(addons=[ruby(code)]).get(origin().url()).body == b"late"


def test_an_event_is_seen_again_after_a_death(weir, origin, ruby):
    code = """
    addon.on("request", on_failure: :retry, idempotent: true) do |event|
      exit!(1) if event.attempt == 1
      Weir.respond(200, [], "attempt #{event.attempt}")
    end
    """
    assert weir(addons=[ruby(code)]).get(origin().url()).body == b"attempt 2"


# The core: calls, options, commands, metrics, log


def test_calls_from_inside_a_handler(weir, origin, ruby):
    code = """
    addon.permissions "flow.get", "metrics.add", "metrics.get"
    addon.on("request") do |event|
      got = addon.call("flow.get", id: event.flow["id"])["flow"]["request"]["path"]
      refusal = begin
        addon.call("flow.get", id: "nobody")
      rescue Weir::CallError => error
        [error.kind, error.code, error.message.empty?].join(" ")
      end
      denied = begin
        addon.call("flow.kill", id: event.flow["id"])
      rescue Weir::CallError => error
        error.kind
      end
      addon.log("warn", "heard \\u2028 #{got}")
      addon.metrics("seen", 2, { path: got })
      Weir.respond(200, [], [got, refusal, denied].join(" "))
    end
    """
    probes = Probes()
    proxy, server = weir(*probes.arguments, addons=[ruby(code)]), origin()
    assert proxy.get(server.url("/a")).body == b"/a no_flow -32012 false denied", proxy.log
    proxy.wait_log("warn: .*heard .*/a")
    eventually(lambda: probes.value("addon_seen_total", path="/a") == 2, what="the counter")


def test_options_are_kept_and_a_handler_may_refuse_them(caller, origin, ruby):
    code = """
    addon.option :limit, :int, default: 3, help: "How many."
    addon.option :words, "sequence of str"
    addon.on("configure") { |event| raise "at most 10" if addon.options["limit"] > 10 }
    addon.on("request") { Weir.respond(200, [], [addon.options["limit"], *addon.options["words"]].join(",")) }
    """
    proxy, worker = caller("--set", "words=a", "--set", "words=b", addons=[ruby(code)], permissions=["options.set"])
    server = origin()
    assert proxy.get(server.url()).body == b"3,a,b", proxy.log
    assert "result" in worker.call("options.set", options={"limit": 7})
    assert proxy.get(server.url()).body == b"7,a,b"
    refused = worker.call("options.set", options={"limit": 11, "words": []})
    assert refused["error"]["data"]["kind"] == "vetoed" and "at most 10" in refused["error"]["message"]
    assert proxy.get(server.url()).body == b"7,a,b"


def test_commands(caller, ruby):
    code = """
    addon.command("sum", help: "Adds.", arguments: "list of int", result: "int") { |args| args.sum }
    addon.command("who") { |_, event| event.params["caller"] }
    addon.command("fail") { raise "not today" }
    """
    _, worker = caller(addons=[ruby(code)], permissions=["command.call"])
    assert worker.call("command.call", name="sum", args=[1, 2, 1 << 50])["result"]["result"] == 3 + (1 << 50)
    assert worker.call("command.call", name="who")["result"]["result"]
    error = worker.call("command.call", name="fail")["error"]
    assert error["data"]["kind"] == "worker_error" and "not today" in error["message"]


def test_observers_see_events_and_hold_up_nobody(weir, origin, ruby):
    code = """
    addon.on("response", observe: true) { |event| puts "saw #{event.flow["request"]["path"]} #{event.id.inspect}"; sleep 0.3 }
    """
    proxy, server = weir(addons=[ruby(code, ", threads: 1")]), origin()
    for number in range(3):
        proxy.get(server.url(f"/{number}"))
    proxy.wait_log("saw /2 nil")


# The life of a worker


def test_its_life_from_the_start_to_its_clean_up(weir, origin, ruby):
    code = """
    %w[start running done].each { |name| addon.on(name) { puts "event #{name}" } }
    addon.on_shutdown { puts "cleaned up" }
    addon.on("request") { |event| puts event.name }
    """
    proxy = weir(addons=[ruby(code)])
    proxy.get(origin().url())
    proxy.stop()
    said = [line.split("] ", 2)[-1].strip() for line in proxy.log.splitlines() if "[tested]" in line]
    assert said == ["event start", "event running", "request", "event done", "cleaned up"], proxy.log


def test_what_is_open_ends_with_the_old_process_when_a_new_one_comes(caller, origin, ruby, tmp_path):
    code = f"""
    addon.on("request") do |event|
      next Weir.respond(200, [], Process.pid.to_s) if event.flow["request"]["path"] == "/new"
      puts "waits in #{{Process.pid}}"
      sleep 0.02 until File.exist?("{tmp_path}/go")
      Weir.respond(200, [], Process.pid.to_s)
    end
    addon.on_shutdown {{ puts "ended #{{Process.pid}}, draining: #{{addon.draining?}}" }}
    """
    proxy, worker = caller(addons=[ruby(code)], permissions=["addon.reload"])
    answers, server = [], origin()
    client = threading.Thread(target=lambda: answers.append(proxy.get(server.url()).body.decode()))
    client.start()
    old = proxy.wait_log(r"waits in (\d+)")[1]
    reloaded = worker.call("addon.reload", name="tested")
    assert "result" in reloaded, reloaded
    assert proxy.get(server.url("/new")).body.decode() != old
    (tmp_path / "go").touch()
    client.join(10)
    assert answers == [old], proxy.log
    proxy.wait_log(f"ended {old}, draining: true")


def test_it_ends_with_its_connection(weir, origin, ruby):
    proxy = weir(addons=[ruby('at_exit { File.write("#{__FILE__}.gone", "") }\naddon.on("request") { puts "pid #{Process.pid}"; sleep }')])
    with proxy.connect() as wire:
        wire.send(f"GET {origin().url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        number = proxy.wait_log(r"pid (\d+)")[1]
        proxy.process.kill()
        proxy.process.wait()
    proxy.stopped = True
    eventually(lambda: not Path(f"/proc/{number}").exists(), what="the worker's end")


# Streams

UPPER = "event.stream { |stream| stream.each { |piece| stream << piece.upcase } }"


@pytest.mark.parametrize("client, form", [("h1", "chunked"), ("h2", "h2")])
def test_bodies_are_rewritten_in_both_directions_while_they_pass(weir, origin, ruby, client, form):
    code = f"""
    addon.on("request", content: :stream) {{ |event| {UPPER} }}
    addon.on("response", content: :stream, decode: true, fields: ["flow.response.status_code"]) {{ |event| {UPPER} }}
    """
    server = origin(serving(form, giving(lambda seen: {"/text": TEXT, "/every": EVERY, "/none": b""}[seen.path], size=65_537)))
    proxy = weir(modes=[reverse(server, form)], addons=[ruby(code)])
    for path, body in (("/text", TEXT), ("/every", EVERY), ("/none", b"")):
        seen = fetch(proxy, path, client, "POST", body=body)
        assert seen.complete and seen.body == body.upper(), (path, seen, proxy.log)
        assert server.received[-1].body == body.upper()


def test_a_long_body_goes_within_the_credit_of_both_sides(weir, origin, ruby):
    """64 MiB in two directions at once, larger and smaller than they came."""
    code = """
    addon.on("response", content: :stream) do |event|
      event.stream { |stream| stream.each { |piece| stream << piece << piece } }
    end
    addon.on("request", content: :stream) do |event|
      event.stream { |stream| stream.each { |piece| stream << piece.byteslice(0, piece.bytesize / 2) } }
    end
    """
    block = bytes(range(97, 123)) * 2521
    server = origin(serving("length", giving(block * 512)))
    proxy = weir(modes=[reverse(server, "length")], addons=[ruby(code)])
    seen = fetch(proxy, method="POST", body=block * 512, seconds=25)
    assert seen.complete and len(seen.body) == 2 * 512 * len(block), (seen, proxy.log)
    assert server.received[-1].complete and 0 < len(server.received[-1].body) <= 256 * len(block)


ENDS = {
    "an early end": ("event.stream { |stream| stream << 'mine' }", b"mine"),
    "an early end in the middle": ("event.stream { |stream| stream.first; stream << 'mine'; stream.close }", b"mine"),
    "nothing": ("event.stream { |stream| stream.each { } }", b""),
    "the whole at the end": ("event.stream { |stream| stream << stream.to_a.join.reverse }", EVERY[::-1]),
    "detached at once": ("event.stream { |stream| stream.pass }", EVERY),
    "detached in the middle": ("event.stream { |stream| stream << stream.first.tr('a', 'b').bytes.pack('C*'); stream.pass }", None),
    "no block": ("nil", EVERY),
    "content of its own": ("{ flow: { response: { content: 'own' } } }", b"own"),
    "signs of life": ("event.stream { |stream| stream.alive; stream.pass }", EVERY),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_ends_of_a_stream(weir, origin, ruby, end):
    handler, expected = ENDS[end]
    body = EVERY if expected is not None else b"abc" * 100_000
    server = origin(serving("chunked", giving(body)))
    proxy = weir(modes=[reverse(server, "chunked")], addons=[ruby(f'addon.on("response", content: :stream) {{ |event| {handler} }}')])
    for _ in range(2):
        seen = fetch(proxy)
        assert seen.complete, (seen, proxy.log)
        assert seen.body == expected or (expected is None and len(seen.body) == len(body) and seen.body.startswith(b"bbc") and seen.body.endswith(b"abc")), seen
    assert "failed" not in proxy.log


def test_trailers_are_read_and_set(weir, origin, ruby):
    code = """
    addon.on("response", content: :stream) do |event|
      event.stream do |stream|
        stream.each { |piece| stream << piece }
        stream.close(trailers: stream.trailers + [["x-b", "2"]])
      end
    end
    """
    server = origin(serving("chunked", giving(b"body", trailers=[("x-a", "1")], headers=[("Trailer", "x-a")])))
    seen = fetch(weir(modes=[reverse(server, "chunked")], addons=[ruby(code)]), headers=[("TE", "trailers")])
    assert seen.body == b"body" and seen.trailers == [(b"x-a", b"1"), (b"x-b", b"2")], seen


@pytest.mark.parametrize("how", ["raise 'out of ink'", "stream.fail('out of ink')"])
def test_a_stream_that_fails_never_looks_complete(weir, origin, ruby, how):
    code = f"""
    addon.on("response", content: :stream) do |event|
      event.stream {{ |stream| stream << stream.first; {how} }}
    end
    """
    server = origin(serving("chunked", giving(EVERY * 4)))
    proxy = weir(modes=[reverse(server, "chunked")], addons=[ruby(code)])
    seen = fetch(proxy)
    assert seen.status in (200, 502) and not (seen.status == 200 and seen.complete), seen
    proxy.wait_log("out of ink")


def test_a_stream_ends_when_its_client_leaves(weir, origin, ruby):
    code = """
    addon.on("response", content: :stream) do |event|
      event.stream do |stream|
        stream.each { |piece| stream << piece }
      rescue Weir::StreamReset => reset
        puts "over: #{reset.message}"
        raise
      end
    end
    """
    server = origin(serving("length", giving(b"a" * (64 << 20))))
    proxy = weir(modes=[reverse(server, "length")], addons=[ruby(code)])
    with proxy.connect() as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.until(b"aaaa")
    proxy.wait_log("over: client_gone", 10)


def test_a_preview_decides_what_becomes_of_the_body(weir, origin, ruby):
    code = """
    addon.on("response", content: { preview: 8 }) do |event|
      next { flow: { response: { content: Weir.value_of(event.body.reverse) } } } unless event.preview?
      case event.body
      when /^whole/ then { more: :whole }
      when /^stream/ then event.stream { |stream| stream.each { |piece| stream << piece.upcase } }
      when /^own/ then { flow: { response: { content: "my own" } } }
      end
    end
    """
    bodies = {"/whole": b"whole " * 9000, "/stream": b"stream \xff" * 90_000, "/own": b"own" * 9000, "/none": b"none" * 9000}
    server = origin(serving("chunked", giving(lambda seen: bodies[seen.path])))
    proxy = weir(modes=[reverse(server, "chunked")], addons=[ruby(code)])
    expected = {"/whole": bodies["/whole"][::-1], "/stream": bodies["/stream"].upper(), "/own": b"my own", "/none": bodies["/none"]}
    for path, body in expected.items():
        seen = fetch(proxy, path)
        assert seen.complete and seen.body == body, (path, seen, proxy.log)


# The connection: what the core does not do by itself within a test's time


class Driven:
    """A worker on a socket of the test's, which takes the core's place."""

    def __init__(self, file: str, way: str, folder: Path):
        ours, theirs = socket.socketpair()
        env = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        listener = socket.socket(socket.AF_UNIX)
        if way == "fd":
            env["WEIR_ADDON_FD"], options["pass_fds"] = str(theirs.fileno()), [theirs.fileno()]
        elif way == "stdio":
            options |= {"stdin": theirs, "stdout": theirs, "stderr": subprocess.PIPE}
        else:
            env["WEIR_ADDON_SOCKET"] = str(folder / "core")
            listener.bind(env["WEIR_ADDON_SOCKET"])
            listener.listen()
        self.process = subprocess.Popen(["ruby", file], env=env, **options)
        theirs.close()
        self.socket = listener.accept()[0] if way == "socket" else ours
        self.socket.settimeout(10)
        self.lines = self.socket.makefile("rb")
        self.ask(1, "initialize", protocol=[1], limits={"max_in_flight": 32}, options={}, capabilities=["new"], news={"a": [{}]})

    def send(self, **message):
        self.socket.sendall(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def hear(self) -> dict:
        line = self.lines.readline()
        assert line.endswith(b"\n"), self.printed()
        return json.loads(line)

    def ask(self, number, method, **params) -> dict:
        self.send(id=number, method=method, params=params)
        answer = self.hear()
        assert answer["id"] == number, answer
        return answer

    def printed(self) -> str:
        """All that it has said, once it has ended."""
        self.socket.shutdown(socket.SHUT_WR)
        out, err = self.process.communicate(timeout=10)
        return ((out or b"") + (err or b"")).decode()


@pytest.fixture
def driven(tmp_path, ruby):
    made = []

    def start(code: str, way: str = "fd") -> Driven:
        made.append(Driven(ruby(code), way, tmp_path))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("way", ["fd", "stdio", "socket"])
def test_every_way_of_connecting_keeps_prints_off_the_connection(driven, way):
    worker = driven('addon.on("response") { puts "a print"; {} }', way)
    assert worker.ask(2, "response", flow={"response": {"content": ""}})["result"] == {}
    assert "a print" in worker.printed() and worker.process.returncode == 0


def test_a_ping_is_answered_while_all_threads_wait_and_the_unknown_is_told_apart(driven):
    worker = driven('addon.on("request") { sleep }')
    for number in range(2, 80):
        worker.send(id=number, method="request", params={"flow": {}})
    assert worker.ask(100, "ping")["result"] == {}
    worker.send(method="news", params=[1])
    worker.send(id=5, result={}, params=None)
    assert worker.ask(101, "novelty")["error"]["code"] == -32601
    assert worker.ask(102, "shutdown")["result"] == {}


@pytest.mark.parametrize("line", [b"{\n", b"no json\n", b"{" + b" " * (17 << 20) + b"}\n"], ids=["open", "no JSON", "too long"])
def test_a_bad_line_is_named_at_the_end(driven, line):
    worker = driven('addon.on("request") { sleep }')
    try:
        worker.socket.sendall(line)
        assert worker.lines.readline() == b""
    except ConnectionError:
        pass  # with some of it unread
    worker.process.wait(10)
    assert worker.process.returncode == 1
    assert "bad line from the core" in worker.process.stdout.read().decode()


# Installing, and the examples


def test_the_gem_is_built_and_installed_from_its_folder(tmp_path):
    shutil.copytree(SDK, tmp_path / "sdk")
    env = {**os.environ, "GEM_HOME": str(tmp_path / "gems"), "HOME": str(tmp_path)}
    run = dict(cwd=tmp_path / "sdk", env=env, capture_output=True, text=True, timeout=25)
    built = subprocess.run(["gem", "build", "-o", "weir.gem", "weir-addon.gemspec"], **run)
    assert built.returncode == 0, built.stderr
    installed = subprocess.run(["gem", "install", "--local", "--no-document", "weir.gem"], **run)
    assert installed.returncode == 0, installed.stderr
    for name in ("weir/addon", "weir-addon"):
        used = subprocess.run(["ruby", "-w", "-r", name, "-e", "puts Weir::Addon, Weir::VERSION"], **{**run, "cwd": tmp_path})
        assert used.stdout == "Weir::Addon\n0.1.0\n" and not used.stderr, used


def test_the_library_and_its_readme_are_small():
    lines = [line.strip() for file in SDK.rglob("*.rb") for line in file.read_text().splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) <= 440
    assert len((SDK / "README.md").read_text().splitlines()) <= 40


def test_the_example_of_the_readme_runs(weir, origin, tmp_path):
    code = (SDK / "README.md").read_text().split("```ruby\n")[1].split("```")[0]
    (tmp_path / "tidy.rb").write_text(f'require "{SDK}/lib/weir/addon"\n{code}')
    server = origin(answering(lambda request: ok(request.one("x-seen") or b"no")))
    proxy = weir("--set", "tidy_word=dog", addons=[str(tmp_path / "tidy.rb")], level=None)
    assert proxy.get(server.url(), method="POST", body=b"a dog").status == 403, proxy.log
    assert proxy.get(server.url("/path"), method="POST", body=b"a cat").body == b"1"
    proxy.wait_log(r"\[tidy\] /path")
    assert proxy.get(server.url()).body == b"NO"


def test_header_adds_to_requests_and_responses(weir, origin):
    server = origin(answering(ok(b"ok", "X-Raw: \xff")))
    proxy = weir(addons=[str(RUBY / "header/header.rb")], level=None)
    answer = proxy.get(server.url(), "X-Raw: \xfe")
    assert answer.one("x-addon") == b"1" and answer.one("x-raw") == b"\xff", proxy.log
    assert server.received[0].one("x-addon") == b"1" and server.received[0].one("x-raw") == b"\xfe"


@pytest.mark.parametrize("route", ["connect", "reverse"])
def test_websocket_edits_and_injects(through, serving, route):
    def echo(connection):
        for message in connection:
            connection.send(message if isinstance(message, bytes) else f"<{message}> cat")

    way = through(route, serving(echo), addons=[str(RUBY / "websocket/websocket.rb")], level=None)
    with way.client() as client:
        client.send("a cat \u2028")
        assert client.recv(timeout=5) == "<a horse \u2028> horse"
        client.send("/say a cat")
        assert client.recv(timeout=5) == "you said a cat"
        client.send(b"a cat \xff")
        assert client.recv(timeout=5) == b"a cat \xff"


def test_websocket_takes_its_words_from_options(through, serving):
    words = ["--set", "websocket_word=\u2028", "--set", "websocket_replacement=\\0"]
    way = through("reverse", serving(lambda connection: connection.send(connection.recv())), *words, addons=[str(RUBY / "websocket/websocket.rb")], level=None)
    with way.client() as client:
        client.send("a\u2028b")
        assert client.recv(timeout=5) == "a\\0b"

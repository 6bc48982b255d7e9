"""What every library for addons must do, shown over the real core with one program a language: the probe.

A probe does by the path of a request what its sources in `sdk/` say; all say the same. `SDKTests` is the base of a class of tests,
which gives `program`, the command of the probe.
"""

import gzip
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import zlib
from pathlib import Path

import pytest

from .carriage import fetch, giving, reverse, serving
from .endless import BLOCK, BOUND, MIB, TOTAL, Endless, standing_still
from .messages import Octets, read
from .metrics import Probes
from .origin import Origin
from .proxy import ROOT, eventually

EXAMPLES = ROOT / "addon-examples"
SOURCES = Path(__file__).parents[1] / "sdk"
TEXT = ("größer \u2028 \u0085 €uro 🐈 \t\"\\ " * 4000).encode()
OCTETS = bytes(range(256)) * 1500


def build_examples(language: str) -> None:
    subprocess.run([EXAMPLES / language / "build"], check=True, capture_output=True, timeout=240)


def answer(seen) -> bytes:
    """The origin's body: by the path a text, octets, or what the request had."""
    if seen.path.startswith("/stream/"):
        return TEXT * 10 if seen.path.endswith("detach") else TEXT
    return {"/preview/pass": b"x" * 100, "/preview/short": b"short"}.get(seen.path, seen.body or b"the body of an origin")


def rss(pid: int) -> int:
    """The most memory that a process ever held, in octets."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def worker_of(proxy, name: str) -> int:
    """The process of an addon, by a word of its command line."""
    children = [pid for file in Path(f"/proc/{proxy.process.pid}/task").glob("*/children") for pid in file.read_text().split()]
    [found] = [pid for pid in children if name in Path(f"/proc/{pid}/cmdline").read_text()]
    return int(found)


class Client(threading.Thread):
    """A request in the background."""

    def __init__(self, proxy, path: str):
        super().__init__(daemon=True)
        self.seen, self.ask = None, lambda: fetch(proxy, path)
        self.start()

    def run(self):
        self.seen = self.ask()

    def end(self):
        self.join(10)
        assert not self.is_alive()
        return self.seen


class Line:
    """The core's end of a probe that was started by the test itself."""

    def __init__(self, program: list[str]):
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        environment = {**os.environ, "WEIR_ADDON_FD": str(theirs.fileno())}
        self.process = subprocess.Popen(program, pass_fds=[theirs.fileno()], env=environment, stderr=subprocess.PIPE)
        theirs.close()
        self.socket, self.lines = ours, ours.makefile("rb")

    def send(self, message: dict | bytes) -> None:
        self.socket.sendall((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")

    def read(self) -> dict:
        return json.loads(self.lines.readline())

    def greet(self) -> dict:
        self.send({
            "jsonrpc": "2.0", "id": 1, "method": "initialize", "later": {"unknown": []},
            "params": {"protocol": [1], "limits": {"max_in_flight": 32}, "capabilities": ["stream", "preview", "new"], "options": {}},
        })
        hello = self.read()
        self.send({"jsonrpc": "2.0", "method": "initialized", "params": {"hooks": [], "permissions": [], "refused": [], "redacted": []}})
        return hello

    def end(self) -> str:
        """Ends the connection; what the probe then wrote to standard error."""
        self.socket.shutdown(socket.SHUT_RDWR)
        said = self.process.communicate(timeout=10)[1].decode()
        self.lines.close()
        self.socket.close()
        return said


class SDKTests:
    in_flight = 32
    peak = 64 * MIB  # what the probe may hold of a body that its client does not take

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls):
        one = Origin(serving("chunked", cls.respond))
        yield one
        one.stop()

    @staticmethod
    def respond(reply, seen) -> None:
        if seen.all("accept-encoding"):
            return giving(gzip.compress(TEXT), headers=[("Content-Encoding", "gzip")])(reply, seen)
        giving(answer, trailers=[("X-Sum", "7")] if seen.path == "/stream/trailers" else ())(reply, seen)

    @pytest.fixture(scope="class")
    @classmethod
    def metrics(cls):
        return Probes()

    @pytest.fixture(scope="class")
    @classmethod
    def proxy(cls, module_weir, server, program, metrics):
        return module_weir(*metrics.arguments, modes=[reverse(server, "chunked")], addons=[f"exec:{' '.join(map(str, program))}"])

    def said(self, proxy, path: str, **options) -> bytes:
        seen = fetch(proxy, path, **options)
        assert (seen.status, seen.complete) == (200, True), f"{seen}\n{proxy.log}"
        return seen.body

    # Events

    def test_events_in_flight_at_once_are_answered_in_the_opposite_order(self, proxy):
        count = self.in_flight - 1
        clients = [Client(proxy, f"/hold/{number}") for number in range(count)]
        eventually(lambda: self.said(proxy, "/held") == b"%d" % count, what=f"{count} held requests")
        assert self.said(proxy, "/release") == b"released %d" % count
        assert [client.end().body for client in clients] == [b"held /hold/%d" % number for number in range(count)]

    def test_a_client_that_leaves_cancels_its_event(self, proxy):
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(b"GET /hold/gone HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: self.said(proxy, "/held") == b"1", what="the held request")
        proxy.wait_log("cancelled /hold/gone")
        assert self.said(proxy, "/held") == b"0" and self.said(proxy, "/release") == b"released 0"

    def test_a_deadline_that_passes_cancels_and_one_that_is_put_off_does_not(self, proxy):
        other = Client(proxy, "/late/extended")
        assert self.said(proxy, "/late/never") == b"the body of an origin"
        proxy.wait_log("cancelled /late/never")
        assert other.end().body == b"in time"

    def test_a_handler_that_fails_fails_its_event_alone(self, proxy):
        assert self.said(proxy, "/fail") == b"the body of an origin"
        proxy.wait_log("-32000.*broken on purpose")
        assert self.said(proxy, "/held") == b"0"

    def test_it_answers_for_the_server_and_kills(self, proxy):
        seen = fetch(proxy, "/respond")
        assert (seen.status, seen.all("x-made"), seen.body) == (418, [b"yes"], b"teapot")
        assert not fetch(proxy, "/kill").start

    # Values

    def test_headers_keep_their_order_case_and_octets(self, proxy, server):
        sent = [("X-One", "1"), ("X-Many", "a"), ("x-many", "b"), ("X-Gone", "g"), ("X-GONE", "h"), ("X-Set", "old"), ("X-RaW", "\xff\xfe"), ("x-set", "older")]
        with socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
            lines = ["GET /headers HTTP/1.1", "Host: a", "Connection: close", *(f"{name}: {value}" for name, value in sent)]
            client.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
            assert read(Octets(client), True).complete
        seen = [pair for pair in server.received[-1].headers if pair[0].lower().startswith(b"x-")]
        expected = [(b"X-One", b"1"), (b"X-Many", b"a"), (b"x-many", b"b"), (b"X-SET", b"new"), (b"X-RaW", b"\xff\xfe"), (b"X-Seen", b"1"), (b"X-Count", b"2"), (b"X-Fresh", b"1")]
        assert seen == expected

    @pytest.mark.parametrize("body", [OCTETS, TEXT, b"", b"\x00", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"a" * 100 + b"\xe2\x82"], ids=range(8))
    def test_octets_come_and_go_as_they_are(self, proxy, server, body):
        seen = fetch(proxy, "/reverse", method="POST", body=body)
        assert seen.complete and server.received[-1].body == body[::-1]

    def test_the_whole_state_sent_back_is_no_change_but_what_was_changed(self, proxy, server):
        seen = fetch(proxy, "/whole", headers=[("X-Raw", "\u2028")])
        assert server.received[-1].all("x-whole") == [b"1"]
        [metadata] = seen.all("x-metadata")
        assert json.loads(metadata) == {"n": 9007199254740991, "f": 0.1, "deep": {"a": [1, None, "\u2028\0"]}}
        assert "read_only" not in proxy.log

    @pytest.mark.parametrize("size", [12 * MIB, 20 * MIB])
    def test_a_large_body_comes_in_a_line_or_by_calls(self, proxy, size):
        body = random.Random(1).randbytes(MIB).replace(b"\xff", b"f") * (size // MIB) if size > 16 * MIB else BLOCK * (size // len(BLOCK))
        assert self.said(proxy, "/size", method="POST", body=body, seconds=25) == self.size_of(body)

    @staticmethod
    def size_of(body: bytes) -> bytes:
        return b"%d %d" % (len(body), zlib.adler32(body))

    # The core

    def test_it_calls_the_core_from_inside_an_event(self, proxy):
        assert self.said(proxy, "/call") == b"from inside conflict -32013"

    def test_it_logs_and_counts(self, proxy, metrics):
        self.said(proxy, "/count")
        self.said(proxy, "/count")
        metrics.wait(4, "addon_probe_seen_total", path="/count")
        proxy.wait_log("said by the probe")
        proxy.wait_log("probe: running")
        proxy.wait_log("probe: client_disconnected seen")

    def test_options_are_kept_up_to_date_and_vetoed_and_commands_answered(self, caller, server, program):
        proxy, worker = caller(
            modes=[reverse(server, "chunked")], addons=[f"exec:{' '.join(map(str, program))}"], permissions=["options.set", "command.call"])
        assert self.said(proxy, "/settings") == b"5 a 2"
        assert worker.call("options.set", options={"probe_limit": 7, "probe_words": ["z"]})["result"] == {}
        assert self.said(proxy, "/settings") == b"7 z 1"
        refused = worker.call("options.set", options={"probe_limit": 11})["error"]
        assert refused["data"]["kind"] == "vetoed" and "at most 10" in refused["message"]
        assert self.said(proxy, "/settings") == b"7 z 1"
        assert "error" in worker.call("options.set", options={"probe_kind": "three"})
        assert worker.call("options.set", options={"probe_kind": "two"})["result"] == {}
        arguments = {"b": [1, 2.5, None, {"ü": "\u2028"}], "a": 9007199254740991}
        assert worker.call("command.call", name="probe.echo", args=arguments)["result"] == {"result": arguments}
        assert worker.call("command.call", name="probe.echo", args=None)["result"] == {"result": None}
        failed = worker.call("command.call", name="probe.fail", args=1)["error"]
        assert failed["data"]["kind"] == "worker_error" and "no luck" in failed["message"]

    # Bodies in parts

    @pytest.mark.parametrize("path, body", [
        ("upper", TEXT.upper()),
        ("double", b"".join(bytes([octet, octet]) for octet in TEXT)),
        ("tail", b"%d octets" % len(TEXT)),
        ("early", b"enough"),
        ("replace", b"replaced"),
    ])
    def test_a_body_goes_through_in_parts(self, proxy, path, body):
        seen = fetch(proxy, f"/stream/{path}", client="h2")
        assert (seen.status, seen.complete) == (200, True), f"{seen}\n{proxy.log}"
        assert seen.body == body

    def test_a_compressed_body_goes_through_in_parts(self, proxy):
        seen = fetch(proxy, "/stream/upper", headers=[("Accept-Encoding", "gzip")])
        assert seen.complete and seen.all("content-encoding") == [b"gzip"] and gzip.decompress(seen.body) == TEXT.upper()

    def test_a_body_is_left_to_the_core_after_a_part(self, proxy):
        seen = fetch(proxy, "/stream/detach")
        assert seen.complete and seen.body.upper() == TEXT.upper() * 10
        # How much the first piece has is the network's matter: all of it is the worker's, and nothing behind it.
        first = len(os.path.commonprefix([seen.body, TEXT.upper() * 10]))
        assert 0 < first < len(seen.body) and seen.body[first:] == (TEXT * 10)[first:] and seen.body.endswith(TEXT)
        proxy.wait_log("detached")

    def test_a_body_that_breaks_off_looks_broken(self, proxy):
        seen = fetch(proxy, "/stream/error")
        assert not seen.complete and seen.body in (b"", b"some")
        assert self.said(proxy, "/held") == b"0"

    def test_trailers_are_seen_and_set(self, proxy):
        seen = fetch(proxy, "/stream/trailers")
        assert seen.complete and seen.trailers == [(b"x-came", b"7")]

    @pytest.mark.parametrize("path, body", [
        ("pass", b"x" * 100),
        ("whole", b"it is the body of an origin"),
        ("stream", b"THE BODY OF AN ORIGIN"),
        ("short", b"it is short"),
    ])
    def test_a_preview_decides(self, proxy, path, body):
        assert self.said(proxy, f"/preview/{path}") == body, proxy.log

    @pytest.mark.seconds(60)
    def test_a_client_that_does_not_read_stops_worker_and_server_and_costs_no_memory(self, weir, origin, program):
        endless = Endless()
        server = origin(serving("length", endless))
        proxy = weir(modes=[reverse(server, "length")], addons=[f"exec:{' '.join(map(str, program))}"])
        with socket.create_connection(("127.0.0.1", proxy.port), 30) as client:
            client.sendall(b"GET /stream/upper HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert standing_still(lambda: endless.sent) < BOUND
            seen = read(Octets(client), True)
        assert seen.complete and len(seen.body) == TOTAL and seen.body == (BLOCK.upper() * (TOTAL // len(BLOCK) + 1))[:TOTAL]
        assert rss(worker_of(proxy, program[-1].name if isinstance(program[-1], Path) else program[-1])) < self.peak
        # A client that leaves in the middle ends the stream, and the worker goes on.
        with socket.create_connection(("127.0.0.1", proxy.port), 30) as client:
            endless.sent = 0
            client.sendall(b"GET /stream/upper HTTP/1.1\r\nHost: a\r\n\r\n")
            client.recv(1000)
        proxy.wait_log("closed upper: client_gone")

    # The end

    def test_it_finishes_what_is_open_when_it_is_replaced(self, weir, origin, program):
        proxy = weir(modes=[reverse(origin(serving("chunked", giving(answer))), "chunked")], addons=[f"exec:{' '.join(map(str, program))}"])
        client = Client(proxy, "/wait")
        eventually(lambda: self.said(proxy, "/held") == b"1", what="a held request")
        proxy.process.send_signal(signal.SIGHUP)
        eventually(lambda: proxy.log.count("probe: running") == 2, 10, "the second process")
        # It says that it runs before the first one has given its place up.
        eventually(lambda: self.said(proxy, "/held") == b"0", 10, "the second process's answers")
        assert proxy.log.count("probe: cleaned up") == 0
        assert client.end().body == b"in time"
        eventually(lambda: proxy.log.count("probe: cleaned up") == 1, what="the end of the first process")
        proxy.stop()
        assert proxy.log.count("probe: cleaned up") == proxy.log.count("probe: done") == 2

    def test_it_ends_with_its_connection_and_cleans_up(self, program):
        line = Line(program)
        hello = line.greet()
        assert hello["id"] == 1 and hello["result"]["limits"]["max_line"] >= 1 << 24
        assert "probe: cleaned up" in line.end() and line.process.returncode == 0

    def test_what_it_does_not_know_is_answered_or_ignored_and_lines_are_cut_at_line_feeds_alone(self, program):
        line = Line(program)
        line.greet()
        line.send({"jsonrpc": "2.0", "method": "later.notice", "params": [1]})
        line.send({"jsonrpc": "2.0", "id": 77, "result": {}})
        line.send({"jsonrpc": "2.0", "id": 5, "method": "later.request"})
        assert line.read()["id"] == 5
        line.send({"jsonrpc": "2.0", "id": 6, "method": "ping"})
        assert "result" in line.read()
        echo = {"id": 7, "method": "command", "params": {"name": "probe.echo", "args": "a\u2028b\u2029c\u0085d\re" + "x" * (15 << 20), "caller": "a"}}
        line.send(json.dumps(echo, ensure_ascii=False).encode())
        assert line.read() == {"jsonrpc": "2.0", "id": 7, "result": echo["params"]["args"]}
        line.send({"jsonrpc": "2.0", "id": 8, "method": "shutdown"})
        assert line.read()["id"] == 8
        assert line.end().count("probe: cleaned up") == 1 and line.process.returncode == 0

    def test_a_line_that_is_no_json_ends_it_with_words(self, program):
        line = Line(program)
        line.greet()
        line.send(b'{"id": 3, nonsense')
        assert line.lines.readline() == b""
        assert "JSON" in line.end() and line.process.returncode not in (0, None)

    def test_it_connects_to_a_socket_and_talks_over_standard_input(self, weir, origin, program, tmp_path):
        server, attached = origin(serving("chunked", giving(answer))), tmp_path / "attached"
        proxy = weir("--addon-socket", str(attached), modes=[reverse(server, "chunked")])
        worker = subprocess.Popen(program, env={**os.environ, "WEIR_ADDON_SOCKET": str(attached)}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: fetch(proxy, "/held").body == b"0", 10, "the attached worker")
        finally:
            proxy.terminate()
            assert worker.wait(10) == 0
        proxy = weir(modes=[reverse(server, "chunked")], addons=[f"stdio:{' '.join(map(str, program))}"])
        assert self.said(proxy, "/call") == b"from inside conflict -32013"


class DescriptorTests:
    """For languages that can receive descriptors."""

    @pytest.mark.parametrize("path", ["/size", "/reverse"])
    def test_a_large_body_comes_and_goes_by_descriptor(self, weir, origin, program, path):
        server = origin(serving("chunked", giving(answer)))
        proxy = weir("--set", "addon_permissions=all", modes=[reverse(server, "chunked")], addons=[f"exec:{' '.join(map(str, program))}"])
        body = random.Random(2).randbytes(70_001) * 30
        clients = [Client(proxy, "/wait") for _ in range(2)]
        for size in (70_001, len(body), 100):
            seen = fetch(proxy, path, method="POST", body=body[:size])
            assert seen.complete and seen.body == (SDKTests.size_of(body[:size]) if path == "/size" else body[:size][::-1])
        assert [client.end().body for client in clients] == [b"in time"] * 2
        pid = worker_of(proxy, program[-1].name)
        assert not [name for name in os.listdir(f"/proc/{pid}/fd") if "memfd" in os.readlink(f"/proc/{pid}/fd/{name}")]


class NewTests:
    """What a new addon of the language starts with: made as the program makes it, built, and run confined."""

    language, name = "", "my-first"

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls, tmp_path_factory) -> Path:
        folder = tmp_path_factory.mktemp("new") / cls.name
        source = EXAMPLES / cls.language
        shutil.copytree(source / "sdk", folder / "sdk", ignore=shutil.ignore_patterns("*.o", "*.a", ".build", "*.class", "build", "Tests"))

        def named(text: str) -> str:
            return text.replace("NAME", cls.name).replace("IDENT", cls.name.replace("-", "_"))

        for path in (source / "new").rglob("*"):
            place = folder / named(str(path.relative_to(source / "new")))
            if path.is_dir() or path.name == "RUN" or ".build" in path.parts:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(named(path.read_text()))
            place.chmod(path.stat().st_mode)
        subprocess.run([folder / "build"], check=True, capture_output=True, timeout=240)
        return folder / named((source / "new/RUN").read_text().splitlines()[0])

    @pytest.mark.seconds(240)
    def test_a_new_addon_works_on_its_first_run_confined(self, weir, origin, made):
        server = origin(serving("length", giving(b"ok")))
        proxy = weir(modes=[reverse(server, "length")], addons=[str(made)], level=None)
        for _ in range(2):
            assert fetch(proxy).all(f"x-{self.name}") == [b"1"]

    def test_its_readme_fits_a_screen_and_says_how_it_is_run(self):
        text = (EXAMPLES / self.language / "new/README.md").read_text()
        assert len(text.splitlines()) <= 24 and "weir --addon" in text and "weir addon check" in text
        assert len((EXAMPLES / self.language / "sdk/README.md").read_text().splitlines()) <= 40

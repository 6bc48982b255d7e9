"""What a library for addons must do, as tests over real traffic: a language's file derives a class from `Features` and gives the workers.

A worker of the name `events` does what a request's path says, one of `streams` what a response's, and so on; see each test.
"""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .calls import Getting, asked, refused
from .carriage import fetch, giving, reverse, serving
from .origin import Origin, answering
from .proxy import ROOT, eventually
from .wire import Closed

EXAMPLES = ROOT / "addon-examples"
RAW = b"a\xffb"
SEPARATED = "one\u2028two\u0085three"
BLOCK = "The quick brown fox jumps over größere €uro 🐈.\n".encode() * 20_000
MEBIBYTES_64 = (BLOCK * (-(-(64 << 20) // len(BLOCK))))[: 64 << 20]
PERMISSIONS = ["options.set", "command.call", "metrics.get"]


def upper(data: bytes) -> bytes:
    """Of the ASCII letters alone, wherever pieces were cut."""
    return data.upper()


def copied(language: str, folder: Path, name: str) -> Path:
    """What a new addon of that name starts from: the file that is run."""
    source, made = EXAMPLES / language / "new", folder / name
    made.mkdir()
    for file in source.iterdir():
        if file.name != "RUN":
            target = made / file.name.replace("NAME", name)
            target.write_text(file.read_text().replace("NAME", name))
            target.chmod(file.stat().st_mode)
    shutil.copytree(EXAMPLES / language / "sdk", made / "sdk")
    return made / (source / "RUN").read_text().split()[0].replace("NAME", name)


class Core:
    """The core's end of a spawned worker's connection, line by line."""

    def __init__(self, command: list, lines: list[str]):
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {**os.environ, "WEIR_ADDON_FD": str(theirs.fileno())}
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, stderr=subprocess.PIPE)
        self.socket = ours
        self.socket.settimeout(10)
        self.file = ours.makefile("rb")
        hello = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol":[1],"limits":{"max_line":16777216,"stream_credit":262144},"unknown":{"x":1},"capabilities":[],"options":{}}}'
        self.say(hello, '{"jsonrpc":"2.0","method":"initialized","params":{"hooks":[],"permissions":[],"refused":[],"redacted":[]}}', *lines)

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\n" for line in lines).encode())

    def hear(self) -> bytes:
        return self.file.readline()

    def close(self) -> tuple[int, str]:
        """Ends the connection; the process's status, and what it said on standard error."""
        self.file.close()
        self.socket.close()
        try:
            said = self.process.communicate(timeout=8)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError("the worker outlives its connection") from None
        return self.process.returncode, said.decode()


class Features:
    language: str
    suffix: str
    interpreter: str
    head: str
    workers: dict[str, str]

    @classmethod
    def written(cls, folder: Path, name: str) -> Path:
        file = folder / f"{name}{cls.suffix}"
        file.write_text(cls.head.replace("SDK", str(EXAMPLES / cls.language / "sdk")) + cls.workers[name])
        return file

    @pytest.fixture
    def script(self, tmp_path):
        return lambda name: self.written(tmp_path, name)

    @pytest.fixture
    def start(self, weir, script):
        """`start(worker, *arguments)` is a proxy with that worker."""
        return lambda name, *arguments, **options: weir(*arguments, addons=[str(script(name))], **options)

    @pytest.fixture(scope="class")
    @classmethod
    def events(cls, module_weir, tmp_path_factory):
        """A proxy with the worker `events`."""
        return module_weir(addons=[str(cls.written(tmp_path_factory.mktemp("events"), "events"))])

    @pytest.fixture(scope="class")
    @classmethod
    def streams(cls, module_weir, tmp_path_factory):
        """`streams(respond)` is a proxy with the worker `streams` before a server that responds so, in chunks."""
        how = []
        server = Origin(serving("chunked", lambda reply, seen: how[-1](reply, seen)))
        proxy = module_weir(addons=[str(cls.written(tmp_path_factory.mktemp("streams"), "streams"))], modes=[reverse(server, "chunked")])
        yield lambda respond: how.append(respond) or proxy
        server.stop()

    # Events

    def test_events_do_not_wait_for_each_other_and_are_answered_as_they_are_done(self, events, origin):
        server, proxy = origin(), events
        begun = time.monotonic()
        slow = [Getting(proxy, server.url("/delay/1500")) for _ in range(31)]
        quick = proxy.get(server.url("/delay/0"))
        assert quick.one("x-done") == b"0" and all(one.is_alive() for one in slow), "the quick one is not behind the slow ones"
        assert [one.end().one("x-done") for one in slow] == [b"1500"] * 31
        assert time.monotonic() - begun < 10, "they waited at the same time"

    def test_octets_separators_and_numbers_are_unharmed(self, events, origin):
        answer = b"HTTP/1.1 200 OK\r\nx-raw: " + RAW + b"\r\nx-text: " + SEPARATED.encode() + b"\r\nContent-Length: 2\r\n\r\nok"
        server, proxy = origin(answering(answer)), events
        seen = proxy.get(server.url("/copy"))
        assert (seen.one("x-raw"), seen.one("X-RAW-AGAIN")) == (RAW, RAW)
        assert (seen.one("x-text"), seen.one("x-text-again")) == (SEPARATED.encode(),) * 2
        assert seen.one("x-number") == str(2**53 - 1).encode(), "it went to the core in the flow's metadata, and came back"

    def test_headers_are_found_in_either_case_and_keep_their_order(self, events, origin):
        answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-One: 1\r\nset-cookie: b=2\r\nX-Gone: 1\r\nx-one: 2\r\nx-gone: 2\r\nContent-Length: 2\r\n\r\nok"
        seen = events.get(origin(answering(answer)).url("/headers"))
        found = [pair for pair in seen.headers if pair[0].lower() in (b"set-cookie", b"x-one", b"x-gone", b"x-all", b"x-new", b"x-first")]
        assert found == [(b"Set-Cookie", b"a=1"), (b"x-one", b"new"), (b"set-cookie", b"b=2"), (b"x-all", b"a=1+b=2"), (b"x-first", b"a=1"), (b"x-new", b"here")]

    def test_an_answer_without_the_server_and_a_killed_flow(self, events, origin):
        server, proxy = origin(), events
        seen = proxy.get(server.url("/respond"))
        assert (seen.status, seen.one("x-by"), seen.body) == (418, b"worker", b"\x00\xff")
        with pytest.raises(Closed):
            proxy.get(server.url("/kill"))
        assert server.received == []

    def test_an_exception_is_the_events_error_and_nothing_elses(self, events, origin):
        server, proxy = origin(), events
        assert proxy.get(server.url("/boom")).status == 200, "the flow goes on"
        proxy.wait_log("-32000.*no such luck")
        proxy.wait_log(r"boom|events\.")  # the trace
        assert proxy.get(server.url("/unsendable")).status == 200
        assert proxy.get(server.url("/half")).status == 200
        assert proxy.get(server.url("/delay/0")).one("x-done") == b"0", "the worker goes on"
        assert "died" not in proxy.log

    def test_calls_from_within_a_handler(self, events, origin):
        server, proxy = origin(), events
        seen = proxy.get(server.url("/call"))
        assert seen.one("x-called") == b"/call" and seen.one("x-refused") == b"-32012 no_flow"
        proxy.wait_log("called it from the worker")

    def test_a_client_that_leaves_cancels_the_event(self, events, origin):
        server, proxy = origin(), events
        with proxy.connect() as wire:
            wire.send(f"GET {server.url('/cancel')} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            proxy.wait_log("it has begun")
        proxy.wait_log("it was cancelled")
        assert proxy.get(server.url("/delay/0")).status == 200

    def test_more_time(self, events, origin):
        server, proxy = origin(), events
        assert proxy.get(server.url("/extend")).one("x-extended") == b"1", proxy.log

    def test_a_body_of_some_mebibytes_goes_in_its_line_both_ways(self, start, origin):
        body = BLOCK * 2 + bytes(range(256)) * 4000
        server, proxy = origin(serving("length", giving(body))), start("bodies")
        seen = proxy.get(server.url("/upper"))
        assert seen.body == upper(body)

    # Options, commands, life

    def test_options_follow_the_operator_and_may_be_refused(self, caller, origin, script):
        proxy, other = caller("--set", "most=3", addons=[str(script("settings"))], permissions=PERMISSIONS)
        server = origin()
        assert proxy.get(server.url()).one("x-most") == b"3"
        assert asked(other, "options.set", options={"most": 4}) == {}
        assert proxy.get(server.url()).one("x-most") == b"4"
        error = refused(other, "options.set", options={"most": -1})
        assert error["data"]["kind"] == "vetoed" and "at least 0" in error["message"]
        assert proxy.get(server.url()).one("x-most") == b"4"
        assert "Traceback" not in proxy.log and "    at " not in proxy.log, "a refusal is no accident"

    def test_commands_and_counters(self, caller, script):
        _, other = caller(addons=[str(script("settings"))], permissions=PERMISSIONS)
        assert asked(other, "command.call", name="double", args={"n": 21})["result"] == {"doubled": 42}
        assert asked(other, "command.call", name="nothing")["result"] is None
        error = refused(other, "command.call", name="double", args={})
        assert error["data"]["kind"] == "worker_error"
        counted = lambda: asked(other, "metrics.get")["metrics"] == [{"name": "doubled", "labels": {"of": "21"}, "value": 2}]
        eventually(counted, what="the counter")

    def test_an_open_event_ends_in_peace_and_what_is_held_is_freed(self, start, origin):
        server, proxy = origin(), start("settings")
        getting = Getting(proxy, server.url("/slow"))
        proxy.wait_log("it is slow")
        proxy.terminate()
        assert getting.end().one("x-most") == b"10"
        proxy.stop()
        assert proxy.log.count("all is freed") == 1
        assert re.search(r"started(.|\n)*done(.|\n)*all is freed", proxy.log), proxy.log

    def test_the_other_ways_to_connect(self, weir, origin, script, tmp_path):
        server, path = origin(), tmp_path / "socket"
        file = script("settings")
        proxy = weir("--addon-socket", str(path), addons=[f"stdio:{self.interpreter} {file}"])
        assert proxy.get(server.url()).one("x-most") == b"10", "prints do not get among its lines"
        proxy.wait_log("a print")
        proxy.stop()
        proxy = weir("--addon-socket", str(path))
        attached = subprocess.Popen([self.interpreter, file], env={**os.environ, "WEIR_ADDON_SOCKET": str(path)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: proxy.get(server.url()).one("x-most") == b"10", what="the attached worker")
        proxy.stop()
        attached.wait(8)

    # Lines

    def test_what_it_does_not_know_is_answered_or_passed_over(self, script):
        core = Core(
            [self.interpreter, script("events")],
            [
                '{"jsonrpc":"2.0","method":"new.thing","params":{"x":1}}',
                '{"jsonrpc":"2.0","method":"stream.data","params":{"s":99,"data":"x"}}',
                '{"jsonrpc":"2.0","id":"nobody","result":{}}',
                '{"jsonrpc":"2.0","method":"cancel","params":{"id":77,"why":"timeout"}}',
                '{"jsonrpc":"2.0","method":"drain"}',
                '{"jsonrpc":"2.0","id":2,"method":"ping"}',
                '{"jsonrpc":"2.0","id":3,"method":"new.question","params":{"x":1}}',
                '{"jsonrpc":"2.0","id":4,"method":"shutdown"}',
            ],
        )
        said = [core.hear() for _ in range(4)]
        assert b'"max_line":16777216' in said[0] and b'"id":2,"result":{}' in said[1] and b'"id":3' in said[2] and b'"id":4,"result":{}' in said[3], said
        assert core.close()[0] == 0

    def test_a_bad_line_is_an_end_that_says_why(self, script):
        core = Core([self.interpreter, script("events")], ["{this is no JSON}"])
        core.process.wait(8)
        status, said = core.close()
        assert status not in (0, None) and "JSON" in said, said

    @pytest.mark.parametrize("path", ["/hang", "/delay/60000", "/call"])
    def test_the_end_of_the_connection_is_the_end_of_the_process(self, script, path):
        event = f'{{"jsonrpc":"2.0","id":2,"method":"request","params":{{"flow":{{"id":"f","request":{{"path":"{path}","headers":[]}}}}}}}}'
        core = Core([self.interpreter, script("events")], [event])
        core.hear()
        if path == "/call":
            assert b"flow.get" in core.hear()
        assert core.close()[0] is not None

    # Bodies in pieces

    @pytest.mark.seconds(60)
    def test_64_mebibytes_pass_in_little_memory_and_what_is_sent_passes_too(self, streams):
        proxy = streams(giving(lambda seen: MEBIBYTES_64 if seen.method == b"GET" else hashlib.sha256(seen.body).hexdigest().encode()))
        seen = fetch(proxy, "/upper", seconds=40)
        assert seen.complete and seen.body == upper(MEBIBYTES_64)
        seen = fetch(proxy, "/up", method="POST", body=BLOCK * 5, form="chunked")
        assert seen.complete and seen.body.decode() == hashlib.sha256(upper(BLOCK * 5)).hexdigest()
        children = subprocess.run(["ps", "-o", "rss=", "--ppid", str(proxy.process.pid)], capture_output=True, text=True).stdout.split()
        assert children and max(map(int, children)) < 160 * 1024, "KiB of the worker"

    def test_small_pieces_an_empty_body_and_many_streams_at_once(self, streams):
        bodies = {"/upper/empty": b"", "/upper/octets": bytes(range(256)) * 30, "/upper/text": BLOCK[:50_000]}
        proxy = streams(giving(lambda seen: bodies[seen.path], size=777))
        with ThreadPoolExecutor(12) as pool:
            for path, seen in pool.map(lambda path: (path, fetch(proxy, path)), list(bodies) * 8):
                assert seen.complete and seen.body == upper(bodies[path]), (path, seen)

    def test_a_body_that_ends_early_is_left_alone_or_breaks_off(self, streams):
        proxy = streams(giving(BLOCK))
        seen = fetch(proxy, "/early")
        assert seen.complete and seen.body == b"early"
        seen = fetch(proxy, "/detach")
        assert seen.complete and seen.body.lower() == BLOCK.lower() and seen.body.startswith(b"THE QUICK") and seen.body.endswith(BLOCK[-100:])
        seen = fetch(proxy, "/fail")
        assert not seen.complete and seen.body.startswith(b"THE QUICK")
        proxy.wait_log("the disk is full")
        seen = fetch(proxy, "/refused")
        assert (seen.complete, seen.status, seen.body) == (True, 451, b"no"), "content of its own takes the place of the stream"
        seen = fetch(proxy, "/answered/up", method="POST", body=BLOCK * 2)
        assert (seen.status, seen.body) == (403, b"none") and len(seen.all("x-by")) == 1
        assert fetch(proxy, "/upper").body == upper(BLOCK)

    def test_trailers(self, streams):
        proxy = streams(giving(b"body", trailers=[("x-sum", "1")]))
        assert fetch(proxy, "/trailers").trailers == [(b"x-sum", b"1"), (b"x-more", b"2")]
        assert fetch(proxy, "/upper").trailers == [(b"x-sum", b"1")]

    def test_a_stream_whose_client_leaves_is_over(self, streams):
        proxy = streams(giving(MEBIBYTES_64))
        with proxy.connect() as wire:
            wire.send(b"GET /told HTTP/1.1\r\nHost: x\r\n\r\n")
            wire.until(b"THE QUICK")
        proxy.wait_log("the stream was reset")

    def test_previews(self, start, origin):
        bodies = {"/stream": b"stream me " * 9000, "/whole": b"whole body " * 9000, "/let": b"let it be " * 9000}
        server = origin(serving("chunked", giving(lambda seen: bodies[seen.path])))
        proxy = start("previews", modes=[reverse(server, "chunked")])
        assert fetch(proxy, "/stream").body == upper(bodies["/stream"])
        assert fetch(proxy, "/whole").body == bodies["/whole"][::-1]
        assert fetch(proxy, "/let").body == bodies["/let"]

    # Beside the library

    def test_the_header_example(self, weir, origin):
        server = origin(answering(b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok"))
        proxy = weir(addons=[str(EXAMPLES / self.language / "header" / f"header{self.suffix}")], level=None)
        seen = proxy.get(server.url(), "B: c")
        assert [seen.one("x-addon"), seen.one("A"), server.received[0].one("x-addon"), server.received[0].one("B")] == [b"1", b"b", b"1", b"c"]

    def test_a_new_addon_works_at_once_and_its_page_is_short(self, weir, origin, tmp_path):
        file = copied(self.language, tmp_path, "my-addon")
        assert "NAME" not in file.read_text() and len((file.parent / "README.md").read_text().splitlines()) <= 24
        assert weir(addons=[str(file)], level=None).get(origin().url()).one("x-my-addon") == b"1"

    def test_the_library_s_page_fits_a_screen_and_examples_are_short_and_say_how_to_run_them(self):
        assert len((EXAMPLES / self.language / "sdk/README.md").read_text().splitlines()) <= 40
        examples = [file for file in (EXAMPLES / self.language).glob(f"*/*{self.suffix}") if file.parent.name not in ("sdk", "new")]
        assert len(examples) > 3
        for file in examples:
            text = file.read_text()
            place = file.relative_to(ROOT)
            assert len(text.splitlines()) <= 120 and re.search(rf"Run: weir --addon '?.*{place}", text), file

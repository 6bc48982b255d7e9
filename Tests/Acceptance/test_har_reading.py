"""HAR files of browsers and other programs, read here and by the real mitmproxy."""

import base64
import json
import os
import subprocess
import zlib
from pathlib import Path

import pytest

from support import mitmproxy
from support.proxy import BINARY, run_to_end

HAR = Path(__file__).with_name("har")


def states(path) -> list[dict]:
    """The whole states of the flows in a file."""
    done = run_to_end("flow", "show", "--json", "--file", str(path), "~all")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def octets(value) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def comparable(state: dict) -> dict:
    """The state without what cannot be equal: new ids, times, and the bodies' coded form."""
    request, response = state["request"], state["response"]
    return {
        "request": {name: request[name] for name in ("method", "scheme", "host", "port", "content", "trailers")},
        "path": request["path"],
        "request headers": [pair for pair in request["headers"] if pair[0].lower() != "content-length"],
        "response": {name: response[name] for name in ("status_code", "trailers")},
        "response headers": [pair for pair in response["headers"] if pair[0].lower() != "content-length"],
        "server": state["server_conn"]["address"],
        "client": [state["client_conn"][name] for name in ("peername", "sockname")],
        "other": [state[name] for name in ("type", "error", "intercepted", "is_replay", "marked", "metadata", "comment", "websocket")],
    }


def body(message: dict) -> bytes:
    content = octets(message["content"] or "")
    codings = [value for name, value in message["headers"] if name.lower() == "content-encoding"]
    return zlib.decompress(content, 47) if codings and content else content


# What is deliberately not as mitmproxy has it, for all samples: pseudo fields and fragments are not sent, so they are not kept; GET
# without a body has none; the server's port is the URL's, its address has no brackets; versions have the names that live flows have.
@pytest.mark.parametrize("name", ["chrome", "firefox", "safari", "slack"])
def test_a_browsers_archive_is_read_as_mitmproxy_reads_it(name):
    ours, theirs = states(HAR / f"{name}.har"), mitmproxy.read(HAR / f"{name}.har")
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs):
        assert body(mine["request"]) == body(other["request"])
        assert body(mine["response"]) == body(other["response"])
        mine["request"]["content"] = other["request"]["content"] = None
        other["request"]["headers"] = [pair for pair in other["request"]["headers"] if not pair[0].startswith(":")]
        other["request"]["path"] = other["request"]["path"].split("#")[0]
        if address := other["server_conn"]["address"]:
            other["server_conn"]["address"] = [address[0].strip("[]"), other["request"]["port"]]
        mine, other = comparable(mine), comparable(other)
        assert mine == other


def test_what_a_browser_says_of_versions_times_and_addresses():
    page, form = states(HAR / "chrome.har")
    assert (page["request"]["http_version"], page["request"]["authority"]) == ("HTTP/2.0", "example.com")
    assert page["server_conn"]["peername"] == ["2001:db8::7", 443]
    assert page["request"]["timestamp_start"] == pytest.approx(1767323045.678, abs=1e-3)
    assert page["response"]["timestamp_end"] - page["request"]["timestamp_start"] == pytest.approx(0.08525, abs=1e-4)
    assert form["request"]["headers"][-1] == ["Content-Length", "16"]
    assert form["request"]["port"] == form["server_conn"]["address"][1] == 8080
    put, logo = states(HAR / "firefox.har")
    assert put["request"]["timestamp_start"] == pytest.approx(1767319445.678, abs=1e-3)
    assert octets(put["request"]["content"]) == '{"name":"ñ"}'.encode()
    assert logo["response"]["reason"] == "Not Modified"


def entry(**members) -> dict:
    made = {
        "startedDateTime": "2026-01-02T03:04:05.678Z",
        "time": 1,
        "request": {"method": "GET", "url": "http://h/", "httpVersion": "HTTP/1.1", "headers": []},
        "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [], "content": {}},
    }
    for path, value in members.items():
        *parents, last = path.split("__")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return made


def written(path: Path, *entries, indent=None) -> Path:
    path.write_text(json.dumps({"log": {"version": "1.2", "pages": [], "entries": list(entries)}}, indent=indent))
    return path


def one(path: Path, **members) -> dict:
    (state,) = states(written(path / "one.har", entry(**members)))
    return state


def test_missing_pieces_are_empty_and_unkept_bodies_are_said_to_be(tmp_path):
    state = one(tmp_path, request={"method": "GET", "url": "http://h"}, response={"status": 204}, time=...)
    assert (state["request"]["path"], state["request"]["headers"], state["response"]["headers"]) == ("/", [], [])
    assert (state["response"]["content"], state["response"]["reason"]) == ("", "")
    assert one(tmp_path, response__content={"size": 1234, "mimeType": "image/png"})["response"]["content"] == {"omitted": 1234}
    assert one(tmp_path, response=...)["response"] is None
    assert one(tmp_path, comment="seen twice")["comment"] == "seen twice"


def test_an_entry_without_an_answer_is_a_flow_with_an_error(tmp_path):
    state = one(tmp_path, response__status=0, response___error="net::ERR_ABORTED")
    assert (state["response"], state["error"]["msg"]) == (None, "net::ERR_ABORTED")


def test_set_cookie_lines_that_a_browser_joined_are_as_many_fields(tmp_path):
    state = one(tmp_path, response__headers=[{"name": "Set-Cookie", "value": "a=1\nb=2"}])
    assert state["response"]["headers"] == [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]


def test_a_form_without_text_is_made_of_its_parameters(tmp_path):
    data = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "ü"}, {"name": "c"}]}
    state = one(tmp_path, request__method="POST", request__postData=data)
    assert state["request"]["content"] == "a+b=%C3%BC&c="


def test_text_goes_back_into_its_charset_and_its_codings(tmp_path):
    headers = [{"name": "content-type", "value": "text/plain; charset=windows-1251"}, {"name": "content-encoding", "value": "gzip"}]
    state = one(tmp_path, response__headers=headers, response__content={"text": "Привет"})
    assert zlib.decompress(octets(state["response"]["content"]), 47) == "Привет".encode("cp1251")
    state = one(tmp_path, response__headers=[{"name": "content-encoding", "value": "rot13"}], response__content={"text": "x"})
    assert (state["response"]["headers"], state["response"]["content"]) == ([], "x")
    meta = "<meta charset=utf-8>é"
    state = one(tmp_path, response__headers=[{"name": "content-type", "value": "text/html"}], response__content={"text": meta})
    assert state["response"]["content"] == meta


def test_other_things_than_http_are_left_out_and_counted(tmp_path):
    urls = ["data:text/plain,x", "chrome-extension://abc/x.js", "http://h/kept", "blob:http://h/1", "wss://h/socket"]
    path = written(tmp_path / "x.har", *(entry(request__url=url) for url in urls))
    done = run_to_end("flow", "ls", "--file", str(path))
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["http://h/kept", "https://h/socket"]
    assert "3 entries left out" in done.stderr and done.returncode == 0


def test_ids_are_the_same_each_time_and_differ_between_equal_entries(tmp_path):
    path = written(tmp_path / "x.har", entry(), entry())
    first, second = (state["id"] for state in states(path))
    assert first != second and [state["id"] for state in states(path)] == [first, second]


def test_a_compressed_archive_and_one_on_standard_input_are_read(tmp_path):
    packed = tmp_path / "x.zhar"
    packed.write_bytes(zlib.compress((HAR / "slack.har").read_bytes(), 9))
    assert states(packed)[0]["request"]["host"] == "slack.example"


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.999])
def test_a_cut_off_archive_gives_its_whole_entries_and_says_where_it_ends(keep, tmp_path):
    path = written(tmp_path / "x.har", *(entry(request__url=f"http://h/{n}") for n in range(50)), indent=4)
    whole = path.read_bytes()
    cut = whole[: int(len(whole) * keep)]
    path.write_bytes(cut)
    done = run_to_end("flow", "ls", "--file", str(path))
    found = len(done.stdout.splitlines())
    assert done.returncode == 1 and found == cut.count(b"\n            }")
    assert str(path) in done.stderr and ("the archive ends inside it" in done.stderr or f"behind {found} entries" in done.stderr)


DAMAGED = [
    ({"request__url": ...}, "entry 1", "log.entries[1].request.url: it is missing"),
    ({"request__url": 7}, "entry 1", "log.entries[1].request.url: expected a string, found an integer"),
    ({"request__url": "http://"}, "entry 1", "not an absolute http or https URL"),
    ({"request__url": "/path"}, "entry 1", "not an absolute http or https URL"),
    ({"request__method": "G T"}, "entry 1", "log.entries[1].request.method: 'G T' is not a method"),
    ({"request": ...}, "entry 1", "log.entries[1].request: it is missing"),
    ({"request": []}, "entry 1", "log.entries[1].request.url: it is missing"),
    ({"request__headers": {}}, "entry 1", "log.entries[1].request.headers: expected an array, found an object"),
    ({"request__headers": [["a"]]}, "entry 1", "log.entries[1].request.headers[0]: expected a [name, value] pair"),
    ({"request__headers": [{"value": "x"}]}, "entry 1", "log.entries[1].request.headers[0].name: it is missing"),
    ({"request__headers": [{"name": "a b", "value": "x"}]}, "entry 1", "'a b' is not a field name"),
    ({"request__headers": [{"name": "a", "value": "x\u0001"}]}, "entry 1", "a control character in the value of 'a'"),
    ({"request__postData": {"text": 1}}, "entry 1", "log.entries[1].request.postData.text: expected a string"),
    ({"startedDateTime": "yesterday"}, "entry 1", "log.entries[1].startedDateTime: expected an ISO 8601 time"),
    ({"startedDateTime": ...}, "entry 1", "log.entries[1].startedDateTime: it is missing"),
    ({"time": "soon"}, "entry 1", "log.entries[1].time: expected a number"),
    ({"response__status": "OK"}, "entry 1", "log.entries[1].response.status: expected a number"),
    ({"response__content": {"text": "%", "encoding": "base64"}}, "entry 1", "log.entries[1].response.content.text: it is not base 64"),
]


@pytest.mark.parametrize("members, place, reason", DAMAGED)
def test_a_bad_entry_is_named_with_its_path_and_the_flows_before_it_are_there(members, place, reason, tmp_path):
    path = written(tmp_path / "x.har", entry(), entry(**members), entry())
    done = run_to_end("flow", "ls", "--file", str(path))
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    assert str(path) in done.stderr and place in done.stderr and reason in done.stderr, done.stderr


NOT_ARCHIVES = [
    (b"{}", "no array log.entries"),
    (b'{"log": {"entries": 1}}', "no array log.entries"),
    (b'{"log": {"entries": [1]}}', "expected an object as entry 0"),
    (b'{"log": {"entries": ["x"]}}', "expected an object as entry 0"),
    (b'{"log": {"entries": [[]]}}', "expected an object as entry 0"),
    (b'{"log": {"entries": [{]}}', "closes nothing"),
    (b'{"log": {"entries": []}} {}', "more than one value"),
    (b'{"log": {"entries": [{"a": nul}]}}', "entry 0, byte 21: "),
    (b'{"log": {"entries": [{"a": "\xff"}]}}', "not valid UTF-8"),
    (b'{"log": ' + b"[" * 600, "nesting deeper than 512"),
    (zlib.compress(b'{"log": {"entries": []}}')[:-6], "ends too early"),
    (b"\x78\x9c" + b"\xff" * 40, "deflate"),
]


@pytest.mark.parametrize("content, reason", NOT_ARCHIVES)
def test_what_is_no_archive_is_refused_with_its_place(content, reason, tmp_path):
    path = tmp_path / "x.har"
    path.write_bytes(content)
    done = run_to_end("flow", "ls", "--file", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert str(path) in done.stderr and reason in done.stderr, done.stderr


def peak(*arguments: str) -> int:
    """The most memory, in bytes, that a run had."""
    with subprocess.Popen([BINARY, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, process.stderr.read()
        return usage.ru_maxrss * 1024


@pytest.mark.seconds(120)
def test_memory_follows_the_longest_entry_and_not_the_file(tmp_path):
    entries = [entry(request__url=f"http://h/{n}", response__content={"text": "x" * 100_000}) for n in range(10)]
    small = written(tmp_path / "small.har", *entries)
    large, again, packed = (tmp_path / name for name in ("large.har", "again.har", "packed.zhar"))
    with open(large, "w") as file:
        file.write('{"log": {"entries": [')
        text = ",\n".join(json.dumps(one) for one in entries)
        file.write(",\n".join([text] * 60))
        file.write("]}}")
    assert large.stat().st_size > 60_000_000
    base = peak("flow", "export", "--file", str(small), "har", "~all", "-o", str(again))
    for arguments in (["ls", "--file", str(large)], ["export", "--file", str(large), "har", "~all", "-o", str(again)]):
        assert peak("flow", *arguments) < base + 16_000_000
    assert peak("flow", "export", "--file", str(again), "har", "~all", "-o", str(packed)) < base + 16_000_000
    assert peak("flow", "ls", "--file", str(packed)) < base + 16_000_000
    assert packed.stat().st_size < 2_000_000

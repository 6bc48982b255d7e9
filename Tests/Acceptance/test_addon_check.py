"""`weir addon check`: workers that keep the protocol pass, and each that breaks it fails with the sentence that says how."""

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.bodies import IS_SHARED
from support.proxy import BINARY

EXAMPLES = Path(__file__).parents[2] / "addon-examples"

# A worker that is right; each wrong one replaces a part of it.
RIGHT = r'''
import fcntl, json, mmap, os, socket, threading
link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"]))
hello = {"hooks": [{"name": "response"}]}
held, handlers = [], {}

def reply(message):
    pass

def write(line):
    link.sendall(line)

def send(**message):
    write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

def answer(id, result):
    send(id=id, result=result)

def change(headers):
    return headers + [["x-right", "1"]]

def split(file):
    for line in file:
        yield line

def response(id, params):
    answer(id, {"flow": {"response": {"headers": change(params["flow"]["response"]["headers"])}}})

def notification(method, params):
    pass

def ended():
    pass

file = link.makefile("rb")
for line in split(file):
    message = json.loads(line)
    id, method, params = message.get("id"), message.get("method"), message.get("params", {})
    if method is None: reply(message)
    elif id is None: notification(method, params)
    elif method == "initialize": answer(id, hello)
    elif method == "response": response(id, params)
    elif method in handlers: handlers[method](id, params)
    else: answer(id, {})
ended()
'''

STREAM = r'''
hello["hooks"] = [{"name": "response", "content": "stream"}]
def response(id, params): answer(id, {})
def notification(method, params):
    if method == "stream.data":
        send(method="stream.data", params=params)
        return credit(params)
    if method == "stream.end": end(params)
    if method == "stream.credit": send(method="stream.credit", params=params)
def credit(params): pass
def end(params): send(method="stream.end", params={"s": params["s"]})
'''

# Most of what there is: hooks of every kind, options, commands, calls, previews, long bodies.
RICH = r'''
fds = socket.socket(fileno=int(os.environ["WEIR_ADDON_FDS"]))
kinds = {"bool": False, "int": 1, "number": 0.5, "str": "x", "optional int": None, "sequence of str": []}
hello = {
    "hooks": ["start", "configure", "running", "done", {"name": "request", "content": "whole"}, {"name": "response", "content": {"preview": 512}},
        {"name": "error", "observe": True}, "log", "tick", "client_connected", "server_connect", "tls_clienthello", "next_layer", "http_connect",
        "socks5_auth", "websocket_start", "websocket_message", "tcp_message", "udp_start", "dns_request", "dns_response",
        {"name": "requestheaders", "filter": "~d cdn\\.test & ~m PUT", "fields": ["flow.request.headers"]}],
    "limits": {"max_line": 1 << 20, "max_in_flight": 4}, "capabilities": ["fd", "area"], "permissions": ["body.read", "options.get"],
    "options": [{"name": f"rich_{index}", "type": kind, "default": value} for index, (kind, value) in enumerate(kinds.items())]
        + [{"name": "rich_choice", "type": "str", "default": "a", "choices": ["a", "b"]}],
    "commands": [{"name": "rich.do"}, {"name": "rich.fail"}],
}
seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
waiting, sent, area, place = {}, 0, None, 5
def take(wanted):
    global area
    number = 0
    while number < wanted:
        number, [file], *_ = socket.recv_fds(fds, 32, 1)
        number = int(number)
        if number == 1: area = mmap.mmap(file, os.fstat(file).st_size)
        elif number == wanted: size = os.fstat(file).st_size
        os.close(file)
    return size if wanted > 1 else None
def give(data):
    global sent
    sent += 2
    file = os.memfd_create("body", os.MFD_ALLOW_SEALING)
    os.write(file, data)
    if seals: fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    socket.send_fds(fds, [b"%d" % sent], [file])
    os.close(file)
    return {"fd": sent, "size": len(data)}
def request(id, params):
    content = params["flow"]["request"]["content"]
    if "ref" in content:
        waiting[f"r{id}"] = id
        return send(id=f"r{id}", method="body.read", params={"ref": content["ref"], "offset": 5, "length": 100})
    if "fd" in content:
        assert take(content["fd"]) == content["size"]
        return answer(id, {"flow": {"request": {"content": give(b"another")}}})
    if "at" in content:
        if not area: take(1)
        assert len(set(area[content["at"]:content["at"] + content["size"]])) > 200
        begin = content["at"] + place
        area[begin:begin + 7] = b"another"
        return answer(id, {"flow": {"request": {"content": {"at": begin, "size": 7}}}})
    answer(id, {})
def reply(message):
    if message["id"] not in waiting: return
    assert len(message["result"]["data"]["b64"]) > 100
    answer(waiting.pop(message["id"]), {"log": [{"level": "info", "msg": "read"}]})
def response(id, params):
    content = params["flow"]["response"]["content"]
    preview = isinstance(content, dict) and "preview" in content
    answer(id, {"more": "stream" if not content["complete"] else "whole"} if preview else {})
def configure(id, params):
    if params["options"]["rich_1"] == 7: send(id=id, error={"code": -32000, "message": "not 7"})
    else: answer(id, {})
def command(id, params):
    if params["name"] == "rich.fail": send(id=id, error={"code": -32000, "message": "it fails"})
    else: answer(id, 5)
handlers = {"request": request, "configure": configure, "command": command}
def notification(method, params):
    if method == "stream.data": send(method="stream.credit", params={"s": params["s"], "bytes": len(params["data"])})
    if method == "stream.end": send(method="stream.end", params={"s": params["s"]})
'''

# What is wrong; the case that shows it, the section, and words of the sentence.
WRONG = {
    "answers twice": (
        "def answer(id, result):\n    for _ in 'ab': send(id=id, result=result)",
        "handshake", 2, ["one answer to each id", "a second answer to id 1, 'initialize'"],
    ),
    "answers events twice": (
        "def response(id, params):\n    for _ in 'ab': answer(id, {})",
        "events", 2, ["one answer to each id", "a second answer to id 4, 'response'"],
    ),
    "another id": (
        "def response(id, params): answer(id + 5000, {})",
        "events", 2, ["answers to the ids of the core's requests alone", "an answer to id 5004, which was never sent"],
    ),
    "ids of 32 bits": (
        "def response(id, params): answer(id & 0x7FFFFFFF, {})",
        "large-ids", 2, ["an answer to id 7, "],
    ),
    "lines end at U+2028": (
        "def split(file):\n"
        "    rest = ''\n"
        "    while data := link.recv(1 << 16):\n"
        "        lines = (rest + data.decode()).splitlines(True)\n"
        "        rest = lines.pop() if not lines[-1].endswith('\\n') else ''\n"
        "        yield from lines",
        "separators-raw", 2, ["an answer to 'response'", "it exited with status 1"],
    ),
    "drops bytes": (
        "def change(headers): return [pair for pair in headers if isinstance(pair[1], str)]",
        "bytes-headers", 3, ["the header X-Check of the response", '{"b64":"Y/+AZA=="}', "no header X-Check"],
    ),
    "waits for the next event": (
        "def response(id, params):\n    held.append(id)\n    if len(held) > 1: answer(held.pop(0), {})",
        "one-by-one", 2, ["an answer to 'response' within 400 ms", "none to id"],
    ),
    "loses answers when nobody reads": (
        "def write(line):\n    link.setblocking(False)\n    try: link.send(line)\n    except BlockingIOError: pass\n    link.setblocking(True)",
        "slow-reading", 1, ["an answer to 'response'"],
    ),
    "prints to its socket": (
        "def response(id, params):\n    write(b'got an event\\n')\n    answer(id, {})",
        "events", 2, ["nothing but lines of the protocol on its socket", "a bad line:", "got an event"],
    ),
    "does not exit": (
        "def ended():\n    threading.Event().wait()",
        "end-of-connection", 11, ["the process to end within 2000 ms of the connection's end", "it runs on"],
    ),
    "a line that is too long for it": (
        "hello['limits'] = {'max_line': 1 << 20}\ndef split(file):\n    while line := file.readline(1 << 19): yield line",
        "longest-line", 4, ["an answer to 'response'", "in a line of 1048576 bytes", "it exited with status 1"],
    ),
    "a state that is refused": (
        "def response(id, params): answer(id, {'flow': {'response': {'status_code': 42}}})",
        "events", 7, ["an answer to 'response' that the core accepts", "flow.response.status_code"],
    ),
    "no such hook": (
        "hello['hooks'] = ['respond']",
        "handshake", 4, ["hooks[0]", "there is no hook 'respond'"],
    ),
    "no answer to what it does not know": (
        "def answer(id, result):\n    if result: send(id=id, result=result)",
        "unknown-request", 11, ["an answer to 'x.unknown' within 400 ms"],
    ),
    "credit is nothing to it": (
        STREAM + "def credit(params): send(method='stream.credit', params={'s': params['s'], 'bytes': len(params['data'])})",
        "stream-slow", 16, ["data within its credit", "bytes where it had credit for"],
    ),
    "no end of a stream": (
        STREAM + "def end(params): pass",
        "stream", 16, ["its own `stream.end`", "nothing of its stream came within 400 ms, after 840 bytes"],
    ),
    "a body without seals": (
        RICH + "seals = 0",
        "body-by-descriptor", 17, ["an answer to 'request' that the core accepts", "with the seals WRITE, SHRINK and GROW"],
    ),
    "a body outside its room": (
        RICH + "place = 1 << 20",
        "body-in-area", 17, ["an answer to 'request' that the core accepts", "expected a place within 258048 bytes at 0, found 7 bytes at 1048576"],
    ),
    "a preview's stream has no end": (
        RICH + "def notification(method, params): pass",
        "preview-part", 16, ["its own `stream.end`", "nothing of its stream came within 400 ms, after 0 bytes"],
    ),
    "an option of another type": (
        "hello['options'] = [{'name': 'x', 'type': 'int', 'default': 'y'}]",
        "handshake", 4, ["options[0].default"],
    ),
    "no credit back": (
        STREAM + "def notification(method, params):\n    if method == 'stream.end': end(params)",
        "stream-credit", 16, ["credit back", "nothing of its stream came within 400 ms, after 0 bytes"],
    ),
}


def check(*words, timeout=60):
    done = subprocess.run([BINARY, "addon", "check", "--json", *map(str, words)], capture_output=True, timeout=timeout, text=True)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    return done.returncode, {case["name"]: case for case in report["cases"]}


def write(folder, text):
    worker = folder / "worker.py"
    worker.write_text(text)
    return worker


def wrong(part):
    before, after = RIGHT.split("\nfile = link")
    return f"{before}\n{part}\n\nfile = link{after}"


@pytest.mark.parametrize("part", ["", STREAM], ids=["events", "streams"])
def test_a_right_worker_passes(tmp_path, part):
    status, cases = check(write(tmp_path, wrong(part)))
    assert {case["name"]: case for case in cases.values() if case["outcome"] == "failed"} == {}
    assert status == 0
    assert cases["pipelined"]["note"] == "32 at once"
    assert cases["stream-slow"]["outcome"] == ("ok" if part else "unused")


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_worker_fails_with_what_is_wrong(tmp_path, what):
    if WRONG[what][1] == "body-in-area" and not IS_SHARED:
        pytest.skip("before Linux 6.3 no memory file can be kept from being run, so none is shared")
    part, name, section, words = WRONG[what]
    worker = write(tmp_path, wrong(part))
    short = ["--timeout", "0.4"] if "within 400 ms" in " ".join(words) else ["--timeout", "1.5"]
    status, cases = check(*short, "--case", name, worker)
    case = cases[name]
    assert (status, case["outcome"], case["section"]) == (1, "failed", section), case
    sentence = f"expected {case['expected']}; found {case['found']}"
    for word in words:
        assert word in sentence


def test_a_worker_that_uses_everything_passes(tmp_path):
    status, cases = check(write(tmp_path, wrong(RICH)))
    assert {case["name"]: case for case in cases.values() if case["outcome"] == "failed"} == {}
    assert status == 0
    unused = {name for name, case in cases.items() if case["outcome"] == "unused"}
    assert all(name.startswith("stream") or name == "large-body" or name == "body-in-area" and not IS_SHARED for name in unused), unused
    assert cases["pipelined"]["note"] == "4 at once"
    assert cases["body-by-reference"]["note"] == "1 calls of body.read"
    assert "rich_1: not 7" in cases["options"]["note"] and "'rich.fail': it fails" in cases["commands"]["note"]
    assert cases["preview"]["note"] == "'response' asks for whole" and cases["preview-part"]["note"] == "'response' asks for stream"


def test_one_that_hangs_is_started_anew_for_the_next_case(tmp_path):
    part = "def response(id, params):\n    if len(json.dumps(params)) > 59000: threading.Event().wait()\n    answer(id, {})"
    status, cases = check("--timeout", "1", write(tmp_path, wrong(part)))
    assert status == 1
    assert [name for name, case in cases.items() if case["outcome"] == "failed"] == ["default-line"]


def test_the_table_says_each_case_and_why(tmp_path):
    worker = write(tmp_path, wrong("def ended():\n    print('here I stay', flush=True)\n    threading.Event().wait()"))
    done = subprocess.run(
        [BINARY, "addon", "check", "--case", "end-of-connection", worker], capture_output=True, timeout=60, text=True
    )
    assert done.returncode == 1
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["case", "ms"] in rows
    assert ["end-of-connection", "FAIL"] in [row[:2] for row in rows]
    assert "(Protocol/README.md, section 11)" in done.stdout
    assert "worker: 1 passed, 1 failed, 0 not used" in done.stdout
    assert "  here I stay" in done.stdout


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["no-such-file.py"], "addon 'no-such-file.py'"),
        (["unix:/run/x"], "expected a program that is started"),
        (["exec:no-such-program-at-all"], "'no-such-program-at-all' was not found"),
        (["--case", "none", "x"], "expected a case's name"),
        (["--level", "high", "x"], "option addon_level"),
        ([], "the addon is missing"),
    ],
)
def test_what_cannot_be_started_is_no_failed_case(words, sentence):
    done = subprocess.run([BINARY, "addon", "check", *words], capture_output=True, timeout=20, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


FOLDERS = sorted(folder for folder in EXAMPLES.glob("*/*") if folder.name not in ("sdk", "new") and any(folder.glob(f"{folder.name}.*")))
BUILDING = threading.Lock()


def words(folder):
    """The words by which an example is started, once it is built."""
    program = folder / folder.name
    build = folder.parent / "build"
    with BUILDING:
        if build.is_file() and not any(program.with_suffix(suffix).is_file() for suffix in ("", ".jar")):
            subprocess.run([build], check=True, capture_output=True, timeout=120)
    if program.is_file():
        return [program]
    file = next(path for path in sorted(folder.glob(f"{folder.name}.*")) if path.suffix not in (".c", ".go", ".rs", ".java", ".swift", ".md"))
    return [f"stdio:jq -cn --unbuffered -f {file}"] if file.suffix == ".jq" and "inputs" in file.read_text() else [file]


@pytest.fixture(scope="module")
def checks():
    """The checks of all examples, several at a time: most of each is waiting."""
    with ThreadPoolExecutor(4) as pool:
        yield {folder: pool.submit(lambda folder=folder: check("--level", "confined", *words(folder))) for folder in FOLDERS}


@pytest.mark.seconds(150)
@pytest.mark.parametrize("folder", [pytest.param(folder, id=f"{folder.parent.name}/{folder.name}") for folder in FOLDERS])
def test_every_example_passes(checks, folder):
    status, cases = checks[folder].result()
    assert [case for case in cases.values() if case["outcome"] == "failed"] == []
    assert status == 0

"""Bodies that are too long for a line: by descriptor, by calls, and held in files."""

import base64
import gzip
import hashlib
import os
import subprocess

import pytest

from support.calls import ALL, Getting, asked, ended, flows, refused, standing
from support.flow_files import once, states
from support.origin import answering
from support.proxy import eventually

KIB, MIB = 1 << 10, 1 << 20
HOOK = [{"name": "response", "content": "whole"}]
FD = {"capabilities": ["fd"]}
READER = {"permissions": ["body.read"]}

TAKE = """
from bodies import Descriptors, SEALS, memory
import fcntl, hashlib, socket
descriptors = Descriptors()

def taken(message, side="response"):
    content = message["params"]["flow"][side]["content"]
    data = descriptors.read(content)
    assert len(data) == content["size"]
    return data
"""
SUM = """
@worker.on("response")
def response(message):
    return {"flow": {"response": {"headers": [["X-Sum", hashlib.sha256(taken(message)).hexdigest()]]}}}
"""

READ = """
import base64, hashlib

def octets(value):
    return value.encode() if isinstance(value, str) else base64.b64decode(value["b64"])

def read(content):
    data = b""
    while len(data) < content["size"]:
        answer = worker.call("body.read", ref=content["ref"], offset=len(data))["result"]
        assert answer["size"] == content["size"]
        piece = octets(answer["data"])
        assert piece
        data += piece
    return data

def taken(message, side="response"):
    return read(message["params"]["flow"][side]["content"])
"""


def blob(size: int) -> bytes:
    """Octets that are no text and repeat nowhere near."""
    block = b"".join(hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(32768))
    return (block * (size // len(block) + 1))[:size]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def served(body: bytes, *headers: str):
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]) + "\r\n\r\n"
    return answering(head.encode() + body)


def descriptors(run) -> int:
    return len(os.listdir(f"/proc/{run.process.pid}/fd"))


def files(run) -> list[int]:
    """The sizes of the files without names in which the proxy holds bodies."""
    sizes = []
    for number in os.listdir(f"/proc/{run.process.pid}/fd"):
        try:
            place = f"/proc/{run.process.pid}/fd/{number}"
            if os.readlink(place).startswith(f"{run.confdir}/bodies/"):
                sizes.append(os.stat(place).st_size)
        except FileNotFoundError:
            continue
    return sizes



@pytest.mark.parametrize("size", [64 * KIB, MIB, 20 * MIB])
def test_a_worker_reads_a_body_by_descriptor(weir, addon, origin, size):
    body = blob(size)
    run = weir("--set", "store_flows=0", addons=[addon(HOOK, TAKE + SUM, result=FD)])
    response = run.get(origin(served(body)).url())
    assert response.one("X-Sum") == sha(body).encode()
    assert response.body == body
    eventually(lambda: files(run) == [], what="the end of its file")


def test_a_body_below_the_bound_stands_in_the_line_and_none_is_no_body(weir, addon, origin):
    worker = addon(HOOK, result={**FD, "limits": {"max_line": MIB}})
    run = weir(addons=[worker])
    run.get(origin(served(blob(64 * KIB - 1))).url())
    run.get(origin(served(b"")).url())
    shown = [event["params"]["flow"]["response"]["content"] for event in worker.wait("response", 2)]
    assert base64.b64decode(shown[0]["b64"]) == blob(64 * KIB - 1) and shown[1] == ""


@pytest.mark.parametrize("size", [0, 10, MIB, 20 * MIB])
def test_a_worker_gives_a_body_by_descriptor(weir, addon, origin, size):
    code = TAKE + f"""
@worker.on("response")
def response(message):
    taken(message)
    return {{"flow": {{"response": {{"content": descriptors.give(bytes(range(256)) * {size // 256} + bytes({size % 256}))}}}}}}
"""
    run = weir(addons=[addon(HOOK, code, result=FD)])
    for _ in range(2):
        response = run.get(origin(served(blob(MIB))).url())
        assert response.body == bytes(range(256)) * (size // 256) + bytes(size % 256)
        assert response.one("Content-Length") == b"%d" % size


def test_requests_and_responses_of_one_event_go_by_descriptor_in_their_order(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    flow = message["params"]["flow"]
    assert flow["request"]["content"]["fd"] < flow["response"]["content"]["fd"]
    return {"flow": {"response": {"content": descriptors.give(taken(message, "request") + taken(message))}}}
"""
    run = weir(addons=[addon(HOOK, code, result=FD)])
    upload, body = blob(100 * KIB), blob(200 * KIB)
    assert run.get(origin(served(body)).url(), method="POST", body=upload).body == upload + body


@pytest.mark.parametrize("size", [MIB, 20 * MIB])
def test_a_request_is_held_shown_changed_and_sent(weir, addon, origin, size):
    body, server = blob(size), origin()
    code = TAKE + """
@worker.on("request")
def request(message):
    data = taken(message, "request")
    if message["params"]["flow"]["request"]["path"] == "/change":
        return {"flow": {"request": {"content": descriptors.give(data[::-1])}}}
"""
    run = weir(addons=[addon([{"name": "request", "content": "whole"}], code, result=FD)])
    assert run.get(server.url("/keep"), method="POST", body=body).status == 200
    assert run.get(server.url("/change"), method="POST", body=body).status == 200
    kept, changed = server.wait(2)
    assert kept.body == body and changed.body == body[::-1]
    assert kept.one("Content-Length") == changed.one("Content-Length") == b"%d" % size


def test_to_send_back_all_that_was_shown_is_no_change(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    taken(message)
    return {"flow": message["params"]["flow"]}
"""
    run, body = weir(addons=[addon(HOOK, code, result=FD)]), blob(MIB)
    assert run.get(origin(served(body)).url()).body == body
    assert "bad_reply" not in run.log


def test_a_decoded_body_goes_by_descriptor_and_a_given_one_is_coded_again(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    data = taken(message)
    if message["params"]["flow"]["request"]["path"] == "/keep":
        return {"flow": {"response": {"headers": message["params"]["flow"]["response"]["headers"] + [["X-Sum", hashlib.sha256(data).hexdigest()]]}}}
    return {"flow": {"response": {"content": descriptors.give(data.upper())}}}
"""
    plain = b"hello, world " * 50000
    packed = gzip.compress(plain)
    run = weir(addons=[addon([{"name": "response", "content": "decoded"}], code, result=FD)])
    server = origin(served(packed, "Content-Encoding: gzip"))
    kept, changed = run.get(server.url("/keep")), run.get(server.url("/change"))
    assert kept.body == packed and kept.one("X-Sum") == sha(plain).encode()
    assert changed.one("Content-Encoding") == b"gzip" and gzip.decompress(changed.body) == plain.upper()


def test_a_coded_body_in_a_file_is_decoded_into_another_and_coded_again(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    if "omitted" in message["params"]["flow"]["response"]["content"]:
        return {"flow": {"response": {"headers": [["X-Sum", "left out"]]}}}
    data = taken(message)
    if message["params"]["flow"]["request"]["path"] == "/keep":
        return {"flow": {"response": {"headers": message["params"]["flow"]["response"]["headers"] + [["X-Sum", hashlib.sha256(data).hexdigest()]]}}}
    return {"flow": {"response": {"content": descriptors.give(data[::-1])}}}
"""
    plain = blob(3 * MIB)
    packed = gzip.compress(plain, 1)
    decoding = [{"name": "response", "content": "decoded", "timeout_ms": 20000}]
    run = weir("--set", "body_memory_limit=1m", "--set", "store_flows=0", addons=[addon(decoding, code, result=FD)])
    server = origin(served(packed, "Content-Encoding: gzip"))
    kept, changed = run.get(server.url("/keep")), run.get(server.url("/change"))
    assert kept.body == packed and kept.one("X-Sum") == sha(plain).encode()
    assert changed.one("Content-Encoding") == b"gzip" and gzip.decompress(changed.body) == plain[::-1]
    broken = packed[:-9] + b"not a gzip"
    response = run.get(origin(served(broken, "Content-Encoding: gzip")).url("/keep"))
    assert response.body == broken and response.one("X-Sum") == b"left out"
    eventually(lambda: files(run) == [], what="the end of its files")


def test_a_body_in_a_file_goes_through_a_stream_within_the_event_and_shows_its_beginning(weir, addon, origin):
    code = """
@worker.on("stream.data")
def data(message):
    params = message["params"]
    worker.notify("stream.data", s=params["s"], data=params["data"])
    value = params["data"]
    size = len(value) if isinstance(value, str) else len(__import__("base64").b64decode(value["b64"]))
    worker.notify("stream.credit", s=params["s"], bytes=size)

@worker.on("stream.end")
def end(message):
    worker.notify("stream.end", s=message["params"]["s"])
"""
    whole = addon(HOOK, TAKE + SUM, name="whole", result=FD)
    streaming = addon([{"name": "response", "content": "stream", "timeout_ms": 20000}], code, name="streaming")
    first = addon([{"name": "response", "content": {"preview": 5}}], name="first")
    run = weir("--set", "body_memory_limit=64k", "--set", "store_flows=0", addons=[whole, first, streaming])
    body = blob(2 * MIB)
    response = run.get(origin(served(body)).url())
    assert response.body == body and response.one("X-Sum") == sha(body).encode()
    shown = first.wait("response")[0]["params"]["flow"]["response"]["content"]
    assert base64.b64decode(shown["preview"]["b64"]) == body[:5] and shown["size"] == 2 * MIB and not shown["complete"]


def test_a_body_of_unknown_length_that_turns_out_to_be_one_that_is_streamed_is_whole(weir, addon, origin):
    body = blob(2 * MIB)
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[i : i + 70000] for i in range(0, len(body), 70000)))
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    worker = addon(HOOK, result=FD)
    run = weir("--set", "body_memory_limit=64k", "--set", "stream_large_bodies=1m", addons=[worker])
    assert run.get(origin(answering(answer)).url()).body == body
    assert worker.wait("response")[0]["params"]["flow"]["response"]["content"] == {"omitted": None}


def test_a_worker_over_standard_input_has_its_descriptors_behind_them(weir, addon, origin):
    code = 'assert os.environ["WEIR_ADDON_FDS"] == "3"' + TAKE + SUM
    run, body = weir(addons=[addon(HOOK, code, form="stdio", result=FD)]), blob(MIB)
    assert run.get(origin(served(body)).url()).one("X-Sum") == sha(body).encode()


def test_a_worker_reads_what_it_is_shown_and_cannot_write_it(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    fd = descriptors.take(message["params"]["flow"]["response"]["content"])
    found = []
    for attempt in (lambda: os.pwrite(fd, b"x", 0), lambda: os.ftruncate(fd, 1), lambda: os.ftruncate(fd, 1 << 30)):
        try:
            attempt()
            found.append("done")
        except OSError as refusal:
            found.append(type(refusal).__name__)
    os.close(fd)
    return {"flow": {"response": {"headers": [["X-Found", " ".join(found)]]}}}
"""
    run = weir(addons=[addon(HOOK, code, result=FD)])
    for size in (MIB, 20 * MIB):
        response = run.get(origin(served(blob(size))).url())
        assert b"done" not in response.one("X-Found") and len(response.one("X-Found").split()) == 3
        assert response.body == blob(size)


@pytest.mark.parametrize("size", [100 * KIB, 3 * MIB, 20 * MIB])
def test_a_worker_reads_a_body_by_calls(weir, addon, origin, size):
    code = READ + SUM
    options = {"limits": {"max_line": MIB}} if size > MIB else {}
    run = weir(addons=[addon(HOOK, code, threads=True, result={**READER, **options})])
    body = blob(size)
    response = run.get(origin(served(body)).url())
    assert response.one("X-Sum") == sha(body).encode()
    assert response.body == body


def test_pieces_are_where_they_were_asked_for_and_a_reference_ends_with_its_event(weir, addon, origin):
    code = READ + """
kept = []
@worker.on("response")
def response(message):
    content = message["params"]["flow"]["response"]["content"]
    if kept:
        late = worker.call("body.read", ref=kept[0])
        return {"flow": {"response": {"headers": [["X-Kind", late["error"]["data"]["kind"]]]}}}
    kept.append(content["ref"])
    size = content["size"]
    asked = [(0, 5), (7, 1), (size - 2, 100), (size, 10), (size + 1, 10), (0, 0)]
    found = [octets(worker.call("body.read", ref=content["ref"], offset=o, length=n)["result"]["data"]).decode() for o, n in asked]
    wrong = [{"ref": content["ref"], "offset": -1}, {"ref": content["ref"], "length": "1"}, {"ref": "1"}, {}, {"ref": 99}]
    kinds = [worker.call("body.read", **params)["error"]["data"]["kind"] for params in wrong]
    return {"flow": {"response": {"headers": [["X-Found", "|".join(found)], ["X-Kinds", " ".join(kinds)]]}}}
"""
    run = weir(addons=[addon(HOOK, code, threads=True, result=READER)])
    server = origin(served(b"0123456789" * 10000))
    first = run.get(server.url())
    assert first.one("X-Found") == b"01234|7|89|||"
    assert first.one("X-Kinds") == b"invalid_params invalid_params invalid_params invalid_params conflict"
    assert run.get(server.url()).one("X-Kind") == b"conflict"


@pytest.mark.parametrize("size", [MIB, 20 * MIB])
@pytest.mark.parametrize("policy", ["continue", "kill"])
def test_a_worker_that_takes_no_large_bodies_does_not_see_the_event(weir, addon, origin, size, policy):
    worker = addon([{**HOOK[0], "on_failure": policy}])
    run, body = weir(addons=[worker]), blob(size)
    getting = Getting(run, origin(served(body)).url())
    answer = getting.end()
    assert (answer and answer.body) == (body if policy == "continue" else None)
    assert worker.events() == [] and "too_large" in run.log
    assert run.get(origin().url()).body == b"ok" and worker.events() == ["response"]


def test_a_body_in_a_file_stands_in_the_line_of_a_worker_whose_lines_are_long_enough(weir, addon, origin):
    code = READ + """
@worker.on("response")
def response(message):
    data = octets(message["params"]["flow"]["response"]["content"])
    return {"flow": {"response": {"headers": [["X-Sum", hashlib.sha256(data).hexdigest()]]}}}
"""
    body = blob(20 * MIB)
    run = weir("--set", f"addon_line_limit={64 * MIB}", addons=[addon(HOOK, code, result={"limits": {"max_line": 64 * MIB}})])
    assert run.get(origin(served(body)).url()).one("X-Sum") == sha(body).encode()


def test_an_observer_is_told_without_the_body(weir, addon, origin):
    worker = addon([{**HOOK[0], "observe": True}], result=FD)
    run = weir(addons=[worker])
    run.get(origin(served(blob(MIB))).url())
    assert worker.wait("response")[0]["params"]["flow"]["response"]["content"] == {"omitted": MIB}


def test_descriptors_are_offered_to_processes_of_our_own_that_may_have_them(weir, addon, origin, tmp_path, caller):
    offered = lambda worker: worker.messages("initialize")[0]["params"]["capabilities"]
    spawned, denied = addon(HOOK, name="spawned"), addon(HOOK, 'assert "WEIR_ADDON_FDS" not in os.environ', name="denied", result=FD)
    run = weir(addons=[spawned])
    assert "fd" in offered(spawned)
    run.stop()
    run = weir("--set", "addon_permissions=body.read", addons=[denied])
    assert "fd" not in offered(denied)
    assert run.get(origin(served(blob(MIB))).url()).body == blob(MIB) and "too_large" in run.log
    _, worker = caller()
    assert worker.record_path
    shown = [line for line in (tmp_path / "caller.jsonl").read_text().splitlines() if '"initialize"' in line]
    assert shown and '"fd"' not in shown[0]


def test_a_worker_that_died_is_sent_the_body_once_more(weir, addon, origin, tmp_path):
    code = TAKE + f"""
@worker.on("response")
def response(message):
    if message["params"]["attempt"] == 1:
        os._exit(1)
    return {{"flow": {{"response": {{"headers": [["X-Sum", hashlib.sha256(taken(message)).hexdigest()]]}}}}}}
"""
    run = weir(addons=[addon([{**HOOK[0], "on_failure": "retry", "idempotent": True}], code, result=FD)])
    assert run.get(origin(served(blob(MIB))).url()).one("X-Sum") == sha(blob(MIB)).encode()


# What a hostile worker may answer with; `descriptors`, `memory`, `SEALS` are those of support/bodies.py.
HOSTILE = {
    "a file that is shorter": ("number = send(memory(b'x' * 100)); size = 200", "found one of 100"),
    "a file that is longer": ("number = send(memory(b'x' * 200)); size = 100", "found one of 200"),
    "no seals": ("number = send(memory(b'x' * 100, 0)); size = 100", "found the seals 0"),
    "writable": ("number = send(memory(b'x' * 100, SEALS & ~fcntl.F_SEAL_WRITE)); size = 100", "with the seals WRITE"),
    "shrinkable": ("number = send(memory(b'x' * 100, SEALS & ~fcntl.F_SEAL_SHRINK)); size = 100", "with the seals WRITE"),
    "growable": ("number = send(memory(b'x' * 100, SEALS & ~fcntl.F_SEAL_GROW)); size = 100", "with the seals WRITE"),
    "future writes sealed only": (
        "number = send(memory(b'x' * 100, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | 0x10)); size = 100",
        "with the seals WRITE",
    ),
    "only a seal of seals": ("number = send(memory(b'x' * 100, fcntl.F_SEAL_SEAL)); size = 100", "found the seals 1"),
    "one that is truncated meanwhile": ("fd = memory(b'x' * 100, 0); number = send(fd); os.ftruncate(fd, 0); size = 100", "found the seals 0"),
    "one that grows meanwhile": ("fd = memory(b'x' * 100, 0); number = send(fd); os.ftruncate(fd, 1 << 40); size = 100", "found the seals 0"),
    "one of a petabyte": (
        "fd = memory(b'', 0); os.ftruncate(fd, 1 << 50); fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS); number = send(fd); size = 1 << 50",
        "larger than the",
    ),
    "a pipe": ("number = send(os.pipe()[0]); size = 100", "another kind"),
    "a FIFO": ("os.mkfifo('fifo'); number = send(os.open('fifo', os.O_RDWR)); size = 0", "another kind"),
    "a socket": ("number = send(socket.socketpair()[0].detach()); size = 100", "another kind"),
    "a directory": ("number = send(os.open('/', os.O_RDONLY)); size = 0", "another kind"),
    "endless zeros": ("number = send(os.open('/dev/zero', os.O_RDONLY)); size = 100", "another kind"),
    "a file on the disk": ("number = send(os.open('/etc/passwd', os.O_RDONLY)); size = os.stat('/etc/passwd').st_size", "another kind"),
    "a file of the kernel": ("number = send(os.open('/proc/kmsg', os.O_RDONLY | os.O_NONBLOCK)); size = 0", "another kind"),
    "no descriptor": ("number = send(); size = 100", "a packet had no descriptor"),
    "an empty packet": ("number = descriptors.name(); descriptors.send(number, payload=b''); size = 100", "was sent before"),
    "two descriptors": ("number = send(memory(b'x'), memory(b'x')); size = 1", "more than one descriptor"),
    "many descriptors": ("number = send(*[memory(b'x')] * 200); size = 1", "more than one descriptor"),
    "a number never sent": ("number = descriptors.name(); size = 100", "was sent before"),
    "a number of ours": ("number = 1; size = 100", "neither an even number"),
    "a negative number": ("number = -2; size = 100", "given up, before"),
    "a number twice": ("descriptors.send(2, memory(b'x')); number = 2; size = 1; descriptors.number = 2", "given up, before"),
    "no number": ("descriptors.send(0, memory(b'x'), payload=b'two'); number = descriptors.name(); size = 1", "no even number"),
    "a long payload": ("descriptors.send(0, memory(b'x'), payload=b'2' * 5000); number = descriptors.name(); size = 1", "no even number"),
    "a size below zero": ("number = send(memory(b'x')); size = -1", "neither an even number"),
    "no size": ("number = send(memory(b'x')); size = None", "expected an integer"),
    "a text for a number": ("number = str(send(memory(b'x'))); size = 1", "expected an integer"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_descriptor_costs_its_event_and_nothing_else(weir, addon, origin, name):
    attack, reason = HOSTILE[name]
    code = TAKE + f"""
def send(*fds):
    number = descriptors.name()
    descriptors.send(number, *fds)
    return number

@worker.on("response")
def response(message):
    taken(message)
    if message["params"]["flow"]["request"]["path"] == "/good":
        return {{"flow": {{"response": {{"content": descriptors.give(b"good")}}}}}}
    {attack}
    return {{"flow": {{"response": {{"content": {{"fd": number, "size": size}}}}}}}}
"""
    run = weir(addons=[addon(HOOK, code, result=FD)])
    body, server = blob(100 * KIB), None
    server = origin(served(body))
    assert run.get(server.url("/good")).body == b"good"
    server.wait_idle()
    before = eventually(lambda: descriptors(run), what="a count")
    assert run.get(server.url("/bad")).body == body
    assert reason in run.wait_log(r"bad_reply").string, run.log
    assert run.get(server.url("/good")).body == b"good"
    eventually(lambda: descriptors(run) <= before, what=f"an end of the {descriptors(run) - before} descriptors that are too many")


def test_a_flood_of_descriptors_without_lines_is_the_workers_own_problem(weir, addon, origin):
    code = TAKE + """
def flood():
    fd = memory(b"x")
    while True:
        descriptors.send(descriptors.name(), fd)

threading.Thread(target=flood, daemon=True).start()

@worker.on("response")
def response(message):
    taken(message)
"""
    run, body = weir(addons=[addon(HOOK, code, result=FD)]), blob(MIB)
    server = origin(served(body))
    run.get(server.url())
    server.wait_idle()
    before = descriptors(run)
    for _ in range(5):
        assert run.get(server.url()).body == body
    eventually(lambda: descriptors(run) <= before, what="as few descriptors as before")


def test_who_never_takes_descriptors_reads_by_calls_what_has_no_room_any_more(weir, addon, origin):
    code = READ + """
@worker.on("response")
def response(message):
    content = message["params"]["flow"]["response"]["content"]
    if "ref" in content:
        return {"flow": {"response": {"headers": [["X-Sum", hashlib.sha256(read(content)).hexdigest()]]}}}
"""
    run = weir(addons=[addon(HOOK, code, threads=True, result={**FD, **READER})])
    body = blob(100 * KIB)
    server = origin(served(body))
    sums = [run.get(server.url()).one("X-Sum") for _ in range(14)]
    assert sums[0] is None and sums[-1] == sha(body).encode()


def test_events_beyond_what_the_socket_takes_wait_for_their_turn(weir, addon, origin):
    code = TAKE + SUM
    run, body = weir(addons=[addon(HOOK, code, result=FD)]), blob(MIB)
    server = origin(served(body))
    everyone = [Getting(run, server.url()) for _ in range(30)]
    assert [getting.end().one("X-Sum") for getting in everyone] == [sha(body).encode()] * 30


def test_bodies_above_the_bound_are_held_in_files_and_those_below_are_not(weir, origin, caller):
    run, worker = caller("--set", "intercept=~s", "--set", "store_content=true", "--set", "body_memory_limit=100k", "--set", "store_flows=0", permissions=ALL)
    for size, held in ((100 * KIB, []), (100 * KIB + 1, [100 * KIB + 1]), (20 * MIB, [20 * MIB])):
        getting = Getting(run, origin(served(blob(size))).url())
        flow = standing(worker)
        assert files(run) == held
        folder = run.confdir / "bodies"
        assert list(folder.iterdir() if held else []) == [] and (not held or folder.stat().st_mode & 0o777 == 0o700)
        asked(worker, "flow.resume", id=flow["id"])
        assert getting.end().body == blob(size)
        eventually(lambda: files(run) == [], what="the end of its file")


def test_a_chunked_body_and_its_trailers_are_held_in_a_file(weir, addon, origin):
    body = blob(MIB)
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[i : i + 70000] for i in range(0, MIB, 70000)))
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\nX-Sum: 1\r\n\r\n"
    run = weir("--set", "body_memory_limit=64k", addons=[addon(HOOK, TAKE + SUM, result=FD)])
    response = run.get(origin(answering(answer)).url())
    assert response.body == body and response.trailers == [(b"X-Sum", b"1")]


def test_pieces_of_a_flow_in_a_file_can_be_read_by_its_id(weir, origin, caller):
    run, worker = caller("--set", "store_content=true", "--set", "body_memory_limit=64k", permissions=[*ALL, "body.read"])
    body = blob(MIB)
    run.get(origin(served(body)).url(), method="POST", body=b"upload")
    flow = ended(worker)[0]["id"]
    data, offset = b"", 0
    while offset < MIB:
        answer = asked(worker, "body.read", id=flow, part="response", offset=offset)
        assert answer["size"] == MIB
        data += base64.b64decode(answer["data"]["b64"])
        assert len(data) > offset
        offset = len(data)
    assert data == body
    assert asked(worker, "body.read", id=flow, part="request") == {"data": "upload", "size": 6}
    assert asked(worker, "flow.get", id=flow, content="whole")["flow"]["response"]["content"] == {"omitted": MIB}
    assert refused(worker, "body.read", id=flow, part="trailer")["data"]["kind"] == "invalid_params"
    assert refused(worker, "body.read", id="x", part="request")["data"]["kind"] == "no_flow"


def test_a_flow_that_was_not_kept_with_its_body_says_so(weir, origin, caller):
    run, worker = caller("--set", "store_content=true", "--set", "store_bytes=1000000", permissions=[*ALL, "body.read"])
    run.get(origin().url())
    run.get(origin(served(blob(20 * MIB))).url())
    small, large = ended(worker, 2)
    assert files(run) == []
    assert asked(worker, "body.read", id=small["id"], part="response")["data"] == "ok"
    assert refused(worker, "body.read", id=large["id"], part="response")["data"]["kind"] == "conflict"
    assert asked(worker, "flow.get", id=large["id"], content="whole")["flow"]["response"]["content"] == {"omitted": 20 * MIB}


def test_an_edit_of_a_flow_leaves_a_body_in_a_file_where_it_is(weir, origin, caller):
    run, worker = caller("--set", "store_content=true", "--set", "body_memory_limit=64k", permissions=[*ALL, "body.read"])
    run.get(origin(served(blob(MIB))).url())
    flow = ended(worker)[0]["id"]
    state = asked(worker, "flow.get", id=flow, content="whole")["flow"]
    asked(worker, "flow.set", id=flow, state={**state, "comment": "seen"})
    asked(worker, "flow.set", id=flow, flow={"response": {"content": {"omitted": 3}}})
    assert asked(worker, "body.read", id=flow, part="response", length=1)["size"] == MIB
    error = refused(worker, "flow.set", id=flow, flow={"response": {"content": {"fd": 2, "size": 1}}})
    assert error["data"] == {"kind": "bad_state", "path": "flow.response.content"}
    asked(worker, "flow.set", id=flow, flow={"response": {"content": "new"}})
    assert asked(worker, "body.read", id=flow, part="response")["data"] == "new"


def test_a_request_with_a_body_in_a_file_is_replayed(weir, origin, caller):
    run, worker = caller("--set", "store_content=true", "--set", "body_memory_limit=64k", permissions=ALL)
    server, body = origin(), blob(3 * MIB)
    run.get(server.url(), method="POST", body=body)
    asked(worker, "flow.replay", id=ended(worker)[0]["id"])
    assert [request.body for request in server.wait(2)] == [body, body]


def test_bodies_in_files_are_written_to_flow_files_whole(weir, addon, origin, tmp_path):
    path, body = tmp_path / "flows", blob(20 * MIB)
    run = weir("-w", path)
    run.get(origin(served(body)).url(), method="POST", body=body[: 17 * MIB])
    run.get(origin().url())
    run.stop()
    first, second = states(path)
    assert bytes.fromhex(first["response"]["content"]["bytes"]) == body
    assert bytes.fromhex(first["request"]["content"]["bytes"]) == body[: 17 * MIB]
    assert bytes.fromhex(second["response"]["content"]["bytes"]) == b"ok"
    once("-q", "-n", "-r", path, "-w", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_what_text_forms_and_rules_cannot_hold_they_say(weir, origin, tmp_path):
    run = weir("--set", f"hardump={tmp_path / 'a.har'}", "--set", "modify_body=/hello/bye", "--set", "flow_detail=4")
    body = b"hello " * (4 * MIB)
    assert run.get(origin(served(body)).url()).body == body
    run.stop()
    assert "is left as it is" in run.log and "too long to be held in memory" in run.log
    assert "too long for an archive" in (tmp_path / "a.har").read_text()
    assert "(cut off: " in run.printed and run.printed.count("hello") == MIB // 6


def test_a_filter_looks_at_the_beginning_of_a_body_in_a_file(weir, addon, origin):
    worker = addon([{"name": "response", "filter": "~bs needle"}])
    run = weir(addons=[worker])
    body = b"x" * (20 * MIB)
    run.get(origin(served(body)).url())
    run.get(origin(served(body[: 15 * MIB] + b"needle" + body)).url("/found"))
    assert [event["params"]["flow"]["request"]["path"] for event in worker.wait("response")] == ["/found"]


@pytest.mark.parametrize("upload", [True, False])
def test_without_room_for_a_body_its_flow_fails_and_the_proxy_goes_on(weir, addon, origin, upload):
    worker = addon([*HOOK, "error"], TAKE, result=FD)
    run = weir(addons=[worker], within=("prlimit", f"--fsize={18 * MIB}"))
    body = blob(20 * MIB)
    server = origin(served(b"ok" if upload else body))
    response = run.get(server.url(), method="POST", body=body if upload else b"x")
    assert response.status == 502 and b"a body cannot be held in a file in" in response.body and b"File too large" in response.body
    assert "cannot be held" in worker.wait("error")[0]["params"]["flow"]["error"]["msg"]
    assert run.get(origin().url()).body == b"ok"
    eventually(lambda: files(run) == [], what="the end of its file")


def test_without_its_folder_a_flow_fails_and_the_proxy_goes_on(weir, addon, origin):
    run = weir(addons=[addon([{"name": "response", "content": "whole"}])])
    (run.confdir / "bodies").write_text("in the way")
    response = run.get(origin(served(blob(20 * MIB))).url())
    assert response.status == 502 and b"/bodies: Not a directory" in response.body
    assert run.get(origin().url()).body == b"ok"


def test_a_body_longer_than_what_may_be_held_is_refused(weir, addon, origin):
    run = weir("--set", "body_buffer_limit=1m", addons=[addon(HOOK, TAKE, result=FD)])
    assert run.get(origin(served(blob(MIB + 1))).url()).status == 502
    assert run.get(origin(served(blob(MIB))).url()).status == 200
    assert run.get(origin().url(), method="POST", body=blob(MIB + 1)).status == 413


def test_a_client_that_leaves_takes_its_file_with_it(weir, origin, caller):
    run, worker = caller("--set", "intercept=~s", "--set", "store_content=true", "--set", "store_flows=0", permissions=ALL)
    server = origin(served(blob(20 * MIB)))
    wire = run.connect()
    wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
    standing(worker)
    assert files(run) == [20 * MIB]
    wire.close()
    eventually(lambda: files(run) == [], what="the end of its file")
    wire = run.connect()
    wire.send(f"GET {server.url()} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode())
    asked(worker, "flow.resume", id=standing(worker)["id"])
    wire.until(b"\r\n\r\n")
    wire.reset()
    eventually(lambda: files(run) == [], what="the end of its file")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_body_in_a_file_goes_to_slow_clients_and_servers_of_either_version(weir, authority, nginx, tmp_path, version):
    (tmp_path / "files").mkdir()
    body = blob(20 * MIB)
    (tmp_path / "files/body").write_bytes(body)
    extra = f"location /files/ {{ root {tmp_path}; }}\nlocation /null {{ client_max_body_size 0; return 204; }}"
    server = nginx(authority.leaf("127.0.0.1"), extra, http2=version == "--http2")
    run = weir("--set", "store_content=true", "--set", f"ssl_verify_upstream_trusted_ca={authority.certificate}")
    got = run.curl(f"https://127.0.0.1:{server.port}/files/body", version, "--limit-rate", "30m")
    assert got.returncode == 0 and sha(got.stdout) == sha(body), got.stderr
    sent = run.curl(f"https://127.0.0.1:{server.port}/null", version, "--data-binary", f"@{tmp_path}/files/body", "-w", "%{http_code}")
    assert sent.stdout == b"204", (sent, run.log)


@pytest.mark.seconds(400)
def test_ten_downloads_of_a_gibibyte_held_at_once(weir, nginx, tmp_path, caller):
    folder = tmp_path / "files"
    folder.mkdir()
    # Less where the disk has no room for ten of them.
    size = min(1 << 30, free(folder) // 20 // MIB * MIB)
    assert size > 100 * MIB, "the disk is full"
    with open(folder / "gib", "wb") as file:
        file.truncate(size)
    server = nginx(None, f"location /files/ {{ root {tmp_path}; }}")
    run, worker = caller("--set", "intercept=~s", "--set", "store_content=true", permissions=ALL)
    before = free(run.confdir)
    command = ["curl", "-sS", "-x", run.url, "-o", "/dev/null", "-w", "%{size_download}", f"http://127.0.0.1:{server.port}/files/gib"]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(10)]
    try:
        eventually(lambda: sum(flow["intercepted"] for flow in flows(worker)) == 10, 300, "ten held downloads")
        assert files(run) == [size] * 10
        assert highest(run) < 256 * MIB, f"{highest(run) >> 20} MiB"
        for flow in flows(worker):
            asked(worker, "flow.resume", id=flow["id"])
        assert [client.communicate(timeout=120)[0] for client in clients] == [str(size)] * 10
    finally:
        for client in clients:
            client.kill()
            client.wait()
    eventually(lambda: files(run) == [], what="the end of the files")
    eventually(lambda: free(run.confdir) > before - 2 * size, 30, "the return of the disk's room")
    assert highest(run) < 256 * MIB, f"{highest(run) >> 20} MiB"


def free(folder) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def highest(run) -> int:
    """The most memory that the proxy has held, in bytes."""
    with open(f"/proc/{run.process.pid}/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

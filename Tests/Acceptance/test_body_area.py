"""Bodies in the file that a worker shares with the core."""

import os
import threading
import time

import pytest

from support.bodies import IS_SHARED
from support.origin import answering
from support.proxy import eventually
from test_large_bodies import HOOK, KIB, MIB, blob, descriptors, served, sha

pytestmark = pytest.mark.skipif(not IS_SHARED, reason="before Linux 6.3 no memory file can be kept from being run, so none is shared")
AREA = {"capabilities": ["fd", "area"]}
TAKE = """
from bodies import Area, Descriptors
import hashlib, json, os, threading
descriptors = Descriptors()
area = Area(descriptors)

def shown(message, side="response"):
    return message["params"]["flow"][side]["content"]

def answer(content, side="response"):
    return {"flow": {side: {"content": content}}}
"""
REVERSE = """
@worker.on("response")
def response(message):
    content = shown(message)
    return answer(area.put(area.read(content)[::-1], content["at"]))
"""


def by_path():
    """An origin whose body is the number in the path, in 100 KiB."""
    return answering(lambda request: _numbered(int(request.target.strip(b"/"))))


def _body(number: int) -> bytes:
    return (b"%08d" % number) * (100 * KIB // 8)


def _numbered(number: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (100 * KIB) + _body(number)


@pytest.mark.parametrize("size", [64 * KIB, 100_001, 256 * KIB])
def test_a_body_is_changed_where_it_stands(weir, addon, origin, size):
    body = blob(size)
    worker = addon(HOOK, TAKE + REVERSE, result=AREA)
    run = weir(addons=[worker])
    server = origin(served(body))
    run.get(server.url())
    before = descriptors(run)
    for _ in range(3):
        response = run.get(server.url())
        assert response.body == body[::-1] and response.one("Content-Length") == b"%d" % size
    contents = [event["params"]["flow"]["response"]["content"] for event in worker.messages("response")]
    assert {(content["at"], content["size"]) for content in contents} == {(0, size)}  # its room is used again
    assert all(size * 5 / 4 <= content["room"] for content in contents)
    eventually(lambda: descriptors(run) <= before, what=f"an end of the {descriptors(run) - before} descriptors that are too many")


def test_bodies_of_many_flows_at_a_time_do_not_meet(weir, addon, origin):
    worker = addon(HOOK, TAKE + REVERSE, result=AREA, threads=True)
    run, server, wrong = weir(addons=[worker]), origin(by_path()), []

    def ask(number):
        for part in range(10):
            name = number * 100 + part
            if run.get(server.url(f"/{name}")).body != _body(name)[::-1]:
                wrong.append(name)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 13)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == [] and len(worker.messages("response")) == 120


def test_both_bodies_of_an_event_have_room_of_their_own(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    mine, other = shown(message), shown(message, "request")
    return answer(area.put(area.read(other)[:1000] + area.read(mine)[:1000], other["at"]))
"""
    upload, body = blob(70 * KIB), blob(80 * KIB)[::-1]
    run = weir(addons=[addon(HOOK, code, result=AREA)])
    assert run.get(origin(served(body)).url(), method="POST", body=upload).body == upload[:1000] + body[:1000]


def test_a_request_is_changed_and_a_body_may_grow_or_end(weir, addon, origin):
    code = TAKE + """
@worker.on("request")
def request(message):
    content = shown(message, "request")
    sizes = {"/all": content["room"], "/none": 0, "/some": 5}
    return answer(area.put(b"x" * sizes[message["params"]["flow"]["request"]["path"]], content["at"]), "request")
"""
    server = origin()
    worker = addon([{"name": "request", "content": "whole"}], code, result=AREA)
    run = weir(addons=[worker])
    for path in ("/all", "/none", "/some"):
        assert run.get(server.url(path), method="POST", body=blob(100 * KIB)).status == 200
    room = worker.messages("request")[0]["params"]["flow"]["request"]["content"]["room"]
    assert [len(message.body) for message in server.wait(3)] == [room, 0, 5]


def test_to_send_back_all_that_was_shown_is_no_change(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    return {"flow": message["params"]["flow"]}
"""
    run = weir("--set", "addon_changes=flow.request.headers", addons=[addon(HOOK, code, result=AREA)])
    assert run.get(origin(served(blob(100 * KIB))).url()).body == blob(100 * KIB)
    assert "denied" not in run.log and "bad_reply" not in run.log


def test_what_has_no_room_comes_by_descriptor(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    content = shown(message)
    data = area.read(content) if "at" in content else (area.whole(), descriptors.read(content))[1]
    kind = "area" if "at" in content else "descriptor"
    return {"flow": {"response": {"headers": [["X-Sum", hashlib.sha256(data).hexdigest()], ["X-Kind", kind]]}}}
"""
    run = weir(addons=[addon(HOOK, code, result=AREA)])
    for size, kind in [(256 * KIB + 1, b"descriptor"), (256 * KIB, b"area"), (20 * MIB, b"descriptor")]:
        response = run.get(origin(served(blob(size))).url())
        assert (response.one("X-Kind"), response.one("X-Sum")) == (kind, sha(blob(size)).encode())


def test_the_room_of_a_withdrawn_event_is_not_used_before_its_answer(weir, addon, origin, tmp_path):
    code = TAKE + f"""
open_events = threading.Event()

@worker.on("response")
def response(message):
    content = shown(message)
    if message["params"]["flow"]["request"]["path"] == "/1":
        open_events.wait(20)
        area.put(b"?" * content["room"], content["at"])
    elif message["params"]["flow"]["request"]["path"] == "/3":
        open_events.set()
    return answer(area.put(area.read(content)[::-1], content["at"]))
"""
    worker = addon([{**HOOK[0], "timeout_ms": 500}], code, result=AREA, threads=True)
    run, server = weir(addons=[worker]), origin(by_path())
    assert run.get(server.url("/1")).body == _body(1)  # its time is over
    assert [event["params"]["id"] for event in worker.wait("cancel")] == [worker.messages("response")[0]["id"]]
    for number in (2, 3):
        assert run.get(server.url(f"/{number}")).body == _body(number)[::-1]
    place = lambda: worker.messages("response")[-1]["params"]["flow"]["response"]["content"]["at"]
    assert [event["params"]["flow"]["response"]["content"]["at"] == 0 for event in worker.messages("response")] == [True, False, False]

    def is_used_again():
        assert run.get(server.url("/4")).body == _body(4)[::-1]
        return place() == 0

    eventually(is_used_again, what="the room that was given back")


# What a hostile worker may answer with: `at` and `size`, or code that sets them; the room is 131072 bytes at 0.
HOSTILE = {
    "beyond its room": ("at, size = 0, room + 1", "expected a place within 131072 bytes at 0, found 131073 bytes at 0"),
    "behind its room": ("at, size = room + 1, 0", "found 0 bytes at 131073"),
    "another's room": ("at, size = 1 << 20, 10", "found 10 bytes at 1048576"),
    "behind the file": ("at, size = 1 << 30, 10", "found 10 bytes at 1073741824"),
    "below the file": ("at, size = -4096, 10", "found 10 bytes at -4096"),
    "less than nothing": ("at, size = 0, -1", "found -1 bytes at 0"),
    "more than there is": ("at, size = 4096, (1 << 53) - 1", "found 9007199254740991 bytes at 4096"),
    "no size": ("at, size = 0, None", "expected an integer"),
    "a text": ("at, size = '0', 10", "expected an integer"),
}
ATTACK = """
@worker.on("response")
def response(message):
    content = shown(message)
    room = content["room"]
    if message["params"]["flow"]["request"]["path"] == "/good":
        return answer(area.put(b"good", content["at"]))
    {attack}
    return answer({{"at": at, "size": size}})
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_place_costs_its_event_and_nothing_else(weir, addon, origin, name):
    attack, reason = HOSTILE[name]
    run = weir(addons=[addon(HOOK, TAKE + ATTACK.format(attack=attack), result=AREA)])
    server = origin(served(blob(100 * KIB)))
    assert run.get(server.url("/good")).body == b"good"
    assert run.get(server.url("/bad")).body == blob(100 * KIB)
    assert reason in run.wait_log(r"bad_reply").string, run.log
    assert run.get(server.url("/good")).body == b"good"


@pytest.mark.parametrize("deed", ["os.ftruncate(fd, 0)", "os.ftruncate(fd, 1 << 40)", "fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)", "os.fchmod(fd, 0o777)"])
def test_the_file_keeps_its_size_and_is_never_run(weir, addon, origin, deed):
    code = TAKE + f"""
import fcntl
fd = None

@worker.on("response")
def response(message):
    global fd
    fd = fd or descriptors.take({{"fd": 1}})
    try:
        {deed}
        how = "done"
    except PermissionError as error:
        how = "refused"
    return {{"flow": {{"response": {{"headers": [["X-Deed", how]]}}}}}}
"""
    run = weir(addons=[addon(HOOK, code, result=AREA)])
    for _ in range(2):
        response = run.get(origin(served(blob(100 * KIB))).url())
        assert response.one("X-Deed") == b"refused" and response.body == blob(100 * KIB)


# What a wild worker does with the whole file, over and over.
DEEDS = {
    "writes in its mapping": "whole[:] = noise",
    "writes with pwrite": "os.pwrite(fd, noise, 0)",
    "takes the pages away": "libc.fallocate(fd, 1 | 2, ctypes.c_long(0), ctypes.c_long(len(noise)))",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_worker_that_is_wild_all_the_time_spoils_its_own_events_alone(weir, addon, origin, deed):
    """Its bodies are of the length that it said, whatever is in them; another addon's bodies and the proxy stay whole."""
    code = TAKE + f"""
import ctypes, mmap
libc = ctypes.CDLL(None)
begun = threading.Lock()

def go_wild():
    fd = descriptors.take({{"fd": 1}})
    whole = mmap.mmap(fd, os.fstat(fd).st_size)
    noise = os.urandom(1 << 20) * (len(whole) >> 20)
    while True:
        {DEEDS[deed]}

@worker.on("request")
def request(message):
    if begun.acquire(blocking=False):
        threading.Thread(target=go_wild, daemon=True).start()

@worker.on("response")
def response(message):
    content = shown(message)
    return answer({{"at": content["at"], "size": content["size"]}})
"""
    wild = addon([{"name": "request"}, {**HOOK[0], "filter": "~u wild"}], code, result=AREA, name="wild", threads=True)
    tame = addon([{**HOOK[0], "filter": "! ~u wild"}], TAKE + REVERSE, result=AREA, name="tame")
    run, server = weir(addons=[wild, tame]), origin(served(blob(100 * KIB)))
    for _ in range(20):
        assert len(run.get(server.url("/wild")).body) == 100 * KIB
        assert run.get(server.url("/tame")).body == blob(100 * KIB)[::-1]
    assert run.process.poll() is None


def test_it_is_offered_with_descriptors_alone_and_of_no_use_without(weir, addon, origin):
    worker = addon(HOOK, TAKE.replace("area = Area(descriptors)", ""), result={"capabilities": ["area"], "limits": {"max_line": MIB}})
    run = weir(addons=[worker])
    assert run.get(origin(served(blob(100 * KIB))).url()).body == blob(100 * KIB)
    assert "b64" in worker.wait("response")[0]["params"]["flow"]["response"]["content"]
    assert {"fd", "area"} <= set(worker.messages("initialize")[0]["params"]["capabilities"])


def test_a_worker_that_dies_leaves_nothing_behind(weir, addon, origin):
    code = TAKE + """
@worker.on("response")
def response(message):
    os._exit(1)
"""
    run = weir(addons=[addon(HOOK, code, result=AREA)])
    server = origin(served(blob(100 * KIB)))
    areas = lambda: sum("weir-area" in os.readlink(f"/proc/{run.process.pid}/fd/{number}") for number in os.listdir(f"/proc/{run.process.pid}/fd"))
    assert areas() == 1
    for _ in range(3):
        assert run.get(server.url()).body == blob(100 * KIB)
        time.sleep(0.1)
    eventually(lambda: areas() <= 1, what="an end of the areas of workers that died")

"""Hostile workers that speak the protocol, or almost: each costs its own events, by their policies, and nobody else anything.

While an attack goes on, flows that the worker has no part in are as quick as those of another proxy that nobody attacks; the two are asked
in turns, so that whatever else this machine does weighs on both.
"""

import dataclasses
import os
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from support.addon import Addon
from support.hostile import CONTINUE, FRAME, GOOD, KILL, asking, descriptors, hooks, one_end_each, quantiles, times
from support.nginx import Nginx
from support.peer import Peer
from support.proxy import eventually, peak
from support.wire import Closed

MIB = 1 << 20
SETTINGS = [
    *("--set", "flow_detail=0", "--set", "store_flows=200", "--set", "addon_kill_delay=0.1", "--set", "addon_drain_timeout=0.1"),
    *("--set", "addon_breaker_failures=1000", "--set", "addon_restart_delay=0.05", "--set", "addon_restart_delay_max=0.05"),
]
# Beyond 20 %, of the median and of the 90th percentile. In 40 comparisons of two proxies that nobody attacked, with compilers on both
# processors, 0.04 and 0.06 ms were the most; a piece of a worker's lines, behind which one request in ten may have to wait, is 0.5 ms of work.
FLOOR = (0.1e-3, 1e-3)
MEMORY = 160 * MIB
LOG = 400_000

ALL_FAIL = "all fail"  # by the policy of each
ALL_STAND = "all stand"  # as the worker wanted, or as it can only have wanted
MAY_FAIL = "may fail"  # what it says comes too late behind its own flood


@dataclasses.dataclass
class Attack:
    """What the worker does, what becomes of its flows, and what the log says."""

    code: str
    flows: str = ALL_FAIL
    log: str = ""
    result: dict = dataclasses.field(default_factory=dict)
    timeout_ms: int = 400
    fills_log: bool = False
    """Its log has `addon_log_rate` entries in each second, of the 4 KiB that are kept of one."""
    settings: tuple = ()


def flood(line: str, log: str = "", **options) -> Attack:
    """As many lines as the core takes, in blocks of some 64 KiB."""
    code = f"""
def begin():
    line = {line} + b"\\n"
    block = line * max(1, 65536 // len(line))
    while True:
        with worker.lock:
            worker.socket.sendall(block)
"""
    return Attack(code, MAY_FAIL, log, **options)


def line(text: str, log: str = "", flows: str = ALL_FAIL, **options) -> Attack:
    """This line instead of an answer; `number` is the event's."""
    return Attack(f"def attack(message):\n    number = message['id']\n    worker.send_line({text})\n    return SILENT\n", flows, log, **options)


def reply(result: str, log: str = "", flows: str = ALL_FAIL, **options) -> Attack:
    return Attack(f"def attack(message):\n    return {result}\n", flows, log, **options)


def request(members: str, log: str, flows: str = ALL_FAIL) -> Attack:
    return reply("{'flow': {'request': %s}}" % members, log, flows)


def response(members: str, log: str) -> Attack:
    return reply("{'flow': {'response': %s}}" % members, log)


def does(code: str, log: str = "", flows: str = ALL_FAIL, **options) -> Attack:
    return Attack("def attack(message):\n    " + code.replace("\n", "\n    ") + "\n    return SILENT\n", flows, log, **options)


NOTE = """b'{"jsonrpc":"2.0","method":"%s","params":%s}'"""
CALL = """b'{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}'"""
FD = {"result": {"capabilities": ["fd"]}}
GIVE = """
from bodies import Descriptors, memory
descriptors = Descriptors()
"""

MANY = "many = {f'm{n}': 1 for n in range(10_000)}\n"
HIDING = ("--set", "addons.evil.hide=cookie")
ATTACKS = {
    # Floods
    "notifications that nobody knows": flood(NOTE % ("nothing", "{}")),
    "short log entries": flood(NOTE % ("log", '{"msg":"x"}'), "lines suppressed"),
    "log entries of a MiB": flood(NOTE % ("log", '{"msg":"' + "' + b'x' * (1 << 20) + b'" + '"}'), fills_log=True),
    "prints": Attack("def begin():\n    while True:\n        os.write(1, b'print\\n' * 10_000)\n", ALL_STAND, "lines suppressed"),
    "a print without an end": Attack("def begin():\n    while True:\n        os.write(1, b'x' * 65536)\n", ALL_STAND),
    "calls that are denied": flood(CALL % ("flow.kill", '{"id":"x"}')),
    "calls that list all flows": flood(CALL % ("flow.list", "{}"), result={"permissions": ["flow.list"]}),
    "calls that list all flows, and are read": flood(CALL % ("flow.list", "{}"), result={"permissions": ["flow.list"], "limits": {"max_line": 1 << 20}}),
    "calls whose filter takes long": flood(CALL % ("flow.list", '{"filter":"~u (.*)*(.*)*x$"}'), result={"permissions": ["flow.list"]}),
    "answers to nothing": flood("""b'{"jsonrpc":"2.0","id":%d,"result":{}}' % (1 << 52)"""),
    "answers to another worker's events": flood(
        """b"\\n".join(b'{"jsonrpc":"2.0","id":%d,"result":{"flow":{"request":{"method":"PUT"}}}}' % n for n in range(2, 700))"""
    ),
    "metrics without end": flood(NOTE % ("metrics.add", '{"metrics":[' + ",".join(f'{{"name":"m{n}"}}' for n in range(500)) + "]}"), result={"permissions": ["metrics.add"]}),
    "extensions without end": flood(NOTE % ("event.extend", '{"id":2,"ms":9007199254740992}')),
    # Lines
    # An answer that leaves before its first octet would be one.
    "a line without an end": Attack("attack = lambda message: SILENT\ndef begin():\n    while True:\n        worker.socket.sendall(b'x' * 65536)\n", log="a line of more than 16777216 bytes"),
    "nesting without an end": line("b'[' * 1_000_000", "nesting deeper"),
    "a million values": line("b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"a\":[0' % number + b',0' * 1_000_000 + b']}}'", "more than 100000 values"),
    "ninety thousand members": reply("{f'k{n}': 0 for n in range(90_000)}", flows=MAY_FAIL),
    "ninety thousand members of metadata": reply("{'flow': {'metadata': {f'k{n}': 0 for n in range(90_000)}}}", "bytes of metadata", timeout_ms=1500),
    "two members of one name": line("b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"kill\":false,\"kill\":true}}' % number", "duplicate name"),
    "bad UTF-8": line("b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"a\":\"\\xc0\\xaf\"}}' % number", "not valid UTF-8"),
    "a number beyond a double": line("b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"a\":1e309}}' % number", "number is too large"),
    "half a line, then nothing": does("worker.outgoing.write(b'{\"jsonrpc\":')\nworker.outgoing.flush()", "timeout"),
    "half a line, then death": does("worker.outgoing.write(b'{\"jsonrpc\":')\nworker.outgoing.flush()\nos._exit(3)", "exited with status 3"),
    "a byte at a time": Attack("def begin():\n    while True:\n        worker.socket.sendall(b' ')\n        time.sleep(0.05)\nattack = lambda message: SILENT\n", log="timeout"),
    "an id like a book": line("b'{\"jsonrpc\":\"2.0\",\"id\":\"' + b'x' * 1_000_000 + b'\",\"method\":\"flow.list\"}'", "id: expected"),
    # Answers
    "each twice, and late": line("b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{}}\\n' % number * 50 + b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{}}' % (number - 1)", flows=ALL_STAND),
    "guessed ids": line("b'\\n'.join(b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"kill\":true}}' % n for n in [*range(number + 1000, number + 1050), -1, 0, 1 << 53])", "timeout"),
    "a number where there is none": response("{'status_code': 1e308}", "bad_reply"),
    "CR and LF in a header": request("{'headers': [['X-A', 'b\\r\\nX-Smuggled: yes']]}", "bad_reply"),
    "LF in a header's name": request("{'headers': [['X-A\\nX-Smuggled', 'yes']]}", "bad_reply"),
    "NUL in a header": request("{'headers': [['X-A', 'b\\0c']]}", "bad_reply"),
    "CR and LF in the path": request("{'path': '/a HTTP/1.1\\r\\nX-Smuggled: yes\\r\\n\\r\\nGET /b'}", "bad_reply"),
    "CR and LF in the method": request("{'method': 'GET /a HTTP/1.1\\r\\n\\r\\nGET'}", "bad_reply"),
    "CR and LF in the reason": response("{'reason': 'OK\\r\\nX-Smuggled: yes'}", "bad_reply"),
    "a status that there is not": response("{'status_code': 99}", "bad_reply"),
    "framing of its own": request("{'headers': [['Host', 'weir.test'], ['Content-Length', '100'], ['Transfer-Encoding', 'chunked'], ['Connection', 'close, x']], 'content': 'abc'}", "", ALL_STAND),
    "a list where the state belongs": reply("[]", "bad_reply"),
    "an error with escapes": Attack("def attack(message):\n    raise Failure('\\x1b[2Jgone\\r\\n[00:00:00.000] error: forged' + 'x' * 100_000)\n", log=r"\\x1b\[2Jgone\\x0d\\x0a"),
    "escapes in prints and log": does("os.write(1, b'\\x1b]0;owned\\x07\\x9b2J\\n')\nworker.notify('log', msg='\\x1b[31m\\nforged')\nworker.send({'jsonrpc': '2.0', 'id': message['id'], 'result': {}})", r"\\x1b\]0;owned\\x07", ALL_STAND),
    "more metadata in each": reply("{'flow': {'metadata': {'a': 'x' * 16_000, 'b': 'x' * 16_000}}}", "bytes of metadata"),
    "very many members": Attack(MANY + "attack = lambda message: {'flow': many, 'more': many}\n", ALL_STAND, settings=HIDING),
    "very many members of headers": Attack(MANY + "attack = lambda message: {'flow': {'request': {'headers': many}}}\n", log="bad_reply", settings=HIDING),
    "very many names to remove": Attack("names = [f'x-{n}' for n in range(45_000)]\nattack = lambda message: {'flow': {'request': {'headers': {'remove': names}}}}\n", ALL_STAND),
    "very many headers to set": Attack(
        "pairs = [[f'x-{n}', 'a'] for n in range(30_000)] + [['x', '\\n']]\nattack = lambda message: {'flow': {'request': {'headers': {'set': pairs}}}}\n",
        log="bad_reply"),  # fmt: skip
    # Descriptors
    "descriptors on the connection": does("fds = [os.dup(1) for _ in range(250)]\nline = b'{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{}}\\n' % message['id']\nsocket.send_fds(worker.socket, [line], fds)\n[os.close(fd) for fd in fds]", "", ALL_STAND),
    "garbage among the descriptors": Attack(
        GIVE + "def attack(message):\n    for n in range(20):\n        descriptors.socket.send(os.urandom(200))\n    return {'flow': {'request': {'content': {'fd': 2 * message['id'], 'size': 5}}}}\n",
        log="bad_reply", **FD),  # fmt: skip
    "a memory file that can change": Attack(
        GIVE + "def attack(message):\n    number, fd = descriptors.name(), memory(b'x' * 5, 0)\n    descriptors.send(number, fd)\n    os.close(fd)\n    return {'flow': {'request': {'content': {'fd': number, 'size': 5}}}}\n",
        log="expected a memory file with the seals", **FD),  # fmt: skip
    "a memory file of another size": Attack(
        GIVE + "def attack(message):\n    number, fd = descriptors.name(), memory(b'x' * 5)\n    descriptors.send(number, fd)\n    os.close(fd)\n    return {'flow': {'request': {'content': {'fd': number, 'size': 1 << 40}}}}\n",
        log="expected a memory file of 1099511627776 bytes", **FD),  # fmt: skip
    "many descriptors in a packet": Attack(
        GIVE + "def attack(message):\n    number, fds = descriptors.name(), [os.dup(1) for _ in range(250)]\n    descriptors.send(number, *fds)\n    [os.close(fd) for fd in fds]\n    return {'flow': {'request': {'content': {'fd': number, 'size': 5}}}}\n",
        log="more than one descriptor", **FD),  # fmt: skip
    # Time
    "each event held to its deadline": Attack("attack = lambda message: SILENT\n", log="timeout"),
    "never reads": does("while True:\n        time.sleep(60)", "timeout"),
    "reads a byte a second": does("while True:\n        worker.socket.recv(1)\n        time.sleep(1)", "timeout"),
    "dies at each event": does("os.kill(os.getpid(), 9)", "was ended by signal 9|killed by signal 9|signal 9"),
    # Names
    "another's name": Attack("attack = lambda message: {}\n", ALL_STAND, result={"name": "good"}),
    "hooks that there are not": Attack(
        "import pathlib\nmarker = pathlib.Path(worker.record_path + '.second')\nif marker.exists():\n    worker.hooks = ['no_such_hook']\nmarker.touch()\n"
        "def attack(message):\n    os._exit(1)\n",
        log="there is no hook 'no_such_hook'"),  # fmt: skip
}


class Stand:
    """A server, a proxy that nobody attacks, and the addons of one that is attacked."""

    def __init__(self, folder, weir):
        self.server = Nginx(folder / "nginx")
        self.weir = weir
        self.calm = self.run(folder, Attack(""), weir)[0]

    def run(self, folder, attack: Attack, weir):
        watched = {"filter": "~u /evil", "fields": ["flow.id"]}
        options = {"result": attack.result} if attack.result else {}
        evil = Addon(folder, "evil", hooks(attack.timeout_ms), FRAME.format(code=attack.code), unrecorded=("request",), **options)
        good = Addon(folder, "good", [{"name": "request", "filter": "~u /good"}], GOOD, unrecorded=("request",))
        watch = Addon(folder, "watch", [{"name": "response", "observe": True, **watched}, {"name": "error", **watched}])
        return weir(*SETTINGS, *attack.settings, addons=[evil, good, watch], modes=[f"reverse:http://{self.server.authority}"]), watch


@pytest.fixture(scope="module")
def stand(module_weir, tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("calm"), module_weir)
    yield made
    made.server.stop()


def delay(calm, attacked, path: str) -> float:
    """By how much more than is allowed an attack slows a path, in its median or its 90th percentile, in seconds; negative if it does not."""
    usual, now = (quantiles(found) for found in times([calm, attacked], path, 120))
    print(f"\n{path}: {usual[0] * 1e3:.2f} {now[0] * 1e3:.2f}, {usual[1] * 1e3:.2f} {now[1] * 1e3:.2f} ms", end="")
    return max(new - 1.2 * old - floor for new, old, floor in zip(now, usual, FLOOR))


@pytest.mark.seconds(60)
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_its_own_events_alone(stand, weir, tmp_path, name):
    attack, began = ATTACKS[name], time.monotonic()
    run, watch = stand.run(tmp_path, attack, weir)
    before = descriptors(run)
    with asking(run, CONTINUE, KILL) as (kept, killed):
        for path in ("/free", "/good"):
            # Harm lasts as long as the attack does; what else this machine does, does not.
            beyond = [delay(stand.calm, run, path)]
            while beyond[-1] > 0 and len(beyond) < 6:
                beyond.append(delay(stand.calm, run, path))
            assert beyond[-1] <= 0, f"{path}: {beyond} s more than is allowed"
        eventually(lambda: kept.outcomes and killed.outcomes, 10, "a flow of each")
    print(f"; {dict(kept.outcomes)} {dict(killed.outcomes)} {peak(run.process) // MIB} MiB", end="")
    one_end_each(watch, [kept, killed])
    assert set(kept.outcomes) == {200}, kept.outcomes
    if attack.flows == ALL_FAIL:
        assert set(kept.bodies) == {f"GET {CONTINUE}\n".encode()}, "as the client asked"
    if attack.flows != MAY_FAIL:
        assert set(killed.outcomes) == ({200} if attack.flows == ALL_STAND else {"closed"}), killed.outcomes
    if attack.log:
        run.wait_log(attack.log)
    assert "\x1b" not in run.log + run.printed and "\nforged" not in run.log and "\n[00:00:00.000]" not in run.log
    assert len(run.log) < (420_000 * (time.monotonic() - began + 2) if attack.fills_log else LOG)
    assert peak(run.process) < MEMORY, f"{peak(run.process) // MIB} MiB"
    eventually(lambda: descriptors(run) <= before + 6, 5, f"{before} descriptors again, not {descriptors(run)},")


# Attached workers


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_worker_of_another_user_is_refused(weir, tmp_path):
    # Others cannot enter the test's own folder.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        path = f"{folder}/addons"
        run = weir("--addon-socket", path)
        os.chmod(path, 0o666)
        command = ["/usr/bin/curl", "-sS", "--max-time", "5", "--unix-socket", path, "http://weir.test/"]
        shown = subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True, text=True, cwd="/")
        # curl would say 1 of the core's first line, which is no HTTP, and 28 if nothing had happened.
        assert shown.returncode not in (0, 1, 28), f"it is told nothing: {shown}"
        run.wait_log("refused process .* of user 65534: see addon_socket_uids")
        assert Peer(path).lives()


def test_thousands_of_attachments_leave_nothing_behind(weir, tmp_path):
    run = weir("-q", "--addon-socket", str(tmp_path / "addons"))
    before = descriptors(run)
    Peer(tmp_path / "addons").close()
    eventually(lambda: descriptors(run) == before, what="the first one's end")
    size = peak(run.process)
    for _ in range(3000):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "addons"))
    eventually(lambda: descriptors(run) == before, 20, "the others' end")
    assert peak(run.process) - size < 30 * MIB
    assert Peer(tmp_path / "addons").lives()


def test_a_worker_cannot_resume_change_or_kill_what_it_was_not_granted(weir, origin, tmp_path):
    run = weir("--addon-socket", str(tmp_path / "addons"), "--set", "intercept=~q")
    client = threading.Thread(target=lambda: run.get(origin().url()), daemon=True)
    client.start()
    watching, peer = Peer(tmp_path / "addons", {"permissions": ["flow.list", "flow.resume"]}), Peer(tmp_path / "addons")
    flow = eventually(lambda: watching.call("flow.list")["result"]["flows"], what="the flow")[0]["id"]
    for method in ("flow.resume", "flow.kill", "flow.get", "flow.set", "flow.replay", "options.set", "metrics.get", "command.call", "body.read"):
        assert peer.call(method, id=flow, flow={}, options={}, name="x")["error"]["data"]["kind"] == "denied", method
    assert watching.call("flow.list")["result"]["flows"][0]["intercepted"]
    assert watching.call("flow.resume", id=flow)["result"] == {}
    client.join(10)
    assert not client.is_alive()


def test_two_connections_share_no_ids(weir, origin, tmp_path):
    """The ids of both are the same numbers; each answers its own events alone."""
    run, server = weir("--addon-socket", str(tmp_path / "addons")), origin()
    hook = lambda path: {"hooks": [{"name": "request", "filter": f"~u {path}", "on_failure": "kill", "timeout_ms": 1000}]}  # noqa: E731
    mine, other = Peer(tmp_path / "addons", hook("/mine")), Peer(tmp_path / "addons", hook("/other"))
    answers = []
    client = threading.Thread(target=lambda: answers.append(run.get(server.url("/other"))), daemon=True)
    client.start()
    event = other.event("request")
    for number in (event["id"], event["id"] + 1, 1):
        mine.send(id=number, result={"flow": {"request": {"path": "/stolen"}}})
        mine.notify("event.extend", id=number, ms=60_000)
    assert mine.lives() and not answers
    other.answer(event)
    client.join(5)
    assert answers[0].status == 200
    assert [request.target for request in server.received] == [b"/other"]


def test_a_connection_that_never_shakes_hands_has_no_calls(weir, tmp_path):
    run = weir("--addon-socket", str(tmp_path / "addons"), "--set", "addon_handshake_timeout=1")
    peer = Peer(tmp_path / "addons", None)
    assert peer.call("options.get")["error"]["code"] == -32001
    with pytest.raises((Closed, ConnectionError)):
        while True:
            peer.notify("log", msg="x")
            peer.wire.until(b"\n")
    run.wait_log("no answer to initialize")

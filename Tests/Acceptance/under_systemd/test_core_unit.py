"""weir.service and its sockets: started by a client, told of by notifications, watched, restarted and replaced without a loss."""

import grp
import json
import os
import pwd
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support.load import Load
from support.origin import OK, answering, over_tls
from support.proxy import eventually
from support.units import drop_in, journal, main_process, processes, run, shown, systemctl, wait_shown
from support.wire import Wire

PORT, SERVICE = 8080, "weir.service"
SOCKETS = ("weir.socket", "weir-addons.socket")
CONFIGURATION = Path("/etc/weir/config.yaml")


@pytest.fixture
def core(installed):
    """`core(options)` writes the configuration and opens the sockets; the first client starts the proxy."""

    def configure(**options):
        CONFIGURATION.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in options.items()))
        systemctl("start", *SOCKETS)

    yield configure
    systemctl("stop", *SOCKETS, SERVICE)
    systemctl("reset-failed", *SOCKETS, SERVICE, status=None)
    CONFIGURATION.write_text("")


def ask(url: str, *options: str, proxy: str = f"127.0.0.1:{PORT}") -> str:
    return run("curl", "-sS", "--max-time", 10, "-x", f"http://{proxy}", *options, url)


class Clients:
    """One that keeps its connection, and one that does not."""

    def __init__(self, server):
        self.loads = [Load(PORT, server.url(), b"ok", reuses) for reuses in (True, False)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for load in self.loads:
            load.stop()

    def wait(self, more: int, seconds: float = 20) -> None:
        """Returns when each has been served so many times more."""
        wanted = [load.served + more for load in self.loads]
        eventually(lambda: all(load.served >= want for load, want in zip(self.loads, wanted)), seconds, f"{wanted} answers")

    def check(self, what: str) -> None:
        """Nothing was refused and nothing lost."""
        kinds = zip(("kept connections", "new connections"), self.loads)
        print(f"{what}:", "; ".join(f"{kind} {load.served} answers on {load.connections}, the longest wait {load.longest * 1000:.0f} ms" for kind, load in kinds))
        assert [load.failures for load in self.loads] == [[], []]


def test_a_client_starts_it_at_either_address(core, origin):
    core()
    server = origin()
    assert shown(SERVICE, "ActiveState") == "inactive"
    assert ask(server.url()) == "ok"
    assert ask(server.url(), proxy=f"[::1]:{PORT}") == "ok"
    assert (shown(SERVICE, "ActiveState"), shown(SERVICE, "NRestarts")) == ("active", "0")
    # What it says of itself has come before `systemctl start` returns.
    assert shown(SERVICE, "StatusText").startswith("regular proxy listening at ")
    words = dict(row.split(":", 1) for row in Path(f"/proc/{main_process(SERVICE)}/status").read_text().splitlines())
    assert words["Uid"].split()[0] == str(pwd.getpwnam("weir").pw_uid)
    assert (words["NoNewPrivs"].strip(), words["Seccomp"].strip(), int(words["CapBnd"], 16)) == ("1", "2", 0)


def test_clients_see_the_authority_that_only_root_can_read(core, origin, authority):
    core(ssl_verify_upstream_trusted_ca="/run/weir-test-authority.pem")
    Path("/run/weir-test-authority.pem").write_bytes(authority.certificate.read_bytes())
    server = origin(over_tls(answering(OK), authority.leaf("127.0.0.1")))
    assert ask(f"https://{server.authority}/", "--cacert", "/etc/weir/weir-ca-cert.pem") == "ok"
    key = Path("/etc/weir/weir-ca.pem")
    assert (key.stat().st_mode & 0o777, key.stat().st_uid) == (0o600, 0)
    assert "PRIVATE KEY" in key.read_text()
    # Nothing that its user may read has the key: neither its folder nor its environment.
    assert not [path for path in Path("/var/lib/weir").rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert b"PRIVATE" not in Path(f"/proc/{main_process(SERVICE)}/environ").read_bytes()


def test_what_it_logs_is_in_the_journal_with_its_level(core, origin):
    core(scripts=["exec:/nonexistent/addon"])
    systemctl("start", SERVICE, status=1)
    assert "/nonexistent/addon" in journal("-u", SERVICE)
    systemctl("stop", SERVICE)
    core()
    assert ask(origin().url()) == "ok"
    line = json.loads(journal("-u", SERVICE, "SYSLOG_IDENTIFIER=weir", "--grep=listening at", "-n", "1", "-o", "json"))
    assert (line["PRIORITY"], line["_SYSTEMD_UNIT"]) == ("6", SERVICE)


def test_a_reload_is_waited_for_and_keeps_the_process(core, origin):
    core()
    systemctl("start", SERVICE)
    before = main_process(SERVICE)
    with Clients(origin()) as load:
        load.wait(5)
        for _ in range(3):
            systemctl("reload", SERVICE)
            assert shown(SERVICE, "ActiveState") == "active"
        load.wait(5)
    load.check("three reloads")
    assert main_process(SERVICE) == before
    eventually(lambda: journal("-u", SERVICE, f"_PID={before}").splitlines().count("reload: done") == 3, what="the end of three reloads")


def test_the_watchdog_ends_one_that_hangs_and_the_next_one_serves_who_waits(core, origin):
    drop_in(SERVICE, "quick", "[Service]\nWatchdogSec=1s\n")
    core()
    server = origin()
    assert ask(server.url()) == "ok"
    before = main_process(SERVICE)
    os.kill(before, signal.SIGSTOP)
    with subprocess.Popen(["curl", "-sS", "--max-time", "20", "--retry", "3", "--retry-all-errors", "-x", f"http://127.0.0.1:{PORT}", server.url()], stdout=subprocess.PIPE) as waiting:
        wait_shown(SERVICE, "NRestarts", "1", seconds=15)
        assert waiting.communicate(timeout=20)[0] == b"ok"
    wait_shown(SERVICE, "ActiveState", "active")
    assert main_process(SERVICE) != before
    assert "Watchdog timeout" in journal("-u", SERVICE)
    Path(f"/etc/systemd/system/{SERVICE}.d/quick.conf").unlink()
    systemctl("daemon-reload")


def test_restarts_lose_nothing(core, origin):
    core()
    systemctl("start", SERVICE)
    with Clients(origin()) as load:
        load.wait(20)
        for _ in range(3):
            before = main_process(SERVICE)
            systemctl("restart", SERVICE)
            assert main_process(SERVICE) != before
            load.wait(20)
    load.check("three restarts")


def test_upgrades_lose_nothing_and_wait_for_nobody(core, origin):
    core()
    systemctl("start", SERVICE)
    restarts = shown(SERVICE, "NRestarts")
    with Clients(origin()) as load:
        load.wait(20)
        for _ in range(3):
            before = main_process(SERVICE)
            systemctl("kill", "--signal=USR2", "--kill-who=main", SERVICE)
            eventually(lambda: main_process(SERVICE) not in (0, before), 20, "a new main process")
            load.wait(20)
    load.check("three upgrades")
    # They were no restarts for systemd, and the last one is the one that it watches.
    assert (shown(SERVICE, "ActiveState"), shown(SERVICE, "NRestarts")) == ("active", restarts)
    eventually(lambda: list(processes(SERVICE)) == [main_process(SERVICE)], 20, "the end of the others")
    # And it is ended as gently as the first one would have been.
    with Clients(origin()) as load:
        load.wait(20)
        systemctl("restart", SERVICE)
        load.wait(20)
    load.check("a restart behind upgrades")


def test_one_that_is_killed_is_started_again_by_itself(core, origin):
    core()
    server = origin()
    assert ask(server.url()) == "ok"
    for count in (1, 2, 3, 4, 5, 6):  # more often than systemd would allow by default
        os.kill(main_process(SERVICE), signal.SIGKILL)
        wait_shown(SERVICE, "NRestarts", str(count))
        assert ask(server.url(), "--retry", "3", "--retry-all-errors") == "ok"


def test_members_of_the_group_attach_addons_and_are_known_by_their_user(core):
    for name in ("attacher", "stranger"):
        run("useradd", "--system", "--groups", "weir-addons", name)
    core(addon_socket_uids=[str(pwd.getpwnam("attacher").pw_uid)])
    code = "import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect('/run/weir-addons.sock'); print(s.recv(100)[:30])"

    def attach(user: str, *groups: str) -> str:
        return run("setpriv", f"--reuid={user}", "--regid=nogroup", f"--groups={','.join(groups) or 'nogroup'}", "/usr/bin/python3", "-c", code, status=None)

    members = grp.getgrnam("weir-addons").gr_name
    assert "PermissionError" in attach("attacher")
    assert "initialize" in attach("attacher", members) or "jsonrpc" in attach("attacher", members)
    assert "b''" in attach("stranger", members)
    uid = pwd.getpwnam("stranger").pw_uid
    eventually(lambda: f"of user {uid}: see addon_socket_uids" in journal("-u", SERVICE), what="the refusal in the log")


def response(url: str) -> bytes:
    with Wire.to(PORT, 20) as wire:
        wire.send(f"GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return wire.response("GET").raw


def test_an_activated_addon_changes_flows_and_is_back_after_its_death(core, activated, origin):
    addon = activated("count", example="python/count/count.py")
    core(scripts=[f"unix:{addon.path}"])
    server = origin()
    assert b"x-addon-python: 1" in response(server.url())
    assert shown(addon.service, "ActiveState") == "active"
    os.kill(main_process(addon.service), signal.SIGKILL)
    eventually(lambda: b"x-addon-python: 1" in response(server.url()), 15, "the addon's return")
    assert "[count]" in journal("WEIR_ADDON=count", "_SYSTEMD_UNIT=weir.service")
    assert shown(SERVICE, "NRestarts") == "0"


GREEDY = """#!/usr/bin/env python3
import json, os, socket
link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"])).makefile("rwb")
for line in link:
    message = json.loads(line)
    if message["method"] == "request":
        ACTION
    if "id" in message:
        hooks = {"hooks": ["request"]} if message["method"] == "initialize" else {}
        link.write(json.dumps({"id": message["id"], "result": hooks}).encode() + b"\\n")
        link.flush()
"""


@pytest.mark.skipif(not os.path.ismount("/sys/fs/cgroup/memory") and not Path("/sys/fs/cgroup/memory.max").exists(), reason="this machine lends no memory controller")
@pytest.mark.parametrize("policy, outcome", [("continue", b"HTTP/1.1 200 OK"), ("kill", b"")])
def test_an_addon_that_takes_too_much_memory_costs_its_flow_by_policy(core, activated, origin, policy, outcome):
    addon = activated("greedy", GREEDY.replace("ACTION", "kept = bytearray(400 << 20)"))
    core(scripts=[f"unix:{addon.path}"], addon_on_failure=policy)
    server = origin()
    with socket.create_connection(("127.0.0.1", PORT), 20) as client:
        client.sendall(f"GET {server.url()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(15) == outcome
    eventually(lambda: "oom" in journal("-u", addon.service).lower() or "status 137" in journal("-u", addon.service), what="the kill")
    assert shown(SERVICE, "NRestarts") == "0"
    assert main_process(SERVICE)


def test_of_an_addon_that_systemd_has_given_up_the_log_says_how_to_bring_it_back(core, activated, origin):
    addon = activated("failing", GREEDY.replace("ACTION", "os._exit(3)"))
    core(scripts=[f"unix:{addon.path}"], addon_restart_delay=0.01, addon_breaker_pause=0.2)
    server = origin()

    def given_up() -> bool:
        assert b"200 OK" in response(server.url())  # `continue` is the policy
        return shown(addon.socket, "Result") == "service-start-limit-hit"

    eventually(given_up, 20, "the end of systemd's patience")
    line = f"systemctl reset-failed {addon.service} {addon.socket} && systemctl start {addon.socket}"
    eventually(lambda: line in journal("-u", SERVICE), 10, "the line that helps")
    (Path("/var/lib/weir-addons/failing/run")).write_text(GREEDY.replace("ACTION", "pass"))
    run("sh", "-c", line)
    eventually(lambda: b"200 OK" in response(server.url()) and shown(addon.service, "ActiveState") == "active", 20, "its return")


SPAWNED = """#!/usr/bin/python3
import json, os, socket
link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"])).makefile("rwb")

def attempt(what):
    try:
        what()
        return "done"
    except OSError:
        return "refused"

ATTEMPTS = {
    "configuration": lambda: open("/etc/weir/config.yaml").read(),
    "key": lambda: open("/run/credentials/weir.service/ca.pem").read(),
    "state": lambda: os.listdir("/var/lib/weir"),
    "network": lambda: socket.socket(socket.AF_INET),
    "sockets": lambda: socket.socket(socket.AF_UNIX).connect("/run/weir-addons.sock"),
    "processes": lambda: open("/proc/%d/cmdline" % CORE).read(),
    "signals": lambda: os.kill(CORE, 0),
}
for line in link:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = {"hooks": ["response"]} if message["method"] == "initialize" else {}
    if message["method"] == "response":
        CORE = int(os.environ.get("CORE") or os.getppid())
        tried = json.dumps({name: attempt(what) for name, what in ATTEMPTS.items()})
        result = {"flow": {"response": {"headers": message["params"]["flow"]["response"]["headers"] + [["x-tried", tried]]}}}
    link.write(json.dumps({"id": message["id"], "result": result}).encode() + b"\\n")
    link.flush()
"""


@pytest.mark.parametrize("level", ["trusted", "confined", "untrusted"])
def test_addons_that_it_starts_itself_are_caged_within_its_unit(core, origin, level):
    script = Path("/var/lib/weir-addons/spawned.py")
    script.write_text(SPAWNED)
    script.chmod(0o755)
    core(scripts=[str(script)], addon_level=level)
    with Wire.to(PORT, 20) as wire:
        wire.send(f"GET {origin().url()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = wire.response("GET")
    assert answer.status == 200, journal("-u", SERVICE)
    tried = json.loads(answer.one("x-tried") or b"{}")
    # The unit itself shows nobody's key or network of others; what is weir's own only a cage keeps from its addons.
    if level == "trusted":
        assert {name for name, result in tried.items() if result == "done"} >= {"configuration", "state", "network", "signals"}
    else:
        assert {name for name, result in tried.items() if result != "refused"} == set(), journal("-u", SERVICE)
        assert len(tried) >= 7

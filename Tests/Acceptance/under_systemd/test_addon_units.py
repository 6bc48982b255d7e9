"""Units of activated addons: started by a connection, whatever they are written in, and in a cage of systemd's."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from support.core_side import CoreSide
from support.proxy import eventually
from support.units import drop_in, journal, main_process, processes, shown, systemctl, wait_shown

COUNTS = {
    "python": {"example": "python/count/count.py"},
    "jq": {"example": "jq/count/count.jq", "command": "--stdio jq -cn --unbuffered -f /addon/count.jq"},
    "c": {"example": "c/count/count"},
}

PROBE = """#!/usr/bin/env python3
import ctypes, json, mmap, os, socket
link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"])).makefile("rwb")
libc = ctypes.CDLL(None, use_errno=True)

def tree():
    found = []
    for folder in ("/", "/addon", "/etc", "/run", "/var", "/tmp", "/dev", "/home", "/mnt", "/root", "/scratch", "/sys", "/dev/shm", "/usr", "/usr/bin", "/usr/libexec"):
        try:
            found += [os.path.join(folder, name) for name in os.listdir(folder)]
        except OSError:
            pass
    return sorted(found)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "call")

def ended_well(pid):
    if os.waitpid(pid, 0)[1]:
        raise OSError("it did not run")

def attempt(what):
    try:
        what()
        return "done"
    except OSError as error:
        return "refused"

def spawn(program):
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(program, [program, "-c", "exit 0"])
        except OSError:
            os._exit(1)
    ended_well(pid)

def executable_copy():
    with open("/scratch/copy", "wb") as copy, open("/usr/bin/env", "rb") as program:
        copy.write(program.read())
    os.chmod("/scratch/copy", 0o755)
    spawn("/scratch/copy")

def fill():
    names = ["/scratch/%d" % number for number in range(5)]
    try:
        for name in names:
            with open(name, "wb") as file:
                for _ in range(30):
                    file.write(bytes(1 << 20))
    finally:
        for name in names:
            if os.path.exists(name):
                os.unlink(name)

ATTEMPTS = {
    "read the authority": lambda: open("/etc/weir/weir-ca.pem").read(),
    "read the state": lambda: os.listdir("/var/lib/weir"),
    "read the configuration": lambda: open("/etc/weir/config.yaml").read(),
    "read credentials": lambda: os.listdir("/run/credentials"),
    "read users": lambda: open("/etc/passwd").read(),
    "read another addon": lambda: os.listdir("/var/lib/weir-addons"),
    "see process 1": lambda: open("/proc/1/cmdline").read(),
    "see the kernel": lambda: open("/proc/version").read(),
    "open a TCP socket": lambda: socket.socket(socket.AF_INET),
    "open an IPv6 socket": lambda: socket.socket(socket.AF_INET6),
    "open a local socket": lambda: socket.socket(socket.AF_UNIX),
    "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "open a vsock": lambda: socket.socket(socket.AF_VSOCK),
    "write into its folder": lambda: open("/addon/planted", "w"),
    "write into the root": lambda: open("/planted", "w"),
    "write into a program's folder": lambda: open("/usr/bin/planted", "w"),
    "write into shared memory": lambda: open("/dev/shm/planted", "w"),
    "write into /tmp": lambda: open("/tmp/planted", "w"),
    "write into /var/tmp": lambda: open("/var/tmp/planted", "w"),
    "open a terminal": lambda: os.openpty(),
    "fill a disk": fill,
    "run a shell": lambda: spawn("/bin/sh"),
    "run a shell by the loader": lambda: spawn("/usr/bin/bash"),
    "run what it has written": executable_copy,
    "map memory to write and execute": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "become root": lambda: os.setuid(0),
    "signal process 1": lambda: os.kill(1, 0),
    "make a user namespace": lambda: call(272, 0x10000000),
    "mount": lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0),
    "trace": lambda: call(101, 16, 1, 0, 0),
    "make a memory file": lambda: os.memfd_create("x"),
    "set up io_uring": lambda: call(425, 4, ctypes.create_string_buffer(256)),
    "set up userfaultfd": lambda: call(323, 0),
    "add a key": lambda: call(248, b"user", b"a", b"b", 1, -3),
    "load a BPF program": lambda: call(321, 5, ctypes.create_string_buffer(128), 128),
    "open performance counters": lambda: call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0),
    "read the kernel's log": lambda: open("/dev/kmsg").read(1),
    "change the hostname": lambda: socket.sethostname("x"),
    "chroot": lambda: os.chroot("/tmp"),
}
for line in link:
    message = json.loads(line)
    if message["method"] == "tree":
        result = tree()
    elif message["method"] == "attempt":
        result = {name: attempt(what) for name, what in ATTEMPTS.items()}
    elif message["method"] == "identity":
        status = dict(row.split(":", 1) for row in open("/proc/self/status"))
        names = ("NoNewPrivs", "Seccomp", "CapEff", "CapBnd")
        result = {"uid": os.getuid(), "cwd": os.getcwd(), "environment": sorted(os.environ), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))}
        result |= {name: status[name].strip() for name in names}
    elif message["method"] == "allocate":
        kept = bytearray(message["params"]["bytes"])
        result = len(kept)
    elif message["method"] == "exit":
        os._exit(message["params"]["status"])
    else:
        result = {}
    link.write(json.dumps({"id": message["id"], "result": result}).encode() + b"\\n")
    link.flush()
"""


@pytest.mark.parametrize("language", COUNTS)
def test_an_example_is_started_by_the_first_connection_as_it_is(activated, language):
    addon = activated(language, **COUNTS[language])
    assert shown(addon.service, "ActiveState") == "inactive"
    begun = time.monotonic()
    with CoreSide(addon.path) as core:
        assert core.greet()["hooks"] == ["response"]
        assert core.response() == [["a", "b"], [f"x-addon-{language}", "1"]]
        cold = time.monotonic() - begun
        assert core.response()[1][1] == "2"
        begun = time.monotonic()
        # A second connection is a worker of its own.
        with CoreSide(addon.path) as other:
            other.greet()
            assert other.response()[1][1] == "1"
            warm = time.monotonic() - begun
        assert core.response()[1][1] == "3"
    print(f"{language}: first event to first answer {cold * 1000:.0f} ms cold, {warm * 1000:.0f} ms with its unit running")
    # What is left waits for the next connection; the programs are gone.
    eventually(lambda: len(processes(addon.service)) == 1, what="the end of the programs")
    assert shown(addon.service, "ActiveState") == "active"


def test_it_sees_nothing_but_libraries_interpreters_and_itself(activated):
    addon = activated("probe", PROBE)
    activated("other", PROBE)
    with CoreSide(addon.path) as core:
        seen = core.ask("tree")
        identity = core.ask("identity")
    top = {path for path in seen if path.count("/") == 1}
    # systemd makes the other folders of a root itself; they stay empty.
    empty = {"/bin", "/etc", "/home", "/mnt", "/root", "/sbin", "/sys", "/tmp"}
    assert top - empty == {"/addon", "/dev", "/lib", "/lib64", "/proc", "/run", "/scratch", "/usr", "/var"}
    assert {path for path in seen if path.startswith("/addon/")} == {"/addon/run"}
    assert {path for path in seen if path.startswith("/usr/bin/")} <= {f"/usr/bin/{name}" for name in ("python3", "perl", "jq", "node", "ruby", "lua", "env")}
    assert {path for path in seen if path.startswith("/usr/") and path.count("/") == 2} <= {"/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec"}
    assert {path for path in seen if path.startswith("/usr/libexec/")} == {"/usr/libexec/weir"}
    assert not {path for path in seen if path.startswith(tuple(f"{folder}/" for folder in (empty - {"/bin", "/sbin"}) | {"/scratch", "/dev/shm"}))}
    assert {path for path in seen if path.startswith(("/run/", "/var/"))} <= {"/run/systemd", "/run/credentials", "/var/lib", "/var/tmp"}
    assert identity["uid"] >= 61184  # one of DynamicUser's
    assert identity["cwd"] == "/addon"
    assert {name: identity[name] for name in ("NoNewPrivs", "Seccomp", "CapEff", "CapBnd")} == {
        "NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0" * 16, "CapBnd": "0" * 16,
    }
    # The fourth is the connection, the fifth what lists them.
    assert identity["descriptors"] == [0, 1, 2, 3, 4]
    assert not {name for name in identity["environment"] if name.startswith(("LISTEN_", "NOTIFY_", "CREDENTIALS_"))}


def test_its_programs_take_the_processor_from_nobody_when_they_are_woken(activated):
    addon = activated("probe", PROBE)
    with CoreSide(addon.path) as core:
        core.ask("identity")
        policies = [os.sched_getscheduler(pid) for pid in processes(addon.service)]
    assert len(policies) > 1 and set(policies) == {os.SCHED_BATCH}


def test_it_cannot_do_what_the_same_program_can_do_outside(activated):
    addon = activated("probe", PROBE)
    with CoreSide(addon.path) as core:
        caged = core.ask("attempt")
    assert {name: result for name, result in caged.items() if result != "refused"} == {}
    assert len(caged) >= 30
    # With the same unit stripped of all that, nearly all of them work: they are real.
    bare = "\n".join(["[Service]", "DynamicUser=no", "User=root"] + [f"{name}=" for name in ("RootDirectory", "BindReadOnlyPaths", "NoExecPaths", "ExecPaths", "SystemCallFilter", "SystemCallErrorNumber", "SystemCallArchitectures", "RestrictAddressFamilies", "IPAddressDeny")]
        + [f"{name}=no" for name in OFF] + ["CapabilityBoundingSet=~", "ProcSubset=all", "ProtectProc=default", "WorkingDirectory=/var/lib/weir-addons/%i", "Environment=WEIR_ADDON_COMMAND=/var/lib/weir-addons/%i/run", "ReadWritePaths=/"])
    drop_in(addon.service, "bare", bare)
    try:
        systemctl("stop", addon.service)
        with CoreSide(addon.path) as core:
            loose = core.ask("attempt")
    finally:
        Path(f"/etc/systemd/system/{addon.service}.d/bare.conf").unlink()
        systemctl("daemon-reload")
    works = {name for name, result in loose.items() if result == "done"}
    assert len(works) >= 22, {name for name in loose if name not in works}


OFF = (
    "NoNewPrivileges", "PrivateNetwork", "PrivateUsers", "PrivateIPC", "PrivateMounts", "PrivateTmp", "PrivateDevices", "ProtectHome", "ProtectSystem",
    "ProtectClock", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectControlGroups", "RestrictNamespaces",
    "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute", "RemoveIPC",
)


@pytest.mark.skipif(not os.path.ismount("/sys/fs/cgroup/memory") and not Path("/sys/fs/cgroup/memory.max").exists(), reason="this machine lends no memory controller")
def test_its_memory_is_bounded(activated):
    addon = activated("probe", PROBE)
    with CoreSide(addon.path) as core:
        assert core.ask("allocate", bytes=100 << 20) == 100 << 20
        with pytest.raises(AssertionError, match="ended"):
            core.ask("allocate", bytes=400 << 20)
    wait_shown(addon.service, "ActiveState", "failed")
    # Only the second version of cgroups tells systemd why; weir-accept passes on the signal as a shell does.
    assert (shown(addon.service, "Result"), shown(addon.service, "ExecMainStatus")) in (("oom-kill", "9"), ("exit-code", "137"), ("oom-kill", "137"))
    with CoreSide(addon.path) as core:  # and the next connection starts it anew
        assert core.ask("allocate", bytes=1) == 1


def test_a_failing_addon_is_started_again_by_the_next_connection_until_it_has_failed_too_often(activated):
    addon = activated("probe", PROBE)
    for _ in range(5):
        with CoreSide(addon.path) as core, pytest.raises(AssertionError, match="ended"):
            core.ask("exit", status=3)
        eventually(lambda: shown(addon.service, "ActiveState") == "failed", what="the end of the unit")
        assert shown(addon.service, "ExecMainStatus") == "3"

    def is_refused() -> bool:
        try:
            CoreSide(addon.path).close()
            return False
        except OSError:
            return True

    eventually(is_refused, what="the refusal")
    assert shown(addon.socket, "Result") == "service-start-limit-hit"
    assert "probe" in journal("-u", addon.service)
    systemctl("reset-failed", addon.service, addon.socket)
    systemctl("start", addon.socket)
    with CoreSide(addon.path) as core:
        assert core.ask("allocate", bytes=1) == 1


def test_restarts_of_the_core_are_no_failures_of_its_addons(activated):
    addon = activated("probe", PROBE)
    for _ in range(12):
        with CoreSide(addon.path) as core:
            assert core.greet() == {}
    first = main_process(addon.service)
    assert (shown(addon.service, "ActiveState"), shown(addon.service, "NRestarts")) == ("active", "0")
    # A killed one is started by the next connection.
    os.kill(first, signal.SIGKILL)
    wait_shown(addon.service, "ActiveState", "failed")
    with CoreSide(addon.path) as core:
        core.greet()
    assert main_process(addon.service) != first


def test_what_it_prints_is_found_by_its_name(activated):
    addon = activated("loud", PROBE.replace("for line in link:", 'print("the addon speaks", flush=True)\nfor line in link:', 1))
    with CoreSide(addon.path) as core:
        core.greet()
    eventually(lambda: "the addon speaks" in journal("WEIR_ADDON=loud"), what="the line")
    assert json.loads(journal("WEIR_ADDON=loud", "-n", "1", "-o", "json").splitlines()[-1])["SYSLOG_IDENTIFIER"] == "weir-addon-loud"


@pytest.mark.parametrize("right, name", [("jit", "map memory to write and execute"), ("network", "open a TCP socket")])
def test_a_right_is_given_to_one_addon_alone(activated, right, name):
    given, other = activated(f"has-{right}", PROBE), activated(f"has-no-{right}", PROBE)
    drop_in(given.service, right, Path(f"/usr/share/weir/addon-rights/{right}.conf").read_text())
    with CoreSide(given.path) as one, CoreSide(other.path) as two:
        with_it, without = one.ask("attempt"), two.ask("attempt")
    assert (with_it[name], without[name]) == ("done", "refused")
    changed = {key for key in with_it if with_it[key] != without[key]}
    assert changed <= {name, "open an IPv6 socket"}


def test_state_is_kept_in_a_folder_of_its_own(activated):
    keeping = PROBE.replace("for line in link:", 'open(os.environ["STATE_DIRECTORY"] + "/kept", "a").write("x")\nfor line in link:', 1)
    addon = activated("keeping", keeping)
    drop_in(addon.service, "state", Path("/usr/share/weir/addon-rights/state.conf").read_text())
    for count in (1, 2):
        with CoreSide(addon.path) as core:
            core.greet()
        assert Path("/var/lib/private/weir-state/keeping/kept").read_text() == "x" * count
        systemctl("stop", addon.service)


def test_only_weir_reaches_its_socket(activated):
    addon = activated("probe", PROBE)
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({addon.path!r})"
    for user, status in (("nobody", 1), ("weir", 0)):
        words = ["setpriv", f"--reuid={user}", "--regid=weir" if user == "weir" else "--regid=nogroup", "--clear-groups", "/usr/bin/python3", "-c", code]
        assert os.spawnvp(os.P_WAIT, words[0], words) == status, user


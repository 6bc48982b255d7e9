"""What the launcher is beside a wall: it ends with what it started, says what it got, refuses by name, and runs every language."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.cage import CAGE, ENVIRONMENT
from support.proxy import BINARY, ROOT, eventually

PYTHON = "/usr/bin/python3"
MODES = {
    "confined": ("--level", "confined"),
    "confined-without": ("--level", "confined", "--namespaces", "no"),
    "untrusted": ("--level", "untrusted"),
    "untrusted-without": ("--level", "untrusted", "--namespaces", "no"),
}
BWRAP = {"confined-bwrap": ("--level", "confined", "--back-end", "bwrap"), "untrusted-bwrap": ("--level", "untrusted", "--back-end", "bwrap")}


def modes(**more):
    table = MODES | more
    return pytest.mark.parametrize("options", table.values(), ids=table.keys())


@pytest.fixture
def folder():
    """A folder that others may read: root's untrusted workers are somebody else."""
    path = Path(tempfile.mkdtemp(prefix="weir-life-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def caged():
    """`caged(options, command, …)` starts a command as the core would: in a process group of its own."""
    started = []

    def start(options, command, environment=None, **more) -> subprocess.Popen:
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        process = subprocess.Popen(
            [CAGE, *options, "--", *command], env=ENVIRONMENT | (environment or {}), process_group=0, **more)
        started.append(process)
        return process

    yield start
    for process in started:
        # Whoever of its group is left over, too.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
        process.stdout.close()
        process.stderr.close()


def run(options, *command, **more) -> subprocess.CompletedProcess:
    return subprocess.run([CAGE, *options, "--", *command], env=ENVIRONMENT, capture_output=True, timeout=10, **more)


def ended(process) -> None:
    """Nobody holds the other end of its output any more."""
    os.set_blocking(process.stdout.fileno(), False)
    eventually(lambda: process.stdout.read() == b"", 5, "the end of all that the worker started")


# Three generations, in the same pipe; the last has tried to leave the group.
FAMILY = """
import os, signal
done, told = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        for flee in (os.setsid, lambda: os.setpgid(0, 0)):
            try: flee(); print('fled')
            except OSError: pass
        print('ready', flush=True)
        os.write(told, b'1')
    signal.pause()
"""
WAITS = FAMILY + "signal.pause()"
LEAVES = FAMILY + "os.read(done, 1)"


@modes(**BWRAP)
def test_the_exit_status_is_passed_on(options):
    assert run(options, "bash", "-c", "exit 7").returncode == 7


@modes()
def test_death_by_a_signal_is_passed_on(options):
    assert run(options, "bash", "-c", "kill -SEGV $$").returncode == -signal.SIGSEGV


@modes()
def test_what_it_leaves_behind_is_reaped(options):
    """Else they would be counted, and it could start no more."""
    code = "import os\nfor count in range(100):\n    if os.fork() == 0:\n        os.fork()\n        os._exit(0)\n    os.wait()\nprint('all')"
    result = run(options, PYTHON, "-c", code)
    assert result.stdout == b"all\n", result.stderr


@modes()
def test_a_signal_to_the_guard_reaches_the_worker(options, caged):
    code = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); print('ready', flush=True)\n"
    # A signal that comes between the print and one long pause would be handled behind it.
    code += "import time\nwhile True: time.sleep(0.05)"
    process = caged(options, [PYTHON, "-c", code])
    assert process.stdout.readline() == b"ready\n"
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(5) == 5


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists() or Path("/proc/sys/kernel/sched_autogroup_enabled").read_text().strip() != "1",
    reason="a kernel whose scheduler does not group by sessions",
)
def test_an_untrusted_worker_goes_last(caged):
    priorities = set()
    # The kernel takes one such change in a tenth of a second, of the whole machine: another cage may have been quicker.
    for _ in range(10):
        process = caged(MODES["untrusted"], [PYTHON, "-c", "print('ready', flush=True); import signal; signal.pause()"])
        assert process.stdout.readline() == b"ready\n"
        worker = child_of(child_of(process.pid))
        assert os.getpriority(os.PRIO_PROCESS, worker) == 10
        group, _, priority = Path(f"/proc/{worker}/autogroup").read_text().split()
        # Empty for a process that was never in a session of its own.
        assert group not in Path("/proc/self/autogroup").read_text().split()
        priorities.add(priority)
        process.kill()
        process.wait(5)
        if priority == "10":
            break
    assert "10" in priorities


@modes(**BWRAP)
def test_everything_ends_with_the_group(options, caged):
    process = caged(options, [PYTHON, "-c", WAITS])
    assert process.stdout.readline() == b"ready\n"
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(5) == -signal.SIGKILL
    ended(process)


@modes(**BWRAP)
def test_everything_ends_with_the_worker(options, caged):
    process = caged(options, [PYTHON, "-c", LEAVES])
    assert process.stdout.readline() == b"ready\n"
    assert process.wait(5) == 0
    ended(process)


@modes(**BWRAP)
def test_everything_ends_with_the_core(options, caged):
    """The core is killed, so that it can end nobody."""
    core = f"import subprocess, signal; subprocess.Popen({[str(CAGE), *options, '--', PYTHON, '-c', WAITS]!r}, process_group=0); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", core], env=ENVIRONMENT, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        process.wait()
        ended(process)
    finally:
        process.stdout.close()


@pytest.mark.parametrize("end", ["exits", "is killed"])
def test_a_temporary_folder_on_disk_is_removed(end, caged, tmp_path):
    deep = "import os, signal\nos.chdir(os.environ['TMPDIR'])\nos.symlink('/etc', 'link')\nopen('file', 'w').close()\n"
    deep += "for name in range(300):\n    os.mkdir(str(name % 10)); os.chdir(str(name % 10))\n"
    deep += "print(os.environ['TMPDIR'], flush=True)\n" + ("signal.pause()" if end == "is killed" else "")
    process = caged(MODES["confined-without"], [PYTHON, "-c", deep], {"TMPDIR": str(tmp_path)})
    folder = Path(process.stdout.readline().decode().strip())
    assert folder.parent == tmp_path
    if end == "is killed":
        assert folder.stat().st_mode & 0o777 == 0o700
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)
    eventually(lambda: not folder.exists(), 5, "the removal of the temporary folder")


@pytest.fixture(scope="session")
def without(tmp_path_factory):
    program = tmp_path_factory.mktemp("without") / "without"
    source = Path(__file__).parent / "support/without.c"
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source], check=True)
    return program


@pytest.mark.parametrize(
    "level, lacking, named",
    [
        ("untrusted", "landlock,namespaces", "Landlock 6 or namespaces"),
        ("confined", "landlock,namespaces", "Landlock or a mount namespace"),
        ("untrusted", "landlock,mounts", "Landlock 6 or namespaces"),
        ("untrusted", "seccomp", "seccomp"),
        ("confined", "seccomp", "seccomp"),
    ])
def test_a_missing_minimum_is_refused_by_name(level, lacking, named, without):
    result = subprocess.run(
        [without, lacking, CAGE, "--level", level, "--", "bash", "-c", "echo ran"], env=ENVIRONMENT, capture_output=True, timeout=10)
    assert (result.returncode, result.stdout) == (78, b"")
    error = result.stderr.decode()
    assert error.startswith(f"weir-cage: level '{level}' needs {named}") and error.count("\n") == 1


def test_bubblewrap_is_refused_where_there_are_no_namespaces(without):
    result = subprocess.run(
        [without, "namespaces", CAGE, *BWRAP["untrusted-bwrap"], "--", "bash", "-c", "echo ran"], env=ENVIRONMENT, capture_output=True, timeout=10)
    assert (result.returncode, result.stdout) == (78, b"")
    assert b"needs namespaces with the back end bwrap" in result.stderr


@pytest.mark.parametrize("level", ["confined", "untrusted"])
@pytest.mark.parametrize(
    "lacking, namespaces, landlock, lacks",
    [
        ("nothing", True, True, None),
        ("landlock", True, False, None),
        ("namespaces", False, True, "namespaces: Operation not permitted"),
        ("mounts", False, True, "mount namespace, mount: Permission denied"),
    ])
def test_one_of_two_layers_is_enough(level, lacking, namespaces, landlock, lacks, without):
    reader, writer = os.pipe()
    result = subprocess.run(
        [without, lacking, CAGE, "--level", level, "--report", str(writer), "--", "bash", "-c", "echo ran"],
        env=ENVIRONMENT, capture_output=True, timeout=10, pass_fds=[writer])
    os.close(writer)
    with open(reader) as file:
        report = json.loads(file.read())
    assert (result.returncode, result.stdout, result.stderr) == (0, b"ran\n", b"")
    assert report["level"] == level and report["back_end"] == "cage" and report["seccomp"] and report["no_new_privs"]
    assert ({"user", "mount", "pid", "net"} <= set(report["namespaces"])) == namespaces == bool(report["namespaces"])
    assert bool(report["landlock"]) == landlock
    assert report.get("lacks") == lacks
    assert report["temporary"] == ("memory" if namespaces else "disk" if level == "confined" else "none")


def test_it_explains_without_running_anything():
    result = subprocess.run([CAGE, "--explain", "--level", "untrusted", "--memory", "100m", "--files", "50"], env=ENVIRONMENT, capture_output=True, timeout=10)
    explained = json.loads(result.stdout)
    assert result.returncode == 0 and explained["level"] == "untrusted"
    assert explained["rlimits"]["memory"] == 100 << 20 and explained["rlimits"]["files"] == 50
    assert explained["rlimits"]["processes"] == 32
    assert explained["paths"]["/usr/lib"] == "r" and "/bin" not in explained["paths"] and "/etc/passwd" not in explained["paths"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--level", "trusted", "--", "true"], ["--", "true"], ["--level", "confined"], ["--level", "confined", "--memory", "0", "--", "true"],
        ["--level", "confined", "--memory", "99999999999g", "--", "true"], ["--level", "untrusted", "--network", "--", "true"],
        ["--level", "untrusted", "--write", "/tmp", "--", "true"], ["--unknown"], ["--level", "confined", "--read", "", "--", "true"],
        ["--level", "confined", "--read", "//", "--", "true"],
    ], ids=" ".join)
def test_misuse_is_said(arguments):
    result = subprocess.run([CAGE, *arguments], env=ENVIRONMENT, capture_output=True, timeout=10)
    assert result.returncode == 64 and b"weir-cage: " in result.stderr


@modes(**BWRAP)
def test_what_cannot_be_run_is_said(options, folder):
    assert run(options, "no-such-program").returncode == 127
    (folder / "data").write_text("no program")
    assert run(options, folder / "data").returncode == 126
    assert run([*options, "--read", folder / "absent"], "true").returncode == 127


def test_a_confined_worker_writes_where_it_may(folder):
    for options in (MODES["confined"], MODES["confined-without"], BWRAP["confined-bwrap"]):
        (folder / "other").mkdir(exist_ok=True)
        (folder / "data").mkdir(exist_ok=True)
        code = f"echo 1 >{folder}/data/file && cat {folder}/data/file && ! echo 2 2>/dev/null >{folder}/other/file"
        result = run([*options, "--read", folder, "--write", folder / "data"], "bash", "-c", code)
        assert (result.returncode, result.stdout) == (0, b"1\n"), result.stderr
        (folder / "data/file").unlink()


def test_a_confined_worker_has_the_network_it_was_given():
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('localhost', {server.getsockname()[1]}), 3).sendall(b'hello')"
        for options in (MODES["confined"], MODES["confined-without"], BWRAP["confined-bwrap"]):
            assert run([*options, "--network"], PYTHON, "-c", code).returncode == 0
            connection, _ = server.accept()
            with connection:
                assert connection.recv(10) == b"hello"
            assert run(options, PYTHON, "-c", code).returncode == 1


def test_the_working_folder_stays_where_it_can_be_seen(folder):
    (folder / "run").write_text("#!/usr/bin/env bash\npwd\n")
    (folder / "run").chmod(0o755)
    for options in [*MODES.values(), *BWRAP.values()]:
        result = run([*options, "--read", folder], "./run", cwd=folder)
        assert result.stdout.decode() == f"{folder}\n", result.stderr


def greeting(options, command, is_stdio=False) -> str:
    """Has a worker initialised, as the core does; gives the name that it says."""
    ours, given = socket.socketpair()
    with ours, given:
        environment = ENVIRONMENT | {"WEIR_ADDON_FD": "0" if is_stdio else str(given.fileno())}
        streams = {"stdin": given, "stdout": given} if is_stdio else {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "pass_fds": [given.fileno()]}
        process = subprocess.Popen([CAGE, *options, "--", *command], env=environment, process_group=0, stderr=subprocess.PIPE, **streams)
        try:
            given.close()
            ours.settimeout(10)
            ours.sendall(b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol":[1]}}\n')
            answer = ours.makefile("rb").readline()
            assert answer, process.communicate(timeout=5)[1].decode()
            ours.close()
            process.wait(5)
            return json.loads(answer)["result"]["name"]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture(scope="module")
def examples():
    """The examples of addons, where everybody may read them."""
    path = Path(tempfile.mkdtemp(prefix="weir-examples-"))
    path.chmod(0o755)
    shutil.copytree(ROOT / "addon-examples", path, dirs_exist_ok=True)
    subprocess.run([path / "c/build"], check=True)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", path / "venv"], check=True)
    yield path
    shutil.rmtree(path)


@modes(**BWRAP)
@pytest.mark.parametrize("language", ["python", "venv", "node", "bash", "jq", "c"])
def test_every_language_runs(language, options, examples):
    command, reads = {
        "python": ([examples / "python/count/count.py"], [examples / "python/count"]),
        "venv": ([examples / "venv/bin/python", examples / "python/count/count.py"], [examples / "venv", examples / "python/count"]),
        "node": (["node", examples / "node/count/count.js"], [examples / "node/count"]),
        "bash": ([examples / "bash/count/count.sh"], [examples / "bash/count", shutil.which("jq")]),
        "jq": (["jq", "-cn", "--unbuffered", "-f", examples / "jq/count/count.jq"], [examples / "jq/count"]),
        "c": ([examples / "c/count/count"], [examples / "c/count"]),
    }[language]
    options = [*options, *(word for path in reads for word in ("--read", path))]
    assert greeting(options, command, is_stdio=language == "jq") == "count-" + ("python" if language == "venv" else language)


@modes(**BWRAP)
def test_swift_runs(options, folder):
    """Weir itself is a Swift program; a debug build's libraries are not the system's."""
    program = Path(shutil.copy(BINARY, folder / "program"))
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split()
    libraries = {str(Path(word).resolve().parent) for word in linked if word.startswith("/") and not word.startswith(("/lib", "/usr/lib"))}
    options = [*options, "--read", folder, *(word for library in sorted(libraries) for word in ("--read", library))]
    result = run(options, program, "--help")
    assert result.returncode == 0 and b"USAGE: weir" in result.stdout, result.stderr


def test_the_environment_of_these_tests_runs():
    """A python that is linked from elsewhere, here with packages of its own."""
    result = run([*MODES["confined"], "--read", sys.prefix], sys.executable, "-c", "import httpx, sys; print(sys.prefix)")
    assert result.stdout.decode().strip() == sys.prefix, result.stderr

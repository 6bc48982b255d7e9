"""Programs that a measurement starts: their start, their end, and what they have used."""
import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


class Program:
    """One program from the moment it listens until `stop`; what it starts belongs to it."""

    def __init__(self, command, log, ready=None, env=None, starts_addons=False):
        """`ready`, a port or the path of a socket, is waited for."""
        self.command, self.log, self.starts_addons = [str(part) for part in command], log, starts_addons
        with log.open("w") as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        try:
            if ready:
                self.wait_for(ready)
        except BaseException:
            self.stop()
            raise

    def wait_for(self, ready):
        deadline = time.monotonic() + 60  # under valgrind it takes long
        while not listens(ready):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{shlex.join(self.command)} does not listen: {self.log.read_text(errors='replace')[-500:]}")
            time.sleep(0.02)

    def below(self) -> list[int]:
        """The living processes that it has started, and theirs."""
        children = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    children.setdefault(int(stat_fields(entry.name)[1]), []).append(int(entry.name))
        found, next_ones = [], [self.pid]
        while next_ones:
            next_ones = [child for pid in next_ones for child in children.get(pid, [])]
            found += next_ones
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        family = self.below()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def listens(ready):
    if isinstance(ready, int):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ready), 1):
            return True
        return False
    return Path(ready).exists()


def stat_fields(pid) -> list[str]:
    """Those behind the name: the state is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def processor_seconds(pids) -> float:
    """What these have used so far, by themselves and in the kernel."""
    return sum(user_and_system(pids))


def user_and_system(pids) -> tuple[float, float]:
    user = system = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = stat_fields(pid)
            user, system = user + int(fields[11]), system + int(fields[12])
    return user / TICK, system / TICK


def memory(pid, which="VmRSS") -> int:
    """Bytes: VmRSS, resident; VmHWM, the highest of that so far; Pss, with each shared page divided among those that share it."""
    with contextlib.suppress(OSError):
        path = f"/proc/{pid}/{'smaps_rollup' if which == 'Pss' else 'status'}"
        if found := re.search(rf"^{which}:\s+(\d+) kB", Path(path).read_text(), re.M):
            return int(found[1]) * 1024
    return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def machine() -> tuple[float, float]:
    """Processor seconds of all since the start of the machine: used, and taken away by its host."""
    values = [int(value) / TICK for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(values[:3]) + sum(values[5:7]), values[7]


def wait_for_quiet(seconds):
    """Waits, at most so long, for a second in which others use less than a third of a processor."""
    for _ in range(seconds):
        before = machine()[0]
        time.sleep(1)
        if machine()[0] - before < 0.33:
            return

"""The project's systemd units: where they are, and what is asked of the systemd that runs inside scripts/boot-systemd."""

import subprocess
from pathlib import Path

from .proxy import BINARY, ROOT, eventually

FOLDER = ROOT / "scripts/systemd"
UNITS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".service", ".socket", ".slice"))


def run(*command, status=0, **options) -> str:
    """What the command prints; it must end with that status."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    assert status is None or done.returncode == status, f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def install(*options, status=0) -> str:
    return run(FOLDER / "install", "--binaries", BINARY.parent, *options, status=status)


def systemctl(*words, status=0) -> str:
    return run("systemctl", *words, status=status)


def shown(unit: str, name: str) -> str:
    """One property of a unit."""
    return systemctl("show", "-P", name, unit).strip()


def journal(*match) -> str:
    """The messages that match, `NAME=VALUE` or options of journalctl."""
    run("journalctl", "--sync")
    return run("journalctl", "-q", "-o", "cat", *match)


def wait_shown(unit: str, name: str, value: str, seconds: float = 10) -> None:
    eventually(lambda: shown(unit, name) == value, seconds, f"{unit}: {name}={value}, not {shown(unit, name)}")


def main_process(unit: str) -> int:
    return int(shown(unit, "MainPID"))


def processes(unit: str) -> dict[int, str]:
    """The unit's processes and what their command lines say."""
    found = {}
    group = shown(unit, "ControlGroup")
    for line in Path(f"/sys/fs/cgroup/systemd{group}/cgroup.procs").read_text().split() if group else ():
        found[int(line)] = Path(f"/proc/{line}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return found


def drop_in(unit: str, name: str, text: str) -> None:
    folder = Path(f"/etc/systemd/system/{unit}.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.conf").write_text(text)
    systemctl("daemon-reload")

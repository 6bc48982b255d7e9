"""The launcher, and a field on which the program `evil` may do its worst: a core and a sibling of its own user, with what they guard."""

import os
import pty
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from .proxy import BINARY

CAGE = BINARY.parent / "weir-cage"
EVIL = Path(__file__).parents[1] / "evil"
NOBODY = 65534

# What the core gives a worker of its own environment.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "WEIR_ADDON_NAME": "evil"}


def build_evil(folder: Path) -> Path:
    program = folder / "evil"
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, *EVIL.glob("*.c")], check=True)
    return program


class Field:
    """Files, sockets and processes of one user, and the file of targets that names them to `evil`.

    The user is ours or, if we are root, any.
    """

    def __init__(self, program: Path, user: int):
        # Not pytest's folders: those are closed to other users.
        self.folder = Path(tempfile.mkdtemp(prefix="weir-field-"))
        self.user = user
        self.identity = {} if user == os.geteuid() else {"user": user, "group": user, "extra_groups": []}
        # Bombs go off in memory, where there is that.
        self.memory = Path(tempfile.mkdtemp(prefix="weir-field-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        self.addon = self.folder / "addon"
        self.state, self.home, self.temporary = (self.memory / name for name in ("state", "home", "tmp"))
        for folder in (self.addon, self.state, self.home, self.temporary):
            folder.mkdir()
        files = {"key": self.state / "ca.pem", "flows": self.state / "flows", "movable": self.state / "movable", "profile": self.home / ".profile", "script": self.addon / "script"}
        for file in files.values():
            file.write_text("secret")
            file.chmod(0o600)
        files["script"].chmod(0o644)
        self.program = Path(shutil.copy(program, self.addon))
        targets = {**files, "state": self.state, "addon": self.addon, "variable": "WEIR_SECRET"}
        targets["setuid"] = self.addon / "other"
        shutil.copy(program, targets["setuid"])
        self._own()
        self.can_setuid = os.geteuid() == 0
        if self.can_setuid:
            os.chown(targets["setuid"], 4242, 4242)
            targets["setuid"].chmod(0o4755)

        self.sockets = {
            "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "socket": (socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "s")),
            "datagram": (socket.AF_UNIX, socket.SOCK_DGRAM, str(self.folder / "d")),
            "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.folder}"),
        }
        for name, (family, kind, address) in self.sockets.items():
            one = self.sockets[name] = socket.socket(family, kind)
            one.bind(address)
            one.setblocking(False)
            if kind == socket.SOCK_STREAM:
                one.listen(50)
            if family == socket.AF_INET:
                targets[name] = one.getsockname()[1]
            else:
                targets[name] = address.lstrip("\0")
                if name != "abstract":
                    os.chmod(address, 0o777)

        self.processes = [self._start(["sleep", "600"], {"WEIR_SECRET": "1"}) for _ in range(2)]
        targets["core"], targets["sibling"] = (process.pid for process in self.processes)
        targets["address"] = next(
            line.split("-")[0] for line in Path(f"/proc/{targets['core']}/maps").read_text().splitlines() if "sleep" in line)
        self.targets = self.addon / "targets"
        self.targets.write_text("".join(f"{name} {value}\n" for name, value in targets.items()))
        self.targets.chmod(0o644)

    def _own(self) -> None:
        if self.identity:
            for path in [*self.folder.rglob("*"), self.folder, *self.memory.rglob("*"), self.memory]:
                os.chown(path, self.user, self.user)
        self.folder.chmod(0o755)
        self.addon.chmod(0o755)

    def _start(self, command: list, environment: dict, **options) -> subprocess.Popen:
        return subprocess.Popen(
            command, env={**ENVIRONMENT, "TMPDIR": str(self.temporary), "HOME": str(self.home), **environment}, start_new_session=True,
            cwd=self.addon, **self.identity, **options)

    def attack(self, launcher: list = (), names: tuple = (), is_bare: bool = False) -> dict[str, bool]:
        """Runs the attacks, all or some; true are those that succeeded.

        Bare the program has what a careless core would leave it: a secret in its environment, an open file, its own terminal.
        """
        ours, given = socket.socketpair()
        controller, terminal = pty.openpty()
        left_open = os.open(self.state / "ca.pem", os.O_RDONLY)
        environment = {"WEIR_ADDON_FD": str(given.fileno())}
        if is_bare:
            environment["WEIR_SECRET"] = "1"
        process = self._start(
            [*map(str, launcher), self.program, self.targets, *names], environment, stdin=terminal, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, pass_fds=[given.fileno(), left_open])
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            for descriptor in (controller, terminal, left_open):
                os.close(descriptor)
            ours.close()
            given.close()
        assert process.returncode in (0, 1), (process.returncode, errors.decode())
        results = dict(line.split() for line in output.decode().splitlines())
        assert results and set(results.values()) <= {"denied", "BREACH"}, (output, errors)
        return {name: result == "BREACH" for name, result in results.items()}

    def caged(self, *options: str) -> list:
        return [CAGE, *options, "--read", self.addon, "--"]

    def heard(self) -> list[str]:
        """The sockets at which somebody has been since the last call."""
        names = []
        for name, one in self.sockets.items():
            while True:
                try:
                    if one.type == socket.SOCK_STREAM:
                        one.accept()[0].close()
                    else:
                        one.recv(100)
                except BlockingIOError:
                    break
                names.append(name)
        return names

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for one in self.sockets.values():
            one.close()
        shutil.rmtree(self.folder)
        shutil.rmtree(self.memory)

"""What a service manager does for the proxy, as far as it takes no root: it holds the listening sockets, starts the proxy with them,
and hears what the proxy notifies."""

import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from .proxy import CRASH

# Moves the descriptors to where they belong and becomes the command: the process number is known only there.
PLACE = """
import os, sys
names, numbers, command = sys.argv[1], [int(number) for number in sys.argv[2].split(",") if number], sys.argv[3:]
copies = [os.dup(number) for number in numbers]
for index, copy in enumerate(os.dup2(copy, 100 + index) for index, copy in enumerate(copies)):
    os.dup2(copy, 3 + index)
os.closerange(3 + len(numbers), 4096)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""


class Manager:
    def __init__(self, weir, folder: Path):
        self.weir = weir
        self.path = str(folder / "notify")
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifications.bind(self.path)
        self.replaced: list[Replaced] = []
        self.sockets: list[tuple[str, socket.socket]] = []
        # Everything that was heard, in order.
        self.heard: list[dict[str, str]] = []

    def listen(self, name: str, kind=socket.SOCK_STREAM, path: Path | None = None) -> int:
        """Opens a socket that is passed under the name; the result is its port."""
        sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET, kind)
        sock.bind(str(path) if path else ("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            sock.listen(4096)
        self.sockets.append((name, sock))
        return 0 if path else sock.getsockname()[1]

    def start(self, *arguments: str, ready: bool = True, env=None, **options):
        """A proxy that has the sockets, once it is ready; its `port` is the first one's."""
        numbers = [sock.fileno() for _, sock in self.sockets]
        names = ":".join(name for name, _ in self.sockets)
        within = [sys.executable, "-ISc", PLACE, names, ",".join(map(str, numbers))]
        env = {"NOTIFY_SOCKET": self.path, **(env or {})}
        proxy = self.weir(*arguments, env=env, wait=False, within=within, descriptors=numbers, **options)
        proxy.port = next((s.getsockname()[1] for _, s in self.sockets if s.family == socket.AF_INET), proxy.port)
        if ready:
            self.wait("READY", proxy=proxy)
        return proxy

    def wait(self, name: str, seconds: float = 15, proxy=None) -> dict[str, str]:
        """The next notification that assigns the name."""
        end = time.monotonic() + seconds
        while True:
            self.notifications.settimeout(0.1)
            try:
                data, descriptors, _, _ = socket.recv_fds(self.notifications, 65536, 16)
            except TimeoutError:
                log = f":\n{proxy.log}" if proxy else ""
                assert not proxy or proxy.process.poll() is None, f"the proxy left{log}"
                assert time.monotonic() < end, f"no {name} within {seconds} s; heard {self.heard}{log}"
                continue
            for descriptor in descriptors:
                os.close(descriptor)
            one = dict(line.split("=", 1) for line in data.decode().split("\n") if line)
            self.heard.append(one)
            if name in one:
                return one

    def upgrade(self, proxy, running=None) -> "Replaced":
        """Has the proxy, or the process that runs in its place, start its successor; returns when that serves clients."""
        pid = running.pid if running else proxy.process.pid
        os.kill(pid, signal.SIGUSR2)
        told = self.wait("MAINPID", proxy=proxy if running is None else None)
        assert told["READY"] == "1"
        self.replaced.append(Replaced(proxy, int(told["MAINPID"])))
        return self.replaced[-1]

    def close(self) -> None:
        for one in self.replaced:
            one.stop()
        for _, sock in self.sockets:
            sock.close()
        self.notifications.close()


class Replaced:
    """The process that has taken a proxy's place, whose parent is gone when it has ended."""

    def __init__(self, proxy, pid: int):
        self.proxy, self.pid = proxy, pid
        self.handle = os.pidfd_open(pid)

    @property
    def has_ended(self) -> bool:
        return bool(select.select([self.handle], [], [], 0)[0])

    def signal(self, number: int) -> None:
        signal.pidfd_send_signal(self.handle, number)

    def stop(self, seconds: float = 15) -> None:
        if not self.has_ended:
            self.signal(signal.SIGTERM)
            assert select.select([self.handle], [], [], seconds)[0], f"process {self.pid} did not end:\n{self.proxy.log}"
        os.close(self.handle)
        assert not CRASH.search(self.proxy.log), self.proxy.log

"""Network namespaces for tests of what only a network can show: a client, a router and a server, each with its own."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NET = 0x40000000


class Namespace:
    """One network namespace. What is made while a thread has entered it (sockets, processes, threads) belongs to it."""

    made = 0

    def __init__(self):
        Namespace.made += 1
        self.name = f"weir-{os.getpid()}-{Namespace.made}"
        ip("netns", "add", self.name)
        self.run("link", "set", "lo", "up")

    def run(self, *arguments: str) -> None:
        ip("-n", self.name, *arguments)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.name}") as here:
            enter(here.fileno())
            try:
                yield
            finally:
                enter(before.fileno())

    def filter(self, rules: str) -> None:
        """Loads rules of nft."""
        with self.entered():
            done = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    def remove(self) -> None:
        ip("netns", "del", self.name)


def with_hosts(file: Path, text: str) -> list:
    """A command that runs the one behind it where /etc/hosts is `text`; nobody else sees that."""
    file.write_text(text)
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', file]


def enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, NEW_NET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


class Road:
    """client – router – server, with IPv4 and IPv6: the router stands in both networks, and is where the two others send everything."""

    CLIENT, SERVER = ("10.77.1.2", "fd77:1::2"), ("10.77.2.2", "fd77:2::2")
    ROUTER = ("10.77.1.1", "fd77:1::1")

    def __init__(self):
        self.client, self.router, self.server = (Namespace() for _ in range(3))
        self._link(self.client, self.CLIENT, self.ROUTER)
        self._link(self.server, self.SERVER, ("10.77.2.1", "fd77:2::1"))

    def _link(self, end: Namespace, addresses: tuple[str, str], routers: tuple[str, str]) -> None:
        name = f"to-{end.name.rsplit('-', 1)[1]}"
        ip("-n", end.name, "link", "add", "road", "type", "veth", "peer", "name", name, "netns", self.router.name)
        for place, device, own in ((end, "road", addresses), (self.router, name, routers)):
            place.run("link", "set", device, "up")
            place.run("addr", "add", f"{own[0]}/24", "dev", device)
            # Without duplicate detection the address can be used at once.
            place.run("addr", "add", f"{own[1]}/64", "dev", device, "nodad")
        end.run("route", "add", "default", "via", routers[0])
        end.run("route", "add", "default", "via", routers[1])

    def remove(self) -> None:
        for place in (self.client, self.router, self.server):
            place.remove()

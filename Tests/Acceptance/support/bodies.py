"""Bodies by descriptor, as a worker takes and gives them; written from the specification alone."""

import fcntl
import mmap
import os
import socket
import threading

IS_SHARED = tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (6, 3)
"""Whether the system can forbid that a memory file is run, without which none is shared."""
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Descriptors:
    """The worker's end of the socket beside its connection."""

    def __init__(self):
        self.socket = socket.socket(fileno=int(os.environ["WEIR_ADDON_FDS"]))
        self.number = 0

    def take(self, content: dict) -> int:
        """The descriptor that `{"fd": n, "size": s}` names; those before it are closed."""
        while True:
            payload, fds, flags, _ = socket.recv_fds(self.socket, 64, 4)
            assert len(fds) == 1 and not flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC), (payload, fds, flags)
            if int(payload) == content["fd"]:
                return fds[0]
            assert int(payload) < content["fd"], payload
            os.close(fds[0])

    def read(self, content: dict) -> bytes:
        fd = self.take(content)
        try:
            if content["size"] == 0:
                return b""
            with mmap.mmap(fd, content["size"], prot=mmap.PROT_READ) as whole:
                return whole[:]
        finally:
            os.close(fd)

    def name(self) -> int:
        self.number += 2
        return self.number

    def send(self, number: int, *fds: int, payload: bytes | None = None) -> None:
        payload = str(number).encode() if payload is None else payload
        if fds:
            socket.send_fds(self.socket, [payload], fds)
        else:
            self.socket.send(payload)

    def give(self, data: bytes) -> dict:
        """Sends a body, and returns what stands for it in an answer."""
        fd = memory(data)
        number = self.name()
        try:
            self.send(number, fd)
        finally:
            os.close(fd)
        return {"fd": number, "size": len(data)}


class Area:
    """The file that worker and core have both mapped: the first that comes."""

    def __init__(self, descriptors: Descriptors):
        self.descriptors = descriptors
        self.map = None
        self.lock = threading.Lock()

    def whole(self) -> mmap.mmap:
        with self.lock:
            if self.map is None:
                fd = self.descriptors.take({"fd": 1})
                self.map = mmap.mmap(fd, os.fstat(fd).st_size)
                os.close(fd)
            return self.map

    def read(self, content: dict) -> bytes:
        """What `{"at": o, "size": s, "room": r}` stands for."""
        assert content["size"] <= content["room"]
        return self.whole()[content["at"] : content["at"] + content["size"]]

    def put(self, data: bytes, at: int) -> dict:
        """Writes a body there, and returns what stands for it in an answer."""
        self.whole()[at : at + len(data)] = data
        return {"at": at, "size": len(data)}


def memory(data: bytes, seals: int = SEALS) -> int:
    """A memory file with that content and those seals."""
    fd = os.memfd_create("body", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    if seals:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd

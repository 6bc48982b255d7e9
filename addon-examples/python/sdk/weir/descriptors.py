"""Bodies as memory files, which travel on a socket of their own beside the lines."""

import fcntl
import mmap
import os
import socket
from typing import Any

FROM = 65536
"""Octets of a body from which on it is given so."""

SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


class Descriptors:
    def __init__(self, number: int):
        os.set_inheritable(number, False)
        self._socket = socket.socket(fileno=number)
        self._given = 0

    def take(self, content: dict[str, int]) -> mmap.mmap | bytes:
        """The body that a line names as `{"fd": n, "size": s}`; called in the order of the lines."""
        while True:
            packet, descriptors, *_ = socket.recv_fds(self._socket, 32, 1)
            try:
                if not packet:
                    raise EOFError("the core's socket for descriptors has ended")
                if int(packet) == content["fd"]:
                    return mmap.mmap(descriptors[0], content["size"], mmap.MAP_SHARED, mmap.PROT_READ)
            finally:
                for descriptor in descriptors:  # A lower number is of an event that was withdrawn.
                    os.close(descriptor)

    def give(self, data: Any) -> dict[str, int]:
        """What stands for these octets in an answer, whose line must be the next that is sent."""
        self._given += 2
        descriptor = os.memfd_create("body", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
            socket.send_fds(self._socket, [b"%d" % self._given], [descriptor])
        finally:
            os.close(descriptor)
        return {"fd": self._given, "size": len(data)}

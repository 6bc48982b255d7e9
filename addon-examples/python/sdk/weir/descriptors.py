"""Bodies as memory files, which travel on a socket of their own beside the lines."""

import fcntl
import mmap
import os
import socket
from typing import Any

from .event import PARTS, Event
from .values import BytesLike

FROM = 65536  # Octets of a body from which on it is given so.
SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


class Descriptors:
    def __init__(self, number: int):
        os.set_inheritable(number, False)
        self._socket = socket.socket(fileno=number)
        self._given = 0

    def take(self, event: Event) -> None:
        """Maps the bodies of an event; called in the order of the lines."""
        for part in PARTS:
            while (number := event._content(part, "fd")) is not None and part not in event._bodies:
                packet, found, *_ = socket.recv_fds(self._socket, 32, 1)
                if not found:
                    raise EOFError(f"expected descriptor {number} of the core's, found the end of its socket")
                with open(found[0], "rb"):
                    if int(packet) == number:  # A lower one is of an event that was withdrawn.
                        size = event._content(part, "size")
                        event._bodies[part] = mmap.mmap(found[0], size, mmap.MAP_SHARED, mmap.PROT_READ)

    def give(self, result: Any) -> Any:
        """The result with large bodies as memory files, which are sent; its line must be the next."""
        flow = dict(result.get("flow") or {}) if isinstance(result, dict) else {}
        for part in PARTS:
            data = (flow.get(part) or {}).get("content")
            if isinstance(data, BytesLike) and len(data) >= FROM:
                flow[part] = {**flow[part], "content": self._file(data)}
        return {**result, "flow": flow} if flow else result

    def _file(self, data: Any) -> dict[str, int]:
        self._given += 2
        with open(os.memfd_create("body", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb") as file:
            file.write(data)
            file.flush()
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
            socket.send_fds(self._socket, [b"%d" % self._given], [file.fileno()])
        return {"fd": self._given, "size": len(data)}

"""The connection to the core: whole lines in, whole lines out."""

import collections
import os
import socket
import stat
import threading
from collections.abc import Callable

MAX_LINE = 16 << 20
WAITING = 64 << 20
"""Octets that wait until the core reads them, beyond which lines that nobody waits for are dropped."""


class Link:
    """One thread at a time calls `fill` and `next`; every one may send."""

    def __init__(self) -> None:
        self._in, self._out = _connected()
        self._lines: collections.deque[bytes] = collections.deque()
        self._rest: list[bytes] = []
        self._held = 0
        self.lock = threading.Lock()
        self._unsent = bytearray()
        self._changed = threading.Condition(self.lock)
        self._writer: threading.Thread | None = None
        if stat.S_ISSOCK(os.fstat(self._out).st_mode):
            self._socket = socket.socket(fileno=os.dup(self._out))  # A wrapper of its own: the number stays ours.
            self._try: Callable[[bytes], int] = lambda data: self._socket.send(data, socket.MSG_DONTWAIT)
        else:
            self._try = lambda data: os.write(self._out, data)

    def fileno(self) -> int:
        return self._in

    def next(self) -> bytes | None:
        """The next line that has come whole."""
        return self._lines.popleft() if self._lines else None

    def fill(self) -> bool:
        """Reads what has come; waits if there is nothing. False at the end of the connection."""
        try:
            data = os.read(self._in, 1 << 18)
        except ConnectionError:
            data = b""
        first, *others = data.split(b"\n")
        self._rest.append(first)
        self._held += len(first)
        if others:
            self._lines.append(b"".join(self._rest))
            self._rest = [others.pop()]
            self._held = len(self._rest[0])
            self._lines.extend(others)
        if self._held > MAX_LINE:
            raise ValueError(f"the core's line is longer than {MAX_LINE} bytes")
        return bool(data)

    def send(self, line: bytes, is_wanted: bool = True) -> None:
        """Sends a line with its LF and never waits: what the core does not take at once is left to a thread."""
        with self.lock:
            self.send_locked(line, is_wanted)

    def send_locked(self, data: bytes, is_wanted: bool = True) -> None:
        if not self._unsent:
            try:
                sent = self._try(data)
            except BlockingIOError:
                sent = 0
            except ConnectionError:
                return  # Who reads sees the end.
            if sent == len(data):
                return
            data = data[sent:]
        elif not is_wanted and len(self._unsent) > WAITING:
            return
        self._unsent += data
        if not self._writer:
            self._writer = threading.Thread(target=self._write, daemon=True)
            self._writer.start()
        self._changed.notify()

    def _write(self) -> None:
        while True:
            with self.lock:
                self._changed.wait_for(lambda: self._unsent)
                data = bytes(self._unsent[: 1 << 20])
            try:
                sent = os.write(self._out, data)
            except ConnectionError:
                return
            with self.lock:
                del self._unsent[:sent]


def _connected() -> tuple[int, int]:
    """The descriptors to read from and to write to."""
    given = int(os.environ.pop("WEIR_ADDON_FD", "0"))
    if given > 2:
        os.set_inheritable(given, False)
        return given, given
    if not given and (path := os.environ.pop("WEIR_ADDON_SOCKET", None)):
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(path)
        number = connected.detach()
        return number, number
    # Prints must not get among the lines.
    own = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return own

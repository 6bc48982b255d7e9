"""The connection to the core: whole lines in, whole lines out."""

import os
import socket
import stat
import threading
from collections.abc import Callable
from typing import Any

MAX_LINE = 16 << 20
WAITING = 64 << 20  # Octets that the core has yet to read, beyond which lines that nobody waits for are dropped.


def start(work: Callable[..., Any], *arguments: Any) -> threading.Thread:
    """Runs this in a thread that keeps no process alive."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


class Link:
    """One thread at a time may read; every one may send."""

    def __init__(self) -> None:
        source, self._out = _connected()
        self._in = open(source, "rb", buffering=1 << 18, closefd=False)
        # A wrapper of its own: the number stays ours.
        self._socket = socket.socket(fileno=os.dup(self._out)) if stat.S_ISSOCK(os.fstat(self._out).st_mode) else None
        self._unsent = bytearray()
        self.lock = threading.RLock()

    def read(self) -> bytes:
        """The next line with its LF, which is waited for; nothing at the end of the connection."""
        try:
            line = self._in.readline(MAX_LINE + 2)
        except ConnectionError:
            return b""
        if len(line) > MAX_LINE + 1:
            raise ValueError(f"the core's line is longer than {MAX_LINE} bytes")
        return line if line.endswith(b"\n") else b""

    def send(self, line: bytes, is_wanted: bool = True) -> None:
        """Sends a line with its LF and never waits: what the core does not take at once is left to a thread."""
        with self.lock:
            if self._unsent:
                if is_wanted or len(self._unsent) <= WAITING:
                    self._unsent += line
                return
            try:
                sent = self._socket.send(line, socket.MSG_DONTWAIT) if self._socket else 0
            except BlockingIOError:
                sent = 0
            except ConnectionError:
                return  # Who reads sees the end.
            if sent < len(line):
                self._unsent += line[sent:]
                start(self._flush)

    def _flush(self) -> None:
        sent = 0
        while True:
            with self.lock:
                del self._unsent[:sent]
                if not self._unsent:
                    return  # The next line goes at once again.
                data = bytes(self._unsent[: 1 << 20])
            try:
                sent = os.write(self._out, data)
            except ConnectionError:
                return


def _connected() -> tuple[int, int]:
    """The descriptors to read from and to write to."""
    number = int(os.environ.pop("WEIR_ADDON_FD", "0"))
    if not number and (path := os.environ.pop("WEIR_ADDON_SOCKET", None)):
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(path)
        number = connected.detach()
    if number > 2:
        os.set_inheritable(number, False)
        return number, number
    # Prints must not get among the lines.
    own = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return own

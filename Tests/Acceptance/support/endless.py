"""A body that is longer than all buffers on its way, and how much of it was sent."""

import time

from .proxy import eventually

MIB = 1 << 20
TOTAL = 96 * MIB
BLOCK = bytes(range(97, 123)) * 2521  # 64 KiB, about
BOUND = 24 * MIB  # what the buffers of three sockets may grow to, and the credits; far below TOTAL


class Endless:
    """Sends a body of TOTAL octets as fast as it is taken. A block counts when it is begun: one that is stopped in its first has sent, too."""

    def __init__(self):
        self.sent = 0

    def __call__(self, reply, seen) -> None:
        reply.head(TOTAL)
        self.feed(reply.write)
        reply.end()

    def feed(self, write) -> None:
        while self.sent < TOTAL:
            part = BLOCK[: TOTAL - self.sent]
            self.sent += len(part)
            write(part)


def standing_still(count, seconds: float = 20) -> int:
    """The number once it is above zero and has not changed for a while."""
    last, since = -1, time.monotonic()

    def stands() -> bool:
        nonlocal last, since
        if (now := count()) != last:
            last, since = now, time.monotonic()
        return last > 0 and time.monotonic() - since > 0.7

    eventually(stands, seconds, "a stand-still")
    return last

"""Functions that hear of changes."""

from collections.abc import Callable
from typing import Any


class SyncSignal:
    """Calls its receivers, the first one first, whenever `send` is called."""

    def __init__(self, spec: Callable | None = None) -> None:
        self.receivers: list[Callable] = []

    def connect(self, receiver: Callable) -> Callable:
        self.receivers.append(receiver)
        return receiver

    def disconnect(self, receiver: Callable) -> None:
        self.receivers = [one for one in self.receivers if one != receiver]

    def send(self, *args: Any, **keywords: Any) -> None:
        for receiver in list(self.receivers):
            receiver(*args, **keywords)

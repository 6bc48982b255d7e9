"""Flows whose content is a list of messages: what TCP and UDP share."""

import time
from typing import Any

from mitmproxy import flow
from mitmproxy.coretypes import serializable


class Message(serializable.Serializable):
    """What one side sent at once. Its state is (from_client, content, timestamp)."""

    from_client: bool
    content: bytes
    timestamp: float

    def __init__(self, from_client: bool, content: bytes, timestamp: float | None = None) -> None:
        self.from_client = from_client
        self.content = content
        self.timestamp = timestamp or time.time()

    @classmethod
    def from_state(cls, state: Any):
        return cls(*state)

    def get_state(self) -> tuple[bool, bytes, float]:
        return self.from_client, self.content, self.timestamp

    def set_state(self, state: Any) -> None:
        self.from_client, self.content, self.timestamp = state

    def __repr__(self) -> str:
        return f"{'->' if self.from_client else '<-'} {self.content!r}"


class MessageFlow(flow.Flow):
    """A flow with `messages`, the newest last."""

    _message: type[Message]

    def __init__(self, client_conn, server_conn, live: bool = False) -> None:
        super().__init__(client_conn, server_conn, live)
        self.messages: list = []

    def get_state(self) -> serializable.State:
        return {**super().get_state(), "messages": [message.get_state() for message in self.messages]}

    def set_state(self, state: serializable.State) -> None:
        self.messages = [self._message.from_state(message) for message in state.pop("messages")]
        super().set_state(state)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ({len(self.messages)} messages)>"

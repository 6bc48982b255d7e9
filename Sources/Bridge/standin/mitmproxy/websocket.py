"""The WebSocket part of an HTTP flow."""

import enum
import time
import warnings
from dataclasses import dataclass, field

from mitmproxy.coretypes import serializable

WebSocketMessageState = tuple[int, bool, bytes, float, bool, bool]


class Opcode(enum.IntEnum):
    """Frame types of RFC 6455, section 11.8."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class WebSocketMessage(serializable.Serializable):
    """One message; its state is (type, from_client, content, timestamp, dropped, injected)."""

    from_client: bool
    type: Opcode
    content: bytes
    timestamp: float
    dropped: bool
    injected: bool

    def __init__(
        self,
        type: int,  # noqa: A002
        from_client: bool,
        content: bytes,
        timestamp: float | None = None,
        dropped: bool = False,
        injected: bool = False,
    ) -> None:
        self.from_client = from_client
        self.type = Opcode(type)
        self.content = content
        self.timestamp = timestamp or time.time()
        self.dropped = dropped
        self.injected = injected

    @classmethod
    def from_state(cls, state: WebSocketMessageState):
        return cls(*state)

    def get_state(self) -> WebSocketMessageState:
        return int(self.type), self.from_client, self.content, self.timestamp, self.dropped, self.injected

    def set_state(self, state: WebSocketMessageState) -> None:
        kind, self.from_client, self.content, self.timestamp, self.dropped, self.injected = state
        self.type = Opcode(kind)

    def __repr__(self) -> str:
        return repr(self.content.decode(errors="replace") if self.type == Opcode.TEXT else self.content)

    @property
    def is_text(self) -> bool:
        """Whether it is a text message; `content` is bytes for both kinds."""
        return self.type == Opcode.TEXT

    def drop(self) -> None:
        """Do not send it on."""
        self.dropped = True

    def kill(self) -> None:
        warnings.warn("WebSocketMessage.kill is deprecated, use WebSocketMessage.drop instead.", DeprecationWarning, stacklevel=2)
        self.drop()

    @property
    def text(self) -> str:
        """The content of a text message. AttributeError for a binary one."""
        self._must_be_text()
        return self.content.decode()

    @text.setter
    def text(self, value: str) -> None:
        self._must_be_text()
        self.content = value.encode()

    def _must_be_text(self) -> None:
        if not self.is_text:
            raise AttributeError(f"{self.type.name.title()} WebSocket frames do not have a 'text' attribute.")


@dataclass
class WebSocketData(serializable.SerializableDataclass):
    """All messages of a connection, the newest last, and how it ended."""

    messages: list[WebSocketMessage] = field(default_factory=list)
    closed_by_client: bool | None = None
    close_code: int | None = None
    close_reason: str | None = None
    timestamp_end: float | None = None

    def __repr__(self) -> str:
        return f"<WebSocketData ({len(self.messages)} messages)>"

"""What all flows have in common, whatever their protocol."""

from __future__ import annotations

import asyncio
import copy
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mitmproxy import connection, exceptions, version
from mitmproxy.coretypes import serializable


@dataclass
class Error(serializable.SerializableDataclass):
    """Why a flow failed, and when (seconds since 1970)."""

    msg: str
    timestamp: float = field(default_factory=time.time)

    KILLED_MESSAGE: ClassVar[str] = "Connection killed."

    def __str__(self) -> str:
        return self.msg

    __repr__ = __str__


class Flow(serializable.Serializable):
    """Request and response, or the messages of a connection."""

    client_conn: connection.Client
    server_conn: connection.Server
    error: Error | None = None
    intercepted: bool
    marked: str = ""
    is_replay: str | None
    live: bool
    timestamp_created: float
    type: ClassVar[str]

    _types: ClassVar[dict[str, type[Flow]]] = {}

    def __init__(self, client_conn: connection.Client, server_conn: connection.Server, live: bool = False) -> None:
        self.id = str(uuid.uuid4())
        self.client_conn = client_conn
        self.server_conn = server_conn
        self.live = live
        self.timestamp_created = time.time()
        self.intercepted = False
        self._resume_event: asyncio.Event | None = None
        self._backup: Any = None
        self.marked = ""
        self.is_replay = None
        self.metadata: dict[str, Any] = {}
        self.comment = ""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "type" in cls.__dict__:
            Flow._types[cls.type] = cls

    def get_state(self) -> serializable.State:
        return {
            "version": version.FLOW_FORMAT_VERSION,
            "type": self.type,
            "id": self.id,
            "error": self.error.get_state() if self.error else None,
            "client_conn": self.client_conn.get_state(),
            "server_conn": self.server_conn.get_state(),
            "intercepted": self.intercepted,
            "is_replay": self.is_replay,
            "marked": self.marked,
            "metadata": copy.deepcopy(self.metadata),
            "comment": self.comment,
            "timestamp_created": self.timestamp_created,
            "backup": copy.deepcopy(self._backup),
        }

    def set_state(self, state: serializable.State) -> None:
        """AssertionError for another type or version, and for members that are left over."""
        if state.pop("version") != version.FLOW_FORMAT_VERSION or state.pop("type") != self.type:
            raise AssertionError(f"not a state of a {self.type} flow in version {version.FLOW_FORMAT_VERSION}")
        self.id = state.pop("id")
        error = state.pop("error")
        if error and self.error:
            self.error.set_state(error)
        else:
            self.error = Error.from_state(error) if error else None
        self.client_conn.set_state(state.pop("client_conn"))
        self.server_conn.set_state(state.pop("server_conn"))
        for name in ("intercepted", "is_replay", "marked", "metadata", "comment", "timestamp_created"):
            setattr(self, name, state.pop(name))
        self._backup = state.pop("backup", None)
        if state:
            raise AssertionError(f"a flow's state has no {', '.join(map(repr, state))}")

    @classmethod
    def from_state(cls, state: serializable.State) -> Flow:
        """A flow of the state's type. ValueError if there is none such."""
        kind = state["type"]
        if kind not in Flow._types:
            raise ValueError(f"Unknown flow type: {kind}")
        client = connection.Client(peername=("", 0), sockname=("", 0))
        flow = Flow._types[kind](client, connection.Server(address=None))
        flow.set_state(state)
        return flow

    def copy(self):
        """A flow of its own id, which no traffic waits for."""
        flow = super().copy()
        flow.live = False
        return flow

    def modified(self) -> bool:
        """Whether there is a backup that `revert` would bring back."""
        return bool(self._backup) and self._backup != self.get_state()

    def backup(self, force: bool = False) -> None:
        """Keep the present state for `revert`, unless an older one is kept."""
        if not self._backup:
            self._backup = self.get_state()

    def revert(self) -> None:
        """Bring the backup back."""
        if self._backup:
            self.set_state(self._backup)
            self._backup = None

    @property
    def killable(self) -> bool:
        """Whether there is traffic left that `kill` could end."""
        return self.live and not (self.error and self.error.msg == Error.KILLED_MESSAGE)

    def kill(self) -> None:
        """End the traffic. ControlException if there is none."""
        if not self.killable:
            raise exceptions.ControlException("Flow is not killable.")
        self.error = Error(Error.KILLED_MESSAGE)
        self.intercepted = False
        self.live = False

    def intercept(self) -> None:
        """Hold the traffic until `resume`."""
        if self.intercepted:
            return
        self.intercepted = True
        if self._resume_event is not None:
            self._resume_event.clear()

    async def wait_for_resume(self) -> None:
        """Return when the flow is not held (any more)."""
        if not self.intercepted:
            return
        if self._resume_event is None:
            self._resume_event = asyncio.Event()
        await self._resume_event.wait()

    def resume(self) -> None:
        """Let the traffic go on."""
        if not self.intercepted:
            return
        self.intercepted = False
        if self._resume_event is not None:
            self._resume_event.set()

    @property
    def timestamp_start(self) -> float:
        """When the flow began: for HTTP and DNS with the request, else with the client's connection."""
        return self.client_conn.timestamp_start

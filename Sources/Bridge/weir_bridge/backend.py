"""The package that an addon imports as `mitmproxy`: the real one or our stand-in, and what differs between them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

STANDIN = Path(__file__).resolve().parent.parent / "standin"


def choose(name: str) -> str:
    """Makes `import mitmproxy` find the package of that name (auto, real, standin); says which it is, with its version."""
    if name == "auto":
        name = "real" if importlib.util.find_spec("mitmproxy") else "standin"
    if name == "standin":
        if not (STANDIN / "mitmproxy").is_dir():
            raise SystemExit(f"the stand-in for mitmproxy was not installed: expected {STANDIN}/mitmproxy")
        sys.path.insert(0, str(STANDIN))
    elif not importlib.util.find_spec("mitmproxy"):
        raise SystemExit(
            f"addon_mitmproxy is real, and {sys.executable} has no package mitmproxy: name a Python that has it with addon_python"
        )
    return name


class Backend:
    """The classes that flows are made of."""

    def __init__(self, name: str):
        self.name = name
        module = importlib.import_module
        self.exceptions = module("mitmproxy.exceptions")
        self.connection = module("mitmproxy.connection")
        self.flow = module("mitmproxy.flow")
        self.http = module("mitmproxy.http")
        self.tcp = module("mitmproxy.tcp")
        self.udp = module("mitmproxy.udp")
        self.dns = module("mitmproxy.dns")
        self.websocket = module("mitmproxy.websocket")
        self.ctx = module("mitmproxy.ctx")
        self.version = getattr(module("mitmproxy.version"), "VERSION", "")
        # Renamed in version 12.
        self.dns_message = getattr(self.dns, "DNSMessage", None) or self.dns.Message
        self._states = getattr(self.connection, "ConnectionState", None)

        if name == "real":
            hooks = module("mitmproxy.hooks")
            hooks.all_hooks = _AllHooks(hooks.all_hooks)

    def make_client(self, state: dict) -> Any:
        return self._opened(self.connection.Client.from_state(state), state)

    def make_server(self, state: dict) -> Any:
        return self._opened(self.connection.Server.from_state(state), state)

    def set_connection(self, connection: Any, state: dict) -> None:
        if self._states:
            # An open one refuses another address.
            connection.state = self._states.CLOSED
        connection.set_state(dict(state))
        self._opened(connection, state)

    def _opened(self, connection: Any, state: dict) -> Any:
        if self._states:
            setup = "timestamp_tcp_setup" if hasattr(connection, "timestamp_tcp_setup") else "timestamp_start"
            is_open = getattr(connection, setup) is not None and connection.timestamp_end is None
            connection.state = self._states.OPEN if is_open else self._states.CLOSED
        return connection

    def make_flow(self, kind: str, client: Any, server: Any) -> Any:
        """A flow without messages yet; of HTTP, without a request."""
        if kind == "http":
            return self.http.HTTPFlow(client, server)
        if kind == "dns":
            return self.dns.DNSFlow(client, server)
        return (self.tcp.TCPFlow if kind == "tcp" else self.udp.UDPFlow)(client, server)

    def make_http(self, side: str, state: dict) -> Any:
        """A request or a response, without a look at the type of each member, which would be most of the work."""
        kind = self.http.Request if side == "request" else self.http.Response
        message, data = kind.__new__(kind), getattr(self.http, f"{kind.__name__}Data")
        message.data = data.__new__(data)
        message.set_state(state)
        return message

    def http_state(self, message: Any) -> dict:
        """As `get_state` has it."""
        state = message.data.__dict__.copy()
        state["headers"] = state["headers"].fields
        if state["trailers"] is not None:
            state["trailers"] = state["trailers"].fields
        return state

    def make_message(self, kind: str, state: list) -> Any:
        return (self.tcp.TCPMessage if kind == "tcp" else self.udp.UDPMessage).from_state(state)

    def make_error(self, wire: dict | None) -> Any:
        return self.flow.Error(wire["msg"], wire["timestamp"]) if wire else None

    def replace_controls(self, controls: dict[str, Callable]) -> None:
        """Puts our own functions in the place of a flow's methods; each gets the flow and what was there before."""
        for name, control in controls.items():
            setattr(self.flow.Flow, name, _wrapped(name, control, getattr(self.flow.Flow, name)))


class _AllHooks(dict):
    """The real package has a hook when what fires it was imported; `@concurrent` asks for all of them."""

    def keys(self):
        importlib.import_module("mitmproxy.eventsequence")
        return super().keys()


def _wrapped(name: str, control: Callable, original: Callable) -> Callable:
    def method(flow, *arguments, **named):
        return control(flow, lambda: original(flow, *arguments, **named))

    method.__name__, method.__doc__ = name, original.__doc__
    return method

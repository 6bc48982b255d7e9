"""Which hooks an addon's functions need of the core, and how."""

from __future__ import annotations

from .script import CONNECTION_HOOKS, FLOW_HOOKS, OLD_NAMES, Chain

_HTTP = ("requestheaders", "request", "responseheaders", "response")
_BODIES = {"request", "response", "error"}
_WEBSOCKET = {"websocket_start", "websocket_message", "websocket_end", "websocket_error", "websocket_handshake"}
_ENDS = {
    "tcp_start": ("tcp_end", "tcp_error"), "tcp_message": ("tcp_end", "tcp_error"), "udp_start": ("udp_end", "udp_error"),
    "udp_message": ("udp_end", "udp_error"), "dns_request": ("dns_response", "dns_error"),
    "http_connect": ("http_connected", "http_connect_error", "error"), "client_connected": ("client_disconnected",), "server_connect": ("server_disconnected", "server_connect_error"),
    **dict.fromkeys(_HTTP, ("error",)),
}
"""What is heard of besides, as an observer, so that nothing is kept longer than it lives."""


class Subscriptions:
    """Hooks by the name that the core sends them under."""

    def __init__(self, chain: Chain, streams: frozenset[str]):
        self.defined = {name for name in FLOW_HOOKS | CONNECTION_HOOKS | set(OLD_NAMES) if chain.has(name)}
        self.has_update = chain.has("update")
        self._streams = streams
        self._names = self.defined | (FLOW_HOOKS if self.has_update else set())
        followed = [name for name in _HTTP if name in self._names]
        self.last_of_http = followed[-1] if followed else None
        self.has_websocket = bool(self._names & _WEBSOCKET)
        self._has_done = chain.has("done")

    @property
    def wire(self) -> list:
        hooks: list = ["configure", "running", *(["done"] if self._has_done else [])]
        hooks += [self._entry(name) for name in sorted(self._names)]
        kinds = {OLD_NAMES.get(name, name) for name in self._names}
        ends = {end for name in kinds for end in _ENDS.get(name, ())} - kinds
        for end in sorted(ends):
            entry: dict = {"name": end, "observe": True}
            hooks.append({**entry, "fields": ["flow.type"]} if end in FLOW_HOOKS else entry)
        if self.has_websocket and "websocket_end" not in kinds:
            hooks.append({"name": "websocket_end", "observe": True})
        if self.has_websocket and followed_http(self._names) and "response" not in self._names:
            hooks.append({"name": "response", "observe": True, "fields": ["flow.response.status_code"]})
        return hooks

    def _entry(self, name: str) -> dict:
        if name in _BODIES:
            return {"name": name, "content": "whole"}
        if name == "requestheaders" and "request" in self._streams or name == "responseheaders" and "response" in self._streams:
            # One byte, so that only a body that a function is set for goes through here.
            return {"name": name, "content": {"preview": 1}}
        kind, _, moment = name.partition("_")
        if moment in ("end", "error") and f"{kind}_message" in FLOW_HOOKS and f"{kind}_message" not in self._names:
            return {"name": name, "content": "whole"}
        if OLD_NAMES.get(name, name) in ("client_disconnected", "server_disconnected", "log"):
            return {"name": name, "observe": True}
        return {"name": name}


def followed_http(names: set[str]) -> bool:
    return not names.isdisjoint(_HTTP)

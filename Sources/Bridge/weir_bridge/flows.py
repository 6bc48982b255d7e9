"""The flows that live: one object each over all of its hooks, what the core knows of it, and what an addon has changed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from . import wire
from .backend import Backend
from .connections import Connections

KEPT = 4096
"""Flows whose end was not heard of, at most."""
KEPT_METADATA = 16_000
"""Bytes of metadata that the core takes, as JSON."""
KEPT_MESSAGES = 10_000
KILLED = "Connection killed."

_PLAIN = ("intercepted", "marked", "comment")
_NOT_OURS = ("http_version", "timestamp_start", "timestamp_end")


class Living:
    """What the bridge knows of a flow's object: the state that the core has, as it came (`seen`) and as values (`base`)."""

    __slots__ = ("owner", "seen", "base", "tail", "streams", "is_in_event")

    def __init__(self, flow: Any):
        self.owner = id(flow)
        self.seen: dict[str, Any] = {}
        self.base: dict[str, Any] = {}
        self.tail: Any = None
        """The last of its hooks that has not come to its end."""
        self.streams: dict[str, Any] = {}
        self.is_in_event = False


def living(flow: Any) -> Living | None:
    """What is known of that very object; nothing of one that an addon has made."""
    known = flow.__dict__.get("_weir_living")
    return known if known is not None and known.owner == id(flow) else None


class Flows:
    """The table of flows; `bodies` has the contents. `log` is told what of a change cannot be carried."""

    def __init__(self, backend: Backend, connections: Connections, bodies: wire.Bodies, log: Callable[[str], None]):
        self._backend, self._connections, self._bodies, self._log = backend, connections, bodies, log
        self._held: OrderedDict[str, Any] = OrderedDict()
        self._known: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._told: set[str] = set()

    def named(self, identifier: str) -> Any:
        return self._held.get(identifier) or self._known.get(identifier)

    def adopt(self, flow: Any, identifier: str) -> None:
        """Makes an addon's own object the one of a flow that the core has under that number."""
        flow.id = identifier
        self._take_in(flow)

    def take(self, seen: dict, contents: dict[str, Any]) -> Any:
        """The flow of an event, brought up to date. `contents` are the bodies that it shows."""
        flow = self.named(seen["id"])
        if flow is None:
            flow = self._backend.make_flow(
                seen["type"], self._connections.take(seen["client_conn"], True), self._connections.take(seen["server_conn"], False))
            flow.id, flow.live = seen["id"], True
            self._take_in(flow)
        self._update(flow, living(flow), seen, contents)
        return flow

    def _take_in(self, flow: Any) -> None:
        flow.__dict__["_weir_living"] = Living(flow)
        self._known[flow.id] = self._held[flow.id] = flow
        if len(self._held) > KEPT:
            self._held.popitem(last=False)

    def drop(self, flow: Any) -> None:
        """Its last hook has run. The object is still found while the addon has it."""
        self._held.pop(flow.id, None)

    def _update(self, flow: Any, known: Living, seen: dict, contents: dict[str, Any]) -> None:
        before, base = known.seen, known.base
        flow.client_conn = self._connections.take(seen["client_conn"], True)
        if before.get("server_conn") != seen["server_conn"]:
            flow.server_conn = self._connections.take(seen["server_conn"], False)
        if seen["error"] != before.get("error"):
            flow.error = self._backend.make_error(seen["error"])
        base["error"] = seen["error"]["msg"] if seen["error"] else None
        for name in (*_PLAIN, "is_replay", "timestamp_created"):
            if before.get(name, before) != seen[name]:
                setattr(flow, name, seen[name])
                base[name] = seen[name]
        if before.get("metadata", before) != seen["metadata"]:
            for name in before.get("metadata") or ():
                if name not in seen["metadata"]:
                    flow.metadata.pop(name, None)
            flow.metadata.update(seen["metadata"])
            base["metadata"] = {name: wire.as_json(value) for name, value in seen["metadata"].items()}
        if seen["type"] == "http":
            self._update_message(flow, known, seen, contents, "request")
            self._update_message(flow, known, seen, contents, "response")
            self._update_websocket(flow, seen["websocket"])
        elif seen["type"] == "dns":
            for side in ("request", "response"):
                self._update_dns(flow, base, seen, before, side)
        known.seen = seen

    def _update_websocket(self, flow: Any, now: dict | None) -> None:
        if now is None:
            return
        if flow.websocket is None:
            flow.websocket = self._backend.websocket.WebSocketData()
        for name in ("closed_by_client", "close_code", "close_reason", "timestamp_end"):
            setattr(flow.websocket, name, now[name])

    def messages(self, flow: Any, seen: dict, isolated: bool) -> Any:
        """Takes in the messages of an event: the one that it is about, which is given back, or all that there are."""
        if flow.type == "http":
            if flow.websocket is None:
                return None
            states = seen["websocket"]["messages"]
            make, known = self._backend.websocket.WebSocketMessage.from_state, flow.websocket.messages
            place = 2
        elif flow.type in ("tcp", "udp"):
            states, make, known, place = seen["messages"], lambda one: self._backend.make_message(flow.type, one), flow.messages, 1
        else:
            return None
        if not isolated and len(known) >= len(states):
            return None
        made = [make([*one[:place], wire.take_bytes(one[place]), *one[place + 1 :]]) for one in states]
        if not isolated:
            known[:] = made
            return None
        known.extend(made)
        del known[:-KEPT_MESSAGES]
        return made[-1] if made else None

    def changed_message(self, flow: Any, message: Any, seen: dict) -> dict:
        """What an addon has made of an event's message."""
        if flow.type != "http":
            was = seen["messages"][-1]
            if message.content == wire.take_bytes(was[1]):
                return {}
            return {"messages": [[was[0], wire.give_bytes(message.content or b""), was[2]]]}
        was = seen["websocket"]["messages"][-1]
        if message.dropped == was[4] and message.content == wire.take_bytes(was[2]):
            return {}
        return {"websocket": {"messages": [[*was[:2], wire.give_bytes(message.content), was[3], bool(message.dropped), was[5]]]}}

    def _update_message(self, flow: Any, entry: Living, seen: dict, contents: dict[str, Any], side: str) -> None:
        base, now = entry.base, seen[side]
        if now is None:
            if base.get(side, entry) is not None:
                flow.response = base[side] = None
            return
        content = contents.get(side, wire.OMITTED)
        known = base.get(side)
        if content is wire.OMITTED:
            content = known["content"] if known else None
        del now["content"]
        if known and content == known["content"] and entry.seen.get(side) == now:
            return
        state = wire.message_state(now, content)
        base[side] = dict(state)
        message = getattr(flow, side, None)
        if message is None:
            setattr(flow, side, self._backend.make_http(side, dict(state)))
        else:
            message.set_state(dict(state))

    def _update_dns(self, flow: Any, base: dict, seen: dict, before: dict, side: str) -> None:
        if before and before.get(side) == seen[side]:
            return
        base[side] = seen[side]
        if seen[side] is None:
            setattr(flow, side, None)
        else:
            setattr(flow, side, self._backend.dns_message.from_state(wire.dns_state(seen[side])))

    def changes(self, flow: Any) -> dict:
        """What an addon has changed since the core and we were last of one mind, as the core takes it; they are of one mind now."""
        known = living(flow)
        base, seen, patch = known.base, known.seen, {}
        if flow.error is not None and flow.error.msg != base.get("error"):
            base["error"] = flow.error.msg
            if flow.error.msg != KILLED:
                patch["error"] = {"msg": str(flow.error.msg), "timestamp": flow.error.timestamp or time.time()}
        for name in _PLAIN:
            value = getattr(flow, name)
            if name == "marked" and value.__class__ is not str:
                value = ":default:" if value else ""
            if value != base.get(name):
                patch[name] = base[name] = seen[name] = value
        if flow.metadata or base.get("metadata"):
            self._metadata(flow, base, seen, patch)
        if flow.type == "http":
            for side in ("request", "response"):
                message, was = getattr(flow, side), base.get(side)
                if message is None:
                    if was is not None:
                        patch[side] = base[side] = seen[side] = None
                elif change := self._message(message, was, base, seen, side):
                    patch[side] = change
        elif flow.type == "dns":
            for side in ("request", "response"):
                message = getattr(flow, side)
                now = wire.give_dns(message.get_state()) if message is not None else None
                if now != base.get(side):
                    patch[side] = base[side] = seen[side] = now
        self._via(flow, seen["server_conn"]["via"], patch)
        return patch

    def _via(self, flow: Any, was: list | None, patch: dict) -> None:
        """The upstream proxy that was chosen for this flow; not for others that have the same connection's object until theirs is made."""
        server = flow.server_conn
        via = server.via and [server.via[0], list(server.via[1])]
        if via == was:
            return
        if "_weir_seen" in server.__dict__:
            server.via = was and (was[0], tuple(was[1]))
        if flow.type == "http" and flow.response is None:
            patch.setdefault("request", {})["via"] = via
        else:
            self._once("server_conn.via was changed too late: a flow's upstream proxy is chosen until its request hook has run")

    def _message(self, message: Any, known: dict | None, base: dict, seen: dict, side: str) -> dict:
        state = self._backend.http_state(message)
        if state == known:
            return {}
        change: dict[str, Any] = {}
        for name, give in wire.GIVERS.items():
            if name in state and (known is None or state[name] != known[name]):
                change[name] = give(state[name])
        if known is None or state["content"] != known["content"]:
            change["content"] = self._bodies.give(state["content"])
        if known is not None and any(state[name] != known[name] for name in _NOT_OURS):
            self._once(f"flow.{side}: its HTTP version and the times of the wire cannot be changed")
        base[side] = state
        if isinstance(seen.get(side), dict):
            seen[side] = {**seen[side], **{name: value for name, value in change.items() if name != "content"}}
        return change

    def _metadata(self, flow: Any, base: dict, seen: dict, patch: dict) -> None:
        """Values that are no JSON, or too large for the core, stay here with the flow's object."""
        known, now = base.setdefault("metadata", {}), {}
        room = KEPT_METADATA
        for name, value in flow.metadata.items():
            text = wire.as_json(value) if name.__class__ is str else None
            if text is not None and len(text) + len(name) < room:
                room -= len(text) + len(name) + 4
                now[name] = text
        if now == known:
            return
        change: dict[str, Any] = {name: flow.metadata[name] for name in now if now[name] != known.get(name)}
        change.update({name: None for name in known if name not in now})
        base["metadata"] = now
        seen["metadata"] = {**{name: value for name, value in seen.get("metadata", {}).items() if name in now}, **change}
        patch["metadata"] = change

    def _once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._log(text)

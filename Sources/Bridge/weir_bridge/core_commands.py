"""Commands of mitmproxy that an addon may call, as calls of the core."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from .flows import living
from .link import CallError

logger = logging.getLogger("mitmproxy.commands")

_VIEWS = {"": None, "@all": None, "@shown": None, "@marked": "~marked", "@unmarked": "!~marked"}
RESOLVED = 1000
"""Flows that one expression stands for, at most."""


class CoreCommands:
    """`bridge` has the link, the flows and the back end; every method is a command."""

    def __init__(self, bridge: Any):
        self._bridge, self._link, self._flows = bridge, bridge.link, bridge.flows

    @property
    def table(self) -> dict[str, Callable]:
        return {
            "flow.kill": self.kill, "flow.resume": self.resume, "flow.mark": self.mark, "flow.mark.toggle": self.toggle,
            "flow.comment": self.comment, "flow.revert": self.revert, "replay.client": self.replay,
            "inject.websocket": self.inject_websocket, "inject.tcp": self.inject_tcp, "set": self.set,
            "view.flows.duplicate": self.duplicate, "view.flows.resolve": self.resolve, "save.file": self.save,
            "export.file": self.export, "export": self.exported, "flow.encode": self.encode, "flow.decode": self.decode, "flow.encode.toggle": self.toggle_encoding,
        }

    def kill(self, flows: Iterable) -> None:
        for flow in _each(flows):
            if flow.killable:
                flow.kill()

    def resume(self, flows: Iterable) -> None:
        for flow in _each(flows):
            flow.resume()

    def mark(self, flows: Iterable, marker: str = ":default:") -> None:
        for flow in _each(flows):
            flow.marked = marker
            self._bridge.sync(flow)

    def toggle(self, flows: Iterable) -> None:
        for flow in _each(flows):
            self.mark([flow], "" if flow.marked else ":default:")

    def comment(self, flows: Iterable, comment: str) -> None:
        for flow in _each(flows):
            flow.comment = comment
            self._bridge.sync(flow)

    def revert(self, flows: Iterable) -> None:
        for flow in _each(flows):
            flow.revert()

    def duplicate(self, flows: Iterable) -> None:
        for flow in _each(flows):
            if origin := self._origin(flow):
                self._link.call("flow.duplicate", {"id": origin})

    def replay(self, flows: Iterable) -> None:
        """Sends requests once more: of a flow that the core has; of a copy, as a copy that the core makes and is given its changes."""
        for flow in _each(flows):
            if getattr(flow, "request", None) is None:
                logger.warning("Can't replay flow: it has no request")
                continue
            if living(flow) is None:
                self._introduce(flow)
            else:
                self._bridge.sync(flow)
            try:
                self._link.call("flow.replay", {"id": flow.id})
            except CallError as error:
                logger.warning("Can't replay flow: %s", error)

    def _introduce(self, flow: Any) -> None:
        """Has the core make a copy of the flow that this one is a copy of, which this one is from now on."""
        identifier = self._link.call("flow.duplicate", {"id": self._origin(flow)})["id"]
        wanted = flow.get_state()
        self._flows.adopt(flow, identifier)
        self._bridge.refresh(flow)
        request = dict(wanted["request"])
        flow.request.set_state(request)
        flow.comment, flow.marked, flow.metadata = wanted["comment"], wanted["marked"], wanted["metadata"]
        self._bridge.sync(flow)

    def _origin(self, flow: Any) -> str:
        """The number that the core has it, or what it is a copy of, under."""
        if living(flow) is not None:
            return flow.id
        origin = flow.__dict__.get("_weir_origin")
        if origin is None:
            raise self._bridge.backend.exceptions.CommandError(
                "this flow was made by the addon: the core takes no flow that did not come through it")
        return origin

    def inject_websocket(self, flow: Any, to_client: bool, message: bytes, is_text: bool = True) -> None:
        content = message if is_text and isinstance(message, str) else self._bridge.content(message)
        self._inject("inject.websocket", {"id": flow.id, "to_client": to_client, "content": content, "is_text": is_text})

    def inject_tcp(self, flow: Any, to_client: bool, message: bytes) -> None:
        self._inject("inject.tcp", {"id": flow.id, "to_client": to_client, "content": self._bridge.content(message)})

    def _inject(self, method: str, params: dict) -> None:
        try:
            self._link.call(method, params)
        except CallError as error:
            if error.kind == "denied":
                raise
            logger.warning("%s", error)

    def set(self, option: str, *value: str) -> None:
        self._bridge.options.set(f"{option}={' '.join(value)}" if value else option)

    def resolve(self, flow_spec: str) -> list:
        """The flows of a view's name, of ids with commas between them, or of a filter expression."""
        if flow_spec.startswith("@") and flow_spec not in _VIEWS:
            raise self._bridge.backend.exceptions.CommandError(f"{flow_spec}: there is no view here, of which this is a part")
        ids = [one.strip() for one in flow_spec.split(",")]
        if not all(len(one) == 36 and one.count("-") == 4 for one in ids):
            expression = _VIEWS.get(flow_spec, flow_spec)
            ids = self._ids({"filter": expression} if expression else {})
        return [self._bridge.fetch(one) for one in ids]

    def _ids(self, params: dict) -> list[str]:
        ids: list[str] = []
        while True:
            found = self._link.call("flow.list", {**params, "fields": ["id"]})
            ids += [flow["id"] for flow in found["flows"]]
            if len(ids) > RESOLVED:
                raise self._bridge.backend.exceptions.CommandError(f"more than {RESOLVED} flows")
            if found.get("next") is None:
                return ids
            params = {**params, "after": found["next"]}

    def save(self, flows: Iterable, path: str) -> None:
        import os

        from mitmproxy import io

        with open(os.path.expanduser(path.lstrip("+")), "ab" if path.startswith("+") else "wb") as file:
            writer = io.FlowWriter(file)
            for flow in _each(flows):
                writer.add(flow)

    def exported(self, format: str, flow: Any) -> str | bytes:
        from mitmproxy.addons import export

        if format not in export.formats:
            raise self._bridge.backend.exceptions.CommandError(f"No such export format: {format}")
        return export.formats[format](flow)

    def export(self, format: str, flow: Any, path: str) -> None:
        import os

        made = self.exported(format, flow)
        with open(os.path.expanduser(path), "wb") as file:
            file.write(made if isinstance(made, bytes) else made.encode("utf-8", "surrogateescape"))

    def encode(self, flows: Iterable, part: str, encoding: str) -> None:
        for flow in _each(flows):
            message = getattr(flow, part, None)
            if message is not None and not message.headers.get("content-encoding", ""):
                message.encode(encoding)
                self._bridge.sync(flow)

    def decode(self, flows: Iterable, part: str) -> None:
        for flow in _each(flows):
            message = getattr(flow, part, None)
            if message is not None:
                message.decode()
                self._bridge.sync(flow)

    def toggle_encoding(self, flows: Iterable, part: str) -> None:
        for flow in _each(flows):
            message = getattr(flow, part, None)
            if message is not None:
                if message.headers.get("content-encoding", "identity") == "identity":
                    self.encode([flow], part, "deflate")
                else:
                    self.decode([flow], part)


def _each(flows: Any) -> list:
    return [flows] if hasattr(flows, "get_state") else list(flows)

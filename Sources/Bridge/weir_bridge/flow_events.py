"""Events of flows: their functions are called one event after the other, and what they have changed is the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from . import wire
from .flows import KILLED, living
from .link import CallError
from .options import size_of
from .script import Chain
from .streams import BodyStream
from .subscriptions import Subscriptions

logger = logging.getLogger("mitmproxy.addon")

_HEADS = {"requestheaders": "request", "responseheaders": "response"}
_MESSAGES = frozenset({"websocket_message", "tcp_message", "udp_message"})
_ENDS = frozenset("""response error websocket_end tcp_end tcp_error udp_end udp_error dns_response dns_error http_connected
    http_connect_error""".split())
PATIENCE = 0.5
"""The share of an event's time after which more is asked for, where a function is still at work."""


class FlowEvents:
    """`bridge` has the link, the loop's tasks and the table of flows."""

    def __init__(self, bridge: Any, chain: Chain, bodies: wire.Bodies, subscriptions: Subscriptions, limits: dict):
        self._bridge, self._link, self._flows = bridge, bridge.link, bridge.flows
        self._chain, self._bodies, self._subscriptions = chain, bodies, subscriptions
        self._extension, self._credit = limits["max_extension_ms"], limits["stream_credit"]
        self._open: set[int] = set()
        self._streams: dict[int, BodyStream] = {}
        self.touched: list | None = None
        """The flows that a command was given."""

    def received(self, message: dict) -> None:
        name, seen = message["method"], message["params"]["flow"]
        if name not in self._subscriptions.defined and not self._subscriptions.has_update:
            return self._ended(name, seen)
        # Descriptors are taken in the order of the lines.
        contents, offer = {}, None
        for side in ("request", "response"):
            part = seen.get(side)
            if part is not None and "content" in part:
                content = part["content"]
                contents[side] = self._bodies.take(content)
                if content.__class__ is dict and _HEADS.get(name) == side:
                    offer = content.get("stream")
        self.opened(message)
        flow = self._flows.named(seen["id"])
        before = living(flow).tail if flow is not None else None
        if before is None:
            self._begin(message, name, seen, contents, offer)
        else:
            task = self._bridge.task(self._after(before, message, name, seen, contents, offer))
            entry = living(flow)
            entry.tail = task
            task.add_done_callback(lambda done: setattr(entry, "tail", None) if entry.tail is done else None)
            self.extend(message)

    async def _after(self, before: asyncio.Future, message: dict, *event: Any) -> None:
        await asyncio.wait([before])
        pending = self._begin(message, *event, keeps_tail=True)
        if pending is not None:
            await pending

    def _begin(
        self, message: dict, name: str, seen: dict, contents: dict, offer: int | None, keeps_tail: bool = False
    ) -> asyncio.Task | None:
        flow = self._flows.take(seen, contents)
        entry = living(flow)
        one = self._flows.messages(flow, seen, name in _MESSAGES) if name.partition("_")[0] in ("websocket", "tcp", "udp") else None
        side = name if name in ("request", "response") else None
        stream = entry.streams.get(side)
        if stream is not None and not stream.is_over:
            # In mitmproxy this hook comes when the body has passed; here the body waits for its answer.
            self.answer(message, {})
            stream.behind.append(lambda: self._run(None, name, flow, one, seen, None))
            return None
        entry.is_in_event = True
        if name in _HEADS:
            self._show_stream(getattr(flow, _HEADS[name]))
        task = self._run(message, name, flow, one, seen, offer)
        if task is not None and not keeps_tail:
            entry.tail = task
        return task

    def _run(
        self, message: dict | None, name: str, flow: Any, one: Any, seen: dict, offer: int | None
    ) -> asyncio.Task | None:
        pending = self._chain.invoke(name, flow) if name in self._subscriptions.defined else None
        if pending is None and self._subscriptions.has_update:
            pending = self._chain.invoke("update", [flow])
        if pending is None:
            self._finish(message, name, flow, one, seen, offer)
            return None
        if message is not None:
            self.extend(message)

        async def run() -> None:
            try:
                await pending
                if self._subscriptions.has_update and (more := self._chain.invoke("update", [flow])):
                    await more
            finally:
                entry = living(flow)
                if entry.tail is task:
                    entry.tail = None
                self._finish(message, name, flow, one, seen, offer)

        task = self._bridge.task(run())
        return task

    def _finish(self, message: dict | None, name: str, flow: Any, one: Any, seen: dict, offer: int | None) -> None:
        entry = living(flow)
        entry.is_in_event = False
        was_killed = entry.base.get("error") == KILLED
        patch = self._flows.changes(flow)
        if one is not None:
            patch.update(self._flows.changed_message(flow, one, seen))
        answer: dict[str, Any] = {}
        if flow.error is not None and flow.error.msg == KILLED and not was_killed:
            answer = {"kill": True}
        else:
            if name in _HEADS:
                self._stream(flow, _HEADS[name], offer, patch, answer)
            if name == "request" and not {"host", "port"}.isdisjoint(patch.get("request") or ()):
                # What the setters have made of Host and the authority is meant so.
                patch["request"]["keep_host"] = True
            if patch:
                answer["flow"] = patch
        if message is not None:
            self.answer(message, answer)
        else:
            self._note(flow, patch)
        if name in _ENDS and not (name == "response" and self._goes_on(flow)):
            flow.live = False
            self._flows.drop(flow)
        elif name == self._subscriptions.last_of_http and not self._subscriptions.has_websocket and not flow.intercepted:
            self._flows.drop(flow)

    def _goes_on(self, flow: Any) -> bool:
        return self._subscriptions.has_websocket and flow.response is not None and flow.response.status_code == 101

    def _note(self, flow: Any, patch: dict) -> None:
        """What was changed behind a body that has passed, of all that is not on the wire."""
        patch = {name: value for name, value in patch.items() if name in ("metadata", "marked", "comment")}
        if patch:
            try:
                self._link.call("flow.set", {"id": flow.id, "flow": patch})
            except CallError as error:
                logger.warning("%s", error)

    def opened(self, message: dict) -> None:
        if "id" in message:
            self._open.add(message["id"])

    def answer(self, message: dict, answer: dict) -> None:
        """Answers an event, unless it was withdrawn."""
        number = message.get("id")
        if number in self._open:
            self._open.discard(number)
            self._link.answer(number, answer)

    def _ended(self, name: str, seen: dict) -> None:
        """The end of a flow, of which the addon has no function."""
        flow = self._flows.named(seen["id"])
        if name == "response" and (seen.get("response") or {}).get("status_code") == 101:
            return
        if flow is not None:
            if name == "websocket_end":
                self._flows.take(seen, {})
            flow.live = False
            self._flows.drop(flow)

    def _show_stream(self, message: Any) -> None:
        """The core streams what is longer than the option says; the addon sees that, and may put a function there."""
        limit = size_of(getattr(self._bridge.options, "stream_large_bodies", None))
        length = message.headers.get("content-length", "")
        if limit is not None and length.isdigit() and int(length) > limit and message.stream is False:
            message.stream = True

    def _stream(self, flow: Any, side: str, offer: int | None, patch: dict, answer: dict) -> None:
        """What the addon has set `stream` of the message to."""
        message = getattr(flow, side)
        mode = getattr(message, "stream", False) if message is not None else False
        if not mode:
            return
        patch.setdefault(side, {})["stream"] = True
        if not callable(mode):
            return
        if offer is None:
            if message.raw_content == b"":
                mode(b"")
            else:
                logger.error(
                    "flow.%s.stream is a function, and the body passes unchanged: it is not this addon's to change, or `.stream = …` "
                    "is in no file of the addon's folder", side)
            return
        answer["more"] = "stream"
        behind: list[Callable[[], Any]] = []

        def over(is_complete: bool) -> None:
            self._streams.pop(offer, None)
            for run in behind if is_complete else ():
                run()

        stream = BodyStream(self._link, offer, mode, self._credit, over)
        stream.behind = behind
        living(flow).streams[side] = self._streams[offer] = stream

    @property
    def streamed(self) -> dict[str, Callable[[dict], None]]:
        """What the core says of bodies that pass."""

        def of(name: str) -> Callable[[dict], None]:
            def handle(message: dict) -> None:
                stream = self._streams.get(message["params"]["s"])
                if stream is not None:
                    getattr(stream, name)(message["params"])

            return handle

        return {f"stream.{name}": of(name) for name in ("data", "credit", "end", "reset")}

    def withdrawn(self, number: int) -> None:
        self._open.discard(number)

    def extend(self, message: dict) -> None:
        """Has an event that is still open later last as long as the core allows."""
        number = message.get("id")
        if number is None:
            return

        def ask() -> None:
            if number in self._open:
                self._link.notify("event.extend", {"id": number, "ms": self._extension})

        self._link.loop.call_later(message["params"].get("timeout_ms", 5000) / 1000 * PATIENCE, ask)

    def own(self, arguments: Any) -> list:
        """The flows among a command's arguments that the core has."""
        flat = [one for value in arguments for one in (value if isinstance(value, (list, tuple)) else [value])]
        return [one for one in flat if hasattr(one, "get_state") and living(one) is not None]

    def sync(self, flow: Any, is_forced: bool = False) -> None:
        """Gives the core what was changed of a flow outside of its events; within one the answer does, unless it cannot wait."""
        entry = living(flow)
        if entry is None or entry.is_in_event and not is_forced:
            return
        patch = self._flows.changes(flow)
        if patch:
            self._link.call("flow.set", {"id": flow.id, "flow": patch})

    def fetch(self, identifier: str, is_forced: bool = False) -> Any:
        """The flow of that number as it is now; throws a `CallError`."""
        flow = self._flows.named(identifier)
        is_new = flow is None
        if is_new or is_forced or not living(flow).is_in_event:
            found = self._link.call("flow.get", {"id": identifier, "content": "whole"})
            seen = found["flow"]
            contents = {}
            for side in ("request", "response"):
                content = (seen.get(side) or {}).get("content")
                if isinstance(content, dict) and "ref" in content:
                    content = self._bodies.read({"id": identifier, "part": side}, content["size"])
                    contents[side] = content
                elif seen.get(side):
                    contents[side] = self._bodies.take(content)
            flow = self._flows.take(seen, contents)
            self._flows.messages(flow, seen, False)
            flow.live = found["live"]
            # One that is replayed is kept for its events.
            if not flow.live and is_new:
                self._flows.drop(flow)
        if self.touched is not None:
            self.touched.append(flow)
        return flow

    @property
    def controls(self) -> dict[str, Callable]:
        """What a flow's methods do besides, where the core has to know."""

        def outside(flow: Any) -> bool:
            entry = living(flow)
            return entry is not None and not entry.is_in_event

        def kill(flow: Any, original: Callable) -> None:
            original()
            if outside(flow):
                self._tell("flow.kill", flow)

        def resume(flow: Any, original: Callable) -> None:
            was_held = flow.intercepted
            if was_held and outside(flow):
                flow.intercepted = living(flow).base.get("intercepted", True)
                self.sync(flow)
                original()
                living(flow).base["intercepted"] = flow.intercepted
                return self._tell("flow.resume", flow)
            original()

        def intercept(flow: Any, original: Callable) -> None:
            original()
            self.sync(flow)

        def backup(flow: Any, original: Callable) -> None:
            original()
            if living(flow) is not None:
                self._tell("flow.backup", flow)

        def revert(flow: Any, original: Callable) -> None:
            original()
            self.sync(flow)

        def copy(flow: Any, original: Callable) -> Any:
            made = original()
            origin = flow.id if living(flow) is not None else flow.__dict__.get("_weir_origin")
            made.__dict__["_weir_origin"] = origin
            return made

        return {"kill": kill, "resume": resume, "intercept": intercept, "backup": backup, "revert": revert, "copy": copy}

    def _tell(self, method: str, flow: Any) -> None:
        try:
            self._link.call(method, {"id": flow.id})
        except CallError as error:
            logger.warning("%s", error)

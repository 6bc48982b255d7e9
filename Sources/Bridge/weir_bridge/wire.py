"""Between the wire's JSON and the values of a flow's state: byte strings, headers, bodies, messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

OMITTED = object()
"""A body that this event does not show."""

BESIDE = 64 << 10
"""Bodies of so many bytes go by descriptor, where there is a way for it."""


def take_bytes(value: str | dict | None) -> bytes | None:
    if value.__class__ is str:
        return value.encode()
    return None if value is None else base64.b64decode(value["b64"])


def give_bytes(value: bytes | str | None) -> str | dict | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def take_pairs(value: list | None) -> tuple | None:
    if value is None:
        return None
    return tuple([(take_bytes(name), take_bytes(text)) for name, text in value])


def give_pairs(value: tuple | None) -> list | None:
    if value is None:
        return None
    return [[give_bytes(name), give_bytes(text)] for name, text in value]


def take_address(value: list | None) -> tuple | None:
    return None if value is None else tuple(value)


class Bodies:
    """How the contents of bodies are had and given, in the line or beside it. `read` is the call `body.read`."""

    def __init__(self, descriptors: Any, read: Callable[[dict], dict]):
        self.descriptors, self._read = descriptors, read

    def take(self, value: Any) -> Any:
        if value.__class__ is str:
            return value.encode()
        if value is None:
            return None
        if "b64" in value:
            return base64.b64decode(value["b64"])
        if "fd" in value and self.descriptors:
            return self.descriptors.take(value["fd"], value["size"])
        if "ref" in value:
            return self.read({"ref": value["ref"]}, value["size"])
        return OMITTED

    def read(self, source: dict, size: int) -> bytes:
        parts, offset = [], 0
        while offset < size:
            part = take_bytes(self._read({**source, "offset": offset, "length": size - offset})["data"])
            if not part:
                break
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def give(self, value: bytes | None) -> Any:
        if value is not None and len(value) >= BESIDE and self.descriptors:
            try:
                return self.descriptors.give(value)
            except PermissionError:
                pass  # in a cage that allows no memory files
        return give_bytes(value)


_REQUEST = ("http_version", "method", "scheme", "authority", "path")
_RESPONSE = ("http_version", "reason")


def message_state(wire: dict, content: Any) -> dict:
    """The state of a request or a response; of other members than the core knows now, nothing is passed on."""
    state = {
        "headers": take_pairs(wire["headers"]),
        "content": content,
        "trailers": take_pairs(wire["trailers"]),
        "timestamp_start": wire["timestamp_start"],
        "timestamp_end": wire["timestamp_end"],
    }
    if "method" in wire:
        state["host"], state["port"] = wire["host"], wire["port"]
        names = _REQUEST
    else:
        state["status_code"] = wire["status_code"]
        names = _RESPONSE
    for name in names:
        state[name] = take_bytes(wire[name])
    return state


GIVERS: dict[str, Callable[[Any], Any]] = {
    "headers": give_pairs, "trailers": give_pairs, "method": give_bytes, "scheme": give_bytes, "authority": give_bytes,
    "path": give_bytes, "reason": give_bytes, "host": lambda value: value, "port": lambda value: value,
    "status_code": lambda value: value,
}
"""What may be changed of a request or a response, besides its content, and how it is written."""


def connection_state(wire: dict) -> dict:
    state = dict(wire)
    for name in ("peername", "sockname", "address"):
        if name in state:
            state[name] = take_address(state[name])
    state["certificate_list"] = [take_bytes(one) for one in wire["certificate_list"]]
    state["alpn_offers"] = [take_bytes(one) for one in wire["alpn_offers"]]
    state["alpn"] = take_bytes(wire["alpn"])
    if "mitmcert" in state:
        state["mitmcert"] = take_bytes(wire["mitmcert"])
    if state.get("via") is not None:
        scheme, address = state["via"]
        state["via"] = (scheme, tuple(address))
    return state


def dns_state(wire: dict) -> dict:
    state = dict(wire)
    for section in ("answers", "authorities", "additionals"):
        state[section] = [{**record, "data": take_bytes(record["data"])} for record in wire[section]]
    state["questions"] = [dict(question) for question in wire["questions"]]
    return state


def give_dns(state: dict) -> dict:
    wire = dict(state)
    for section in ("answers", "authorities", "additionals"):
        wire[section] = [{**record, "data": give_bytes(record["data"])} for record in state[section]]
    return wire


def as_json(value: Any) -> str | None:
    """The value as JSON; None where it is none."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None

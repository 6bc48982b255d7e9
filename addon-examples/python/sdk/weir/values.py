"""The wire's plain values: byte strings, errors, and the results that are made most often."""

import base64
import json
import mmap
from typing import Any

BytesLike = bytes | bytearray | memoryview | mmap.mmap


class Error(Exception):
    """The core's refusal of a call. Raised by a handler it is the event's answer, without a trace on standard error:
    a veto, say. `kind` is the stable word of the code, such as `no_flow`; `message` is for people.
    """

    def __init__(self, message: str, code: int = -32000, kind: str = "worker_error"):
        super().__init__(message)
        self.message, self.code, self.kind = message, code, kind


class Reset(Exception):
    """The core has ended a stream before its time; the argument says why: `client_gone`, `broken`, `timeout`,
    `bad_message` or `not_opened`.
    """


def bytes_of(value: Any) -> bytes:
    """The octets that a byte string stands for: a `str`, `{"b64": …}`, or None for no body. TypeError for others."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and "b64" in value:
        return base64.b64decode(value["b64"])
    if value is None:
        return b""
    if isinstance(value, BytesLike):
        return bytes(value)
    raise TypeError(f"no byte string: {str(value)[:80]}")


def value_of(data: BytesLike) -> Any:
    """What stands for these octets on the wire. In a result, bytes become this by themselves."""
    if not isinstance(data, BytesLike):
        raise TypeError(f"a {type(data).__name__} is no value of JSON")
    data = bytes(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}


def respond(status: int, headers: Any = (), content: str | BytesLike = b"") -> dict[str, Any]:
    """The result that answers without the server, or in its place. `headers` are pairs, or a dict."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    return {"flow": {"response": {"status_code": status, "headers": pairs, "content": content}}}


def kill() -> dict[str, Any]:
    """The result that kills the flow."""
    return {"kill": True}


# What the core takes for a bad line (not a number, lone surrogates) fails here, and costs its event alone.
encode = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False, default=value_of
).encode

"""The wire's plain values: byte strings, and the results that are made most often."""

import base64
import json
import mmap
from typing import Any

BytesLike = bytes | bytearray | memoryview | mmap.mmap


def bytes_of(value: Any) -> bytes:
    """The octets that a byte string stands for: a `str`, `{"b64": …}`, or None for no body. TypeError for content that is not in the line."""
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
    """The result that answers a request without the server, or takes the place of a response. `headers` are pairs, or a dict."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    return {"flow": {"response": {"status_code": status, "headers": [[name, value] for name, value in pairs], "content": content}}}


def kill() -> dict[str, Any]:
    """The result that kills the flow."""
    return {"kill": True}


# What the core takes for a bad line (not a number, lone surrogates) fails here, and costs its event alone.
encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False, default=value_of).encode

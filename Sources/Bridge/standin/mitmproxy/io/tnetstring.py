"""The values of flow files: length, `:`, payload, one character for the type. `;` is text, `,` are bytes."""

from typing import Any, BinaryIO

_MAXIMUM_DIGITS = 12


def dumps(value: Any) -> bytes:
    """ValueError for what is none of None, bool, int, float, str, bytes, list, tuple, dict."""
    tag, payload = _payload(value)
    return b"%d:%b%b" % (len(payload), payload, tag)


def dump(value: Any, file_handle: BinaryIO) -> None:
    file_handle.write(dumps(value))


def _payload(value: Any) -> tuple[bytes, bytes]:
    if value is None:
        return b"~", b""
    if value is True or value is False:
        return b"!", b"true" if value else b"false"
    if isinstance(value, int):
        return b"#", b"%d" % value
    if isinstance(value, float):
        return b"^", repr(value).encode()
    if isinstance(value, bytes):
        return b",", value
    if isinstance(value, str):
        return b";", value.encode()
    if isinstance(value, (list, tuple)):
        return b"]", b"".join(map(dumps, value))
    if isinstance(value, dict):
        # The last member comes first, as mitmproxy writes them.
        return b"}", b"".join(dumps(key) + dumps(member) for key, member in reversed(value.items()))
    raise ValueError(f"unserializable object: {value} ({type(value)})")


def loads(string: bytes) -> Any:
    """The value at the start."""
    return pop(memoryview(string))[0]


def load(file_handle: BinaryIO) -> Any:
    """The next value of a file; ValueError at its end, too."""
    digits = b""
    while (octet := file_handle.read(1)) != b":":
        if not octet.isdigit():
            raise ValueError("not a tnetstring: missing or invalid length prefix")
        digits += octet
        if len(digits) > _MAXIMUM_DIGITS:
            raise ValueError("not a tnetstring: absurdly large length prefix")
    if not digits:
        raise ValueError("not a tnetstring: missing or invalid length prefix")
    size = int(digits)
    data = file_handle.read(size)
    tag = file_handle.read(1)
    if len(data) != size or not tag:
        raise ValueError("not a tnetstring: length prefix is greater than what follows")
    return parse(tag[0], memoryview(data))


def pop(data: memoryview) -> tuple[Any, memoryview]:
    """The value at the start, and what follows it."""
    digits = bytes(data[: _MAXIMUM_DIGITS + 1]).partition(b":")[0]
    start = len(digits) + 1
    try:
        size = int(digits)
        if size < 0:
            raise ValueError
    except ValueError:
        raise ValueError(f"not a tnetstring: missing or invalid length prefix: {bytes(data[:20])!r}") from None
    if len(data) < start + size + 1:
        raise ValueError("not a tnetstring: length prefix is greater than what follows")
    return parse(data[start + size], data[start : start + size]), data[start + size + 1 :]


def parse(data_type: int, data: memoryview) -> Any:
    """The value of a payload."""
    match chr(data_type):
        case ",":
            return bytes(data)
        case ";":
            return str(data, "utf-8")
        case "#":
            return int(bytes(data))
        case "^":
            return float(bytes(data))
        case "!" if data in (b"true", b"false"):
            return data == b"true"
        case "~" if not data:
            return None
        case "]":
            values = []
            while data:
                value, data = pop(data)
                values.append(value)
            return values
        case "}":
            members = {}
            while data:
                key, data = pop(data)
                members[key], data = pop(data)
            return members
    raise ValueError(f"not a tnetstring: {bytes(data)!r} is no payload of type {chr(data_type)!r}")

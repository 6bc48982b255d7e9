"""Data of HTTPS records (RFC 9460). `struct.error` for what is no such data."""

import enum
import struct
from dataclasses import dataclass

from mitmproxy.net.dns import domain_names

_NUMBER = struct.Struct("!H")
_PARAMETER = struct.Struct("!HH")


class SVCParamKeys(enum.Enum):
    MANDATORY = 0
    ALPN = 1
    NO_DEFAULT_ALPN = 2
    PORT = 3
    IPV4HINT = 4
    ECH = 5
    IPV6HINT = 6


@dataclass
class HTTPSRecord:
    """Where a name is served; `params` are values by their key's number."""

    priority: int
    target_name: str
    params: dict[int, bytes]

    def __repr__(self) -> str:
        known = {key.value: key.name.lower() for key in SVCParamKeys}
        shown = {known.get(key, f"key{key}"): value for key, value in self.params.items()}
        return f"priority: {self.priority} target_name: '{self.target_name}' {shown}"


def unpack(data: bytes) -> HTTPSRecord:
    (priority,) = _NUMBER.unpack(data[: _NUMBER.size])
    name, offset = domain_names.unpack_from(data, _NUMBER.size)
    parameters = {}
    while offset < len(data):
        key, length = _PARAMETER.unpack(data[offset : offset + _PARAMETER.size])
        offset += _PARAMETER.size
        if offset + length > len(data):
            raise struct.error(f"unpack requires a buffer of {offset + length} bytes")
        parameters[key] = data[offset : offset + length]
        offset += length
    return HTTPSRecord(priority, name, parameters)


def pack(record: HTTPSRecord) -> bytes:
    parameters = (_PARAMETER.pack(key, len(value)) + value for key, value in record.params.items())
    return b"".join([_NUMBER.pack(record.priority), domain_names.pack(record.target_name), *parameters])

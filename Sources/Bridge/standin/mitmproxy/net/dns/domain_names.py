"""Domain names on the wire (RFC 1035, section 4.1.4). `struct.error` for what is no such name."""

import struct

from mitmproxy.net.dns import types

_LENGTH = struct.Struct("!B")
_POINTER = struct.Struct("!H")
_POINTER_BITS = 0xC0
# A name has at most 127 labels.
_MAXIMUM_POINTERS = 127

Cache = dict[int, tuple[str, int] | None]


def cache() -> Cache:
    """What names have been read at which offsets of one message; None while one is being read."""
    return {}


def _label(buffer: bytes, offset: int) -> tuple[str | None, int]:
    """The label at `offset` and its size; None for the pointer that is there."""
    (size,) = _LENGTH.unpack_from(buffer, offset)
    if size & _POINTER_BITS == _POINTER_BITS:
        return None, 0
    if size >= 64:
        raise struct.error(f"unpack encountered a label of length {size}")
    offset += _LENGTH.size
    if len(buffer) < offset + size:
        raise struct.error(f"unpack requires a label buffer of {size} bytes")
    try:
        return buffer[offset : offset + size].decode("idna"), _LENGTH.size + size
    except UnicodeDecodeError:
        raise struct.error(f"unpack encountered an illegal characters at offset {offset}") from None


def unpack_from_with_compression(buffer: bytes, offset: int, cache: Cache, depth: int = 0) -> tuple[str, int]:
    """The name at `offset` and how many octets it takes there."""
    if offset in cache:
        known = cache[offset]
        if known is None:
            raise struct.error("unpack encountered domain name loop")
        return known
    if depth > _MAXIMUM_POINTERS:
        raise struct.error(f"unpack encountered more than {_MAXIMUM_POINTERS} pointers in a domain name")
    cache[offset] = None
    start, labels = offset, []
    while True:
        label, size = _label(buffer, offset)
        if label is None:
            (pointer,) = _POINTER.unpack_from(buffer, offset)
            offset += _POINTER.size
            rest, _ = unpack_from_with_compression(buffer, pointer & ~(_POINTER_BITS << 8), cache, depth + 1)
            labels.append(rest)
            break
        offset += size
        if size == _LENGTH.size:
            break
        labels.append(label)
    cache[start] = ".".join(labels), offset - start
    return ".".join(labels), offset - start


def unpack_from(buffer: bytes, offset: int) -> tuple[str, int]:
    """The name at `offset` and where it ends, where no pointers may be."""
    labels = []
    while True:
        label, size = _label(buffer, offset)
        if label is None:
            raise struct.error("unpack encountered a pointer which is not supported in RDATA")
        offset += size
        if size == _LENGTH.size:
            return ".".join(labels), offset
        labels.append(label)


def unpack(buffer: bytes) -> str:
    """The name that is all of `buffer`."""
    name, end = unpack_from(buffer, 0)
    if end != len(buffer):
        raise struct.error(f"unpack requires a buffer of {end} bytes")
    return name


def pack(name: str) -> bytes:
    """ValueError for empty labels and for what a name cannot have."""
    if not name:
        return b"\0"
    packed = b""
    for label in name.split("."):
        octets = label.encode("idna")
        if not octets:
            raise ValueError(f"domain name '{name}' contains empty labels")
        if len(octets) > 63:
            raise ValueError(f"encoded label '{octets.decode('ascii')}' of domain name '{name}' is too long ({len(octets)} bytes)")
        packed += _LENGTH.pack(len(octets)) + octets
    return packed + b"\0"


def record_data_can_have_compression(record_type: int) -> bool:
    """Whether names in the data of these records may point to others (RFC 3597, section 4)."""
    kinds = "CNAME HINFO MB MD MF MG MINFO MR MX NS PTR SOA TXT RP AFSDB RT SIG PX NXT NAPTR SRV".split()
    return record_type in {getattr(types, kind) for kind in kinds}


def decompress_from_record_data(buffer: bytes, offset: int, end_data: int, cached_names: Cache) -> bytes:
    """A record's data with each pointer replaced by the name that it means."""
    data = bytearray(buffer[offset:end_data])
    shift = 0
    index = offset
    while index < end_data:
        if buffer[index] & _POINTER_BITS == _POINTER_BITS:
            try:
                name, size = unpack_from_with_compression(buffer, index, cached_names)
                packed = pack(name)
            except (struct.error, ValueError):
                # It is no pointer after all, but an octet that looks like one.
                index += 1
                continue
            place = index - offset + shift
            data[place : place + size] = packed
            shift += len(packed) - size
            index += size
            continue
        index += 1
    return bytes(data)

"""DNS messages on the wire (RFC 1035, section 4)."""

from __future__ import annotations

import struct
from typing import Any

from mitmproxy._dns_records import Question, ResourceRecord
from mitmproxy.net.dns import domain_names

_HEADER = struct.Struct("!HHHHHH")
_SECTIONS = ("questions", "answers", "authorities", "additionals")


def unpack_from(buffer: bytes, offset: int) -> tuple[int, dict[str, Any]]:
    """End and members (all but the time) of the message at `offset`. `struct.error` names the record that is broken."""
    number, flags, *counts = _HEADER.unpack_from(buffer, offset)
    offset += _HEADER.size
    members: dict[str, Any] = {
        "id": number,
        "query": not flags & 1 << 15,
        "op_code": flags >> 11 & 0b1111,
        "authoritative_answer": bool(flags & 1 << 10),
        "truncation": bool(flags & 1 << 9),
        "recursion_desired": bool(flags & 1 << 8),
        "recursion_available": bool(flags & 1 << 7),
        "reserved": flags >> 4 & 0b111,
        "response_code": flags & 0b1111,
    }
    names = domain_names.cache()
    for section, count in zip(_SECTIONS, counts):
        members[section] = []
        for index in range(count):
            try:
                one, offset = (_question if section == "questions" else _record)(buffer, offset, names)
            except struct.error as error:
                kind = {"questions": "question", "answers": "answer", "authorities": "authority", "additionals": "additional"}[section]
                raise struct.error(f"{kind} #{index}: {error}") from None
            members[section].append(one)
    return offset, members


def _question(buffer: bytes, offset: int, names: domain_names.Cache) -> tuple[Question, int]:
    name, size = domain_names.unpack_from_with_compression(buffer, offset, names)
    offset += size
    kind, class_ = Question.HEADER.unpack_from(buffer, offset)
    return Question(name, kind, class_), offset + Question.HEADER.size


def _record(buffer: bytes, offset: int, names: domain_names.Cache) -> tuple[ResourceRecord, int]:
    name, size = domain_names.unpack_from_with_compression(buffer, offset, names)
    offset += size
    kind, class_, ttl, length = ResourceRecord.HEADER.unpack_from(buffer, offset)
    offset += ResourceRecord.HEADER.size
    end = offset + length
    data = buffer[offset:end]
    if len(data) != length:
        raise struct.error(f"unpack requires a data buffer of {length} bytes")
    if domain_names.record_data_can_have_compression(kind):
        data = domain_names.decompress_from_record_data(buffer, offset, end, names)
    return ResourceRecord(name, kind, class_, ttl, data), end


def pack(message: Any) -> bytes:
    for name, bits in (("id", 16), ("op_code", 4), ("reserved", 3), ("response_code", 4)):
        if not 0 <= getattr(message, name) < 1 << bits:
            raise ValueError(f"DNS message's {name.replace('_', ' ')} {getattr(message, name)} is out of bounds.")
    flags = (not message.query) << 15 | message.op_code << 11 | message.reserved << 4 | message.response_code
    flags |= message.authoritative_answer << 10 | message.truncation << 9
    flags |= message.recursion_desired << 8 | message.recursion_available << 7
    parts = [_HEADER.pack(message.id, flags, *(len(getattr(message, section)) for section in _SECTIONS))]
    for question in message.questions:
        parts += [domain_names.pack(question.name), Question.HEADER.pack(question.type, question.class_)]
    for record in [*message.answers, *message.authorities, *message.additionals]:
        header = ResourceRecord.HEADER.pack(record.type, record.class_, record.ttl, len(record.data))
        parts += [domain_names.pack(record.name), header, record.data]
    return b"".join(parts)

"""Flows of DNS: queries, answers, records."""

from __future__ import annotations

import random
import struct
import time
from dataclasses import dataclass
from typing import Any

from mitmproxy import flow
from mitmproxy._dns_records import Question, ResourceRecord
from mitmproxy._dns_wire import pack, unpack_from
from mitmproxy.coretypes import serializable
from mitmproxy.net.dns import classes, domain_names, https_records, op_codes, response_codes, types
from mitmproxy.net.dns.https_records import HTTPSRecord, SVCParamKeys

__all__ = ["DNSFlow", "DNSMessage", "HTTPSRecord", "Message", "Question", "ResourceRecord", "SVCParamKeys"]
__all__ += ["classes", "domain_names", "https_records", "op_codes", "response_codes", "types"]

for _shown in (Question, ResourceRecord):
    _shown.__module__ = __name__


@dataclass
class Message(serializable.SerializableDataclass):
    """A query or its answer; the time is in seconds since 1970, the other fields are RFC 1035's."""

    timestamp: float
    id: int
    query: bool
    op_code: int
    authoritative_answer: bool
    truncation: bool
    recursion_desired: bool
    recursion_available: bool
    reserved: int
    response_code: int
    questions: list[Question]
    answers: list[ResourceRecord]
    authorities: list[ResourceRecord]
    additionals: list[ResourceRecord]

    def __str__(self) -> str:
        return "\r\n".join(map(str, [*self.questions, *self.answers, *self.authorities, *self.additionals]))

    @property
    def content(self) -> bytes:
        """What filters search: the text."""
        return str(self).encode()

    @property
    def question(self) -> Question | None:
        """The question if there is just one, as resolvers send."""
        return self.questions[0] if len(self.questions) == 1 else None

    @property
    def size(self) -> int:
        """Octets of all records' data."""
        return sum(len(record.data) for record in [*self.answers, *self.authorities, *self.additionals])

    def _answer(self, response_code: int, answers: list[ResourceRecord], recursion_available: bool) -> Message:
        return Message(
            timestamp=time.time(),
            id=self.id,
            query=False,
            op_code=self.op_code,
            authoritative_answer=False,
            truncation=False,
            recursion_desired=self.recursion_desired,
            recursion_available=recursion_available,
            reserved=0,
            response_code=response_code,
            questions=self.questions,
            answers=answers,
            authorities=[],
            additionals=[],
        )

    def fail(self, response_code: int) -> Message:
        """The answer to this query that says why there is none. ValueError if the code is no error's."""
        if response_code == response_codes.NOERROR:
            raise ValueError("response_code must be an error code.")
        return self._answer(response_code, [], False)

    def succeed(self, answers: list[ResourceRecord]) -> Message:
        """The answer to this query with these records."""
        return self._answer(response_codes.NOERROR, answers, True)

    @classmethod
    def unpack(cls, buffer: bytes) -> Message:
        """The message that is all of `buffer`. `struct.error` says what is wrong."""
        end, message = cls.unpack_from(buffer, 0)
        if end != len(buffer):
            raise struct.error(f"unpack requires a buffer of {end} bytes")
        return message

    @classmethod
    def unpack_from(cls, buffer: bytes | bytearray, offset: int) -> tuple[int, Message]:
        """Where the message at `offset` ends, and the message."""
        end, members = unpack_from(bytes(buffer), offset)
        return end, cls(timestamp=time.time(), **members)

    @property
    def packed(self) -> bytes:
        """The message on the wire. ValueError if a field does not fit."""
        return pack(self)

    def to_json(self) -> dict[str, Any]:
        """For people: numbers by their names, data as text."""
        return {
            "id": self.id,
            "query": self.query,
            "op_code": op_codes.to_str(self.op_code),
            "authoritative_answer": self.authoritative_answer,
            "truncation": self.truncation,
            "recursion_desired": self.recursion_desired,
            "recursion_available": self.recursion_available,
            "response_code": response_codes.to_str(self.response_code),
            "status_code": response_codes.http_equiv_status_code(self.response_code),
            **{
                name: [one.to_json() for one in getattr(self, name)] for name in ("questions", "answers", "authorities", "additionals")
            },
            "size": self.size,
            "timestamp": self.timestamp,
        }

    def copy(self) -> Message:
        """The same with another id."""
        state = self.get_state()
        state["id"] = random.randint(0, 65535)
        return Message.from_state(state)


# mitmproxy 12's name.
DNSMessage = Message


class DNSFlow(flow.Flow):
    """A query and its answer."""

    request: Message
    response: Message | None = None
    type = "dns"

    def get_state(self) -> serializable.State:
        response = self.response.get_state() if self.response else None
        return {**super().get_state(), "request": self.request.get_state(), "response": response}

    def set_state(self, state: serializable.State) -> None:
        request, response = state.pop("request"), state.pop("response")
        self.request = Message.from_state(request)
        self.response = Message.from_state(response) if response else None
        super().set_state(state)

    def __repr__(self) -> str:
        return f"<DNSFlow\r\n  request={self.request!r}\r\n  response={self.response!r}\r\n>"

    @property
    def timestamp_start(self) -> float:
        return self.request.timestamp

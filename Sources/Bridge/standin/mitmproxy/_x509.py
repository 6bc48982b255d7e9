"""Reads X.509 certificates (RFC 5280) as far as addons ask for their fields. ValueError for what is no such DER."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_INTEGER, _BIT_STRING, _OCTETS, _OID, _SEQUENCE, _UTC_TIME = 2, 3, 4, 6, 0x30, 23

_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
_ALTERNATIVE_NAMES, _BASIC_CONSTRAINTS = "2.5.29.17", "2.5.29.19"
_RSA, _DSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10040.4.1", "1.2.840.10045.2.1"
# Name and size as mitmproxy calls the keys.
_CURVES = {
    "1.2.840.10045.3.1.7": ("secp256r1", 256),
    "1.3.132.0.34": ("secp384r1", 384),
    "1.3.132.0.35": ("secp521r1", 521),
    "1.3.132.0.10": ("secp256k1", 256),
}


@dataclass(frozen=True)
class GeneralName:
    """One name that a certificate is for."""

    value: Any

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        shown = self.value if isinstance(self, IPAddress) else repr(self.value)
        return f"<{type(self).__name__}(value={shown})>"


class DNSName(GeneralName): ...


class IPAddress(GeneralName): ...


class RFC822Name(GeneralName): ...


class UniformResourceIdentifier(GeneralName): ...


class GeneralNames(list):
    def __repr__(self) -> str:
        return f"<GeneralNames({super().__repr__()})>"


def _element(data: bytes, start: int = 0) -> tuple[int, bytes, int]:
    """Tag, content and end of the element at `start`."""
    try:
        tag, length, start = data[start], data[start + 1], start + 2
    except IndexError:
        raise ValueError("a certificate ends within an element") from None
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(data[start : start + octets], "big"), start + octets
    if start + length > len(data):
        raise ValueError("a certificate ends within an element")
    return tag, data[start : start + length], start + length


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    found, start = [], 0
    while start < len(data):
        tag, content, start = _element(data, start)
        found.append((tag, content))
    return found


def _oid(content: bytes) -> str:
    numbers, number = [], 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]])) if numbers else ""


def _text(tag: int, content: bytes) -> str:
    return content.decode({30: "utf-16-be", 28: "utf-32-be", 20: "latin-1"}.get(tag, "utf-8"), "replace")


def _name(content: bytes) -> list[tuple[str, str]]:
    pairs = []
    for _, names in _elements(content):
        for _, pair in _elements(names):
            (_, kind), (tag, value) = _elements(pair)[:2]
            pairs.append((_ATTRIBUTES.get(_oid(kind), _oid(kind)), _text(tag, value)))
    return pairs


def _time(tag: int, content: bytes) -> datetime.datetime:
    digits = content.decode("ascii").rstrip("Z")
    if tag == _UTC_TIME:
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    return datetime.datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=datetime.timezone.utc)


def _alternative_name(tag: int, content: bytes) -> GeneralName | None:
    if tag == 0x82:
        return DNSName(content.decode("ascii", "replace"))
    if tag == 0x87 and len(content) in (4, 16):
        return IPAddress(ipaddress.ip_address(content))
    if tag == 0x81:
        return RFC822Name(content.decode("ascii", "replace"))
    if tag == 0x86:
        return UniformResourceIdentifier(content.decode("ascii", "replace"))
    return None


class Certificate:
    """A certificate's fields, read when they are asked for."""

    def __init__(self, der: bytes) -> None:
        tag, content, end = _element(der)
        parts = _elements(content)
        if tag != _SEQUENCE or end != len(der) or len(parts) != 3 or parts[0][0] != _SEQUENCE:
            raise ValueError("this is no certificate")
        self.der = der
        self._signed = parts[0][1]

    @cached_property
    def _fields(self) -> list[tuple[int, bytes]]:
        """serial, algorithm, issuer, validity, subject, key, and what may follow."""
        fields = _elements(self._signed)
        if fields and fields[0][0] == 0xA0:
            fields = fields[1:]
        if len(fields) < 6:
            raise ValueError(f"a certificate has {len(fields)} fields; at least 6 were expected")
        return fields

    @property
    def serial(self) -> int:
        return int.from_bytes(self._fields[0][1], "big", signed=True)

    @property
    def issuer(self) -> list[tuple[str, str]]:
        return _name(self._fields[2][1])

    @property
    def subject(self) -> list[tuple[str, str]]:
        return _name(self._fields[4][1])

    @property
    def not_before(self) -> datetime.datetime:
        return _time(*_elements(self._fields[3][1])[0])

    @property
    def not_after(self) -> datetime.datetime:
        return _time(*_elements(self._fields[3][1])[1])

    @cached_property
    def _extensions(self) -> dict[str, bytes]:
        """The value of each extension by its identifier."""
        found = {}
        for tag, content in self._fields[6:]:
            if tag == 0xA3:
                for _, extension in _elements(_elements(content)[0][1]):
                    members = _elements(extension)
                    found[_oid(members[0][1])] = members[-1][1]
        return found

    @property
    def is_ca(self) -> bool:
        constraints = self._extensions.get(_BASIC_CONSTRAINTS)
        return bool(constraints) and any(tag == 1 and value != b"\0" for tag, value in _elements(_elements(constraints)[0][1]))

    @property
    def alternative_names(self) -> GeneralNames:
        content = self._extensions.get(_ALTERNATIVE_NAMES)
        names = _elements(_elements(content)[0][1]) if content else []
        return GeneralNames(name for name in (_alternative_name(*each) for each in names) if name)

    @property
    def key(self) -> tuple[str, int]:
        (_, algorithm), (_, bits) = _elements(self._fields[5][1])[:2]
        members = _elements(algorithm)
        kind = _oid(members[0][1])
        if kind == _RSA:
            return "RSA", int.from_bytes(_elements(_element(bits[1:])[1])[0][1], "big").bit_length()
        if kind == _DSA:
            return "DSA", int.from_bytes(_elements(members[1][1])[0][1], "big").bit_length()
        if kind == _EC:
            name, size = _CURVES.get(_oid(members[1][1]), (_oid(members[1][1]), 8 * (len(bits) - 2) // 2))
            return f"EC ({name})", size
        return {"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448"}.get(kind, kind), -1

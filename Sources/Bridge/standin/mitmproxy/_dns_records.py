"""Questions and resource records."""

import base64
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar

from mitmproxy.coretypes import serializable
from mitmproxy.net.dns import classes, domain_names, https_records, types
from mitmproxy.net.dns.https_records import HTTPSRecord, SVCParamKeys


@dataclass
class Question(serializable.SerializableDataclass):
    """What is asked for."""

    HEADER: ClassVar[struct.Struct] = struct.Struct("!HH")

    name: str
    type: int
    class_: int

    def __str__(self) -> str:
        return self.name

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "type": types.to_str(self.type), "class": classes.to_str(self.class_)}


@dataclass
class ResourceRecord(serializable.SerializableDataclass):
    """A record: `data` as on the wire, and views of it by its type. Reading data of another kind is an error of that view."""

    DEFAULT_TTL: ClassVar[int] = 60
    HEADER: ClassVar[struct.Struct] = struct.Struct("!HHIH")

    name: str
    type: int
    class_: int
    ttl: int
    data: bytes

    def __str__(self) -> str:
        views = {
            types.A: lambda: self.ipv4_address,
            types.AAAA: lambda: self.ipv6_address,
            types.NS: lambda: self.domain_name,
            types.CNAME: lambda: self.domain_name,
            types.PTR: lambda: self.domain_name,
            types.TXT: lambda: self.text,
            types.HTTPS: lambda: https_records.unpack(self.data),
        }
        if self.type not in views:
            return f"0x{self.data.hex()}"
        try:
            return str(views[self.type]())
        except Exception:
            return f"0x{self.data.hex()} (invalid {types.to_str(self.type)} data)"

    @property
    def text(self) -> str:
        return self.data.decode("utf-8")

    @text.setter
    def text(self, value: str) -> None:
        self.data = value.encode("utf-8")

    @property
    def ipv4_address(self) -> IPv4Address:
        return IPv4Address(self.data)

    @ipv4_address.setter
    def ipv4_address(self, ip: IPv4Address) -> None:
        self.data = ip.packed

    @property
    def ipv6_address(self) -> IPv6Address:
        return IPv6Address(self.data)

    @ipv6_address.setter
    def ipv6_address(self, ip: IPv6Address) -> None:
        self.data = ip.packed

    @property
    def domain_name(self) -> str:
        return domain_names.unpack(self.data)

    @domain_name.setter
    def domain_name(self, name: str) -> None:
        self.data = domain_names.pack(name)

    def _parameter(self, key: SVCParamKeys) -> bytes | None:
        return https_records.unpack(self.data).params.get(key.value)

    def _set_parameter(self, key: SVCParamKeys, value: bytes | None) -> None:
        record = https_records.unpack(self.data)
        record.params.pop(key.value, None)
        if value is not None:
            record.params[key.value] = value
        self.data = https_records.pack(record)

    @property
    def https_alpn(self) -> tuple[bytes, ...] | None:
        """The protocols that an HTTPS record offers."""
        packed = self._parameter(SVCParamKeys.ALPN)
        if packed is None:
            return None
        names, index = [], 0
        while index < len(packed):
            names.append(packed[index + 1 : index + 1 + packed[index]])
            index += 1 + packed[index]
        return tuple(names)

    @https_alpn.setter
    def https_alpn(self, alpn: Iterable[bytes] | None) -> None:
        packed = None if alpn is None else b"".join(bytes([len(name)]) + name for name in alpn)
        self._set_parameter(SVCParamKeys.ALPN, packed)

    @property
    def https_ech(self) -> str | None:
        """The key for encrypted hellos of an HTTPS record, in Base64."""
        packed = self._parameter(SVCParamKeys.ECH)
        return None if packed is None else base64.b64encode(packed).decode("utf-8")

    @https_ech.setter
    def https_ech(self, ech: str | None) -> None:
        self._set_parameter(SVCParamKeys.ECH, None if ech is None else base64.b64decode(ech.encode("utf-8")))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": types.to_str(self.type),
            "class": classes.to_str(self.class_),
            "ttl": self.ttl,
            "data": str(self),
        }

    @classmethod
    def A(cls, name: str, ip: IPv4Address, *, ttl: int = DEFAULT_TTL) -> "ResourceRecord":
        return cls(name, types.A, classes.IN, ttl, ip.packed)

    @classmethod
    def AAAA(cls, name: str, ip: IPv6Address, *, ttl: int = DEFAULT_TTL) -> "ResourceRecord":
        return cls(name, types.AAAA, classes.IN, ttl, ip.packed)

    @classmethod
    def CNAME(cls, alias: str, canonical: str, *, ttl: int = DEFAULT_TTL) -> "ResourceRecord":
        return cls(alias, types.CNAME, classes.IN, ttl, domain_names.pack(canonical))

    @classmethod
    def PTR(cls, inaddr: str, ptr: str, *, ttl: int = DEFAULT_TTL) -> "ResourceRecord":
        return cls(inaddr, types.PTR, classes.IN, ttl, domain_names.pack(ptr))

    @classmethod
    def TXT(cls, name: str, text: str, *, ttl: int = DEFAULT_TTL) -> "ResourceRecord":
        return cls(name, types.TXT, classes.IN, ttl, text.encode("utf-8"))

    @classmethod
    def HTTPS(cls, name: str, record: HTTPSRecord, ttl: int = DEFAULT_TTL) -> "ResourceRecord":
        return cls(name, types.HTTPS, classes.IN, ttl, https_records.pack(record))

"""The two connections of a flow."""

import time
import uuid
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import Flag
from typing import Any, Literal

from mitmproxy import certs
from mitmproxy.coretypes import serializable
from mitmproxy.net import server_spec
from mitmproxy.proxy import mode_specs
from mitmproxy.utils import human

Address = tuple[str, int]
TransportProtocol = Literal["tcp", "udp"]
TlsVersion = Literal["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "DTLSv0.9", "DTLSv1", "DTLSv1.2", "QUICv1"]


class ConnectionState(Flag):
    """Which directions are open."""

    CLOSED = 0
    CAN_READ = 1
    CAN_WRITE = 2
    OPEN = CAN_READ | CAN_WRITE


def _deprecated(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated, use {new} instead.", DeprecationWarning, stacklevel=3)


@dataclass(kw_only=True)
class Connection(serializable.SerializableDataclass):
    """A connection with the proxy. Two are equal if their ids are. Addresses are (host, port); times are seconds since 1970 or None."""

    peername: Address | None
    sockname: Address | None
    state: ConnectionState = field(default=ConnectionState.CLOSED, metadata={"serialize": False})
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    transport_protocol: TransportProtocol = "tcp"
    error: str | None = None
    tls: bool = False
    certificate_list: Sequence[certs.Cert] = ()
    alpn: bytes | None = None
    alpn_offers: Sequence[bytes] = ()
    cipher: str | None = None
    cipher_list: Sequence[str] = ()
    tls_version: TlsVersion | None = None
    sni: str | None = None
    timestamp_start: float | None = None
    timestamp_end: float | None = None
    timestamp_tls_setup: float | None = None

    @property
    def connected(self) -> bool:
        return self.state is ConnectionState.OPEN

    @property
    def tls_established(self) -> bool:
        return self.timestamp_tls_setup is not None

    @property
    def alpn_proto_negotiated(self) -> bytes | None:
        _deprecated("Connection.alpn_proto_negotiated", "Connection.alpn")
        return self.alpn

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and self.id == other.id

    def __repr__(self) -> str:
        shown: dict[str, Any] = {"id": f"…{self.id[-6:]}", "address": self.address if isinstance(self, Server) else None}
        for field_of in fields(self):
            value = getattr(self, field_of.name)
            if field_of.name not in shown and value != field_of.default and value != mode_specs.REGULAR:
                shown[field_of.name] = f"<{len(value)} ciphers>" if field_of.name == "cipher_list" else value
        return f"{type(self).__name__}({shown})"

    def _words(self) -> list[str]:
        """What `str` says of it besides its address."""
        words = [f"state={self.state.name.lower()}"] if self.state.name else []
        if self.alpn:
            words.append(f"alpn={self.alpn.decode(errors='replace')}")
        elif self.tls_established:
            words.append("tls")
        return words


@dataclass(eq=False, repr=False, kw_only=True)
class Client(Connection):
    """The connection with a client."""

    peername: Address
    sockname: Address
    mitmcert: certs.Cert | None = None
    proxy_mode: mode_specs.ProxyMode = mode_specs.REGULAR
    timestamp_start: float = field(default_factory=time.time)

    def __str__(self) -> str:
        return f"Client({', '.join([human.format_address(self.peername), *self._words()])})"

    @property
    def address(self) -> Address:
        _deprecated("Client.address", "Client.peername")
        return self.peername

    @address.setter
    def address(self, value: Address) -> None:
        _deprecated("Client.address", "Client.peername")
        self.peername = value

    @property
    def cipher_name(self) -> str | None:
        _deprecated("Client.cipher_name", "Client.cipher")
        return self.cipher

    @property
    def clientcert(self) -> certs.Cert | None:
        _deprecated("Client.clientcert", "Client.certificate_list")
        return self.certificate_list[0] if self.certificate_list else None

    @clientcert.setter
    def clientcert(self, value: certs.Cert | None) -> None:
        _deprecated("Client.clientcert", "Client.certificate_list")
        self.certificate_list = [value] if value else []


@dataclass(eq=False, repr=False, kw_only=True)
class Server(Connection):
    """The connection with a server: where to (`address`), by which proxy (`via`). RuntimeError if these change while it is open."""

    address: Address | None
    peername: Address | None = None
    sockname: Address | None = None
    timestamp_tcp_setup: float | None = None
    via: server_spec.ServerSpec | None = None

    def __str__(self) -> str:
        words = self._words()
        if self.sockname:
            words.append(f"src_port={self.sockname[1]}")
        return f"Server({', '.join([human.format_address(self.address), *words])})"

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("address", "via") and self.__dict__.get("state") is ConnectionState.OPEN and self.__dict__.get(name) != value:
            raise RuntimeError(f"Cannot change server.{name} on open connection.")
        super().__setattr__(name, value)

    @property
    def ip_address(self) -> Address | None:
        _deprecated("Server.ip_address", "Server.peername")
        return self.peername

    @property
    def cert(self) -> certs.Cert | None:
        _deprecated("Server.cert", "Server.certificate_list")
        return self.certificate_list[0] if self.certificate_list else None

    @cert.setter
    def cert(self, value: certs.Cert | None) -> None:
        _deprecated("Server.cert", "Server.certificate_list")
        self.certificate_list = [value] if value else []

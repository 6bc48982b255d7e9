"""What the hooks of TLS carry."""

import struct
from dataclasses import dataclass
from typing import Any

from mitmproxy import connection
from mitmproxy.proxy import context

_SERVER_NAME, _ALPN = 0, 16


class ClientHello:
    """A client's first message (RFC 8446, section 4.1.2). EOFError if it ends too early."""

    def __init__(self, raw_client_hello: bytes, dtls: bool = False) -> None:
        self._raw = raw_client_hello
        self._dtls = dtls
        try:
            self._parse()
        except (struct.error, IndexError):
            raise EOFError("the client hello ends too early") from None

    def _parse(self) -> None:
        raw, at = self._raw, 34

        def vector(width: int) -> bytes:
            nonlocal at
            size = int.from_bytes(raw[at : at + width], "big")
            if at + width + size > len(raw):
                raise IndexError
            at += width + size
            return raw[at - size : at]

        vector(1)
        if self._dtls:
            vector(1)
        ciphers = vector(2)
        self._ciphers = [number for (number,) in struct.iter_unpack("!H", ciphers)]
        vector(1)
        self._extensions: list[tuple[int, bytes]] = []
        if at < len(raw):
            (size,) = struct.unpack_from("!H", raw, at)
            at, end = at + 2, min(at + 2 + size, len(raw))
            while at < end:
                kind = raw[at : at + 2]
                at += 2
                self._extensions.append((int.from_bytes(kind, "big"), vector(2)))

    def raw_bytes(self, wrap_in_record: bool = True) -> bytes:
        """The message without its handshake header, or with that in a record."""
        if not wrap_in_record:
            return self._raw
        size = struct.pack("!I", len(self._raw))[1:]
        if self._dtls:
            message = b"\x01" + size + b"\0\0" + b"\0\0\0" + size + self._raw
            head = b"\x16\xfe\xfd" + bytes(8)
        else:
            message, head = b"\x01" + size + self._raw, b"\x16\x03\x03"
        return head + struct.pack("!H", len(message)) + message

    @property
    def cipher_suites(self) -> list[int]:
        return self._ciphers

    @property
    def extensions(self) -> list[tuple[int, bytes]]:
        return self._extensions

    @property
    def sni(self) -> str | None:
        """The server's name, if the client says it."""
        for kind, data in self._extensions:
            if kind == _SERVER_NAME and len(data) > 5 and data[2] == 0:
                name = data[5 : 5 + int.from_bytes(data[3:5], "big")]
                return name.decode("ascii", "ignore") or None
        return None

    @property
    def alpn_protocols(self) -> list[bytes]:
        for kind, data in self._extensions:
            if kind == _ALPN:
                names, start = [], 2
                while start < len(data):
                    names.append(data[start + 1 : start + 1 + data[start]])
                    start += 1 + data[start]
                return names
        return []

    def __repr__(self) -> str:
        return f"ClientHello(sni: {self.sni}, alpn_protocols: {self.alpn_protocols})"


@dataclass
class ClientHelloData:
    """`ignore_connection`: the proxy passes the connection on unread. `establish_server_tls_first`: it asks the server first."""

    context: context.Context
    client_hello: ClientHello
    ignore_connection: bool = False
    establish_server_tls_first: bool = False


@dataclass
class TlsData:
    """A connection whose TLS begins or is done; `ssl_conn` is None, for it is the proxy's own."""

    conn: connection.Connection
    context: context.Context
    ssl_conn: Any = None
    is_dtls: bool = False

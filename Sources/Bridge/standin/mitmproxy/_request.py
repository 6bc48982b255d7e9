"""Requests."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from mitmproxy._headers import Headers, headers_of, native, octets
from mitmproxy._http_message import MessageData
from mitmproxy._request_views import RequestViews
from mitmproxy.net.http import url
from mitmproxy.utils import strutils


@dataclass
class RequestData(MessageData):
    host: str
    port: int
    method: bytes
    scheme: bytes
    authority: bytes
    path: bytes


class Request(RequestViews):
    """A request: `host` and `port` are where it goes, `host_header` and `authority` what it says of that."""

    data: RequestData

    def __init__(
        self,
        host: str,
        port: int,
        method: bytes,
        scheme: bytes,
        authority: bytes,
        path: bytes,
        http_version: bytes,
        headers: Headers | tuple[tuple[bytes, bytes], ...],
        content: bytes | None,
        trailers: Headers | tuple[tuple[bytes, bytes], ...] | None,
        timestamp_start: float,
        timestamp_end: float | None,
    ) -> None:
        if isinstance(host, bytes):
            host = host.decode("idna", "strict")
        line = (method, scheme, authority, path, http_version)
        line = tuple(part.encode("ascii", "strict") if isinstance(part, str) else part for part in line)
        if isinstance(content, str):
            raise ValueError("Content must be bytes, not str.")
        if not isinstance(headers, Headers):
            headers = Headers(headers)
        if trailers is not None and not isinstance(trailers, Headers):
            trailers = Headers(trailers)
        method, scheme, authority, path, http_version = line
        self.data = RequestData(
            http_version, headers, content, trailers, timestamp_start, timestamp_end, host, port, method, scheme, authority, path
        )

    def __repr__(self) -> str:
        where = f"{self.host}:{self.port}" if self.host and self.port else ""
        return f"Request({self.method} {where}{self.path})"

    @classmethod
    def make(
        cls,
        method: str,
        url: str,
        content: bytes | str = "",
        headers: Headers | dict[str | bytes, str | bytes] | Iterable[tuple[bytes, bytes]] = (),
    ) -> "Request":
        """A request of ours for an absolute URL, with its length stated."""
        made = headers_of(headers)
        now = time.time()
        request = cls("", 0, octets(method), b"", b"", b"", b"HTTP/1.1", made, b"", None, now, time.time())
        request.url = url
        request._fill(content)
        return request

    @property
    def first_line_format(self) -> str:
        """How HTTP/1 writes its target: "authority" (CONNECT), "absolute" (to a proxy), "relative"."""
        if self.method == "CONNECT":
            return "authority"
        return "absolute" if self.authority else "relative"

    @property
    def method(self) -> str:
        """In upper case."""
        return native(self.data.method).upper()

    @method.setter
    def method(self, val: str | bytes) -> None:
        self.data.method = octets(val)

    @property
    def scheme(self) -> str:
        return native(self.data.scheme)

    @scheme.setter
    def scheme(self, val: str | bytes) -> None:
        self.data.scheme = octets(val)

    @property
    def path(self) -> str:
        """With query; `*` for OPTIONS, empty for CONNECT."""
        return native(self.data.path)

    @path.setter
    def path(self, val: str | bytes) -> None:
        self.data.path = octets(val)

    @property
    def authority(self) -> str:
        """HTTP/2's :authority, HTTP/1's where the target has one; else empty."""
        try:
            return self.data.authority.decode("idna")
        except UnicodeError:
            return self.data.authority.decode("utf8", "surrogateescape")

    @authority.setter
    def authority(self, val: str | bytes) -> None:
        if isinstance(val, str):
            try:
                val = val.encode("idna", "strict")
            except UnicodeError:
                val = val.encode("utf8", "surrogateescape")
        self.data.authority = val

    @property
    def host(self) -> str:
        """Where it goes: a name or address. What it says of that follows when this is set."""
        return self.data.host

    @host.setter
    def host(self, val: str | bytes) -> None:
        self.data.host = strutils.always_str(val, "idna", "strict")  # type: ignore[assignment]
        self._say_where()

    @property
    def port(self) -> int:
        return self.data.port

    @port.setter
    def port(self, port: int) -> None:
        if not isinstance(port, int):
            raise ValueError(f"Port must be an integer, not {port!r}.")
        self.data.port = port
        self._say_where()

    def _say_where(self) -> None:
        where = url.hostport(self.scheme, self.host, self.port)
        if "Host" in self.data.headers:
            self.data.headers["Host"] = where
        if self.data.authority:
            self.authority = where

    @property
    def host_header(self) -> str | None:
        """Whom it says that it is for: the Host header, or HTTP/2's authority."""
        named = self.authority if self.is_http2 or self.is_http3 else ""
        return named or self.data.headers.get("Host", None)

    @host_header.setter
    def host_header(self, val: None | str | bytes) -> None:
        has_authority = self.is_http2 or self.is_http3
        if val is None:
            if has_authority:
                self.data.authority = b""
            self.headers.pop("Host", None)
            return
        if has_authority:
            self.authority = val  # type: ignore[assignment]
        if not has_authority or "Host" in self.headers:
            self.headers["Host"] = val

    @property
    def url(self) -> str:
        """The whole URL by where it goes. ValueError when set to one that is not absolute."""
        if self.first_line_format == "authority":
            return f"{self.host}:{self.port}"
        return url.unparse(self.scheme, self.host, self.port, self.path)

    @url.setter
    def url(self, val: str | bytes) -> None:
        self.scheme, self.host, self.port, self.path = url.parse(strutils.always_str(val, "utf-8", "surrogateescape"))  # type: ignore

    @property
    def pretty_host(self) -> str:
        """The host by what the request says, which is the name where `host` is an address."""
        named = self.host_header
        return url.parse_authority(named, check=False)[0] if named else self.host

    @property
    def pretty_url(self) -> str:
        """`url` with what the request says."""
        if self.first_line_format == "authority":
            return self.authority
        named = self.host_header
        if not named:
            return self.url
        host, port = url.parse_authority(named, check=False)
        return url.unparse(self.scheme, host, port or url.default_port(self.scheme) or 443, self.path)

    def anticache(self) -> None:
        """Ask for the whole body, whatever the client has."""
        for name in ("if-modified-since", "if-none-match"):
            self.headers.pop(name, None)

    def anticomp(self) -> None:
        """Ask for a body without coding."""
        self.headers["accept-encoding"] = "identity"

    def constrain_encoding(self) -> None:
        """Ask only for codings that can be decoded here."""
        accepted = self.headers.get("accept-encoding")
        if accepted:
            known = ("gzip", "identity", "deflate", "br", "zstd")
            self.headers["accept-encoding"] = ", ".join(coding for coding in known if coding in accepted)

"""URLs and the parts of them that HTTP sends."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Sequence
from typing import AnyStr

from mitmproxy.net import check
from mitmproxy.utils.strutils import always_str

# "host", "host:port", "[IPv6]:port"
_AUTHORITY = re.compile(r"^(?P<host>[^:]+|\[.+\])(?::(?P<port>\d+))?$")
_PORTS = {"http": 80, "https": 443}


def parse(url) -> tuple[bytes, bytes, int, bytes]:
    """Scheme, host, port and path with query, as bytes. ValueError if it is no absolute URL."""
    if isinstance(url, bytes):
        url = url.decode("ascii")
    parts = urllib.parse.urlparse(url)
    if not parts.hostname:
        raise ValueError("No hostname given")
    parts.encode("ascii")
    host = parts.hostname.encode("idna")
    target = urllib.parse.urlunparse(("", "", parts.path, parts.params, parts.query, parts.fragment))
    path = target.encode("ascii")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not path.startswith(b"/"):
        path = b"/" + path
    if not check.is_valid_host(host):
        raise ValueError("Invalid Host")
    if not port or not check.is_valid_port(port):
        raise ValueError("Invalid Port")
    return parts.scheme.encode("ascii"), host, port, path


def unparse(scheme: str, host: str, port: int, path: str = "") -> str:
    if path == "*":
        path = ""
    return f"{scheme}://{hostport(scheme, host, port)}{path}"


def encode(s: Sequence[tuple[str, str]], similar_to: str | None = None) -> str:
    """Pairs as a query. Where `similar_to` leaves the "=" of empty values away, so does the result."""
    bare = False
    if similar_to:
        bare = any(part and "=" not in part for part in similar_to.split("&"))
    encoded = urllib.parse.urlencode(s, False, errors="surrogateescape")
    if encoded and bare:
        encoded = re.sub(r"=(?=&|$)", "", encoded)
    return encoded


def decode(s: str) -> list[tuple[str, str]]:
    return urllib.parse.parse_qsl(s, keep_blank_values=True, errors="surrogateescape")


def quote(b: str, safe: str = "/") -> str:
    return urllib.parse.quote(b, safe=safe, errors="surrogateescape")


def unquote(s: str) -> str:
    return urllib.parse.unquote(s, errors="surrogateescape")


def hostport(scheme: AnyStr, host: AnyStr, port: int) -> AnyStr:
    """The host, with the port if it is not the scheme's own."""
    if default_port(scheme) == port:
        return host
    return b"%s:%d" % (host, port) if isinstance(host, bytes) else f"{host}:{port}"


def default_port(scheme: AnyStr) -> int | None:
    return _PORTS.get(scheme.decode("ascii", "replace") if isinstance(scheme, bytes) else scheme)


def parse_authority(authority: AnyStr, check: bool) -> tuple[str, int | None]:  # noqa: A002
    """Host and port of a Host header or authority. What is wrong is a ValueError with `check`, else as much as can be told."""
    from mitmproxy.net import check as rules

    try:
        text = authority.decode("ascii") if isinstance(authority, bytes) else authority
        found = _AUTHORITY.match(text)
        if not found:
            raise ValueError
        host = found["host"]
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        if isinstance(authority, bytes):
            host = host.encode("ascii").decode("idna")
        if not rules.is_valid_host(host):
            raise ValueError
        port = int(found["port"]) if found["port"] else None
        if port is not None and not rules.is_valid_port(port):
            raise ValueError
        return host, port
    except UnicodeError:
        if check:
            raise
        return always_str(authority, "utf-8", "surrogateescape"), None
    except ValueError:
        if check:
            raise ValueError("Invalid host header: " + repr(authority)) from None
        return always_str(authority, "utf-8", "surrogateescape"), None

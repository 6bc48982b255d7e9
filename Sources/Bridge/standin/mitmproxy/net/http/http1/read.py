"""Heads of HTTP/1 messages, and what follows from them."""

import re
import time
from collections.abc import Iterable

from mitmproxy.http import Headers, Request, Response
from mitmproxy.net.http import url

_VERSION = re.compile(rb"HTTP/\d\.\d$")


def read_request_head(lines: list[bytes]) -> Request:
    """ValueError says which line is wrong."""
    host, port, method, scheme, authority, path, version = _request_line(lines[0])
    return Request(host, port, method, scheme, authority, path, version, _headers(lines[1:]), None, None, time.time(), None)


def read_response_head(lines: list[bytes]) -> Response:
    """ValueError says which line is wrong."""
    try:
        version, status, *reason = lines[0].split(None, 2)
        if not _VERSION.match(version):
            raise ValueError
        code = int(status)
    except ValueError:
        raise ValueError(f"Bad HTTP response line: {lines[0]!r}") from None
    return Response(version, code, reason[0] if reason else b"", _headers(lines[1:]), None, None, time.time(), None)


def _request_line(line: bytes) -> tuple[str, int, bytes, bytes, bytes, bytes, bytes]:
    try:
        method, target, version = line.split()
        if not _VERSION.match(version):
            raise ValueError
        if target == b"*" or target.startswith(b"/"):
            return "", 0, method, b"", b"", target, version
        if method == b"CONNECT":
            named, port = url.parse_authority(target, check=True)
            if not port:
                raise ValueError
            return named, port, method, b"", target, b"", version
        scheme, rest = target.split(b"://", 1)
        authority, slash, path = rest.partition(b"/")
        named, port = url.parse_authority(authority, check=True)
        port = port or url.default_port(scheme)
        if not port:
            raise ValueError
        return named, port, method, scheme, authority, slash + path, version
    except ValueError:
        raise ValueError(f"Bad HTTP request line: {line!r}") from None


def _headers(lines: Iterable[bytes]) -> Headers:
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not fields:
                raise ValueError("Invalid headers")
            name, value = fields.pop()
            fields.append((name, value + b"\r\n " + line.strip()))
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name:
            raise ValueError(f"Invalid header line: {line!r}")
        fields.append((name, value.strip()))
    return Headers(fields)


def connection_close(http_version: str, headers: Headers) -> bool:
    """Whether the connection ends after this message."""
    if "connection" in headers:
        tokens = {token.strip() for token in headers["connection"].split(",")}
        if "close" in tokens:
            return True
        if "keep-alive" in tokens:
            return False
    return http_version not in ("HTTP/1.1", b"HTTP/1.1", "HTTP/2.0", b"HTTP/2.0")


def expected_http_body_size(request: Request, response: Response | None = None) -> int | None:
    """Octets of the body; None for chunks, -1 for all up to the connection's end. ValueError if the length is none."""
    if response is None:
        return _stated_size(request.headers, otherwise=0)
    method, status = request.data.method.upper(), response.status_code
    if method == b"HEAD" or 100 <= status <= 199 or status in (204, 304) or status == 200 and method == b"CONNECT":
        return 0
    return _stated_size(response.headers, otherwise=-1)


def _stated_size(headers: Headers, otherwise: int) -> int | None:
    if "transfer-encoding" in headers:
        return None if headers["transfer-encoding"].lower().endswith("chunked") else -1
    if "content-length" in headers:
        size = int(headers["content-length"])
        if size < 0:
            raise ValueError(f"Negative Content-Length: {size}")
        return size
    return otherwise

"""Bodies of multipart/form-data."""

from __future__ import annotations

import re
import warnings
from urllib.parse import quote

from mitmproxy.net.http import headers

_NAME = re.compile(rb'\bname="([^"]+)"')


def _boundary(content_type: str | None) -> bytes:
    parsed = headers.parse_content_type(content_type) if content_type else None
    try:
        return quote(parsed[2]["boundary"]).encode("ascii") if parsed else b""
    except (KeyError, UnicodeError):
        return b""


def encode_multipart(content_type: str, parts: list[tuple[bytes, bytes]]) -> bytes:
    """The body; empty without a boundary in the type. ValueError if a value looks like the boundary."""
    boundary = _boundary(content_type)
    if not boundary:
        return b""
    lines = []
    for name, value in parts:
        if name:
            lines += [b"--" + boundary, b'Content-Disposition: form-data; name="%b"' % name]
            lines += [b"Content-Type: text/plain; charset=utf-8", b"", value]
        lines.append(b"")
        if re.search(rb"^--%b$" % re.escape(boundary), value):
            raise ValueError(b"boundary found in encoded string")
    return b"\r\n".join([*lines, b"--" + boundary + b"--\r\n"])


def decode_multipart(content_type: str | None, content: bytes | None) -> list[tuple[bytes, bytes]]:
    """Names and values of the parts. Line ends within a value are dropped, as mitmproxy drops them."""
    boundary = _boundary(content_type)
    if not boundary or content is None:
        return []
    pairs = []
    for part in content.split(b"--" + boundary):
        lines = part.splitlines()
        if len(lines) < 2 or lines[0].startswith(b"--"):
            continue
        name = _NAME.search(lines[1])
        if name:
            value = lines[3 + lines[2:].index(b"") :]
            pairs.append((name[1], b"".join(value)))
    return pairs


def encode(ct: str, parts: list[tuple[bytes, bytes]]) -> bytes:
    warnings.warn("multipart.encode is deprecated, use multipart.encode_multipart instead.", DeprecationWarning, stacklevel=2)
    return encode_multipart(ct, parts)


def decode(ct: str | None, content: bytes) -> list[tuple[bytes, bytes]]:
    warnings.warn("multipart.decode is deprecated, use multipart.decode_multipart instead.", DeprecationWarning, stacklevel=2)
    return decode_multipart(ct, content)

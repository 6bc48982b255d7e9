"""Servers as options name them: `https://example.com:8443`, `example.com`."""

import re
from functools import cache
from typing import Literal

from mitmproxy.net import check

ServerScheme = Literal["http", "https", "http3", "tls", "dtls", "tcp", "udp", "dns", "quic"]
ServerSpec = tuple[ServerScheme, tuple[str, int]]

_SPEC = re.compile(r"^(?:(?P<scheme>\w+)://)?(?P<host>[^:/]+|\[.+\])(?::(?P<port>\d+))?/?$")
_PORTS = {"http": 80, "https": 443, "http3": 443, "quic": 443, "dns": 53}


@cache
def parse(server_spec: str, default_scheme: str) -> ServerSpec:
    """(scheme, (host, port)); ValueError says what is wrong."""
    found = _SPEC.match(server_spec)
    if not found:
        raise ValueError(f"Invalid server specification: {server_spec}")
    scheme = found["scheme"] or default_scheme
    if scheme not in ServerScheme.__args__:  # type: ignore[attr-defined]
        raise ValueError(f"Invalid server scheme: {scheme}")
    host = found["host"].removeprefix("[").removesuffix("]")
    if not check.is_valid_host(host):
        raise ValueError(f"Invalid hostname: {host}")
    if found["port"]:
        port = int(found["port"])
    elif scheme in _PORTS:
        port = _PORTS[scheme]
    else:
        raise ValueError("Port specification missing.")
    if not check.is_valid_port(port):
        raise ValueError(f"Invalid port: {port}")
    return scheme, (host, port)  # type: ignore[return-value]

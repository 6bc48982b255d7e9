"""The cells of the table: what is asked for, over what, and what the addon does."""
from dataclasses import dataclass

SIZES = {"/1k": 1 << 10, "/100k": 100 << 10, "/1m": 1 << 20, "/10m": 10 << 20}


@dataclass(frozen=True)
class Cell:
    path: str = "/1k"
    is_tls: bool = False  # both sides: TLS 1.3, P-256, no resumption
    load: str = "wrk"  # or h2load: HTTP/2, 8 connections of 4 streams; or hey: through CONNECT
    addon: str = ""  # headers: sees each request's and each response's head, and adds `x-addon: 1`; body: changes the first byte of a whole body
    connections: int = 32
    closes: bool = False  # a new connection for each request
    more_fields: int = 0  # in the request's head, by wrk
    is_forward: bool = False  # the client knows that it speaks to a proxy


CELLS = {
    "plain-1k": Cell(),
    "plain-1k-addon-headers": Cell(addon="headers"),
    "plain-1k-c1": Cell(connections=1),
    "plain-1k-c1-addon-headers": Cell(connections=1, addon="headers"),
    "plain-100k": Cell("/100k"),
    "plain-100k-addon-body": Cell("/100k", addon="body"),
    "plain-10m": Cell("/10m", connections=4),
    "tls-1k": Cell(is_tls=True),
    "tls-1k-addon-headers": Cell(is_tls=True, addon="headers"),
    "h2-1k": Cell(is_tls=True, load="h2load"),
    "h2-1k-addon-headers": Cell(is_tls=True, load="h2load", addon="headers"),
    "churn-plain": Cell(closes=True),
    "churn-tls": Cell(is_tls=True, closes=True),
    "forward-1k": Cell(is_forward=True),
    "forward-1k-addon-headers": Cell(is_forward=True, addon="headers"),
    "connect-1k": Cell(is_tls=True, is_forward=True, load="hey"),
}

"""Sizes, durations, times and addresses as people read them."""

import datetime
import ipaddress
import time

SIZE_UNITS = {"b": 1024**0, "k": 1024**1, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def pretty_size(size: int) -> str:
    """Such as 100b, 1.5k, 10.0k, 977k."""
    value = float(size)
    for unit in SIZE_UNITS:
        if value < 1024 or unit == "t":
            break
        value /= 1024
    if unit == "b":
        return f"{size}b"
    return f"{value:.1f}{unit}" if value < 99.95 else f"{value:.0f}{unit}"


def parse_size(s: str | None) -> int | None:
    """The reverse; ValueError if it is no number with one of `SIZE_UNITS`."""
    if s is None:
        return None
    try:
        return int(s)
    except ValueError:
        pass
    for unit, factor in SIZE_UNITS.items():
        if s.endswith(unit):
            try:
                return int(s[:-1]) * factor
            except ValueError:
                break
    raise ValueError("Invalid size specification.")


def pretty_duration(secs: float | None) -> str:
    """Three digits of seconds, or milliseconds below one; empty for None."""
    if secs is None:
        return ""
    if secs >= 100:
        return f"{secs:.0f}s"
    if secs >= 10:
        return f"{secs:.1f}s"
    if secs >= 1:
        return f"{secs:.2f}s"
    return f"{secs * 1000:.0f}ms"


def format_timestamp(s: float) -> str:
    return datetime.datetime.fromtimestamp(time.mktime(time.localtime(s))).strftime("%Y-%m-%d %H:%M:%S")


def format_timestamp_with_milli(s: float) -> str:
    return datetime.datetime.fromtimestamp(s).isoformat(sep=" ", timespec="milliseconds")


def format_address(address: tuple | None) -> str:
    """host:port; IPv6 in brackets, any address as "*"."""
    if address is None:
        return "<no address>"
    host, port = address[:2]
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return f"{host}:{port}"
    if parsed.is_unspecified:
        return f"*:{port}"
    if isinstance(parsed, ipaddress.IPv6Address):
        return f"{parsed.ipv4_mapped}:{port}" if parsed.ipv4_mapped else f"[{parsed}]:{port}"
    return f"{parsed}:{port}"

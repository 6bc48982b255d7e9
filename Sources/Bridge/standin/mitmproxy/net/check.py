"""What may be a host's name and a port."""

import ipaddress
import re
from typing import AnyStr

_LABEL = re.compile(rb"[A-Z\d_-]{1,63}$", re.IGNORECASE)


def is_valid_host(host: AnyStr) -> bool:
    """Whether it is an IP address or a domain name that a resolver could be asked for."""
    try:
        octets = host.encode("idna") if isinstance(host, str) else host
    except UnicodeError:
        return False
    try:
        octets.decode("idna")
    except ValueError:
        return False
    if len(octets) > 255:
        return False
    name = octets.removesuffix(b".")
    if name and all(map(_LABEL.match, name.split(b"."))):
        return True
    try:
        ipaddress.ip_address(octets.decode("ascii"))
    except ValueError:
        return False
    return True


def is_valid_port(port: int) -> bool:
    return 0 <= port <= 65535

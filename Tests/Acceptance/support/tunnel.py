"""TLS clients inside a CONNECT tunnel, with Python's ssl module."""

import ssl
from pathlib import Path

from .proxy import Weir
from .wire import Wire


def trusting(ca: Path, **settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def tls_through(
    weir: Weir, authority: str, context: ssl.SSLContext | None = None, name: str | None = None, session: ssl.SSLSession | None = None
) -> Wire:
    """A verified TLS connection to `authority` through the proxy; `name` is the SNI and what the certificate must say."""
    plain = weir.tunnel(authority)
    context = context or trusting(weir.ca)
    name = name or authority.rsplit(":", 1)[0]
    return Wire(context.wrap_socket(plain.sock, server_hostname=name, session=session))


def alternative_names(wire: Wire) -> set[str]:
    """The subject alternative names of the certificate that was shown."""
    return {value for _, value in wire.sock.getpeercert()["subjectAltName"]}

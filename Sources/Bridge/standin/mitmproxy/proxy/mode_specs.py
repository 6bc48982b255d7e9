"""Proxy modes as they are written: `regular`, `reverse:https://example.com@8443`."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from functools import cache
from typing import ClassVar, Literal

from mitmproxy.coretypes import serializable
from mitmproxy.net import server_spec

TCP, UDP, BOTH = "tcp", "udp", "both"


class ProxyMode(serializable.Serializable):
    """One listener's mode. Immutable; `parse` gives the same object for the same text."""

    type_name: ClassVar[str]
    description: ClassVar[str]
    default_port: int | None = 8080
    transport_protocol: Literal["tcp", "udp", "both"] = TCP
    full_spec: str
    data: str
    custom_listen_host: str | None
    custom_listen_port: int | None

    _modes: ClassVar[dict[str, type[ProxyMode]]] = {}

    def __init__(self, full_spec: str, data: str, custom_listen_host: str | None, custom_listen_port: int | None) -> None:
        for name, value in (
            ("full_spec", full_spec),
            ("data", data),
            ("custom_listen_host", custom_listen_host),
            ("custom_listen_port", custom_listen_port),
        ):
            object.__setattr__(self, name, value)
        self._check()

    def __init_subclass__(cls, **keywords) -> None:
        cls.type_name = cls.__name__.removesuffix("Mode").lower()
        ProxyMode._modes[cls.type_name] = cls

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __repr__(self) -> str:
        return f"ProxyMode.parse({self.full_spec!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.full_spec == other.full_spec

    def __hash__(self) -> int:
        return hash(self.full_spec)

    def _check(self) -> None:
        """ValueError if the mode's data is not what it takes."""
        if self.data:
            raise ValueError("mode takes no arguments")

    @classmethod
    @cache
    def parse(cls, spec: str) -> ProxyMode:
        """The mode of a text `NAME[:DATA][@[HOST:]PORT]`. ValueError says what is wrong."""
        head, at, listen_at = spec.rpartition("@")
        if not at:
            head, listen_at = spec, ""
        name, _, data = head.partition(":")
        host: str | None = None
        port: int | None = None
        if listen_at:
            host, colon, text = listen_at.rpartition(":")
            if not colon:
                host = None
            if not text.isdigit() or not 0 <= int(text) <= 65535:
                raise ValueError(f"invalid port: {text}")
            port = int(text)
        mode = ProxyMode._modes.get(name.strip().lower())
        if mode is None:
            raise ValueError("unknown mode")
        if not issubclass(mode, cls):
            raise ValueError(f"{spec!r} is not a spec for a {cls.type_name} mode")
        return mode(spec, data, host, port)

    def listen_host(self, default: str | None = None) -> str:
        return self.custom_listen_host if self.custom_listen_host is not None else default or ""

    def listen_port(self, default: int | None = None) -> int | None:
        if self.custom_listen_port is not None:
            return self.custom_listen_port
        return default if default is not None else self.default_port

    @classmethod
    def from_state(cls, state: str) -> ProxyMode:
        return ProxyMode.parse(state)

    def get_state(self) -> str:
        return self.full_spec

    def set_state(self, state: str) -> None:
        if state != self.full_spec:
            raise RuntimeError("Proxy modes are immutable.")


class RegularMode(ProxyMode):
    description = "HTTP(S) proxy"


class TransparentMode(ProxyMode):
    description = "Transparent Proxy"


class _ServerMode(ProxyMode):
    """A mode whose data is a server."""

    _default_scheme: ClassVar[str]
    scheme: server_spec.ServerScheme
    address: tuple[str, int]

    def _check(self) -> None:
        scheme, address = server_spec.parse(self.data, self._default_scheme)
        object.__setattr__(self, "scheme", scheme)
        object.__setattr__(self, "address", address)


class UpstreamMode(_ServerMode):
    description = "HTTP(S) proxy (upstream mode)"
    _default_scheme = "http"

    def _check(self) -> None:
        super()._check()
        if self.scheme not in ("http", "https"):
            raise ValueError("invalid upstream proxy scheme")


class ReverseMode(_ServerMode):
    _default_scheme = "https"

    @property
    def description(self) -> str:  # type: ignore[override]
        return f"reverse proxy to {self.data}"

    @property
    def default_port(self) -> int | None:  # type: ignore[override]
        return 53 if self.scheme == "dns" else 8080

    @property
    def transport_protocol(self):  # type: ignore[override]
        kinds = {"dtls": UDP, "udp": UDP, "http3": UDP, "quic": UDP, "https": BOTH, "dns": BOTH}
        return kinds.get(self.scheme, TCP)


class Socks5Mode(ProxyMode):
    description = "SOCKS v5 proxy"
    default_port = 1080


class DnsMode(ProxyMode):
    description = "DNS server"
    default_port = 53
    transport_protocol = BOTH


class _FreeMode(ProxyMode):
    """A mode whose data is its own affair."""

    def _check(self) -> None:
        pass


class WireGuardMode(_FreeMode):
    description = "WireGuard server"
    default_port = 51820
    transport_protocol = UDP


class LocalMode(_FreeMode):
    description = "Local redirector"
    default_port = None
    transport_protocol = BOTH


class TunMode(_FreeMode):
    description = "TUN interface"
    default_port = None
    transport_protocol = BOTH


class OsProxyMode(ProxyMode):
    description = "Deprecated alias for LocalMode"

    def _check(self) -> None:
        raise ValueError("osproxy mode has been renamed to local mode. Thanks for trying our experimental features!")


REGULAR = ProxyMode.parse("regular")

"""Content views: an addon may define them, but not add them, for there is no console here that shows them."""

from dataclasses import dataclass
from typing import Any, NoReturn

from mitmproxy import _absent


class View:
    """mitmproxy 11's base class."""

    name: str | None = None

    def __call__(self, data: bytes, **metadata: Any) -> Any:
        raise NotImplementedError

    def render_priority(self, data: bytes, **metadata: Any) -> float:
        return 0

    def __lt__(self, other: "View") -> bool:
        return str(self.name) < str(other.name)


@dataclass
class Metadata:
    """What mitmproxy 12 tells a view of the data."""

    flow: Any = None
    content_type: str | None = None
    http_message: Any = None
    tcp_message: Any = None
    udp_message: Any = None
    websocket_message: Any = None
    dns_message: Any = None
    protobuf_definitions: Any = None
    original_data: bytes | None = None


class Contentview:
    """mitmproxy 12's base class."""

    @property
    def name(self) -> str:
        return type(self).__name__.removesuffix("Contentview")

    @property
    def syntax_highlight(self) -> str:
        return "none"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        raise NotImplementedError

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return 0


class InteractiveContentview(Contentview):
    def reencode(self, prettified: str, metadata: Metadata) -> bytes:
        raise NotImplementedError


def add(view: Any) -> NoReturn:
    """NotImplementedError, which names what cannot be."""
    raise NotImplementedError(_absent.message(f"{__name__}.add"))


def remove(view: Any) -> NoReturn:
    raise NotImplementedError(_absent.message(f"{__name__}.remove"))

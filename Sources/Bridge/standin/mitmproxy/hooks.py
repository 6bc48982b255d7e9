"""Events as objects: an addon's method of the hook's name gets the hook's fields."""

import dataclasses
import re
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

all_hooks: dict[str, type["Hook"]] = {}


@dataclasses.dataclass
class Hook:
    """An event. A subclass's name without "Hook", in snake case, is the name of the addons' method."""

    name: ClassVar[str]

    def args(self) -> list[Any]:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def __new__(cls, *args: Any, **keywords: Any):
        if cls is Hook:
            raise TypeError("Hook may not be instantiated directly.")
        return super().__new__(cls)

    def __init_subclass__(cls, **keywords: Any) -> None:
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__.replace("Hook", "")).lower()
        if cls.name in all_hooks:
            warnings.warn(f"Two conflicting event classes for {cls.name}: {cls} and {all_hooks[cls.name]}", RuntimeWarning, 2)
        if cls.name:
            all_hooks[cls.name] = cls
        cls.__hash__ = object.__hash__  # type: ignore[method-assign]
        cls.__eq__ = object.__eq__  # type: ignore[method-assign]


@dataclasses.dataclass
class ConfigureHook(Hook):
    """Options changed; also called once at the start with all of them."""

    updated: set[str]


@dataclasses.dataclass
class DoneHook(Hook):
    """The addon is unloaded."""


@dataclasses.dataclass
class RunningHook(Hook):
    """All is up and listening."""


@dataclasses.dataclass
class UpdateHook(Hook):
    """Flows were changed by a user or an addon."""

    flows: Sequence[Any]


def _declare(names: str, field: str) -> None:
    """Hooks that carry one object."""
    for name in names.split():
        title = "".join(part.title() for part in name.split("_"))
        dataclasses.make_dataclass(f"{title}Hook", [(field, Any)], bases=(Hook,), namespace={"name": name, "__module__": __name__})


_declare("add_log", "entry")
_declare("load", "loader")
_declare(
    "next_layer socks5_auth tls_clienthello tls_start_client tls_start_server tls_established_client tls_established_server"
    " tls_failed_client tls_failed_server quic_start_client quic_start_server",
    "data",
)
_declare(
    "requestheaders request responseheaders response error http_connect http_connect_upstream http_connected http_connect_error"
    " dns_request dns_response dns_error tcp_start tcp_message tcp_end tcp_error udp_start udp_message udp_end udp_error"
    " websocket_start websocket_message websocket_end",
    "flow",
)
_declare("client_connected client_disconnected", "client")
_declare("server_connect server_connected server_disconnected server_connect_error", "data")

"""`ctx.options`: the core's options and those that the addon declares, with the values that the core has."""

from __future__ import annotations

import collections.abc
import logging
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

from .link import CallError

logger = logging.getLogger("mitmproxy.addon")

_NAMES = {bool: "bool", int: "int", float: "number", str: "str"}


def type_name(kind: Any) -> str | None:
    """A type as the protocol names it; None for one that an option cannot have."""
    if kind in _NAMES:
        return _NAMES[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = [one for one in arguments if one is not type(None)]
        return f"optional {_NAMES[inner[0]]}" if len(inner) == 1 and inner[0] in _NAMES and len(arguments) == 2 else None
    if origin in (collections.abc.Sequence, list, tuple) and arguments[:1] == (str,):
        return "sequence of str"
    return None


ABSENT = {
    "add_upstream_certs_to_client_chain": False, "command_history": True, "connect_addr": None, "console_default_contentview": "auto",
    "content_view_lines_cutoff": 512, "dumper_default_contentview": "auto", "dumper_filter": None, "export_preserve_original_ip": False,
    "http3": True, "http_connect_send_host_header": True, "keep_alt_svc_header": False, "keepserving": False, "key_size": 2048,
    "normalize_outbound_headers": True, "onboarding": True, "onboarding_host": "mitm.it", "proxy_debug": False,
    "server_replay_kill_extra": False, "server_replay_nopop": False, "show_ignored_hosts": False, "showhost": False,
    "strip_ech": True, "udp_hosts": [], "validate_inbound_headers": True, "view_filter": None, "web_open_browser": True,
}
"""Options of mitmproxy that the core does not have: an addon reads their defaults, and what it sets is seen by itself alone."""


def size_of(value: Any) -> int | None:
    """Bytes that an option of a size says, such as 3m; None for none."""
    text = str(value or "").strip().lower()
    power = "kmgt".find(text[-1:]) + 1 if text else 0
    digits = text[:-1] if power else text
    return int(digits) << (10 * power) if digits.isdigit() else None


class Signal:
    """Calls whoever connected, with what changed."""

    def __init__(self):
        self._receivers: list[Callable] = []

    def connect(self, receiver: Callable) -> Callable:
        self._receivers.append(receiver)
        return receiver

    def send(self, updated: set[str]) -> None:
        for receiver in self._receivers:
            receiver(updated)


class Options:
    """Attributes are options. A value that is assigned holds here at once, and in the core when that agrees.

    `changed` connects to changes; `configure` has the addon accept them, and throws what refuses them.
    """

    def __init__(self, link: Any, exceptions: Any, values: dict[str, Any]):
        own = self.__dict__
        own["changed"] = Signal()
        own["_link"], own["_exceptions"] = link, exceptions
        own["_values"], own["declared"] = {**ABSENT, **values}, {}
        own["configure"] = lambda updated: None
        own["early"] = {}
        own["is_ready"] = False

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"No such option: {name}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.update(**{name: value})

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def keys(self) -> set[str]:
        return set(self._values)

    def items(self) -> Iterable[tuple[str, Any]]:
        return self._values.items()

    def default(self, name: str) -> Any:
        if name not in self.declared:
            raise AttributeError(f"option {name}: the default of an option of the proxy's is not known here")
        return self.declared[name]["default"]

    def has_changed(self, name: str) -> bool:
        return self._values[name] != self.default(name)

    def subscribe(self, function: Callable, names: Iterable[str]) -> None:
        names = set(names)
        if unknown := names - self.keys():
            raise self._exceptions.OptionsError(f"No such option: {min(unknown)}")
        self.changed.connect(lambda updated: names & updated and function(self, names & updated))

    def add_option(self, name: str, kind: Any, default: Any, help: str = "", choices: Any = None) -> None:
        named = type_name(kind)
        if named is None:
            raise self._exceptions.OptionsError(f"option {name}: its type {kind} is none that an option can have")
        if name in self._values and name not in self.declared and name not in ABSENT:
            return logger.warning("Over-riding existing option %s: the proxy's own is used", name)
        declared = {"name": name, "type": named, "default": _plain(default), "help": " ".join((help or "").split())}
        if choices is not None:
            declared["choices"] = [str(one) for one in choices]
        if default is None:
            del declared["default"]
        self.declared[name] = {"wire": declared, "default": default}
        self._values[name] = default

    def update(self, **values: Any) -> None:
        if unknown := [name for name in values if name not in self._values]:
            raise KeyError(f"Unknown options: {', '.join(unknown)}")
        changed = {name: value for name, value in values.items() if self._values[name] != value}
        if not changed:
            return
        before = {name: self._values[name] for name in changed}
        self._values.update(changed)
        try:
            self.configure(set(changed))
            self._set({name: _plain(value) for name, value in changed.items()})
        except (self._exceptions.OptionsError, CallError) as error:
            self._values.update(before)
            if isinstance(error, CallError):
                self.configure(set(changed))
                raise self._exceptions.OptionsError(str(error)) from None
            raise
        self.changed.send(set(changed))

    def update_known(self, **values: Any) -> dict[str, Any]:
        known = {name: value for name, value in values.items() if name in self._values}
        self.update(**known)
        return {name: value for name, value in values.items() if name not in known}

    def set(self, *specs: str, defer: bool = False) -> None:
        for spec in specs:
            name, _, text = spec.partition("=")
            if name not in self._values:
                raise self._exceptions.OptionsError(f"Unknown option: {name}")
            self.update(**{name: self._parsed(name, text)})

    def _parsed(self, name: str, text: str) -> Any:
        value = self._values[name]
        if isinstance(value, bool):
            return {"toggle": not value, "false": False}.get(text, True)
        for kind in (int, float):
            if isinstance(value, kind):
                return kind(text)
        return [text] if isinstance(value, list) else text

    def _set(self, values: dict[str, Any]) -> None:
        """Before the proxy runs, values wait until it does."""
        for name in [name for name in values if name in ABSENT and name not in self.declared]:
            logger.warning("option %s is none of this proxy's: setting it has no effect", name)
            del values[name]
        if not values:
            return
        if self.is_ready:
            self._link.call("options.set", {"options": values})
        else:
            self.early.update(values)

    def ready(self) -> None:
        """The proxy runs; throws a `CallError` where it refuses what was set before."""
        self.__dict__["is_ready"] = True
        if self.early:
            values, self.__dict__["early"] = self.early, {}
            self._set(values)

    def take(self, values: dict[str, Any]) -> set[str]:
        """The core's values; the names of those that are other ones here."""
        changed = {
            name for name, value in values.items()
            if name not in self.early and (name not in self._values or _plain(self._values[name]) != value)}
        self._values.update({name: values[name] for name in changed})
        return changed


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, collections.abc.Sequence) and not isinstance(value, str) else value

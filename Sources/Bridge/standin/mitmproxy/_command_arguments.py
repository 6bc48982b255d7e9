"""How text becomes a command's argument, by its type."""

import codecs
import collections.abc
import inspect
import os
import re
import types as builtin_types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy import exceptions, flow, types
from mitmproxy.utils import emoji

_ESCAPE = re.compile(r"\\([\\'\"abfnrtv]|[0-7]{1,3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|N\{[^}]+\})")


def _text(manager: Any, text: str) -> str:
    return _ESCAPE.sub(lambda found: codecs.decode(found[0], "unicode-escape"), text)


def _bytes(manager: Any, text: str) -> bytes:
    from mitmproxy.utils import strutils

    return strutils.escaped_str_to_bytes(text)


def _bool(manager: Any, text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"Booleans are 'true' or 'false', got {text}")
    return text == "true"


def _command(manager: Any, text: str) -> str:
    if text not in manager.commands:
        raise ValueError(f"Unknown command: {text}")
    return text


def _words(manager: Any, text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _flow(manager: Any, text: str) -> flow.Flow:
    found = manager.call_strings("view.flows.resolve", [text])
    if len(found) != 1:
        raise ValueError(f"Command requires one flow, specification matched {len(found)}.")
    return found[0]


def _flows(manager: Any, text: str) -> Sequence[flow.Flow]:
    return manager.call_strings("view.flows.resolve", [text])


def _marker(manager: Any, text: str) -> str:
    if text in ("true", "false"):
        return ":default:" if text == "true" else ""
    if not _is_marker(text):
        raise ValueError("Invalid choice.")
    return text


def _is_marker(text: str) -> bool:
    return text in emoji.emoji or len(text) == 1


def _data(manager: Any, text: str) -> Any:
    raise ValueError("data cannot be passed as argument")


class _Kind(typing.NamedTuple):
    shown: str
    parse: Callable[[Any, str], Any]
    accepts: Callable[[Any], bool]


def _instance(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _all(kind: type) -> Callable[[Any], bool]:
    return lambda value: (
        not isinstance(value, str) and isinstance(value, collections.abc.Iterable) and all(isinstance(one, kind) for one in value)
    )


_KINDS: dict[Any, _Kind] = {
    bool: _Kind("bool", _bool, _instance(bool)),
    str: _Kind("str", _text, _instance(str)),
    bytes: _Kind("bytes", _bytes, _instance(bytes)),
    int: _Kind("int", lambda manager, text: int(text), _instance(int)),
    types.Unknown: _Kind("unknown", lambda manager, text: text, lambda value: False),
    types.Path: _Kind("path", lambda manager, text: os.path.expanduser(text), _instance(str)),
    types.Cmd: _Kind("cmd", _command, _instance(str)),
    types.CmdArgs: _Kind("arg", lambda manager, text: text, _instance(str)),
    types.CutSpec: _Kind("cut[]", _words, _all(str)),
    types.Data: _Kind("data[][]", _data, _all(collections.abc.Iterable)),
    types.Marker: _Kind("marker", _marker, lambda value: value == "" or _is_marker(value)),
    flow.Flow: _Kind("flow", _flow, _instance(flow.Flow)),
}
_SEQUENCES: dict[Any, _Kind] = {
    str: _Kind("str[]", _words, _all(str)),
    flow.Flow: _Kind("flow[]", _flows, _all(flow.Flow)),
}


def _kind(kind: Any) -> _Kind | None:
    if isinstance(kind, types.Choice):
        return _Kind("choice", None, None)  # type: ignore[arg-type]
    if typing.get_origin(kind) in (collections.abc.Sequence, list):
        return _SEQUENCES.get(typing.get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, flow.Flow):
        return _KINDS[flow.Flow]
    try:
        return _KINDS.get(kind)
    except TypeError:
        return None


def is_known(kind: Any) -> bool:
    return kind is inspect.Parameter.empty or _kind(kind) is not None


def typename(t: Any) -> str:
    """The type as help texts show it. CommandError if text cannot be read as it."""
    found = _kind(t)
    if found is None:
        raise exceptions.CommandError(f"unsupported type: {getattr(t, '__name__', t)}")
    return found.shown


def parse(manager: Any, text: Any, kind: Any) -> Any:
    """The text as the type. CommandError says why it is not."""
    kind = str if kind is inspect.Parameter.empty else kind
    found = _kind(kind)
    if found is None:
        raise exceptions.CommandError(f"Unsupported argument type: {kind}")
    try:
        if isinstance(kind, types.Choice):
            choices = manager.execute(kind.options_command)
            if text not in choices:
                raise ValueError("Invalid choice.")
            return text
        return found.parse(manager, text)
    except ValueError as error:
        raise exceptions.CommandError(str(error)) from error


def is_valid(manager: Any, kind: Any, value: Any) -> bool:
    """Whether a command that says that it returns this may return that."""
    if isinstance(kind, types.Choice):
        return value in manager.execute(kind.options_command)
    if isinstance(kind, type) and issubclass(kind, flow.Flow):
        return isinstance(value, kind)
    if kind in (None, builtin_types.NoneType):
        return value is None
    found = _kind(kind)
    return found is not None and found.accepts(value)

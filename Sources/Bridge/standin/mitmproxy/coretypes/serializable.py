"""Objects with a state: plain values that make an equal object, as flow files and the addon protocol carry them."""

import abc
import collections.abc
import dataclasses
import enum
import functools
import types
import typing
import uuid
from typing import Any

State = Any


class Serializable(metaclass=abc.ABCMeta):
    """An object that can be written as plain values and made of them."""

    @classmethod
    @abc.abstractmethod
    def from_state(cls, state: State):
        """A new object. The state is consumed."""

    @abc.abstractmethod
    def get_state(self) -> State: ...

    @abc.abstractmethod
    def set_state(self, state: State) -> None:
        """Become what the state says. It is consumed."""

    def copy(self):
        """A new object of the same state, with an id of its own."""
        state = self.get_state()
        if isinstance(state, dict) and "id" in state:
            state["id"] = str(uuid.uuid4())
        return type(self).from_state(state)


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, Any], ...]:
    """Name and type of each field that is part of the state."""
    hints = typing.get_type_hints(cls)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(cls) if field.metadata.get("serialize", True))


class SerializableDataclass(Serializable):
    """A dataclass whose state is a dictionary of its fields; a field with metadata `serialize=False` is left out."""

    def get_state(self) -> State:
        return {name: _to_state(getattr(self, name), kind, name) for name, kind in _fields(type(self))}

    @classmethod
    def from_state(cls, state: State):
        values = {name: _to_value(state.pop(name), kind, name) for name, kind in _fields(cls)}
        if state:
            raise ValueError(f"Unexpected fields in {cls.__name__}.from_state: {state!r}")
        return cls(**values)

    def set_state(self, state: State) -> None:
        for name, kind in _fields(type(self)):
            setattr(self, name, _to_value(state.pop(name), kind, name))
        if state:
            raise ValueError(f"Unexpected fields in {type(self).__name__}.set_state: {state!r}")


def _without_none(kind: Any) -> tuple[Any, bool]:
    """A type without its None, and whether it had one."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kinds = [one for one in typing.get_args(kind) if one is not types.NoneType]
        if len(kinds) == 1:
            return kinds[0], True
    return kind, False


def _convert(value: Any, kind: Any, name: str, leaf) -> Any:
    kind, optional = _without_none(kind)
    if value is None:
        if not optional:
            raise ValueError(f"Attribute {name} must not be None.")
        return None
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, collections.abc.Sequence):
        return [_convert(one, arguments[0], name, leaf) for one in value]
    if origin is tuple:
        # An IPv6 socket's address has four members; the two that its type does not tell are flow label and scope.
        if name in ("peername", "sockname"):
            return tuple(_convert(one, argument, name, leaf) for one, argument in zip(value, (str, int, int, int)))
        if not isinstance(value, (tuple, list)) or len(value) != len(arguments):
            raise ValueError(f"Invalid data for {name}. Expected {arguments}, got {value}.")
        return tuple(_convert(one, argument, name, leaf) for one, argument in zip(value, arguments))
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(f"Invalid value for {name}: {value!r} does not match any literal value.")
        return value
    return leaf(value, kind, name)


def _to_state(value: Any, kind: Any, name: str) -> Any:
    return _convert(value, kind, name, _leaf_to_state)


def _to_value(state: Any, kind: Any, name: str) -> Any:
    return _convert(state, kind, name, _leaf_to_value)


def _plain(value: Any, kind: Any, name: str) -> Any:
    if kind is float and isinstance(value, int):
        return float(value)
    if not isinstance(value, kind):
        raise ValueError(f"Invalid value for {name}. Expected {kind}, got {value} ({type(value)}).")
    return value


def _leaf_to_state(value: Any, kind: Any, name: str) -> Any:
    if issubclass(kind, Serializable):
        return value.get_state()
    if issubclass(kind, enum.Enum):
        return value.value
    return _plain(value, kind, name)


def _leaf_to_value(state: Any, kind: Any, name: str) -> Any:
    if issubclass(kind, Serializable):
        return kind.from_state(state)
    if issubclass(kind, enum.Enum):
        return kind(state)
    return _plain(state, kind, name)

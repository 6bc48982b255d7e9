"""Objects with a state: plain values that make an equal object, as flow files and the addon protocol carry them."""

import abc
import collections.abc
import dataclasses
import enum
import functools
import types
import typing
import uuid
from collections.abc import Callable
from typing import Any

State = Any


class Serializable(metaclass=abc.ABCMeta):
    """An object that can be written as plain values and made of them."""

    @classmethod
    @abc.abstractmethod
    def from_state(cls, state: State):
        """A new object."""

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


class SerializableDataclass(Serializable):
    """A dataclass whose state is a dictionary of its fields; a field with metadata `serialize=False` is left out."""

    def get_state(self) -> State:
        return {name: to_state(getattr(self, name)) for name, to_state, _ in _fields(type(self))}

    @classmethod
    def from_state(cls, state: State):
        values = {name: to_value(state[name]) for name, _, to_value in _fields(cls)}
        if len(state) > len(values):
            unexpected = {name: value for name, value in state.items() if name not in values}
            raise ValueError(f"Unexpected fields in {cls.__name__}.from_state: {unexpected!r}")
        return cls(**values)

    def set_state(self, state: State) -> None:
        for name, _, to_value in _fields(type(self)):
            setattr(self, name, to_value(state.pop(name)))
        if state:
            raise ValueError(f"Unexpected fields in {type(self).__name__}.set_state: {state!r}")


_Convert = Callable[[Any], Any]


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, _Convert, _Convert], ...]:
    """Of each field that is part of the state its name, and how its value becomes state and the other way."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls) if field.metadata.get("serialize", True)]
    return tuple((name, _converter(hints[name], name, _to_state), _converter(hints[name], name, _to_value)) for name in names)


def _converter(kind: Any, name: str, leaf: Callable[[Any, str], _Convert]) -> _Convert:
    """A function for values of the type. ValueError names the field and what it expects."""
    optional = False
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(kind) if member is not types.NoneType]
        if len(members) == 1:
            kind, optional = members[0], True
    convert = _of_members(kind, name, leaf)

    def checked(value: Any) -> Any:
        if value is not None:
            return convert(value)
        if optional:
            return None
        raise ValueError(f"Attribute {name} must not be None.")

    return checked


def _of_members(kind: Any, name: str, leaf: Callable[[Any, str], _Convert]) -> _Convert:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, collections.abc.Sequence):
        each = _converter(arguments[0], name, leaf)
        return lambda value: [each(one) for one in value]
    if origin is typing.Literal:
        return _literal(arguments, name)
    if origin is tuple:
        # An IPv6 socket's address has four members; the two that its type does not tell are flow label and scope.
        socket = name in ("peername", "sockname")
        return _tuple(arguments, [_converter(one, name, leaf) for one in ((str, int, int, int) if socket else arguments)], name, not socket)
    return leaf(kind, name)


def _literal(choices: tuple[Any, ...], name: str) -> _Convert:
    def convert(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"Invalid value for {name}: {value!r} does not match any literal value.")
        return value

    return convert


def _tuple(kinds: tuple[Any, ...], members: list[_Convert], name: str, exact: bool) -> _Convert:
    def convert(value: Any) -> Any:
        if exact and (not isinstance(value, (tuple, list)) or len(value) != len(members)):
            raise ValueError(f"Invalid data for {name}. Expected {kinds}, got {value}.")
        return tuple([member(one) for member, one in zip(members, value)])

    return convert


def _plain(kind: Any, name: str) -> _Convert:
    def convert(value: Any) -> Any:
        if type(value) is kind:
            return value
        if kind is float and isinstance(value, int):
            return float(value)
        if not isinstance(value, kind):
            raise ValueError(f"Invalid value for {name}. Expected {kind}, got {value} ({type(value)}).")
        return value

    return convert


def _to_state(kind: Any, name: str) -> _Convert:
    if issubclass(kind, Serializable):
        return lambda value: value.get_state()
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    return _plain(kind, name)


def _to_value(kind: Any, name: str) -> _Convert:
    if issubclass(kind, Serializable):
        return kind.from_state
    if issubclass(kind, enum.Enum):
        return kind
    return _plain(kind, name)

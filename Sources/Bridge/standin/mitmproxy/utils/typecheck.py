"""Whether values are what an option's type says."""

import collections.abc
import typing
from typing import Any


def _fits(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union or type(kind).__name__ == "UnionType":
        return any(_fits(value, member) for member in members)
    if origin is typing.Literal:
        return value in members
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(members) and all(map(_fits, value, members))
    if origin is collections.abc.Sequence:
        return isinstance(value, (tuple, list)) and all(_fits(one, members[0]) for one in value)
    if isinstance(kind, type):
        return isinstance(value, kind)
    return True


def check_option_type(name: str, value: Any, typeinfo: Any) -> None:
    """TypeError names the option, what it takes and what it was given."""
    if not _fits(value, typeinfo):
        raise TypeError(f"Expected {typeinfo} for {name}, but got {type(value)}.")


def typespec_to_str(typespec: Any) -> str:
    """The type for people. NotImplementedError for one that options cannot have."""
    names = {
        str: "str",
        int: "int",
        bool: "bool",
        float: "float",
        typing.Optional[str]: "optional str",
        typing.Optional[int]: "optional int",
        typing.Sequence[str]: "sequence of str",
        collections.abc.Sequence[str]: "sequence of str",
    }
    if typespec not in names:
        raise NotImplementedError
    return names[typespec]

"""Dictionaries whose keys may have several values, in the order of their fields."""

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

from mitmproxy.coretypes import serializable


class _MultiDict(MutableMapping, metaclass=ABCMeta):
    """The semantics; where `fields` (pairs of key and value) are kept is the subclass's."""

    fields: tuple[tuple[Any, Any], ...]

    @staticmethod
    @abstractmethod
    def _reduce_values(values: Sequence) -> Any:
        """The one value that stands for all values of a key."""

    @staticmethod
    @abstractmethod
    def _kconv(key: Any) -> Any:
        """The form in which keys are compared."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{', '.join(map(repr, self.fields))}]"

    def __getitem__(self, key: Any) -> Any:
        values = self.get_all(key)
        if not values:
            raise KeyError(key)
        return self._reduce_values(values)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.set_all(key, [value])

    def __delitem__(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        wanted = self._kconv(key)
        self.fields = tuple(field for field in self.fields if self._kconv(field[0]) != wanted)

    def __iter__(self) -> Iterator:
        seen = set()
        for key, _ in self.fields:
            compared = self._kconv(key)
            if compared not in seen:
                seen.add(compared)
                yield key

    def __len__(self) -> int:
        return len({self._kconv(key) for key, _ in self.fields})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MultiDict) and self.fields == other.fields

    def get_all(self, key: Any) -> list:
        """All values of a key; empty if there is none."""
        wanted = self._kconv(key)
        return [value for name, value in self.fields if self._kconv(name) == wanted]

    def set_all(self, key: Any, values: Sequence) -> None:
        """The values take the places of the key's old ones; what is left goes to the end."""
        wanted, left, fields = self._kconv(key), list(values), []
        for field in self.fields:
            if self._kconv(field[0]) != wanted:
                fields.append(field)
            elif left:
                fields.append((field[0], left.pop(0)))
        self.fields = tuple(fields + [(key, value) for value in left])

    def add(self, key: Any, value: Any) -> None:
        """One more field, at the end."""
        self.insert(len(self.fields), key, value)

    def insert(self, index: int, key: Any, value: Any) -> None:
        """One more field, before the one at `index`."""
        self.fields = self.fields[:index] + ((key, value),) + self.fields[index:]

    def keys(self, multi: bool = False):
        return (key for key, _ in self.items(multi))

    def values(self, multi: bool = False):
        return (value for _, value in self.items(multi))

    def items(self, multi: bool = False):
        """Pairs: each key once with its reduced value, or all fields (`multi`)."""
        return self.fields if multi else super().items()


class MultiDict(_MultiDict, serializable.Serializable):
    """A multidict of its own; the first value of a key stands for it."""

    def __init__(self, fields=()) -> None:
        super().__init__()
        self.fields = tuple(tuple(field) for field in fields)

    @staticmethod
    def _reduce_values(values):
        return values[0]

    @staticmethod
    def _kconv(key):
        return key

    def get_state(self):
        return self.fields

    def set_state(self, state) -> None:
        self.fields = tuple(tuple(field) for field in state)

    @classmethod
    def from_state(cls, state):
        return cls(state)


class MultiDictView(_MultiDict):
    """A multidict read from something else, and written back there with every change."""

    def __init__(self, getter, setter) -> None:
        self._getter, self._setter = getter, setter
        super().__init__()

    @staticmethod
    def _kconv(key):
        return key

    @staticmethod
    def _reduce_values(values):
        return values[0]

    @property  # type: ignore[override]
    def fields(self):
        return self._getter()

    @fields.setter
    def fields(self, value) -> None:
        self._setter(value)

    def copy(self) -> MultiDict:
        """A multidict that is no view."""
        return MultiDict(self.fields)

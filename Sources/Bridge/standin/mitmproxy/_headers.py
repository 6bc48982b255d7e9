"""Header fields."""

from collections.abc import Iterable, Iterator
from typing import Any

from mitmproxy.coretypes import multidict
from mitmproxy.utils import strutils


def native(value: bytes) -> str:
    """Header text: UTF-8, whose invalid bytes come back unharmed."""
    return value.decode("utf-8", "surrogateescape")


def octets(value: str | bytes) -> bytes:
    return strutils.always_bytes(value, "utf-8", "surrogateescape")  # type: ignore[return-value]


class Headers(multidict.MultiDict):
    """Fields in their order and spelling, found by name in any case; several values of a name read as one, joined by ", ".

    `fields` are pairs of bytes; all other access is text. Keywords are names with "_" for "-".
    """

    def __init__(self, fields: Iterable[tuple[bytes, bytes]] = (), **headers: str | bytes) -> None:
        super().__init__(fields)
        for name, value in self.fields:
            if not isinstance(name, bytes) or not isinstance(value, bytes):
                raise TypeError("Header fields must be bytes.")
        for keyword, text in headers.items():
            self[keyword.replace("_", "-")] = text

    @staticmethod
    def _reduce_values(values) -> str:
        return ", ".join(values)

    @staticmethod
    def _kconv(key) -> Any:
        return key.lower()

    def __bytes__(self) -> bytes:
        return b"".join(b"%b: %b\r\n" % field for field in self.fields)

    def __delitem__(self, key: str | bytes) -> None:
        super().__delitem__(octets(key))

    def __contains__(self, key: object) -> bool:
        wanted = octets(key).lower()  # type: ignore[arg-type]
        return any(name.lower() == wanted for name, _ in self.fields)

    def __iter__(self) -> Iterator[str]:
        return map(native, super().__iter__())

    def get_all(self, name: str | bytes) -> list[str]:
        """Each value of the name, unjoined."""
        return [native(value) for value in super().get_all(octets(name))]

    def set_all(self, name: str | bytes, values: Iterable[str | bytes]) -> None:
        super().set_all(octets(name), [octets(value) for value in values])

    def insert(self, index: int, key: str | bytes, value: str | bytes) -> None:
        super().insert(index, octets(key), octets(value))

    def items(self, multi: bool = False):
        if multi:
            return ((native(name), native(value)) for name, value in self.fields)
        return super().items()


def headers_of(value: Any) -> Headers:
    """What `make` takes as headers."""
    if isinstance(value, Headers):
        return value
    if isinstance(value, dict):
        return Headers((octets(name), octets(text)) for name, text in value.items())
    if isinstance(value, Iterable):
        return Headers(value)
    raise TypeError(f"Expected headers to be an iterable or dict, but is {type(value).__name__}.")

"""Headers and trailers as they are on the wire: a list of pairs `[name, value]`, in order.

Names are found in either case. They and the values are byte strings (see `bytes_of`): nearly always a `str`. The list
is changed in place, and returned.
"""

from typing import Any

from .values import bytes_of

Pairs = list[list[Any]]


def _is(found: Any, name: str) -> bool:
    return (found if isinstance(found, str) else bytes_of(found).decode("latin-1")).lower() == name.lower()


def get(pairs: Pairs, name: str, default: Any = None) -> Any:
    """The first value of that name."""
    return next((value for found, value in pairs if _is(found, name)), default)


def get_all(pairs: Pairs, name: str) -> list[Any]:
    return [value for found, value in pairs if _is(found, name)]


def set(pairs: Pairs, name: str, value: Any) -> Pairs:
    """Gives the first of that name the value and takes the others away; a new one goes behind all."""
    place = next((place for place, (found, _) in enumerate(pairs) if _is(found, name)), len(pairs))
    pairs[place:] = [[name, value], *remove(pairs[place:], name)]
    return pairs


def add(pairs: Pairs, name: str, value: Any) -> Pairs:
    """Puts one more behind all."""
    pairs.append([name, value])
    return pairs


def remove(pairs: Pairs, name: str) -> Pairs:
    pairs[:] = [[found, value] for found, value in pairs if not _is(found, name)]
    return pairs

"""The filter language: `~u example.com & !(~c 404)`.

Grammar (loosest first): a sequence of expressions must all hold; `a | b`; `a & b`; `!a`; `( a )`, an operator, or a bare word, which
is the regular expression of a URL. Operators: see `help`. Words end at whitespace, parentheses, `~` and quotes; quoted ones have
backslash escapes.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from mitmproxy import _filter_operators as _operators
from mitmproxy import flow
from mitmproxy._filter_parser import FAnd, FNot, FOr, parse_expression


class TFilter(Protocol):
    """A parsed filter."""

    pattern: str

    def __call__(self, f: flow.Flow) -> bool: ...


def parse(s: str) -> TFilter:
    """ValueError if it is no filter."""
    if not s:
        raise ValueError("Empty filter expression")
    try:
        parsed = parse_expression(s)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Invalid filter expression: {s!r}") from error
    parsed.pattern = s
    return parsed


def match(flt: str | TFilter | None, flow: flow.Flow) -> bool:
    """Whether the flow is one of the filter's; no filter matches all. ValueError if it is no filter."""
    if isinstance(flt, str):
        flt = parse(flt)
    return flt(flow) if flt else True


def match_all(f: Any) -> bool:
    return True


match_all.pattern = ""  # type: ignore[attr-defined]

# Each operator's class has mitmproxy's name for it.
globals().update({kind.__name__: kind for kind in _operators.OPERATORS.values()})
filter_unary = [kind for kind in _operators.OPERATORS.values() if kind.takes == ""]
filter_rex = [kind for kind in _operators.OPERATORS.values() if kind.takes == "regex"]
filter_int = [kind for kind in _operators.OPERATORS.values() if kind.takes == "int"]

help: Sequence[tuple[str, str]] = sorted(  # noqa: A001
    (f"~{kind.code} {kind.takes}".rstrip(), kind.help) for kind in _operators.OPERATORS.values()
) + [
    ("!", "unary not"),
    ("&", "and"),
    ("|", "or"),
    ("(...)", "grouping"),
]

__all__ = ["FAnd", "FNot", "FOr", "TFilter", "filter_int", "filter_rex", "filter_unary", "help", "match", "match_all", "parse"]

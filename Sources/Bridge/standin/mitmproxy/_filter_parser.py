"""Reads filter expressions."""

import re
from collections.abc import Sequence
from typing import Any

from mitmproxy._filter_operators import OPERATORS, FUrl, Operator

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"""[^\s()~'"]+""")
_OPERATOR = re.compile(r"~([A-Za-z]+)")
_INTEGER = re.compile(r"\d+")
_QUOTED = re.compile(r"'(?:[^'\n\r\\]|\\.)*'|\"(?:[^\"\n\r\\]|\\.)*\"")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


class FAnd:
    """All of them."""

    pattern = ""

    def __init__(self, lst: Sequence[Any]) -> None:
        self.lst = lst

    def __call__(self, f: Any) -> bool:
        return all(one(f) for one in self.lst)


class FOr:
    """Any of them."""

    pattern = ""

    def __init__(self, lst: Sequence[Any]) -> None:
        self.lst = lst

    def __call__(self, f: Any) -> bool:
        return any(one(f) for one in self.lst)


class FNot:
    pattern = ""

    def __init__(self, itm: Any) -> None:
        self.itm = itm

    def __call__(self, f: Any) -> bool:
        return not self.itm(f)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]

    def take(self, pattern: re.Pattern) -> re.Match | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def next(self) -> str:
        self.skip()
        return self.text[self.at : self.at + 1]

    def fail(self, expected: str) -> ValueError:
        return ValueError(f"{expected} was expected at {self.text[self.at : self.at + 20]!r}")

    def all(self) -> Any:
        found = []
        while self.next():
            found.append(self.infix("|", FOr, lambda: self.infix("&", FAnd, self.prefix)))
        return FAnd(found) if len(found) != 1 else found[0]

    def infix(self, sign: str, kind: type, operand: Any) -> Any:
        found = [operand()]
        while self.next() == sign:
            before = self.at
            self.at += 1
            try:
                found.append(operand())
            except ValueError:
                # A sign without an operand is a word of the sequence.
                self.at = before
                break
        return kind(found) if len(found) > 1 else found[0]

    def prefix(self) -> Any:
        if self.next() == "!":
            before = self.at
            self.at += 1
            try:
                return FNot(self.prefix())
            except ValueError:
                self.at = before
        return self.operand()

    def operand(self) -> Any:
        start = self.next()
        if start == "(":
            self.at += 1
            found = self.infix("|", FOr, lambda: self.infix("&", FAnd, self.prefix))
            if self.next() != ")":
                raise self.fail("')'")
            self.at += 1
            return found
        if start == "~":
            return self.operator()
        return FUrl(self.argument())

    def operator(self) -> Operator:
        found = self.take(_OPERATOR)
        kind = OPERATORS.get(found[1]) if found else None
        if kind is None:
            raise self.fail("an operator")
        if self.text[self.at : self.at + 1].strip():
            raise self.fail("whitespace")
        if not kind.takes:
            return kind()
        if kind.takes == "int":
            self.skip()
            number = self.take(_INTEGER)
            if not number:
                raise self.fail("a number")
            return kind(int(number[0]))
        return kind(self.argument())

    def argument(self) -> str:
        self.skip()
        word = self.take(_WORD)
        if word:
            return word[0]
        quoted = self.take(_QUOTED)
        if quoted:
            return _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted[0][1:-1])
        raise self.fail("a word")


def parse_expression(text: str) -> Any:
    """ValueError says where it goes wrong."""
    parser = _Parser(text)
    if not parser.next():
        raise parser.fail("an expression")
    return parser.all()

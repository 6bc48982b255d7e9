"""Words of a command line."""

import re

_WORD = re.compile(r"""'(?:[^'\\]|\\.)*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$)|[^\s"']+""", re.DOTALL)


def split(line: str) -> list[str]:
    """Words at whitespace; quoted ones may contain it."""
    return [unquote(word) for word in _WORD.findall(line)]


def quote(val: str) -> str:
    """A word that is read back as `val`."""
    if val and not re.search(r"[\s\"']", val):
        return val
    if '"' not in val:
        return f'"{val}"'
    if "'" not in val:
        return f"'{val}'"
    escaped = val.replace('"', r"\x22")
    return f'"{escaped}"'


def unquote(x: str) -> str:
    return x[1:-1] if len(x) > 1 and x[0] in "'\"" and x[0] == x[-1] else x

"""Text and bytes, each as the other."""

import codecs
import re
from collections.abc import Iterable, Iterator

MULTILINE_CONTENT = r"[\s\S]*?"
SINGLELINE_CONTENT = r".*?"
NO_ESCAPE = r"(?<!\\)(?:\\\\)*"
MULTILINE_CONTENT_LINE_CONTINUATION = r"(?:.|(?<=\\)\n)*?"

_CONTROLS = {code: ord(".") for code in (*range(32), 127)}
_CONTROLS_BUT_SPACING = {code: dot for code, dot in _CONTROLS.items() if chr(code) not in "\r\n\t"}


def always_bytes(str_or_bytes: None | str | bytes, *encode_args) -> None | bytes:
    if str_or_bytes is None or isinstance(str_or_bytes, bytes):
        return str_or_bytes
    if isinstance(str_or_bytes, str):
        return str_or_bytes.encode(*encode_args)
    raise TypeError(f"Expected str or bytes, but got {type(str_or_bytes).__name__}.")


def always_str(str_or_bytes: None | str | bytes, *decode_args) -> None | str:
    if str_or_bytes is None or isinstance(str_or_bytes, str):
        return str_or_bytes
    if isinstance(str_or_bytes, bytes):
        return str_or_bytes.decode(*decode_args)
    raise TypeError(f"Expected str or bytes, but got {type(str_or_bytes).__name__}.")


def escape_control_characters(text: str, keep_spacing: bool = True) -> str:
    """Control characters as dots, but for line ends and tabs."""
    if not isinstance(text, str):
        raise ValueError(f"text type must be unicode but is {type(text).__name__}")
    return text.translate(_CONTROLS_BUT_SPACING if keep_spacing else _CONTROLS)


def bytes_to_escaped_str(data: bytes, keep_spacing: bool = False, escape_single_quotes: bool = False) -> str:
    """Bytes as they stand in a Python literal, without its quotes."""
    if not isinstance(data, bytes):
        raise ValueError(f"data must be bytes, but is {type(data).__name__}")
    # With a double quote in it the literal has single quotes, where these are escaped.
    text = repr(b'"' + data)[3:-1]
    if not escape_single_quotes:
        text = re.sub(r"(?<!\\)(\\\\)*\\'", lambda found: (found[1] or "") + "'", text)
    if keep_spacing:
        text = re.sub(r"(?<!\\)(\\\\)*\\([nrt])", lambda found: (found[1] or "") + {"n": "\n", "r": "\r", "t": "\t"}[found[2]], text)
    return text


def escaped_str_to_bytes(data: str) -> bytes:
    """The bytes of a literal's text. ValueError for a broken escape."""
    if not isinstance(data, str):
        raise ValueError(f"data must be str, but is {type(data).__name__}")
    return codecs.escape_decode(data)[0]  # type: ignore[attr-defined]


def is_mostly_bin(s: bytes) -> bool:
    """Whether more than 30 % of the first 100 bytes are not printable ASCII."""
    if not s:
        return False
    start = s[:100]
    odd = sum(byte < 9 or 13 < byte < 32 or byte > 126 for byte in start)
    return odd / len(start) > 0.3


def is_xml(s: bytes) -> bool:
    return s.lstrip()[:1] == b"<"


def clean_hanging_newline(t: str) -> str:
    """Without the last line's end."""
    return t[:-1] if t and t[-1] == "\n" else t


def hexdump(s: bytes) -> Iterator[tuple[str, str, str]]:
    """Offset, 16 octets in hexadecimal and as text, line by line."""
    for offset in range(0, len(s), 16):
        part = s[offset : offset + 16]
        text = escape_control_characters(part.decode("ascii", "replace").replace("\ufffd", "."), False)
        yield f"{offset:0=10x}", part.hex(" ").ljust(47), text


def split_special_areas(data: str, area_delimiter: Iterable[str]) -> list[str]:
    """Text cut at areas that match one of the expressions: those are the odd elements."""
    return re.split("({})".format("|".join(area_delimiter)), data, flags=re.MULTILINE)


def escape_special_areas(data: str, area_delimiter: Iterable[str], control_characters: Iterable[str]) -> str:
    """Text whose control characters, within the areas, stand in Unicode's private plane until `unescape_special_areas`."""
    moved = re.compile("[{}]".format(re.escape("".join(control_characters))))
    parts = split_special_areas(data, area_delimiter)
    parts[1::2] = [moved.sub(lambda found: chr(ord(found[0]) + 0xE000), part) for part in parts[1::2]]
    return "".join(parts)


def unescape_special_areas(data: str) -> str:
    return re.sub(r"[\ue000-\ue0ff]", lambda found: chr(ord(found[0]) - 0xE000), data)

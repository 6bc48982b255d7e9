"""Content-Type headers, and the charset that a body's text is in."""

import re
from collections.abc import Mapping

_HTML_CHARSET = re.compile(rb"""<meta[^>]+charset=['"]?([^'">]+)""", re.IGNORECASE)
_CSS_CHARSET = re.compile(rb"""@charset "([^"]+)";""", re.IGNORECASE)


def parse_content_type(c: str) -> tuple[str, str, dict[str, str]] | None:
    """`text/html; charset=UTF-8` as ("text", "html", {"charset": "UTF-8"}); None without a slash."""
    kind, _, rest = c.partition(";")
    main, slash, sub = kind.partition("/")
    if not slash:
        return None
    pairs = (member.partition("=") for member in rest.split(";"))
    return main.lower(), sub.lower(), {key.strip(): value.strip() for key, equals, value in pairs if equals}


def assemble_content_type(type: str, subtype: str, parameters: Mapping[str, str] | None) -> str:  # noqa: A002
    return "; ".join([f"{type}/{subtype}", *(f"{key}={value}" for key, value in (parameters or {}).items())])


def infer_content_encoding(content_type: str, content: bytes = b"") -> str:
    """The charset that the header names, else that the content's start names, else the type's usual one."""
    charset = _named_charset(content_type, content) or "latin-1"
    # A browser reads the older of these as the newest, which contains them.
    return "gb18030" if charset.lower() in ("gb2312", "gbk") else charset


def _named_charset(content_type: str, content: bytes) -> str | None:
    parsed = parse_content_type(content_type)
    if parsed and (charset := parsed[2].get("charset")):
        return charset
    if "json" in content_type:
        return "utf8"
    found = None
    if "html" in content_type:
        found = _HTML_CHARSET.search(content)
    elif "text/css" in content_type:
        found = _CSS_CHARSET.match(content)
    return found[1].decode("ascii", "ignore") if found else None

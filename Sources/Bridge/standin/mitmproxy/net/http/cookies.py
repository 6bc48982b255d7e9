"""The headers Cookie and Set-Cookie, leniently: what real servers and browsers send."""

import email.utils
import re
import time
from collections.abc import Iterable

from mitmproxy.coretypes import multidict

# What must be quoted in a value: whitespace, controls, non-ASCII and what separates.
_SPECIAL = re.compile(r'[",;\\]|[^\x21-\x7e]')
_ESCAPED = re.compile(r'(["\\])')


class CookieAttrs(multidict.MultiDict):
    """A cookie's attributes: names in any case; of several the last counts."""

    @staticmethod
    def _kconv(key):
        return key.lower()

    @staticmethod
    def _reduce_values(values):
        return values[-1]


TSetCookie = tuple[str, str | None, CookieAttrs]


def _read_until(text: str, start: int, ends: str) -> tuple[str, int]:
    end = start
    while end < len(text) and text[end] not in ends:
        end += 1
    return text[start:end], end


def _read_value(text: str, start: int, ends: str) -> tuple[str, int]:
    """A token up to one of `ends`, or a quoted string; and where the reading stopped."""
    if text[start : start + 1] != '"':
        return _read_until(text, start, ends)
    value, index = [], start + 1
    while index < len(text):
        if text[index] == "\\" and index + 1 < len(text):
            index += 1
        elif text[index] == '"':
            return "".join(value), index + 1
        if text[index] != "\\" or text[index - 1] == "\\":
            value.append(text[index])
        index += 1
    return "".join(value), index


def _format_pairs(pairs: Iterable, unquoted: tuple[str, ...] = ()) -> str:
    """Names with values; a name alone where the value is None."""
    parts = []
    for name, value in pairs:
        if value is None:
            parts.append(name)
            continue
        if name.lower() not in unquoted and _SPECIAL.search(value):
            value = '"%s"' % _ESCAPED.sub(r"\\\1", value)
        parts.append(f"{name}={value}")
    return "; ".join(parts)


def parse_cookie_header(line: str) -> list[list[str]]:
    """Lists of name and value."""
    pairs, index = [], 0
    while index < len(line) or not index:
        name, index = _read_until(line, index, ";=")
        name, value = name.lstrip(), ""
        if line[index : index + 1] == "=":
            value, index = _read_value(line, index + 1, ";")
        if name or value:
            pairs.append([name, value])
        index += 1
    return pairs


def parse_cookie_headers(cookie_headers: Iterable[str]) -> list[list[str]]:
    return [pair for header in cookie_headers for pair in parse_cookie_header(header)]


def format_cookie_header(lst: Iterable[tuple[str, str]]) -> str:
    return _format_pairs(lst)


def _read_set_cookies(line: str) -> list[list[tuple[str, str | None]]]:
    """The cookies of a line, which commas may separate, each as its pairs."""
    cookies: list[list[tuple[str, str | None]]] = []
    pairs: list[tuple[str, str | None]] = []
    index = 0
    while True:
        name, index = _read_until(line, index, ";=,")
        name, value = name.lstrip(), None
        if line[index : index + 1] == "=":
            value, index = _read_value(line, index + 1, ";,")
            # What is that short is the day of a date, whose comma ends no cookie.
            if name.lower() == "expires" and len(value) <= 3:
                rest, index = _read_value(line, index + 1, ";,")
                value = f"{value},{rest}"
        if name or value is not None:
            pairs.append((name, value))
        if line[index : index + 1] == ",":
            cookies.append(pairs)
            pairs = []
        index += 1
        if index >= len(line):
            break
    return cookies + [pairs] if pairs or not cookies else cookies


def parse_set_cookie_header(line: str) -> list[TSetCookie]:
    return [(pairs[0][0], pairs[0][1], CookieAttrs(pairs[1:])) for pairs in _read_set_cookies(line) if pairs]


def parse_set_cookie_headers(headers: Iterable[str]) -> list[TSetCookie]:
    return [cookie for header in headers for cookie in parse_set_cookie_header(header)]


def format_set_cookie_header(set_cookies: list[TSetCookie]) -> str:
    return ", ".join(_format_pairs([(name, value), *attributes.fields], ("expires", "path")) for name, value, attributes in set_cookies)


def group_cookies(pairs) -> list[tuple[str, str, CookieAttrs]]:
    """Pairs where attributes follow their cookie, as one entry a cookie."""
    if not pairs:
        return []
    groups = []
    for name, value in pairs:
        if groups and name.lower() in _cookie_params:
            groups[-1][2].append((name, value))
        else:
            groups.append((name, value, []))
    return [(name, value, CookieAttrs(attributes)) for name, value, attributes in groups]


_cookie_params = {"expires", "path", "comment", "max-age", "secure", "httponly", "version"}


def get_expiration_ts(cookie_attrs: CookieAttrs) -> float | None:
    """When the cookie ends (seconds since 1970); None for one of the session."""
    if "expires" in cookie_attrs:
        date = email.utils.parsedate_tz(cookie_attrs["expires"])
        if date:
            return email.utils.mktime_tz(date)
    elif "max-age" in cookie_attrs:
        try:
            age = int(cookie_attrs["max-age"])
        except ValueError:
            return None
        return time.time() + age
    return None


def is_expired(cookie_attrs: CookieAttrs) -> bool:
    """Whether its end has come, or its age is zero."""
    end = get_expiration_ts(cookie_attrs)
    return False if end is None else end <= time.time()


def refresh_set_cookie_header(c: str, delta: int) -> str:
    """The header as a server would send it `delta` seconds later. ValueError if it is no cookie."""
    cookies = parse_set_cookie_header(c)
    for name, value, attributes in cookies:
        if not name or not value:
            raise ValueError("Invalid Cookie")
        if "expires" not in attributes:
            continue
        date = email.utils.parsedate_tz(attributes["expires"])
        if date:
            attributes["expires"] = email.utils.formatdate(email.utils.mktime_tz(date) + delta, usegmt=True)
        else:
            # Some servers send no date here, such as "-1".
            del attributes["expires"]
    return format_set_cookie_header(cookies)

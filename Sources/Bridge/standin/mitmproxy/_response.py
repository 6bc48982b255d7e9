"""Responses."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate, mktime_tz, parsedate_tz

from mitmproxy._headers import Headers, headers_of
from mitmproxy._http_message import Message, MessageData
from mitmproxy.coretypes import multidict
from mitmproxy.net.http import cookies, status_codes
from mitmproxy.utils import human, strutils


@dataclass
class ResponseData(MessageData):
    status_code: int
    reason: bytes


class Response(Message):
    """A response."""

    data: ResponseData

    def __init__(
        self,
        http_version: bytes,
        status_code: int,
        reason: bytes,
        headers: Headers | tuple[tuple[bytes, bytes], ...],
        content: bytes | None,
        trailers: None | Headers | tuple[tuple[bytes, bytes], ...],
        timestamp_start: float,
        timestamp_end: float | None,
    ) -> None:
        if isinstance(http_version, str):
            http_version = http_version.encode("ascii", "strict")
        if isinstance(reason, str):
            reason = reason.encode("ascii", "strict")
        if isinstance(content, str):
            raise ValueError("Content must be bytes, not str.")
        if not isinstance(headers, Headers):
            headers = Headers(headers)
        if trailers is not None and not isinstance(trailers, Headers):
            trailers = Headers(trailers)
        self.data = ResponseData(http_version, headers, content, trailers, timestamp_start, timestamp_end, status_code, reason)

    def __repr__(self) -> str:
        if self.raw_content is None:
            return f"Response({self.status_code}, no content)"
        kind = self.headers.get("content-type", "unknown content type")
        return f"Response({self.status_code}, {kind}, {human.pretty_size(len(self.raw_content))})"

    @classmethod
    def make(
        cls,
        status_code: int = 200,
        content: bytes | str = b"",
        headers: Headers | Mapping[str, str | bytes] | Iterable[tuple[bytes, bytes]] = (),
    ) -> "Response":
        """A response of ours, with its length stated."""
        if not isinstance(status_code, int):
            raise TypeError(f"Expected {int} for status_code, but got {type(status_code)}.")
        reason = status_codes.RESPONSES.get(status_code, "").encode()
        now = time.time()
        response = cls(b"HTTP/1.1", status_code, reason, headers_of(headers), None, None, now, time.time())
        response._fill(content)
        return response

    @property
    def status_code(self) -> int:
        return self.data.status_code

    @status_code.setter
    def status_code(self, status_code: int) -> None:
        self.data.status_code = status_code

    @property
    def reason(self) -> str:
        """The text after the status; HTTP/2 has none."""
        return self.data.reason.decode("ISO-8859-1")

    @reason.setter
    def reason(self, reason: str | bytes) -> None:
        self.data.reason = strutils.always_bytes(reason, "ISO-8859-1")  # type: ignore[assignment]

    def _get_cookies(self):
        found = cookies.parse_set_cookie_headers(self.headers.get_all("set-cookie"))
        return tuple((name, (value, attributes)) for name, value, attributes in found)

    def _set_cookies(self, value) -> None:
        self.headers.set_all(
            "set-cookie", [cookies.format_set_cookie_header([(name, text, attributes)]) for name, (text, attributes) in value]
        )

    @property
    def cookies(self) -> multidict.MultiDictView:
        """Name to (value, attributes) of each Set-Cookie; changes are written to the headers."""
        return multidict.MultiDictView(self._get_cookies, self._set_cookies)

    @cookies.setter
    def cookies(self, value) -> None:
        self._set_cookies(value)

    def refresh(self, now: float | None = None) -> None:
        """Move its dates, and its cookies' ends, as if it had been sent now."""
        delta = (now or time.time()) - self.timestamp_start
        for name in ("date", "expires", "last-modified"):
            date = parsedate_tz(self.headers[name]) if name in self.headers else None
            if date:
                self.headers[name] = formatdate(mktime_tz(date) + delta, usegmt=True)
        refreshed = []
        for cookie in self.headers.get_all("set-cookie"):
            try:
                refreshed.append(cookies.refresh_set_cookie_header(cookie, delta))
            except ValueError:
                refreshed.append(cookie)
        if refreshed:
            self.headers.set_all("set-cookie", refreshed)

"""What requests and responses have in common."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mitmproxy._headers import Headers, native, octets
from mitmproxy.coretypes import serializable
from mitmproxy.net import encoding
from mitmproxy.net.http.headers import assemble_content_type, infer_content_encoding, parse_content_type


_NONE = type(None)
# Types of the fields; numbers are seconds since 1970.
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("http_version", "reason", "method", "scheme", "authority", "path"), (bytes,)),
    **dict.fromkeys(("status_code", "port"), (int,)),
    "content": (bytes, _NONE),
    "headers": (Headers,),
    "host": (str,),
    "timestamp_end": (float, int, _NONE),
    "timestamp_start": (float, int),
    "trailers": (Headers, _NONE),
}


@dataclass
class MessageData(serializable.Serializable):
    """The message as it is on the wire; times are seconds since 1970."""

    http_version: bytes
    headers: Headers
    content: bytes | None
    trailers: Headers | None
    timestamp_start: float
    timestamp_end: float | None

    def get_state(self) -> dict[str, Any]:
        state = vars(self).copy()
        state["headers"] = self.headers.get_state()
        if self.trailers is not None:
            state["trailers"] = self.trailers.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            if name in ("headers", "trailers") and value is not None:
                value = Headers.from_state(value)
            setattr(self, name, value)

    def __post_init__(self) -> None:
        """TypeError for what is of another type than its field."""
        for name, value in vars(self).items():
            if not isinstance(value, _KINDS[name]):
                kinds = " or ".join(kind.__name__ for kind in _KINDS[name])
                raise TypeError(f"Expected {kinds} for {name}, but got {type(value)}.")

    @classmethod
    def from_state(cls, state: dict[str, Any]):
        multidicts = ("headers", "trailers")
        return cls(**{name: Headers.from_state(value) if name in multidicts and value else value for name, value in state.items()})


class Message(serializable.Serializable):
    """Headers, body (`content` is decoded, `raw_content` as it travels), trailers.

    `stream`: True passes the body on unread; a function is given each piece, and returns one or several.
    """

    data: Any
    stream: Callable[[bytes], Iterable[bytes] | bytes] | bool = False

    @classmethod
    def from_state(cls, state):
        return cls(**state)

    def get_state(self):
        return self.data.get_state()

    def set_state(self, state) -> None:
        self.data.set_state(state)

    @property
    def http_version(self) -> str:
        """Such as "HTTP/1.1", "HTTP/2.0"."""
        return native(self.data.http_version)

    @http_version.setter
    def http_version(self, http_version: str | bytes) -> None:
        self.data.http_version = octets(http_version)

    @property
    def is_http10(self) -> bool:
        return self.data.http_version == b"HTTP/1.0"

    @property
    def is_http11(self) -> bool:
        return self.data.http_version == b"HTTP/1.1"

    @property
    def is_http2(self) -> bool:
        return self.data.http_version == b"HTTP/2.0"

    @property
    def is_http3(self) -> bool:
        return self.data.http_version == b"HTTP/3"

    @property
    def headers(self) -> Headers:
        return self.data.headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self.data.headers = headers

    @property
    def trailers(self) -> Headers | None:
        """Fields after the body."""
        return self.data.trailers

    @trailers.setter
    def trailers(self, trailers: Headers | None) -> None:
        self.data.trailers = trailers

    @property
    def timestamp_start(self) -> float:
        return self.data.timestamp_start

    @timestamp_start.setter
    def timestamp_start(self, timestamp_start: float) -> None:
        self.data.timestamp_start = timestamp_start

    @property
    def timestamp_end(self) -> float | None:
        return self.data.timestamp_end

    @timestamp_end.setter
    def timestamp_end(self, timestamp_end: float | None) -> None:
        self.data.timestamp_end = timestamp_end

    @property
    def raw_content(self) -> bytes | None:
        """The body with its codings; None if it was not kept."""
        return self.data.content

    @raw_content.setter
    def raw_content(self, content: bytes | None) -> None:
        self.data.content = content

    @property
    def content(self) -> bytes | None:
        """The body without its codings. ValueError if it does not decode."""
        return self.get_content()

    @content.setter
    def content(self, value: bytes | None) -> None:
        self.set_content(value)

    @property
    def text(self) -> str | None:
        """The body as text. ValueError if it does not decode."""
        return self.get_text()

    @text.setter
    def text(self, value: str | None) -> None:
        self.set_text(value)

    def get_content(self, strict: bool = True) -> bytes | None:
        """`content`; where it does not decode the body as it is, if not `strict`."""
        coding = self.headers.get("content-encoding")
        if self.raw_content is None or not coding:
            return self.raw_content
        try:
            content = encoding.decode(self.raw_content, coding)
            # A charset such as "utf8" is no content coding.
            if isinstance(content, str):
                raise ValueError(f"Invalid Content-Encoding: {coding}")
            return content
        except ValueError:
            if strict:
                raise
            return self.raw_content

    def set_content(self, value: bytes | None) -> None:
        """The body is coded as its headers say, and its length stated. An unknown coding's header is removed."""
        if value is None:
            self.raw_content = None
            return
        if not isinstance(value, bytes):
            raise TypeError(
                f"Message content must be bytes, not {type(value).__name__}. Please use .text if you want to assign a str."
            )
        coding = self.headers.get("content-encoding")
        try:
            self.raw_content = encoding.encode(value, coding or "identity")  # type: ignore[assignment]
        except ValueError:
            del self.headers["content-encoding"]
            self.raw_content = value
        if "transfer-encoding" not in self.headers:
            self.headers["content-length"] = str(len(self.raw_content or b""))

    def get_text(self, strict: bool = True) -> str | None:
        """`text`; if not `strict`, bytes that are no text become surrogates."""
        content = self.get_content(strict)
        if content is None:
            return None
        charset = infer_content_encoding(self.headers.get("content-type", ""), content)
        try:
            return encoding.decode(content, charset)  # type: ignore[return-value]
        except ValueError:
            if strict:
                raise
            return content.decode("utf8", "surrogateescape")

    def set_text(self, text: str | None) -> None:
        """The body in the charset of its headers; in UTF-8, which they then say, if that has no such characters."""
        if text is None:
            self.content = None
            return
        kind = self.headers.get("content-type", "")
        try:
            self.content = encoding.encode(text, infer_content_encoding(kind))  # type: ignore[assignment]
        except ValueError:
            main, sub, parameters = parse_content_type(kind) or ("text", "plain", {})
            parameters["charset"] = "utf-8"
            self.headers["content-type"] = assemble_content_type(main, sub, parameters)
            self.content = text.encode("utf8", "surrogateescape")

    def decode(self, strict: bool = True) -> None:
        """Remove the body's coding, here and in the headers. ValueError if it does not decode and `strict`."""
        content = self.get_content(strict)
        self.headers.pop("content-encoding", None)
        self.content = content

    def encode(self, encoding: str) -> None:
        """Code the body (gzip, deflate, identity, br, zstd). ValueError if the coding is unknown."""
        self.headers["content-encoding"] = encoding
        self.content = self.raw_content
        if "content-encoding" not in self.headers:
            raise ValueError(f"Invalid content encoding {encoding!r}")

    def json(self, **kwargs: Any) -> Any:
        """The value of the JSON body. TypeError if there is no body, ValueError if it is no JSON."""
        content = self.get_content(strict=False)
        if content is None:
            raise TypeError("Message content is not available.")
        return json.loads(content, **kwargs)

    def _fill(self, content: bytes | str) -> None:
        """What `make` takes as the body."""
        if isinstance(content, bytes):
            self.content = content
        elif isinstance(content, str):
            self.text = content
        else:
            raise TypeError(f"Expected content to be str or bytes, but is {type(content).__name__}.")

"""The operators of filters: one class each, in a table by name."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from mitmproxy import dns, http, tcp, udp

OPERATORS: dict[str, type["Operator"]] = {}

_ASSETS = (
    "text/javascript",
    "application/x-javascript",
    "application/javascript",
    "text/css",
    "image/",
    "font/",
    "application/font",
)


class Operator:
    """A test of flows. `takes` is the kind of its argument."""

    code: ClassVar[str]
    help: ClassVar[str]
    takes: ClassVar[str] = ""
    kinds: ClassVar[tuple[type, ...]] = ()
    pattern = ""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "code" in cls.__dict__:
            OPERATORS[cls.code] = cls

    def __call__(self, f: Any) -> bool:
        return (not self.kinds or isinstance(f, self.kinds)) and self.holds(f)

    def holds(self, f: Any) -> bool:
        raise NotImplementedError


class _Regex(Operator):
    """Holds if the expression is found in one of `texts`. ValueError if it is no regular expression."""

    takes = "regex"
    flags: ClassVar[int] = 0
    is_binary: ClassVar[bool] = True

    def __init__(self, expr: str) -> None:
        self.expr = expr
        try:
            self.re = re.compile(expr.encode() if self.is_binary else expr, self.flags)
        except re.error as error:
            raise ValueError(f"{expr!r} is no regular expression: {error}") from error

    def holds(self, f: Any) -> bool:
        return any(text is not None and self.re.search(text) is not None for text in self.texts(f))

    def texts(self, f: Any) -> Iterable[Any]:
        raise NotImplementedError


def _exchange(f: Any) -> bool:
    return isinstance(f, (http.HTTPFlow, dns.DNSFlow))


class FAll(Operator):
    code, help = "all", "Match all flows"

    def holds(self, f):
        return True


class FErr(Operator):
    code, help = "e", "Match error"

    def holds(self, f):
        return bool(f.error)


class FMarked(Operator):
    code, help = "marked", "Match marked flows"

    def holds(self, f):
        return bool(f.marked)


class FHTTP(Operator):
    code, help, kinds = "http", "Match HTTP flows", (http.HTTPFlow,)

    def holds(self, f):
        return True


class FWebSocket(Operator):
    code, help, kinds = "websocket", "Match WebSocket flows", (http.HTTPFlow,)

    def holds(self, f):
        return f.websocket is not None


class FTCP(Operator):
    code, help, kinds = "tcp", "Match TCP flows", (tcp.TCPFlow,)

    def holds(self, f):
        return True


class FUDP(Operator):
    code, help, kinds = "udp", "Match UDP flows", (udp.UDPFlow,)

    def holds(self, f):
        return True


class FDNS(Operator):
    code, help, kinds = "dns", "Match DNS flows", (dns.DNSFlow,)

    def holds(self, f):
        return True


class FReq(Operator):
    code, help, kinds = "q", "Match request with no response", (http.HTTPFlow, dns.DNSFlow)

    def holds(self, f):
        return not f.response


class FResp(Operator):
    code, help, kinds = "s", "Match response", (http.HTTPFlow, dns.DNSFlow)

    def holds(self, f):
        return bool(f.response)


class FReplay(Operator):
    code, help = "replay", "Match replayed flows"

    def holds(self, f):
        return f.is_replay is not None


class FReplayClient(Operator):
    code, help = "replayq", "Match replayed client request"

    def holds(self, f):
        return f.is_replay == "request"


class FReplayServer(Operator):
    code, help = "replays", "Match replayed server response"

    def holds(self, f):
        return f.is_replay == "response"


class FAsset(Operator):
    code, help, kinds = "a", "Match asset in response: CSS, JavaScript, images, fonts.", (http.HTTPFlow,)

    def holds(self, f):
        kind = f.response.headers.get("content-type", "") if f.response else ""
        return any(asset in kind for asset in _ASSETS)


class FCode(Operator):
    code, help, takes, kinds = "c", "HTTP response code", "int", (http.HTTPFlow,)

    def __init__(self, num: int) -> None:
        self.num = int(num)

    def holds(self, f):
        return bool(f.response) and f.response.status_code == self.num


class _Of:
    """Which of a flow's two messages an operator looks at."""

    sides: ClassVar[tuple[str, ...]] = ("request", "response")

    def messages(self, f: Any) -> list:
        return [message for message in (getattr(f, side, None) for side in self.sides) if message]


class FHead(_Of, _Regex):
    code, help, kinds, flags = "h", "Header", (http.HTTPFlow,), re.MULTILINE

    def texts(self, f):
        return [bytes(message.headers) for message in self.messages(f)]


class FHeadRequest(FHead):
    code, help, sides = "hq", "Request header", ("request",)


class FHeadResponse(FHead):
    code, help, sides = "hs", "Response header", ("response",)


class FContentType(_Of, _Regex):
    code, help, kinds = "t", "Content-type header", (http.HTTPFlow,)

    def texts(self, f):
        return [value for message in self.messages(f) for name, value in message.headers.fields if name.lower() == b"content-type"]


class FContentTypeRequest(FContentType):
    code, help, sides = "tq", "Request Content-Type header", ("request",)


class FContentTypeResponse(FContentType):
    code, help, sides = "ts", "Response Content-Type header", ("response",)


class FBod(_Of, _Regex):
    code, help, flags = "b", "Body", re.DOTALL
    from_client: ClassVar[tuple[bool, ...]] = (True, False)

    def texts(self, f):
        if isinstance(f, http.HTTPFlow):
            found = [message.get_content(strict=False) for message in self.messages(f)]
            messages = f.websocket.messages if f.websocket else []
        elif isinstance(f, dns.DNSFlow):
            return [message.content for message in self.messages(f)]
        else:
            found, messages = [], getattr(f, "messages", [])
        return found + [message.content for message in messages if message.from_client in self.from_client]


class FBodRequest(FBod):
    code, help, sides, from_client = "bq", "Request body", ("request",), (True,)


class FBodResponse(FBod):
    code, help, sides, from_client = "bs", "Response body", ("response",), (False,)


class FMethod(_Regex):
    code, help, kinds, flags = "m", "Method", (http.HTTPFlow,), re.IGNORECASE

    def texts(self, f):
        return [f.request.data.method]


class FDomain(_Regex):
    code, help, kinds, flags, is_binary = "d", "Domain", (http.HTTPFlow,), re.IGNORECASE, False

    def texts(self, f):
        return [f.request.host, f.request.pretty_host]


class FUrl(_Regex):
    code, help, flags, is_binary = "u", "URL", re.IGNORECASE, False

    def texts(self, f):
        if isinstance(f, http.HTTPFlow):
            return [f.request.pretty_url]
        if isinstance(f, dns.DNSFlow):
            return [f.request.questions[0].name if f.request.questions else None]
        return []


class FSrc(_Regex):
    code, help, is_binary = "src", "Match source address", False

    def texts(self, f):
        peer = f.client_conn.peername if f.client_conn else None
        return [f"{peer[0]}:{peer[1]}" if peer else None]


class FDst(_Regex):
    code, help, is_binary = "dst", "Match destination address", False

    def texts(self, f):
        address = f.server_conn.address if f.server_conn else None
        return [f"{address[0]}:{address[1]}" if address else None]


class FMeta(_Regex):
    code, help, flags, is_binary = "meta", "Flow metadata", re.MULTILINE, False

    def texts(self, f):
        return ["\n".join(f"{name}: {value}" for name, value in f.metadata.items())]


class FMarker(_Regex):
    code, help, is_binary = "marker", "Match marked flows with specified marker", False

    def texts(self, f):
        return [f.marked]


class FComment(_Regex):
    code, help, flags, is_binary = "comment", "Flow comment", re.MULTILINE, False

    def texts(self, f):
        return [f.comment]

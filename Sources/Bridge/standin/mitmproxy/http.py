"""Flows of HTTP: headers, messages, requests, responses."""

import warnings

from mitmproxy import flow
from mitmproxy._headers import Headers
from mitmproxy._http_message import Message, MessageData
from mitmproxy._request import Request, RequestData
from mitmproxy._response import Response, ResponseData
from mitmproxy.coretypes import multidict, serializable
from mitmproxy.net import encoding
from mitmproxy.net.http import cookies, multipart, status_codes, url
from mitmproxy.utils import human, strutils
from mitmproxy.websocket import WebSocketData

__all__ = ["HTTPFlow", "Headers", "Message", "MessageData", "Request", "RequestData", "Response", "ResponseData"]
# Addons reach these by this module, too.
__all__ += ["cookies", "encoding", "human", "multidict", "multipart", "status_codes", "strutils", "url"]

for _shown in (Headers, Message, MessageData, Request, RequestData, Response, ResponseData):
    _shown.__module__ = __name__


class HTTPFlow(flow.Flow):
    """A request, its response or error, and what came over it as a WebSocket."""

    request: Request
    response: Response | None = None
    error: flow.Error | None = None
    websocket: WebSocketData | None = None
    type = "http"

    def get_state(self) -> serializable.State:
        parts = {"request": self.request, "response": self.response, "websocket": self.websocket}
        return {**super().get_state(), **{name: part.get_state() if part else None for name, part in parts.items()}}

    def set_state(self, state: serializable.State) -> None:
        request, response, websocket = (state.pop(name) for name in ("request", "response", "websocket"))
        self.request = Request.from_state(request)
        self.response = Response.from_state(response) if response else None
        self.websocket = WebSocketData.from_state(websocket) if websocket else None
        super().set_state(state)

    def __repr__(self) -> str:
        parts = {name: getattr(self, name, None) for name in ("request", "response", "websocket", "error", "client_conn", "server_conn")}
        lines = (f"\r\n  {name} = {part}" for name, part in parts.items() if part)
        return f"<HTTPFlow{''.join(lines)}>"

    @property
    def timestamp_start(self) -> float:
        return self.request.timestamp_start

    @property
    def mode(self) -> str:
        warnings.warn("HTTPFlow.mode is deprecated.", DeprecationWarning, stacklevel=2)
        return getattr(self, "_mode", "regular")

    @mode.setter
    def mode(self, value: str) -> None:
        warnings.warn("HTTPFlow.mode is deprecated.", DeprecationWarning, stacklevel=2)
        self._mode = value

    def copy(self) -> "HTTPFlow":
        return super().copy()

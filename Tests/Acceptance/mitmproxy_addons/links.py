"""Messages of WebSockets: changed, dropped, and ones of our own."""

import logging

from mitmproxy import ctx, http


class Links:
    def __init__(self):
        self.greeted = set()

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        logging.info("links: start %s %d", flow.request.path, len(flow.websocket.messages))

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        message = flow.websocket.messages[-1]
        if message.injected:
            return
        if message.from_client and message.content == b"drop":
            message.drop()
        elif message.from_client and message.content.startswith(b"ask"):
            message.drop()
            ctx.master.commands.call("inject.websocket", flow, True, b"answered: " + message.content, message.is_text)
        elif message.is_text:
            message.text = message.text.replace("ping", "pïng" if message.from_client else "pong")
        else:
            message.content = message.content[::-1]

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        logging.info("links: end %s %s", flow.websocket.close_code, flow.websocket.closed_by_client)


addons = [Links()]

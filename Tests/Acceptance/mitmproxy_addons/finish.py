"""Ends the proxy from within an event, and says so at the end."""

import logging

from mitmproxy import ctx, http


class Finish:
    def request(self, flow: http.HTTPFlow) -> None:
        if flow.request.path == "/finish":
            ctx.master.shutdown()

    def done(self) -> None:
        logging.info("finish: done")


addons = [Finish()]

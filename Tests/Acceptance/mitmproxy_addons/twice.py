"""Sends a changed copy of a request behind it."""

import logging

from mitmproxy import ctx, http


def request(flow: http.HTTPFlow) -> None:
    if not flow.request.path.startswith("/twice") or flow.is_replay == "request":
        return
    copy = flow.copy()
    assert copy.id != flow.id
    copy.request.path = "/twice/again"
    copy.request.headers["X-Copy"] = "yes"
    if "view" not in ctx.master.addons:
        ctx.master.commands.call("replay.client", [copy])


def response(flow: http.HTTPFlow) -> None:
    if flow.request.path.startswith("/twice"):
        logging.info(f"twice: {flow.is_replay} {flow.request.path} {flow.response.status_code}")

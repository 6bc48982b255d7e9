"""Flows written to a file by an addon, and read again."""

import logging

from mitmproxy import http, io
from mitmproxy.log import ALERT


def response(flow: http.HTTPFlow) -> None:
    if flow.request.path != "/files":
        return
    path = flow.request.headers["x-file"]
    with open(path, "wb") as file:
        writer = io.FlowWriter(file)
        writer.add(flow)
        writer.add(flow.copy())
    with open(path, "rb") as file:
        read = list(io.FlowReader(file).stream())
    same = read[0].get_state() == flow.get_state() and read[0].id == flow.id != read[1].id
    flow.response.headers["X-Read"] = f"{len(read)} {same} {read[1].request.path} {type(read[0]).__name__}"
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, ALERT):
        logging.log(level, f"files: level {level}")
    print("printed: by an addon")

#!/usr/bin/env python3
"""Counts flows: adds `x-addon-python: N` to the N-th response. Run: weir --addon addon-examples/python/count/count.py"""
import json
import os
import socket

# A binary file over the socket: its readline has no limit on a line's length and splits at LF only.
link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"])).makefile("rwb")
count = 0


def answer(method, params):
    global count
    if method == "initialize":
        return {"protocol": 1, "name": "count-python", "version": "1", "hooks": ["response"]}
    if method == "response":
        count += 1
        headers = params["flow"]["response"]["headers"]
        return {"flow": {"response": {"headers": headers + [["x-addon-python", str(count)]]}}}
    return {}  # ping, shutdown


for line in link:
    message = json.loads(line)
    if "method" in message and "id" in message:  # the others are notifications, which want no answer
        result = answer(message["method"], message.get("params"))
        link.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode() + b"\n")
        link.flush()

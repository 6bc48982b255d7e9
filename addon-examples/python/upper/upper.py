#!/usr/bin/env python3
"""Upper-cases the ASCII letters of responses while they pass. Run: weir --addon addon-examples/python/upper/upper.py"""
import base64
import json
import os
import socket

link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"])).makefile("rwb")
hello = {
    "hooks": [{"name": "response", "content": "stream", "decode": True}],
    "capabilities": ["stream"],
    "limits": {"max_line": 1 << 20},
}


def upper(data):
    """Octets come as text, or in Base64 where they are no UTF-8; they go as they came."""
    if isinstance(data, str):
        return data.encode().upper().decode()
    return {"b64": base64.b64encode(base64.b64decode(data["b64"]).upper()).decode()}


def send(**message):
    link.write(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode() + b"\n")
    link.flush()


for message in map(json.loads, link):
    match message:
        case {"id": number, "method": method}:
            send(id=number, result=hello if method == "initialize" else {})
        case {"method": "stream.data", "params": {"s": stream, "data": data}}:
            send(method="stream.data", params={"s": stream, "data": upper(data)})
        case {"method": "stream.credit", "params": params}:
            # What is read and what is written have one length: as much as the core takes more, it may send more, and nothing ever waits.
            send(method="stream.credit", params=params)
        case {"method": "stream.end", "params": {"s": stream}}:
            send(method="stream.end", params={"s": stream})

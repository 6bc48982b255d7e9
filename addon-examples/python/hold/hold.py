#!/usr/bin/env python3
"""Holds requests with `x-hold` for a second; then they go on with `x-held: python`, with `x-hold: kill` are killed, with `twice` sent again."""
import json
import os
import socket
import threading
import time

link = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"])).makefile("rwb")
lock = threading.Lock()  # two threads write
hello = {"hooks": [{"name": "request", "filter": "~hq x-hold"}], "permissions": ["flow.list", "flow.set", "flow.resume", "flow.kill", "flow.replay"]}
fields = ["intercepted", "is_replay", "timestamp_created", "request.headers", "response.status_code"]
answers = {"initialize": hello, "request": {"flow": {"intercepted": True}}}


def send(**message):
    with lock:
        link.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        link.flush()


def watch():
    while not time.sleep(0.2):
        send(id="list", method="flow.list", params={"filter": "~hq x-hold", "fields": fields})


def decide(flow):
    headers = flow["request"]["headers"]
    if ["x-hold", "kill"] in headers:
        return send(id="kill", method="flow.kill", params={"id": flow["id"]})
    send(id="set", method="flow.set", params={"id": flow["id"], "flow": {"request": {"headers": headers + [["x-held", "python"]]}}})
    send(id="resume", method="flow.resume", params={"id": flow["id"]})


for message in map(json.loads, link):
    if message.get("method") == "initialized":
        threading.Thread(target=watch, daemon=True).start()
    elif "method" in message and "id" in message:
        send(id=message["id"], result=answers.get(message["method"], {}))
    for flow in message.get("result", {}).get("flows", []):
        if flow["intercepted"] and flow["timestamp_created"] < time.time() - 1:
            decide(flow)
        elif flow["response"] and not flow["is_replay"] and ["x-hold", "twice"] in flow["request"]["headers"]:
            send(id="replay", method="flow.replay", params={"id": flow["id"]})

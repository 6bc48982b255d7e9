"""A worker that keeps every byte that it is sent, with the descriptors beside them; run with the record's path and one word a wish.

It hears of every event with every content mode, and makes every call about each flow when a request for `/finish` comes. With the
wish `edit` it changes messages around what it is not shown.
"""

import array
import json
import os
import socket
import sys
import threading

record, hooks, calls, wishes = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]
out, lock = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND), threading.Lock()
wire = socket.socket(fileno=int(os.environ["WEIR_ADDON_FD"]))
waiting, finishing, seen = set(), [], []


def beside(pipe: socket.socket) -> None:
    """Writes down what comes by descriptor."""
    while True:
        _, fds, _, _ = socket.recv_fds(pipe, 64, 4)
        if not fds:
            return
        for fd in fds:
            os.write(out, os.pread(fd, 1 << 26, 0) + b"\n")
            os.close(fd)


def send(message: dict) -> None:
    with lock:
        wire.sendall(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def ask(method: str, **params) -> None:
    number = f"c{len(waiting)}-{method}"
    waiting.add(number)
    send({"id": number, "method": method, "params": params})


def ask_all(own: str) -> None:
    for id in dict.fromkeys(id for id in seen if id != own):
        for method in calls:
            ask(method, id=id, name="nobody", filter="~h S3CR", marker="", comment="c", to_client=False, content="none")
        for mode in ("whole", "decoded"):
            ask("flow.get", id=id, content=mode)
        for part in ("request", "response"):
            ask("body.read", id=id, part=part)
    ask("flow.list", fields=["request", "response.headers", "metadata", "backup"])
    ask("options.get", names=["proxyauth"])
    ask("options.get")
    ask("options.set", options={"proxyauth": None})


def edited(flow: dict) -> dict:
    """The messages with something added wherever something hidden may be."""
    change = {}
    for side in ("request", "response"):
        message = flow.get(side)
        if not message or "headers" not in message:
            continue
        change[side] = {}
        if ["X-Spy", "was here"] not in message["headers"]:
            headers = [[name, value + "; extra=1" if name.lower() == "cookie" else value] for name, value in message["headers"]]
            change[side]["headers"] = [*headers, ["X-Spy", "was here"]]
        content = message.get("content")
        if isinstance(content, str) and "added" not in content:
            if content.startswith("{"):
                change[side]["content"] = json.dumps({**json.loads(content), "added": True})
            elif "password=" in content:
                change[side]["content"] = content + "&added=1"
    return change


def handle(message: dict) -> None:
    method, params = message.get("method"), message.get("params", {})
    if method is None:
        waiting.discard(message["id"])
        if not waiting and finishing:
            send({"id": finishing.pop(), "result": {}})
        return
    flow = params.get("flow") or {}
    if "id" in flow:
        seen.append(flow["id"])
    if "id" not in message:
        return
    if method == "initialize":
        return send({"id": message["id"], "result": {"hooks": hooks, "permissions": calls, "capabilities": ["fd"], "limits": {"max_line": 1 << 24}}})
    if method == "request" and flow.get("request", {}).get("path") == "/finish" and not finishing:
        finishing.append(message["id"])
        return ask_all(flow["id"])
    result = {}
    if "edit" in wishes and method in ("request", "response") and flow["request"]["path"] != "/finish":
        result = {"flow": edited({method: flow.get(method)})}
    send({"id": message["id"], "result": result})


if "WEIR_ADDON_FDS" in os.environ:
    threading.Thread(target=beside, args=(socket.socket(fileno=int(os.environ["WEIR_ADDON_FDS"])),), daemon=True).start()
buffer = b""
while data := wire.recv(1 << 16):
    os.write(out, data)
    *lines, buffer = (buffer + data).split(b"\n")
    for line in lines:
        handle(json.loads(line))

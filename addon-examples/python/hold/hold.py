#!/usr/bin/env python3
"""Holds requests with `x-hold` for a second; then they go on with `x-held: python`, with `x-hold: kill` are killed, with `twice` sent again.

Run: weir --addon addon-examples/python/hold/hold.py
"""
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import weir

FIELDS = ["intercepted", "is_replay", "timestamp_created", "request.headers", "response.status_code"]
addon = weir.Addon("hold", permissions=["flow.list", "flow.set", "flow.resume", "flow.kill", "flow.replay"])


@addon.on("request", filter="~hq x-hold")
async def request(event):
    return {"flow": {"intercepted": True}}


@addon.on("initialized")
async def watch(event):
    """Looks at what is held, not at what it remembers of it: another process may have held it."""
    while True:
        for flow in (await addon.acall("flow.list", filter="~hq x-hold", fields=FIELDS))["flows"]:
            try:
                await decide(flow)
            except weir.Error as error:
                if error.kind not in ("no_flow", "conflict"):  # It has gone, or on, since.
                    raise
        await asyncio.sleep(0.2)


async def decide(flow):
    headers, number = flow["request"]["headers"], {"id": flow["id"]}
    word = weir.headers.get(headers, "x-hold")
    if flow["intercepted"] and flow["timestamp_created"] < time.time() - 1:
        if word == "kill":
            return await addon.acall("flow.kill", **number)
        await addon.acall("flow.set", **number, flow={"request": {"headers": [*headers, ["x-held", "python"]]}})
        await addon.acall("flow.resume", **number)
    elif flow["response"] and not flow["is_replay"] and word == "twice":
        await addon.acall("flow.replay", **number)


addon.run()

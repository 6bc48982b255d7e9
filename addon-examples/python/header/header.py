#!/usr/bin/env python3
"""Adds the header `x-addon: 1` to each request and each response. Run: weir --addon addon-examples/python/header/header.py"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import weir

addon = weir.Addon("header")


@addon.on("requestheaders", fields=["flow.request.headers"])
def requestheaders(event):
    return {"flow": {"request": {"headers": event.flow["request"]["headers"] + [["x-addon", "1"]]}}}


@addon.on("responseheaders", fields=["flow.response.headers"])
def responseheaders(event):
    return {"flow": {"response": {"headers": event.flow["response"]["headers"] + [["x-addon", "1"]]}}}


addon.run()

#!/usr/bin/env python3
"""Adds the header `x-NAME: 1` to responses. Run: weir --addon NAME.py"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "sdk"))
import weir

addon = weir.Addon("NAME", "0.1")


@addon.on("response")
def response(event):
    headers = event.flow["response"]["headers"]
    return {"flow": {"response": {"headers": weir.headers.set(headers, "x-NAME", "1")}}}


addon.run()

"""Hooks that wait, without holding up what else there is."""

import asyncio
import time

from mitmproxy import http
from mitmproxy.script import concurrent

arrived = asyncio.Event()


async def request(flow: http.HTTPFlow) -> None:
    if flow.request.path == "/waits/first":
        await asyncio.wait_for(arrived.wait(), 5)
        flow.request.headers["X-Waited"] = "for the second"
    elif flow.request.path == "/waits/second":
        arrived.set()


@concurrent
def response(flow: http.HTTPFlow) -> None:
    if flow.request.path == "/waits/thread":
        time.sleep(0.2)
        flow.response.headers["X-Slept"] = "in a thread"

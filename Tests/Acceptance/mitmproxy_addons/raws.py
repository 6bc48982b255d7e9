"""Raw TCP: messages changed, emptied, and sent by us."""

import logging

from mitmproxy import ctx, tcp
from mitmproxy.utils import strutils


def tcp_start(flow: tcp.TCPFlow) -> None:
    logging.info(f"raws: start, {len(flow.messages)} messages")


def tcp_message(flow: tcp.TCPFlow) -> None:
    message = flow.messages[-1]
    logging.info(f"raws: {message.from_client} {strutils.bytes_to_escaped_str(message.content)}")
    if message.from_client:
        message.content = message.content.replace(b"red", b"green")
        if message.content == b"nothing\n":
            message.content = b""
        if message.content == b"inject\n":
            ctx.master.commands.call("inject.tcp", flow, True, b"injected\n")


def tcp_end(flow: tcp.TCPFlow) -> None:
    logging.info(f"raws: end, {len(flow.messages)} messages")

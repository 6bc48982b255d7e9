"""Flows of plain UDP."""

from mitmproxy import _messages


class UDPMessage(_messages.Message):
    """One datagram."""


class UDPFlow(_messages.MessageFlow):
    """The datagrams between two addresses."""

    messages: list[UDPMessage]
    type = "udp"
    _message = UDPMessage

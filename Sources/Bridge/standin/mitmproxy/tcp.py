"""Flows of plain TCP."""

from mitmproxy import _messages


class TCPMessage(_messages.Message):
    """What one side sent at once."""


class TCPFlow(_messages.MessageFlow):
    """A TCP connection and its messages."""

    messages: list[TCPMessage]
    type = "tcp"
    _message = TCPMessage

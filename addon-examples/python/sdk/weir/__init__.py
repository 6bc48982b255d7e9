"""Addons for Weir in Python: `Addon` is one; see README.md beside this package."""

from . import headers
from .addon import Addon
from .event import Event
from .stream import Body
from .values import Error, Reset, bytes_of, kill, respond, value_of

__all__ = ["Addon", "Body", "Error", "Event", "Reset", "bytes_of", "headers", "kill", "respond", "value_of"]
